"""Valid specs: any number of them, each from a seed, using all that the language has.

Rule 1: every reference is upstream, every expression fits its place, and what may be absent has a `default`.
Rule 2: nothing draws a warning either: all that is declared is used, and no condition is settled beforehand.
"""

from __future__ import annotations

import json
import random
import re
from typing import Any

import attrs
from tests.corpus.typed import Expressions, Known
from tests.corpus.works import BLOCKS, LEAVES, TEMPLATE, Tree, below

_WORDS = ("build", "scan", "ship", "pack", "test", "load", "check", "sync", "tag", "warm", "copy", "probe")
_RARE = 0.12


@attrs.define
class Writer:
    """Writes one spec.

    Attributes:
      ids: how many steps have been named so far.
      protected: inside `undo` or `finally`, where nothing rolls back.
      limited: inside a step that holds a limiter.
      last: in `finally`, where nothing is sure of any step.
    """

    rng: random.Random
    ids: int = 0
    protected: bool = False
    limited: bool = False
    last: bool = False

    def maybe(self, chance: float = _RARE) -> bool:
        return self.rng.random() < chance

    def pick(self, *options: Any) -> Any:
        return self.rng.choice(options)

    def new_id(self) -> str:
        self.ids += 1
        return f"{self.rng.choice(_WORDS)}_{self.ids}"

    # --- values ------------------------------------------------------------------------------------

    def expression(self, e: Expressions, kind: str) -> str:
        while len(made := e.of(kind, self.pick(0, 1, 1, 2))) > 400 or "}}" in made:
            pass
        return made

    def condition(self, e: Expressions) -> str:
        while len(made := e.condition(1)) > 400:
            pass
        return made

    def whole(self, e: Expressions, kind: str) -> str:
        return f"${{{{ {self.expression(e, kind)} }}}}"

    def text(self, e: Expressions) -> str:
        """Text, with or without something in it."""
        kind = self.pick("text", "text", "integer", "number", "boolean")
        return self.pick(
            "plain", "a: b # c", self.whole(e, "text"), f"-> {self.whole(e, kind)}, {self.whole(e, kind)}"
        )

    def value(self, e: Expressions, depth: int = 2) -> Any:
        kind = self.pick("text", "integer", "number", "boolean", "texts", "numbers", "mapping")
        plain = [None, 3, 1.5, True, "x", [], {}]
        if depth and self.maybe(0.3):
            return self.pick(
                [self.value(e, depth - 1)], {"k": self.value(e, depth - 1), "l": self.value(e, 0)}
            )
        return self.pick(*plain, *[self.whole(e, kind)] * 8)

    def env(self, e: Expressions) -> Tree:
        return {f"V{n}": self.pick(self.text(e), "x") for n in range(self.pick(1, 2))}

    # --- blocks ------------------------------------------------------------------------------------

    def block(self, e: Expressions, depth: int, form: str = "") -> tuple[Any, list[Known]]:
        """A list or mapping of steps, and what the outputs of its children have, as ``.ID.field``."""
        form = form or self.pick("list", "mapping")
        count = self.rng.randint(1, 3) if depth < 2 else self.rng.randint(2, 6)
        seen, outside = e, []
        items: list[tuple[str, Tree]] = []
        omittable: set[str] = set()
        for n in range(count):
            name = self.new_id()
            body, known = self.step(seen, depth)
            if form == "mapping":
                earlier = [each for each, _ in items]
                special = self._needs(body, earlier, items)
                needed = set(re.findall(r"steps\.(\w+)", json.dumps(body))) | set(_plain_needs(body))
                if special or needed & omittable:
                    omittable.add(name)
                if n == 1 and "needs" not in body:
                    body["needs"] = earlier[0]
                    omittable |= {name} if earlier[0] in omittable else set()
            absent = (
                self.last
                or name in omittable
                or "when" in body
                or body.get("on_error") in ("continue", _ESCALATE)
            )
            known = [attrs.evolve(each, absent=each.absent or absent) for each in known]
            if form != "together":
                seen = seen.knowing(below(f"steps.{name}.output", known))
                seen = seen.knowing([Known(f"steps.{name}.attempts", "integer", absent=absent)])
            outside += below(f".{name}", known)
            items.append((name, body))
        if form == "mapping":
            return dict(items), outside
        return [{"id": name, **body} for name, body in items], outside

    def _needs(self, body: Tree, earlier: list[str], items: list[tuple[str, Tree]]) -> bool:
        """Adds needs to *body*; whether they may leave the step omitted."""
        if not earlier or not self.maybe(0.4):
            return False
        some = self.rng.sample(earlier, min(len(earlier), 2))
        skippable = [name for name, each in items if each.get("when", True) is not True]
        tolerated = [name for name, each in items if each.get("on_error") == "continue"]
        special: list[Tree] = [{some[0]: "completed"}]
        usual: list[Any] = [some[0], some]
        if not any(_read(body, name) for name in some):  # these do not wait for a result that can be read
            special.append({"at_least": 1, "of": some})
            usual += [{some[0]: "settled"}, dict.fromkeys(some, "settled")]
        special += [{skippable[0]: "skipped"}] if skippable else []
        special += [{tolerated[0]: "failed"}] if tolerated else []
        body["needs"] = self.pick(*usual, *usual, *special)
        return body["needs"] in special

    # --- steps -------------------------------------------------------------------------------------

    def step(self, e: Expressions, depth: int) -> tuple[Tree, list[Known]]:
        """One step with some of the keys of steps, and what its output has."""
        keys: Tree = {}
        if self.maybe(0.2):
            keys["when"] = self.pick(self.condition(e), self.condition(e), True)
            e = e.beyond(str(keys["when"]))
        each = e
        if self.maybe():
            keys["foreach"] = self.pick(self.whole(e, "texts"), ["a", self.whole(e, "text")])
            each = e.knowing([Known("item", "text", constant=True), Known("index", "integer", constant=True)])
        inner = attrs.evolve(self, rng=self.rng, limited=self.limited)
        limit = not self.limited and self.maybe()
        inner.limited = self.limited or limit
        name = self.rng.choice(list(LEAVES) if depth == 0 or self.maybe(0.7) else list(BLOCKS))
        settings, known = (LEAVES | BLOCKS)[name](inner, each, depth)
        self.ids = inner.ids
        keys |= {"limit": "db"} if limit else {}
        self._strategies(keys, name)
        self._attempts(keys, name, _outside(each).knowing(below("output", known)))
        self._undo(keys, each, known, depth)
        self._ground(keys, name, each)
        body = self._worded(name, settings, keys)
        if "foreach" in keys:
            known = [Known("len()", "integer")]
        return body, known

    def _worded(self, name: str, settings: Any, keys: Tree) -> Tree:
        work = {"uses": name, "with": settings} if name != "template" and self.maybe() else {name: settings}
        items = list((work | keys).items())
        self.rng.shuffle(items)
        return dict(items)

    def _strategies(self, keys: Tree, name: str) -> None:
        if not self.maybe(0.2):
            return
        free: list[Any] = ["fail_fast", "fail_late", "continue", "continue", _ESCALATE]
        if not self.protected:
            free += ["rollback", {"rollback": {"scope": "block"}}, {"rollback": {}}]
        keys["on_error"] = self.rng.choice(free)

    def _attempts(self, keys: Tree, name: str, e: Expressions) -> None:
        waits = name in ("approval", "signal")
        if self.maybe() and not waits:
            until = self.condition(e)
            keys["repeat"] = {
                "until": until,
                **self.pick({"times": 3}, {"every": "0s", "times": 2}, {"every": "1s"}),
            }
            if "times" not in keys["repeat"]:
                keys["deadline"] = "PT1H"
        if self.maybe() and not waits:
            keys["retry"] = self.pick(3, self._retry(e))
        if self.maybe() and not waits:
            keys["timeout"] = self.pick("250ms", "1h30m", "PT5M", "2d")
        if self.maybe(0.05):
            keys["deadline"] = "1h"

    def _retry(self, e: Expressions) -> Tree:
        error = [Known("error.name", "text"), Known("error.message", "text"), Known("attempt", "integer")]
        retry = {
            "attempts": self.pick(2, 5),
            "backoff": self.pick(
                *(
                    "fixed",
                    "exponential",
                    "fibonacci",
                    {"linear": "2s"},
                    {"random": {"min": "1s", "max": "5s"}},
                ),
                *({"exponential": {"initial": "1s", "factor": 1.5, "jitter": "full"}}, "decorrelated"),
            ),
            "on": self.pick(["timeout", "exit"], ["http.5xx", "python.OSError"], ["exit.3"]),
            "max_time": "10m",
        }
        condition = Expressions(self.rng, tuple(error)).condition(1)
        return {key: item for key, item in retry.items() if key == "attempts" or self.maybe(0.5)} | (
            {"if": condition} if self.maybe(0.4) else {}
        )

    def _undo(self, keys: Tree, e: Expressions, known: list[Known], depth: int) -> None:
        if not self.maybe() or self.protected:
            return
        keys["undo_after"] = self.pick("completed", "attempted")
        gone = keys["undo_after"] == "attempted" or any(key in keys for key in ("foreach", "on_error"))
        mine = [attrs.evolve(each, absent=each.absent or gone) for each in below("output", known)]
        inside = attrs.evolve(self, rng=self.rng, protected=True, limited=self.limited or "limit" in keys)
        inside.ids = self.ids
        undo, _ = inside.block(e.knowing(mine), 0) if self.maybe(0.4) else inside.step(e.knowing(mine), 0)
        keys["undo"] = undo
        self.ids = inside.ids
        if keys["undo_after"] == "completed" and self.maybe(0.5):
            del keys["undo_after"]

    def _ground(self, keys: Tree, name: str, e: Expressions) -> None:
        if self.maybe():
            keys["name"] = "Something for people: 10 %"
        if self.maybe():
            keys["env"] = self.env(e)
        if self.maybe():
            keys["labels"] = {"team": "a-b"}
        if self.maybe(0.05) and name not in BLOCKS:
            keys["repeatable"] = self.pick(True, False)
        if self.maybe(0.3) and (name in ("parallel", "steps") or "foreach" in keys):
            keys["max_parallel"] = self.pick(2, "${{ 1 + len(run.id) }}")
        if self.maybe(0.05):
            keys["x-note"] = {"anything": [1, None]}


