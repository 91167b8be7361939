"""What the standard step types say of themselves, as ``treadle plugins show`` has it, is whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import pytest
import yaml
from tests.std.truth import lies

import treadle
from treadle._schema.describe import docs_of, settings_of
from treadle._settings.outputs import _unmarked

if TYPE_CHECKING:
    from typing import Any

TYPES = treadle.Registry.of().step_types
DECLARED = [entry.output for entry in TYPES.values() if attrs.has(entry.output)]


def example_in(documented: Any) -> Any:
    lines = docs_of(documented).sections["Example"].splitlines()
    return yaml.safe_load("\n".join(line.strip().strip("`") for line in lines))


@pytest.mark.parametrize("name", TYPES)
def test_every_setting_and_every_error_is_told_and_there_is_an_example(name: str) -> None:
    config = TYPES[name].config
    assert [one.name for one in settings_of(config) if not one.doc] == []
    assert docs_of(config).sections["Errors"]
    assert list(example_in(config)) == [name]


@pytest.mark.parametrize("output", DECLARED, ids=lambda output: output.__name__)
def test_every_field_of_an_output_is_told_and_the_example_is_such_an_output(output: Any) -> None:
    assert [one.name for one in settings_of(output) if not one.doc] == []
    example = example_in(output)
    assert list(example) == [one.name for one in settings_of(output)]
    assert list(lies(example, _unmarked(output), "the example")) == []
