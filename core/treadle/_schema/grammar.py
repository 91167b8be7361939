"""The fixed part of the JSON Schema of the language: everything that no plugin adds to.

Rule: this is data, a transcript of the language's page; `schema` adds ``step``, ``strategy`` and ``backoff``
from what is installed. Where the loader is stricter than JSON Schema can say, this errs on the lenient side.
"""

from __future__ import annotations

from typing import Any

ID = r"^[a-z][a-z0-9_]*$"
IGNORED: dict[str, Any] = {"^x-": True}


def ref(name: str) -> dict[str, Any]:
    """A reference to the definition *name*."""
    return {"$ref": f"#/$defs/{name}"}


def closed(properties: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A mapping with these keys, and keys that begin with ``x-``, and no others."""
    return {
        "type": "object",
        "properties": properties,
        "patternProperties": IGNORED,
        "additionalProperties": False,
        **more,
    }


def any_of(*options: dict[str, Any], **more: Any) -> dict[str, Any]:
    """One of *options*, or more of them."""
    return {"anyOf": list(options), **more}


_NEED_RESULT = {"enum": ["completed", "failed", "skipped", "settled"]}
_SCALAR = {"type": ["string", "number", "boolean"]}
_TEXT = {"type": "string"}
_INPUT_TYPE = {"enum": ["string", "integer", "number", "boolean", "duration", "list", "object"]}
_NAMES = {"type": "object", "propertyNames": {"minLength": 1}}
_PARALLEL = any_of({"type": "integer", "minimum": 1}, ref("template"))

DEFINITIONS: dict[str, Any] = {
    "template": {
        "title": "expression",
        "description": "An expression in ${{ }}; a string that is one whole expression keeps its type.",
        "type": "string",
        "pattern": r"\$\{\{",
    },
    "condition": {
        "title": "condition",
        "description": "A bare expression that yields a boolean, or a boolean.",
        "type": ["string", "boolean"],
        "minLength": 1,
        "maxLength": 2000,
    },
    "duration": {
        "title": "duration",
        "description": "A time with its unit, as 250ms, 30s, 5m, 1h30m, 2d, or ISO 8601.",
        "type": "string",
        "pattern": r"^\s*(\d+(\.\d+)?\s*(ms|s|m|h|d|w)\s*)+$|^\s*P",
    },
    "size": {
        "title": "size",
        "description": "Bytes, or text with a unit, as 64KiB.",
        "anyOf": [
            {"type": "integer", "minimum": 0},
            {"type": "string", "pattern": r"^\s*\d+(\.\d+)?\s*([kKMGT]i?B|B)?\s*$"},
        ],
    },
    "secretName": {
        "title": "name of a secret",
        "description": "The name of a secret that the workflow declares.",
        "type": "string",
        "minLength": 1,
    },
    "labels": {"type": "object", "additionalProperties": _TEXT},
    "env": {"type": "object", "additionalProperties": _SCALAR},
    "input": closed(
        {
            "type": _INPUT_TYPE,
            "required": {"type": "boolean"},
            "default": True,
            "enum": {"type": "array", "minItems": 1},
            "pattern": _TEXT,
            "min": any_of({"type": "number"}, ref("duration")),
            "max": any_of({"type": "number"}, ref("duration")),
            "items": ref("input"),
            "secret": {"type": "boolean"},
            "description": _TEXT,
        },
        description="A typed input.",
    ),
    "inputs": {**_NAMES, "additionalProperties": any_of(_INPUT_TYPE, ref("input"))},
    "retry": any_of(
        {"type": "integer", "minimum": 1},
        closed(
            {
                "attempts": {"type": "integer", "minimum": 1, "description": "Counts the first."},
                "backoff": ref("backoff"),
                "on": any_of(_TEXT, {"type": "array", "items": _TEXT}, description="Names of errors."),
                "if": ref("condition"),
                "max_time": ref("duration"),
            }
        ),
        description="Total attempts as a number, or in detail.",
    ),
    "repeat": closed(
        {
            "until": ref("condition"),
            "every": ref("duration"),
            "times": {"type": "integer", "minimum": 1},
        },
        required=["until"],
        description="Run again until the condition holds; needs times, or the step's deadline.",
    ),
    "needs": any_of(
        _TEXT,
        {"type": "array", "items": _TEXT},
        {
            "type": "object",
            "properties": {
                "at_least": {"type": "integer", "minimum": 1},
                "of": {"type": "array", "items": _TEXT, "minItems": 1},
            },
            "required": ["at_least", "of"],
            "additionalProperties": False,
        },
        {
            "type": "object",
            "minProperties": 1,
            "patternProperties": {ID: _NEED_RESULT},
            "additionalProperties": False,
        },
        description="What must have settled before: ids, with the results that count.",
    ),
    "list": {
        "title": "steps in order",
        "type": "array",
        "minItems": 1,
        "items": {"allOf": [ref("step"), {"not": {"required": ["needs"]}}]},
    },
    "graph": {
        "title": "steps by id",
        "type": "object",
        "minProperties": 1,
        "propertyNames": {"anyOf": [{"pattern": ID}, {"pattern": "^x-"}]},
        "patternProperties": {ID: {"allOf": [ref("step"), {"not": {"required": ["id"]}}]}},
    },
    "together": {
        "title": "steps that start at once",
        "type": "array",
        "minItems": 1,
        "items": {"allOf": [ref("step"), {"not": {"required": ["needs"]}}]},
    },
    "block": any_of(ref("list"), ref("graph"), title="block"),
}

STEP_KEYS: dict[str, Any] = {
    "id": {"type": "string", "pattern": ID, "description": "In lists only."},
    "name": {"type": "string", "description": "A title for people."},
    "needs": ref("needs"),
    "when": ref("condition"),
    "foreach": any_of(
        {"type": ["array", "object"]}, ref("template"), description="Run once per element, as item."
    ),
    "max_parallel": _PARALLEL,
    "repeat": ref("repeat"),
    "timeout": {**ref("duration"), "description": "Per attempt."},
    "deadline": {**ref("duration"), "description": "For the step with all its attempts and waits."},
    "retry": ref("retry"),
    "on_error": ref("strategy"),
    "undo": any_of(ref("step"), ref("block"), description="Takes this step back in a rollback."),
    "undo_after": {"enum": ["completed", "attempted"], "default": "completed"},
    "repeatable": {
        "type": "boolean",
        "description": "An attempt that a crash interrupted may simply run again.",
    },
    "limit": {"type": "string", "description": "A limiter of the deployment, held per attempt."},
    "env": ref("env"),
    "labels": ref("labels"),
}
"""What may stand in a step beside its plugin."""

DOCUMENT: dict[str, Any] = closed(
    {
        "treadle": {"const": 1, "description": "Version of the grammar."},
        "name": {"type": "string", "pattern": "^[a-z][a-z0-9_-]*$"},
        "description": _TEXT,
        "labels": ref("labels"),
        "inputs": ref("inputs"),
        "secrets": {
            "type": "array",
            "items": _TEXT,
            "description": "What this workflow may read as secrets.NAME.",
        },
        "vars": {**_NAMES, "description": "Values, evaluated once, in order, when the run starts."},
        "env": ref("env"),
        "defaults": closed(
            {
                "retry": ref("retry"),
                "timeout": ref("duration"),
                "env": ref("env"),
                "repeatable": {"type": "boolean"},
            },
            description="For leaf steps that do not say.",
        ),
        "timeout": ref("duration"),
        "on_error": ref("strategy"),
        "max_parallel": _PARALLEL,
        "steps": ref("block"),
        "finally": ref("block"),
        "outputs": {**_NAMES, "description": "Values over the finished steps."},
    },
    required=["treadle", "name", "steps"],
)