_ESCALATE: Tree = {"escalate": {"prompt": "What now?", "timeout": "1h", "on_timeout": "continue"}}


def _read(body: Tree, name: str) -> bool:
    return f"steps.{name}." in json.dumps(body)


def _outside(e: Expressions) -> Expressions:
    """Without what belongs to a step around, whose names the step's own hide."""
    own = ("output", "error", "attempt", "len(output", "keys(output")
    return attrs.evolve(e, known=tuple(each for each in e.known if not each.source.startswith(own)))


def _plain_needs(body: Tree) -> list[str]:
    needs = body.get("needs", [])
    if isinstance(needs, dict):
        return [name for name, result in needs.items() if result != "settled"]
    return [needs] if isinstance(needs, str) else needs


# --- the whole -------------------------------------------------------------------------------------

_INPUTS: dict[str, tuple[Any, Known]] = {
    "tag": ({"pattern": "[A-Za-z0-9.' -]*"}, Known("inputs.tag", "text")),
    "title": ("string", Known("inputs.title", "text")),
    "env": (
        {"enum": ["dev", "test", "stage", "prod"], "default": "dev", "description": "where to"},
        Known("inputs.env", "text", choices=("dev", "test", "stage", "prod")),
    ),
    "count": ({"type": "integer", "min": -100, "max": 5000, "default": 2}, Known("inputs.count", "integer")),
    "share": ({"type": "number", "min": -100.5}, Known("inputs.share", "number")),
    "canary": ({"type": "boolean", "default": False}, Known("inputs.canary", "boolean")),
    "hosts": (
        {"type": "list", "items": {"type": "string"}, "default": ["a", "b"]},
        Known("inputs.hosts", "texts"),
    ),
    "sizes": ({"type": "list", "items": {"type": "number", "max": 9}}, Known("inputs.sizes", "numbers")),
    "extra": ({"type": "object", "default": {"k": 1}}, Known("inputs.extra", "mapping")),
    "note": ({"required": False}, Known("inputs.note", "text", absent=True)),
}


