"""Mistakes in templates and their uses, in decision tables, and in what runs share."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from tests.corpus.planting import Mistake, a_step, is_read, of, planted
from tests.corpus.spots import Tree, put

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from tests.corpus.written import Place


def _use(change: Callable[[Tree], tuple[str | int, ...]]) -> Mistake:
    """The settings of a template step are changed."""

    def mistake(tree: Tree, rng: random.Random) -> Place | None:
        step = a_step(tree, rng, of("template"))
        return step and (*step.place, "template", *change(step.settings))

    return mistake


def _named(settings: Tree) -> tuple[str, ...]:
    settings["name"] = "rol_out"
    return ("name",)


def _given(name: str, value: Any) -> Callable[[Tree], tuple[str, ...]]:
    def change(settings: Tree) -> tuple[str, ...]:
        settings["with"] = {**settings["with"], name: value}
        return ("with", name)

    return change


def _not_given(settings: Tree) -> tuple[str, ...]:
    settings["with"] = {"count": 3}
    return ("with",)


planted("TRD341", "a template that does not exist")(_use(_named))
planted("TRD342", "a parameter that a template does not have")(_use(_given("hosst", "x")))
planted("TRD342", "a parameter that is not given")(_use(_not_given))
planted("TRD343", "a value that does not fit a parameter")(_use(_given("count", "many")))
planted("TRD438", "an expression that does not fit a parameter")(_use(_given("count", "${{ run.id }}")))


@planted("TRD344", "a template that reads no parameter of its own")
def _(tree: Tree, rng: random.Random) -> Place | None:
    if a_step(tree, rng, of("template")) is None:
        return None
    tree["templates"] = copy.deepcopy(tree["templates"])
    put(tree, ("templates", "roll_out", "steps", 0, "command", 1), "${{ parameters.hots }}")
    return ("templates", "roll_out", "steps", 0, "command", 1)


@planted("TRD904", "a template that nobody uses")
def _(tree: Tree, rng: random.Random) -> Place | None:
    tree["templates"] = {**tree.get("templates", {}), "fresh": {"steps": [{"set": {}}]}}
    return ("templates", "fresh")


def _table(code: str, name: str, where: Place, **decide: Any) -> None:
    def mistake(tree: Tree, rng: random.Random) -> Place | None:
        step = a_step(tree, rng, lambda step: step.work == "wait" and not is_read(tree, step))
        if step is None:
            return None
        tree.setdefault("inputs", {})["fresh"] = "integer"
        del step.body["wait"]
        for key in ("repeat", "retry", "undo", "undo_after"):
            step.body.pop(key, None)
        step.body["decide"] = decide
        return (*step.place, "decide", *where)

    planted(code, name)(mistake)


_FEW = {"when": "inputs.fresh < 10", "then": "few"}
_MANY = {"when": "inputs.fresh > 10", "then": "many"}
_TINY = {"when": "inputs.fresh < 5", "then": "tiny"}
_table("TRD361", "rules that overlap", ("rules", 1, "when"), rules=[_FEW, _TINY], hit="unique", otherwise=1)
_table("TRD362", "a table with a gap", (), rules=[_FEW, _MANY])
_table("TRD363", "a rule that is never taken", ("rules", 1, "when"), rules=[_FEW, _TINY], otherwise="many")


@planted("TRD102", "an unknown answer to a limit")
def _(tree: Tree, rng: random.Random) -> Place | None:
    tree["concurrency"] = {"key": "a", "on_limit": "cancel"}
    return ("concurrency", "on_limit")
