"""The language and the plugins described: JSON Schema for editors, settings for people.

schema ─── the JSON Schema of specs, with every installed plugin
grammar ── its fixed part
describe ─ a config class as settings with types, units, defaults and docs
"""

from treadle._schema.schema import config_schema, spec_schema, type_schema

__all__ = ["config_schema", "spec_schema", "type_schema"]
