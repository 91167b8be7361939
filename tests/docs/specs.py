"""YAML blocks as whole specs: what a page leaves out of a fragment is put around it."""

from __future__ import annotations

import re
import textwrap

from treadle._schema.grammar import DOCUMENT, STEP_KEYS

_KEY = re.compile(r"^([a-z_][\w.]*):", re.MULTILINE)
_TEXT = "{default: '1'}"
_TOP = set(DOCUMENT["properties"]) - {"on_error", "env", "labels", "timeout", "name", "max_parallel"}


def whole(text: str, step_types: set[str]) -> str:
    """*text* as a spec: a whole one as it is, a fragment with what it needs around it."""
    keys = set(_KEY.findall(text))
    if "treadle" in keys:
        return text
    if keys & _TOP:
        spec = text if "steps" in keys else text + "\nsteps: {it: {set: {}}}\n"
    else:
        spec = _in_a_step(text, keys, step_types)
    return "treadle: 1\nname: fragment\n" + _declared(spec) + spec


def _in_a_step(text: str, keys: set[str], step_types: set[str]) -> str:
    if keys <= {"attempts", "backoff", "on", "if", "max_time"}:
        text = "retry:\n" + textwrap.indent(text if "attempts" in keys else "attempts: 3\n" + text, "  ")
        keys = {"retry"}
    assert keys <= set(STEP_KEYS) | step_types, f"neither a spec nor a part of one: {sorted(keys)}"
    work = "" if keys & (step_types | {"uses"}) else "shell: 'true'\n"
    return "steps:\n  it:\n" + textwrap.indent(work + text, "    ")


def _declared(spec: str) -> str:
    """Declarations of the inputs and secrets that a fragment reads."""
    inputs = sorted(set(re.findall(r"\binputs\.(\w+)", spec))) if "\ninputs:" not in f"\n{spec}" else []
    secrets = sorted(set(re.findall(r"\bsecrets\.(\w+)|\bsecret: ([A-Z]\w*)", spec)))
    named = ", ".join("".join(pair) for pair in secrets)
    lines = [f"secrets: [{named}]"] if named and "\nsecrets:" not in f"\n{spec}" else []
    numbers = set(re.findall(r"\binputs\.(\w+) [<>]", spec))
    lines += ["inputs:"] if inputs else []
    lines += [f"  {one}: {'{type: integer, default: 1}' if one in numbers else _TEXT}" for one in inputs]
    return "".join(f"{line}\n" for line in lines)
