"""The language and the plugins described: JSON Schema for editors, settings for people.

schema ─── the JSON Schema of specs, with every installed plugin
grammar ── its fixed part
deployment the JSON Schema of treadle.yaml
describe ─ a config class as settings with types, units, defaults and docs
"""

from treadle._schema.deployment import deployment_schema
from treadle._schema.schema import config_schema, spec_schema, type_schema

__all__ = ["config_schema", "deployment_schema", "spec_schema", "type_schema"]