def valid_spec(seed: int) -> Tree:
    """A spec without a mistake."""
    rng = random.Random(seed)
    w = Writer(rng)
    inputs = {name: _INPUTS[name] for name in rng.sample(list(_INPUTS), rng.randint(1, len(_INPUTS)))}
    e = Expressions(rng, tuple(known for _, known in inputs.values()))
    tree: Tree = {"treadle": 1, "name": rng.choice(["nightly", "release-all", "x"])}
    tree["inputs"] = {name: declared for name, (declared, _) in inputs.items()}
    tree["inputs"]["patience"] = {"type": "duration", "default": "2s"}
    tree["secrets"] = ["API_KEY", "HOOK_URL"]
    e = _surroundings(w, tree, e)
    steps, known = w.block(e, 2)
    tree["steps"] = steps
    _use_all(steps, tree, w.new_id())
    tree |= _end(w, e, below("steps", known))
    if "'template': {'name'" in repr(tree):
        tree["templates"] = {"roll_out": TEMPLATE}
    items = list(tree.items())
    rng.shuffle(items)
    return dict(items)


def _surroundings(w: Writer, tree: Tree, e: Expressions) -> Expressions:
    """What stands beside the steps; what it adds can be read by them."""
    if w.maybe(0.5):
        tree["vars"] = {"a": w.whole(e, "text"), "b": w.whole(e, "integer")}
        e = e.knowing([Known("vars.a", "text", constant=True), Known("vars.b", "integer", constant=True)])
        tree["vars"]["c"] = w.value(e)
    if w.maybe(0.5):
        tree["env"] = {"WHERE": w.text(e), "WHO": "me"}
        e = e.knowing([Known("env.WHO", "text", constant=True)])
    if w.maybe(0.4):
        some = {"retry": w.pick(2, {"attempts": 3, "backoff": "fixed"}), "timeout": "10m", "env": {"X": "y"}}
        tree["defaults"] = some | ({"repeatable": True} if w.maybe() else {})
    some_keys: Tree = {
        "description": "What it is for.\nIn two lines.\n",
        "labels": {"team": "core", "tier": "1"},
        "timeout": "2h",
        "concurrency": w.pick(
            "nightly", {"key": "for-${{ run.workflow }}", "limit": 2, "on_limit": "reject"}
        ),
        "on_error": w.pick("rollback", "fail_late", "fail_fast", {"rollback": {"scope": "run"}}),
        "max_parallel": w.pick(2, 8),
        "x-owner": {"who": ["a", 1, None]},
    }
    tree |= {key: item for key, item in some_keys.items() if w.maybe(0.3)}
    return e


