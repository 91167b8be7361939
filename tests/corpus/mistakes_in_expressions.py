"""Mistakes in the names of expressions, in their types, and what is left over."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from tests.corpus.planting import (
    Mistake,
    a_step,
    is_read,
    planted,
    with_key,
)
from tests.corpus.spots import Step, Text, Tree, put, steps_of, texts_of

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from tests.corpus.written import Place

# --- names in expressions --------------------------------------------------------------------------


def _in_text(pattern: str, put_in: str, fits: Callable[[Text], bool] = lambda text: True) -> Mistake:
    """One match of *pattern* in an expression is replaced."""

    def mistake(tree: Tree, rng: random.Random) -> Place | None:
        found = [
            (text, match)
            for text in texts_of(tree)
            if fits(text)
            for match in re.finditer(pattern, text.text)
            if text.bare or text.text[: match.start()].count("${{") > text.text[: match.start()].count("}}")
        ]
        if not found:
            return None
        text, match = rng.choice(found)
        put(tree, text.place, text.text[: match.start()] + match.expand(put_in) + text.text[match.end() :])
        return text.place

    return mistake


planted("TRD412", "a reference to no step")(_in_text(r"\bsteps\.(\w+)\.", r"steps.\1x."))
planted("TRD418", "a reference to no input")(_in_text(r"\binputs\.(\w+)", r"inputs.\1_"))
planted("TRD419", "a reference to no variable")(_in_text(r"\bvars\.(\w+)", r"vars.\1z"))
planted("TRD420", "a reference to no environment variable")(_in_text(r"\benv\.WHO\b", r"env.WHOM"))
planted("TRD410", "a root name that does not exist")(_in_text(r"\binputs\.", r"input."))
planted("TRD417", "something that steps do not have")(_in_text(r"\b(steps\.\w+)\.output\b", r"\1.outputs"))
planted("TRD421", "something that a run does not have")(_in_text(r"\brun\.id\b", r"run.number"))
planted("TRD401", "a function that does not exist")(_in_text(r"\b(len|sha256|json|upper)\(", r"\1_of("))
planted("TRD401", "one bracket too few")(_in_text(r"\b(len|sha256|json|upper|trim)\(", r"\1 "))
planted("TRD401", "a single =")(_in_text(r" == ", r" = "))
planted("TRD402", "a template where an expression is wanted")(
    _in_text(r"^(?!\$\{\{).+$", r"${{ \g<0> }}", lambda text: text.bare)
)
planted("TRD411", "an item without a foreach")(
    with_key(
        "env",
        {"I": "${{ item }}"},
        lambda step: not any("foreach" in each.body for each in (*step.around, step)),
        ("I",),
    )
)
planted("TRD414", "a step that reads its own output")(
    with_key(
        "env",
        lambda step: {"I": f"${{{{ steps.{step.name}.output }}}}"},
        lambda step: bool(step.name) and step.root == "steps",
        ("I",),
    )
)
planted("TRD415", "a step that reads a later one of a list")(
    with_key(
        "env",
        lambda step: {"I": f"${{{{ json(steps.{step.after[0]}.output) }}}}"},
        lambda step: step.ordered and bool(step.after) and bool(step.after[0]) and step.root == "steps",
        ("I",),
    )
)


# --- types -----------------------------------------------------------------------------------------

_FIELDS = r"(?:stdout|exit_code|truncated|status|elapsed|url|waited)"


def _top(step: Step) -> bool:
    return step.root == "steps" and not step.around


def _expecting(code: str, name: str, key: str, value: Any, below: Place = (), **declared: Any) -> None:
    """A step gets a key that reads an input `fresh`, which is declared so."""

    def mistake(tree: Tree, rng: random.Random) -> Place | None:
        if declared:
            tree.setdefault("inputs", {})["fresh"] = declared
        without = lambda step: not {key, "repeat", "retry", "undo"} & set(step.body)  # noqa: E731
        return with_key(key, value, without, below)(tree, rng)

    planted(code, name)(mistake)


planted("TRD430", "a field that an output does not have")(
    _in_text(rf"(\.output\b[\w.]*\.{_FIELDS})\b(?!\.)", r"\1_x", lambda text: text.step is not None)
)
_expecting("TRD431", "a number plus text", "env", {"I": "${{ len(run.id) + 'x' }}"}, ("I",))
_expecting("TRD431", "text compared with a number", "when", "run.id > 3")
_expecting("TRD431", "text divided", "env", {"I": "${{ inputs.fresh / 2 }}"}, ("I",), type="string")
_expecting("TRD432", "a condition that is a number", "when", "len(run.id)")
_expecting("TRD432", "a condition that is text", "when", "inputs.fresh", type="string")
_expecting("TRD431", "text after not", "when", "not inputs.fresh", type="string")
_expecting("TRD433", "a boolean compared with text", "when", "inputs.fresh == 'true'", type="boolean")
_expecting("TRD433", "a choice that does not exist", "when", "inputs.fresh == 'pord'", enum=["dev", "prod"])
_expecting("TRD433", "a number compared with text", "when", "inputs.fresh == '3'", type="integer")
_expecting(
    "TRD435", "null where text is wanted", "env", {"I": "${{ upper(inputs.fresh) }}"}, ("I",), required=False
)
_expecting("TRD436", "a list within text", "env", {"I": "all: ${{ inputs.fresh }}"}, ("I",), type="list")
_expecting("TRD437", "a function given a number for text", "env", {"I": "${{ upper(3) }}"}, ("I",))
_expecting("TRD437", "the length of a number", "when", "len(inputs.fresh) > 3", type="integer")
_expecting("TRD438", "a foreach over text", "foreach", "${{ inputs.fresh }}", type="string")


@planted("TRD434", "the output of a step that may be skipped")
def _(tree: Tree, rng: random.Random) -> Place | None:
    first = a_step(tree, rng, lambda step: _top(step) and bool(step.after) and not is_read(tree, step))
    if first is None or not first.name:
        return None
    first.body["when"] = "sha256(run.id) < 'a'"
    later = next(step for step in steps_of(tree) if _top(step) and step.name == first.after[-1])
    later.body["env"] = {"I": f"${{{{ json(steps.{first.name}.output) }}}}"}
    return (*later.place, "env", "I")


# --- lint ------------------------------------------------------------------------------------------


@planted("TRD902", "an input that nobody reads")
def _(tree: Tree, rng: random.Random) -> Place | None:
    tree.setdefault("inputs", {})["fresh"] = {"type": "string"}
    return ("inputs", "fresh")


@planted("TRD904", "a variable that nobody reads")
def _(tree: Tree, rng: random.Random) -> Place | None:
    tree.setdefault("vars", {})["fresh"] = 3
    return ("vars", "fresh")


@planted("TRD903", "a step after one that always fails")
def _(tree: Tree, rng: random.Random) -> Place | None:
    tree["steps"] = [
        {"id": "first", "shell": "true"},
        {"id": "second", "fail": {"message": "always"}},
        {"id": "third", "shell": "true"},
    ]
    for key in set(tree) - {"treadle", "name", "steps"}:
        tree.pop(key, None)
    return ("steps", 2)
