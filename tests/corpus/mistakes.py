"""Mistakes in keys, settings, ids, needs and inputs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from tests.corpus.planting import (
    Mistake,
    a_step,
    in_graph,
    is_block,
    is_read,
    of,
    plain,
    planted,
    typo,
    with_key,
)
from tests.corpus.spots import PLUGINS, Tree, renamed, steps_of

if TYPE_CHECKING:
    import random

    from tests.corpus.written import Place

# --- keys ------------------------------------------------------------------------------------------


@planted("TRD101", "a typo in a key of the top level")
def _(tree: Tree, rng: random.Random) -> Place | None:
    keys = [
        key
        for key in ("outputs", "finally", "timeout", "labels", "vars", "inputs", "defaults")
        if key in tree
    ]
    key = rng.choice(keys)
    return renamed(tree, (key,), typo(key, rng))


@planted("TRD101", "a typo in a key of a step")
def _(tree: Tree, rng: random.Random) -> Place | None:
    found = [
        (step, key)
        for step in steps_of(tree)
        for key in step.body
        if key
        in ("needs", "when", "foreach", "retry", "timeout", "on_error", "labels", "env", "undo", "deadline")
    ]
    if not found:
        return None
    step, key = rng.choice(found)
    step.body.pop("undo_after", None)  # it would lack its undo
    return renamed(tree, (*step.place, key), typo(key, rng))


@planted("TRD101", "a typo in a setting")
def _(tree: Tree, rng: random.Random) -> Place | None:
    optional = (
        "cwd",
        "parse",
        "grace",
        "stdin",
        "method",
        "headers",
        "expect",
        "json",
        "prompt",
        "match",
        "args",
    )
    found = [
        (*step.place, step.settings_key, key)
        for step in steps_of(tree)
        if isinstance(step.settings, dict)
        and step.plugin in PLUGINS - {"set", "parallel", "sequence", "steps"}
        for key in step.settings
        if key in optional
    ]
    if not found:
        return None
    place = rng.choice(found)
    return renamed(tree, place, typo(str(place[-1]), rng))


planted("TRD102", "a bound that is text")(
    with_key("max_parallel", "two", lambda step: step.plugin == "parallel")
)
planted("TRD102", "a duration without a unit")(
    with_key("timeout", 30, lambda step: step.plugin not in ("approval", "signal"))
)
planted("TRD102", "a duration that is none")(with_key("deadline", "5 minutes"))
planted("TRD102", "a truth that is text")(with_key("repeatable", "maybe"))
planted("TRD102", "a label that is a number")(with_key("labels", {"tier": 1.10}, below=("tier",)))
planted("TRD102", "a foreach over a number")(with_key("foreach", 3, lambda step: "foreach" not in step.body))
planted("TRD104", "a retry of no attempt")(with_key("retry", 0, lambda step: "retry" not in step.body))
planted("TRD103", "a repeat without until")(
    with_key("repeat", {"times": 3}, lambda step: "repeat" not in step.body)
)
planted("TRD106", "a repeat without an end")(
    with_key(
        "repeat", {"until": "sha256(run.id) < 'a'"}, lambda step: not {"repeat", "deadline"} & set(step.body)
    )
)
planted("TRD106", "a timeout on an approval")(with_key("timeout", "5m", of("approval", "signal")))
planted("TRD107", "a block without steps")(
    with_key("undo", {}, lambda step: step.root == "steps" and "undo" not in step.body)
)
planted("TRD204", "an unknown strategy")(
    with_key("on_error", "tolerate", lambda step: "on_error" not in step.body)
)
planted("TRD204", "an unknown backoff")(
    with_key(
        "retry", {"attempts": 3, "backoff": "exponental"}, lambda step: "retry" not in step.body, ("backoff",)
    )
)
planted("TRD102", "an unknown moment of undo")(
    with_key("undo_after", "always", lambda step: "undo" in step.body)
)


@planted("TRD103", "a retry without attempts")
def _(tree: Tree, rng: random.Random) -> Place | None:
    tree.pop("defaults", None)  # what it says of retrying would be added
    change = with_key("retry", {"backoff": "fixed"}, lambda step: "retry" not in step.body)
    return change(tree, rng)


@planted("TRD105", "a grammar version to come")
def _(tree: Tree, rng: random.Random) -> Place | None:
    tree["treadle"] = 2
    return ("treadle",)


@planted("TRD201", "a workflow name with blanks")
def _(tree: Tree, rng: random.Random) -> Place | None:
    tree["name"] = "Nightly Build"
    return ("name",)


# --- plugins and settings --------------------------------------------------------------------------


@planted("TRD204", "an unknown plugin")
def _(tree: Tree, rng: random.Random) -> Place | None:
    step = a_step(tree, rng, lambda step: step.work == "uses" and not is_block(step))
    if step is None:
        return None
    step.body["uses"] = typo(step.plugin, rng)
    return (*step.place, "uses")


@planted("TRD101", "a typo in the name of a plugin")
def _(tree: Tree, rng: random.Random) -> Place | None:
    step = a_step(tree, rng, lambda step: step.work != "uses" and not is_block(step))
    return step and renamed(tree, (*step.place, step.work), typo(step.work, rng))


@planted("TRD203", "two plugins in a step")
def _(tree: Tree, rng: random.Random) -> Place | None:
    step = a_step(tree, rng, lambda step: step.plugin not in ("wait", "approval") and step.work != "uses")
    if step is None:
        return None
    step.body["wait"] = "5s"
    return step.place


@planted("TRD203", "a step without work")
def _(tree: Tree, rng: random.Random) -> Place | None:
    step = a_step(tree, rng, lambda step: step.work != "uses" and not is_block(step))
    if step is None:
        return None
    del step.body[step.work]
    step.body["labels"] = {"a": "b"}
    return step.place


def _setting(plugins: tuple[str, ...], main: str, key: str, value: Any, below: Place = ()) -> Mistake:
    """A step of such a type gets this setting; what is wrong stands *below* it."""

    def mistake(tree: Tree, rng: random.Random) -> Place | None:
        step = a_step(tree, rng, of(*plugins))
        if step is None:
            return None
        settings = step.settings if isinstance(step.settings, dict) else {main: step.settings}
        step.body[step.settings_key] = {**settings, key: value}
        return (*step.place, step.settings_key, key, *below)

    return mistake


def _declaring(mistake: Mistake) -> Mistake:
    """The same, in a spec that declares the secret."""

    def declared(tree: Tree, rng: random.Random) -> Place | None:
        tree["secrets"] = sorted({*tree.get("secrets", []), "API_KEY"})
        return mistake(tree, rng)

    return declared


_EXECUTED = ("command",)
planted("TRD102", "a setting that is no choice")(_setting(_EXECUTED, "run", "parse", "jsn"))
planted("TRD102", "a size that is none")(_setting(_EXECUTED, "run", "max_output", "huge"))
planted("TRD102", "a grace without a unit")(_setting(("shell",), "script", "grace", 5))
planted("TRD102", "exit codes that are no list")(_setting(("shell",), "script", "ok", "zero"))
planted("TRD102", "redirects that are text")(_setting(("http",), "url", "redirects", "three"))
planted("TRD102", "a number where a name is wanted")(_setting(("emit",), "name", "name", 1.10))
planted("TRD403", "an expression in a script")(_setting(("shell",), "script", "script", "echo ${{ run.id }}"))
planted("TRD502", "a secret among the arguments of a program")(
    _declaring(_setting(("command",), "run", "run", ["login", "${{ secrets.API_KEY }}"], (1,)))
)
planted("TRD502", "a secret in an event")(
    _declaring(_setting(("emit",), "name", "data", {"key": "${{ secrets.API_KEY }}"}, ("key",)))
)
planted("TRD501", "a secret that is not declared")(
    with_key("env", {"K": "${{ secrets.OTHER }}"}, below=("K",))
)
planted("TRD501", "an undeclared secret to sign with")(
    _setting(("webhook",), "url", "sign", {"secret": "API_KEYS"}, ("secret",))
)
planted("TRD502", "a secret in a condition")(_declaring(with_key("when", "secrets.API_KEY == 'x'", plain)))


@planted("TRD205", "a pipe in a command")
def _(tree: Tree, rng: random.Random) -> Place | None:
    step = a_step(tree, rng, of("command"))
    if step is None:
        return None
    step.body[step.settings_key] = "cat words.txt | wc -l"
    return (*step.place, step.settings_key)


@planted("TRD103", "a required setting that is missing")
def _(tree: Tree, rng: random.Random) -> Place | None:
    step = a_step(tree, rng, of("http", "webhook"))
    if step is None:
        return None
    step.body[step.settings_key] = {"method": "PUT"}
    return (*step.place, step.settings_key)


# --- ids and needs ---------------------------------------------------------------------------------

planted("TRD331", "a need of no step")(with_key("needs", lambda step: [f"{step.before[0]}s"], in_graph, (0,)))
planted("TRD332", "a need of itself")(with_key("needs", lambda step: step.name, in_graph))
planted("TRD312", "a need named twice")(
    with_key("needs", lambda step: [step.before[0], step.before[0]], in_graph, (1,))
)


@planted("TRD311", "a need with no such result")
def _(tree: Tree, rng: random.Random) -> Place | None:
    step = a_step(tree, rng, in_graph)
    if step is None:
        return None
    step.body["needs"] = {step.before[0]: "successful"}
    return (*step.place, "needs", step.before[0])


planted("TRD313", "needs in a list")(
    with_key("needs", lambda step: step.before[0], lambda step: step.ordered and bool(step.before))
)
planted("TRD313", "an id in a mapping")(with_key("id", "other", lambda step: isinstance(step.place[-1], str)))


@planted("TRD202", "an id that stands twice")
def _(tree: Tree, rng: random.Random) -> Place | None:
    step = a_step(tree, rng, lambda step: step.ordered and bool(step.before) and not is_block(step))
    if step is None or is_read(tree, step):
        return None
    step.body["id"] = step.before[-1]
    return (*step.place, "id")


@planted("TRD201", "an id with capitals")
def _(tree: Tree, rng: random.Random) -> Place | None:
    step = a_step(tree, rng, lambda step: step.ordered)
    if step is None or is_read(tree, step) or not step.name:
        return None
    step.body["id"] = step.name.upper()
    return (*step.place, "id")


@planted("TRD336", "steps that need each other")
def _(tree: Tree, rng: random.Random) -> Place | None:
    step = a_step(tree, rng, lambda step: in_graph(step) and not step.after and step.root == "steps")
    first = step and next(each for each in steps_of(tree) if each.place == (*step.place[:-1], step.before[0]))
    if step is None or first is None:
        return None
    step.body["needs"] = first.name
    first.body["needs"] = step.name
    return (*first.place, "needs")


# --- inputs ----------------------------------------------------------------------------------------


def _input(declared: Any, code: str, name: str, key: str) -> None:
    def mistake(tree: Tree, rng: random.Random) -> Place | None:
        if "inputs" not in tree:
            return None
        chosen = rng.choice(list(tree["inputs"]))
        if re.search(rf"inputs\.{chosen}\b", repr(tree)):
            tree["inputs"]["fresh"] = declared
            chosen = "fresh"
        else:
            tree["inputs"][chosen] = declared
        _used(tree, chosen)
        return ("inputs", chosen, key)

    planted(code, name)(mistake)


def _used(tree: Tree, name: str) -> None:
    tree.setdefault("outputs", {})["used"] = f"${{{{ inputs.{name} }}}}"


_input({"type": "integer", "default": "three"}, "TRD604", "a default of another type", "default")
_input({"enum": ["a", "b"], "default": "c"}, "TRD604", "a default that is no choice", "default")
_input({"type": "integer", "min": 3, "default": 2}, "TRD604", "a default out of bounds", "default")
_input({"type": "string", "pattern": "a("}, "TRD604", "a pattern that is none", "pattern")
_input({"type": "text"}, "TRD604", "a type that does not exist", "type")
_input({"typ": "string"}, "TRD101", "a typo in a declaration", "typ")
_input({"type": "boolean", "min": 1}, "TRD604", "a bound of what has no size", "min")


# --- the rest of the graph -------------------------------------------------------------------------


@planted("TRD422", "an output read in finally without default")
def _(tree: Tree, rng: random.Random) -> Place | None:
    step = a_step(tree, rng, lambda step: step.root == "steps" and len(step.place) == 2 and bool(step.name))
    if step is None or "finally" in tree:
        return None
    tree["finally"] = [{"shell": "true", "env": {"X": f"${{{{ json(steps.{step.name}.output) }}}}"}}]
    return ("finally", 0, "env", "X")


planted("TRD337", "a rollback in finally")(
    with_key("on_error", "rollback", lambda step: step.root == "finally")
)
planted("TRD338", "a limiter inside another")(
    with_key(
        "limit",
        "other",
        lambda step: any("limit" in each.body for each in step.around) and not is_block(step),
    )
)


@planted("TRD334", "a need of a failure that cannot be seen")
def _(tree: Tree, rng: random.Random) -> Place | None:
    step = a_step(tree, rng, lambda step: in_graph(step) and step.root == "steps")
    if step is None:
        return None
    tree.pop("on_error", None)
    tree.pop("outputs", None)
    for each in steps_of(tree):
        if each.body.get("on_error") != "continue":
            each.body.pop("on_error", None)
    first = step.before[-1]
    step.body["needs"] = {first: "failed"}
    return None if "'on_error': 'continue'" in repr(tree) else (*step.place, "needs", first)
