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
_NAMES = {"type": "object", "patternProperties": {**IGNORED, ID: True}, "additionalProperties": False}
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
    "env": {
        "type": "object",
        "patternProperties": {**IGNORED, "^[A-Za-z_][A-Za-z0-9_]*$": _SCALAR},
        "additionalProperties": False,
    },
    "input": closed(
        {
            "type": {**_INPUT_TYPE, "default": "string", "description": "Of its values."},
            "required": {"type": "boolean", "description": "True unless there is a default."},
            "default": {"description": "The value where none is given."},
            "enum": {"type": "array", "minItems": 1, "description": "The values there are."},
            "pattern": {**_TEXT, "description": "RE2; the whole text must match."},
            "min": any_of(
                {"type": "number"}, ref("duration"), description="The least; of text and lists, the length."
            ),
            "max": any_of(
                {"type": "number"}, ref("duration"), description="The most; of text and lists, the length."
            ),
            "items": any_of(_INPUT_TYPE, ref("input"), description="The declaration of a list's items."),
            "secret": {"type": "boolean", "description": "The value is the name of a secret."},
            "description": {**_TEXT, "description": "What it is, for whoever starts a run."},
        },
        description="A typed input.",
    ),
    "inputs": {
        "type": "object",
        "patternProperties": {**IGNORED, ID: any_of(_INPUT_TYPE, ref("input"))},
        "additionalProperties": False,
    },
    "retry": any_of(
        {"type": "integer", "minimum": 1},
        closed(
            {
                "attempts": {"type": "integer", "minimum": 1, "description": "Counts the first."},
                "backoff": {**ref("backoff"), "description": "How long to wait between attempts."},
                "on": any_of(_TEXT, {"type": "array", "items": _TEXT}, description="Names of errors."),
                "if": {
                    **ref("condition"),
                    "description": "Only while this holds; sees `error` and `attempt`.",
                },
                "max_time": {**ref("duration"), "description": "No attempt begins after it."},
            }
        ),
        description="Total attempts as a number, or in detail.",
    ),
    "repeat": closed(
        {
            "until": {**ref("condition"), "description": "Sees `output`."},
            "every": {**ref("duration"), "description": "From one round to the next."},
            "times": {"type": "integer", "minimum": 1, "description": "Rounds at most."},
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
                "at_least": {"type": "integer", "minimum": 1, "description": "So many must complete."},
                "of": {"type": "array", "items": _TEXT, "minItems": 1, "description": "Of these."},
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
    "concurrency": any_of(
        {"type": "string", "minLength": 1},
        closed(
            {
                "key": {
                    "type": "string",
                    "minLength": 1,
                    "description": "What the runs share; the workflow's name unless it is said.",
                    "examples": ["deploy-${{ inputs.env }}"],
                },
                "limit": {
                    "type": "integer",
                    "minimum": 1,
                    "default": 1,
                    "description": "So many runs at once.",
                },
                "on_limit": {
                    "enum": ["queue", "cancel_running", "reject"],
                    "default": "queue",
                    "description": "The next run waits, has those before it cancelled, or is not accepted.",
                },
            }
        ),
    ),
    "pattern": closed(
        {
            "description": {**_TEXT, "description": "What the template is for."},
            "parameters": {**ref("inputs"), "description": "Typed like inputs; read as `parameters.NAME`."},
            # what stands in them is known only once values have been put in
            "steps": {"type": ["array", "object"], "description": "The steps, in which parameters stand."},
        },
        required=["steps"],
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


def key(schema: dict[str, Any], title: str, description: str, *examples: Any, **more: Any) -> dict[str, Any]:
    """*schema* as the value of a key, with what an editor shows of it."""
    shown = {"examples": list(examples)} if examples else {}
    return {**schema, "title": title, "description": description, **shown, **more}


STEP_KEYS: dict[str, Any] = {
    "id": key(
        {"type": "string", "pattern": ID},
        "id",
        "What the step is called, in lists only; in a mapping the key is the id.",
        "build",
    ),
    "name": key({"type": "string"}, "title", "A title for people.", "Build the image"),
    "needs": key(
        ref("needs"),
        "needs",
        "What must have settled before: an id, several, ids with the result that counts, or so many of "
        "several. A reference to `steps.ID` implies the need.",
        "build",
        ["build", "test"],
        {"deploy": "failed"},
        {"at_least": 1, "of": ["north", "south"]},
    ),
    "when": key(
        ref("condition"),
        "condition",
        "A bare expression, decided once per step; where it is false the step is skipped.",
        "inputs.env == 'prod'",
    ),
    "foreach": key(
        any_of({"type": ["array", "object"]}, ref("template")),
        "elements",
        "A list or mapping; the step runs once per element, as `item` (of a mapping: `item.key` and "
        "`item.value`) and `index`.",
        ["eu", "us"],
        "${{ inputs.regions }}",
    ),
    "max_parallel": key(
        _PARALLEL, "bound", "So many children or elements at once; a foreach has 32 unless it is said.", 4
    ),
    "repeat": key(
        ref("repeat"),
        "repeat",
        "Run again until the condition holds; needs `times`, or the step's `deadline`.",
        {"until": "output.json.ready", "every": "10s", "times": 60},
    ),
    "timeout": key(ref("duration"), "timeout", "Of each attempt; a failure named `timeout`.", "10m"),
    "deadline": key(
        ref("duration"), "deadline", "Of the step with all its attempts and waits, while it is driven.", "1h"
    ),
    "retry": key(
        ref("retry"),
        "retry",
        "Attempts in all, as a number, or in detail; the backoff is exponential unless it is said.",
        3,
        {"attempts": 5, "backoff": {"fixed": "5s"}, "on": ["timeout", "http.5xx"]},
    ),
    "on_error": key(
        ref("strategy"), "error strategy", "What becomes of a failure after the last attempt.", "continue"
    ),
    "undo": key(
        any_of(ref("step"), ref("block")),
        "undo",
        "A step or a block that takes this step back in a rollback.",
        {"command": ["./deploy", "--previous"]},
    ),
    "undo_after": key(
        {"enum": ["completed", "attempted"]},
        "undo after",
        "Whether a step is undone only if it completed, or whenever it was attempted.",
        default="completed",
    ),
    "repeatable": key(
        {"type": "boolean"},
        "repeatable",
        "Whether an attempt that a crash interrupted may simply run again; else a person decides.",
    ),
    "limit": key(
        {"type": "string", "pattern": ID},
        "limiter",
        "A limiter of the deployment, held per attempt; not while waiting for a person.",
        "database",
    ),
    "env": key(ref("env"), "environment", "Added to that of the workflow.", {"TAG": "${{ inputs.version }}"}),
    "labels": key(ref("labels"), "labels", "Added to those of the workflow, on the step's events."),
}
"""What may stand in a step beside its plugin."""

TEMPLATE = key(
    any_of(
        {"type": "string", "pattern": ID},
        closed(
            {
                "name": {"type": "string", "pattern": ID, "description": "Of the template."},
                "with": {"type": "object", "description": "Values for its parameters, by name."},
            },
            required=["name"],
        ),
    ),
    "template",
    "The steps of a template, put here with the values given for its parameters.",
    {"name": "deploy", "with": {"region": "eu"}},
)
"""What uses a template; it is no plugin, and is gone before a spec is checked."""

LIBRARY: dict[str, Any] = {
    "propertyNames": any_of({"enum": ["treadle", "imports", "templates"]}, {"pattern": "^x-"}),
    "required": ["templates"],
}
"""A file that others import: it has templates, and no steps of its own."""

DOCUMENT: dict[str, Any] = closed(
    {
        "treadle": key({"const": 1}, "grammar", "Version of the grammar.", default=1),
        "name": key(
            {"type": "string", "pattern": "^[a-z][a-z0-9_-]*$"},
            "name",
            "What the workflow is called.",
            "nightly",
        ),
        "description": key(_TEXT, "description", "What the workflow is for."),
        "labels": key(ref("labels"), "labels", "Shown and searchable; on every event.", {"team": "ops"}),
        "inputs": key(
            ref("inputs"),
            "inputs",
            "What a run is started with, typed: a type alone, or a declaration.",
            {"env": {"type": "string", "enum": ["staging", "prod"], "default": "staging"}},
        ),
        "secrets": key(
            {"type": "array", "items": _TEXT},
            "secrets",
            "The secrets that this workflow may read as `secrets.NAME`; any other is an error.",
            ["CHAT_TOKEN"],
        ),
        "vars": key(
            any_of(_NAMES, {"type": "null"}),
            "variables",
            "Values with `${{ }}`, evaluated once, in order, when a run starts.",
            {"image": "app:${{ inputs.version }}"},
        ),
        "env": key(ref("env"), "environment", "For every command.", {"CI": True}),
        "defaults": key(
            closed(
                {
                    "retry": STEP_KEYS["retry"],
                    "timeout": STEP_KEYS["timeout"],
                    "env": STEP_KEYS["env"],
                    "repeatable": STEP_KEYS["repeatable"],
                }
            ),
            "defaults",
            "For leaf steps that do not say; merged field by field. `timeout` is not for steps that wait.",
            {"timeout": "10m", "retry": 3},
        ),
        "timeout": key(
            ref("duration"),
            "timeout",
            "Of the whole run, while it is driven; a failure named `timeout`, put to the workflow's "
            "strategy.",
            "45m",
        ),
        "on_error": key(
            ref("strategy"),
            "error strategy",
            "For the steps right under `steps` that have none of their own.",
            "rollback",
            default="fail_fast",
        ),
        "concurrency": key(
            ref("concurrency"),
            "concurrency",
            "How many runs that share a key may be under way, and what becomes of the next.",
            "deploy-prod",
            {"key": "preview-${{ inputs.branch }}", "on_limit": "cancel_running"},
        ),
        "templates": key(
            {
                "type": "object",
                "patternProperties": {**IGNORED, ID: ref("pattern")},
                "additionalProperties": False,
            },
            "templates",
            "Blocks with parameters, by name; a step `template: {name: NAME, with: {…}}` puts one where it "
            "stands.",
        ),
        "imports": key(
            {"type": "array", "items": {"type": "string", "minLength": 1}},
            "imports",
            "Files whose templates can be used here, relative to this one.",
            ["shared/deploy.yaml"],
        ),
        "max_parallel": key(_PARALLEL, "bound", "So many of the steps under `steps` at once.", 4),
        "steps": key(
            ref("block"),
            "steps",
            "What the workflow does. A list runs in order; in a mapping each step starts as soon as its "
            "needs are met.",
            [{"command": "make test"}],
        ),
        "finally": key(ref("block"), "finally", "Entered once at the end of a run, whatever the end."),
        "outputs": key(
            _NAMES,
            "outputs",
            "Values with `${{ }}`, evaluated once the steps have completed.",
            {"image": "${{ steps.build.output.stdout }}"},
        ),
    },
    required=["treadle"],
    anyOf=[{"required": ["name", "steps"]}, LIBRARY],
)
