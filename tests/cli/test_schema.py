"""``treadle schema``."""

import json
from typing import Any


def test_the_command_prints_the_schema_of_what_is_installed(treadle: Any) -> None:
    code, out, err = treadle("schema")
    assert (code, err) == (0, "")
    schema = json.loads(out)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert "command" in schema["$defs"]["step"]["properties"]


def test_the_deployment_file_has_a_schema_too(treadle: Any) -> None:
    code, out, err = treadle("schema", "--deployment")
    assert (code, err) == (0, "")
    assert "sqlite" in json.dumps(json.loads(out)["properties"]["store"])
