"""The JSON Schema of the deployment file with all that is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from treadle._deployment import Limits, Retention
from treadle._schema.grammar import DEFINITIONS, ID, IGNORED, closed, key
from treadle._schema.schema import config_schema, finished, one_of

if TYPE_CHECKING:
    from treadle._registry import Registry

_TEXTS = {"type": "array", "items": {"type": "string"}}
_UNITS = ("duration", "size", "secretName")


def deployment_schema(registry: Registry) -> dict[str, Any]:
    """The schema of a ``treadle.yaml``, given what *registry* offers."""
    document = closed({**_places(registry), **_bounds()})
    definitions = {name: DEFINITIONS[name] for name in _UNITS}
    return finished({"title": "treadle deployment", **document, "$defs": definitions})


def _places(registry: Registry) -> dict[str, Any]:
    """Where journals, events and secrets are, and what may be used."""
    sinks = {"type": "array", "items": one_of(registry.sinks.values(), "sink")}
    providers = {"type": "array", "items": one_of(registry.secret_providers.values(), "secret provider")}
    plugins = {
        "disable": {**_TEXTS, "description": "Plugins that are left out."},
        "require": {**_TEXTS, "description": "Plugins without which nothing runs."},
    }
    off = {**_TEXTS, "description": "Codes of warnings that are not shown."}
    return {
        "store": key(
            one_of(registry.stores.values(), "store"),
            "store",
            "Where journals live; unless it is said, in `.treadle/` beside this file, with SQLite.",
            {"sqlite": "/var/lib/treadle/runs.db"},
        ),
        "sinks": key(sinks, "sinks", "Where events go; the console, unless it is said.", ["console"]),
        "secrets": key(
            providers, "secrets", "What is asked for secrets, in order; the environment, unless it is said."
        ),
        "workflows": key(
            _TEXTS,
            "workflows",
            "Files, folders and patterns of specs, relative to this file: what can be run by name.",
            ["workflows/*.yaml"],
        ),
        "plugins": key(closed(plugins), "plugins", "Which of the installed plugins are used."),
        "warnings": key(closed({"off": off}), "warnings", "What is not warned about.", {"off": ["TRD902"]}),
    }


def _bounds() -> dict[str, Any]:
    """How much there may be of anything."""
    return {
        "limits": key(config_schema(Limits), "limits", "Bounds on what one engine takes on.", {"runs": 100}),
        "retention": key(
            config_schema(Retention),
            "retention",
            "Which ended runs `treadle gc` deletes.",
            {"older_than": "30d"},
        ),
        "limiters": key(
            {
                "type": "object",
                "patternProperties": {**IGNORED, ID: {"type": "integer", "minimum": 1}},
                "additionalProperties": False,
            },
            "limiters",
            "By name, how many attempts may hold it at once; steps name one as `limit`.",
            {"database": 4},
        ),
    }