def _use_all(steps: Any, tree: Tree, name: str) -> None:
    """Adds a step that reads all that is declared."""
    read = [f"inputs.{each}" for each in tree["inputs"]] + [f"vars.{each}" for each in tree.get("vars", {})]
    env = {f"R{n}": f"${{{{ json({source}) }}}}" for n, source in enumerate(read)}
    env |= {secret: f"${{{{ secrets.{secret} }}}}" for secret in tree["secrets"]}
    body: Tree = {"shell": "env | sort", "env": env}
    if isinstance(steps, list):
        steps.append({"id": name, **body})
    else:
        steps[name] = {"needs": {next(iter(steps)): "settled"}, **body}


def _end(w: Writer, e: Expressions, known: list[Known]) -> Tree:
    end: Tree = {}
    known = [attrs.evolve(each, source=_output(each.source)) for each in known]
    if w.maybe(0.7):
        seen = e.knowing(known)
        end["outputs"] = {"a": w.whole(seen, "text"), "b": w.value(seen)}
    if w.maybe(0.5):
        unsure = [attrs.evolve(each, absent=True) for each in known]
        run = [
            Known("run.status", "text", choices=("completed", "failed", "cancelled", "rolled_back")),
            Known("run.error.message", "text", absent=True),
        ]
        last = attrs.evolve(w, rng=w.rng, protected=True, last=True)
        end["finally"] = last.block(e.knowing([*unsure, *run]), 1)[0]
    return end


def _output(source: str) -> str:
    """``steps.ID.field`` of a block's output as ``steps.ID.output.field``."""
    return re.sub(r"steps\.(\w+)", r"steps.\1.output", source, count=1)
