"""Where things stand in a spec as plain data: its steps, its conditions, its texts with expressions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
from tests.corpus.written import Place

if TYPE_CHECKING:
    from collections.abc import Iterator

Tree = dict[str, Any]
_OTHERS = ("then", "else", "steps", "default", "parallel", "sequence", "notify", "template")
"""Settings of a step whose texts are those of other steps, or come to stand in other steps."""


@attrs.frozen
class Step:
    """A step, the block it stands in, and the ids of its siblings before and after it.

    Attributes:
      name: its id; empty for a step of a list that has none.
      around: the steps it stands in, outermost first.
    """

    place: Place
    body: Tree
    name: str
    ordered: bool
    before: tuple[str, ...]
    after: tuple[str, ...]
    around: tuple[Step, ...]
    root: str

    @property
    def work(self) -> str:
        """The key that names its plugin."""
        return "uses" if "uses" in self.body else next(key for key in self.body if key in PLUGINS)

    @property
    def plugin(self) -> str:
        return str(self.body["uses"]) if "uses" in self.body else self.work

    @property
    def settings_key(self) -> str:
        return "with" if "uses" in self.body else self.work

    @property
    def settings(self) -> Any:
        return self.body.get(self.settings_key)


PLUGINS = frozenset(
    [
        *(
            "command",
            "shell",
            "http",
            "webhook",
            "wait",
            "set",
            "emit",
            "fail",
            "python",
            "approval",
            "signal",
        ),
        *("parallel", "sequence", "steps", "condition", "switch", "template", "workflow", "decide"),
    ]
)


def steps_of(tree: Tree) -> Iterator[Step]:
    """Every step, those around others first."""
    for root in ("steps", "finally"):
        if root in tree:
            yield from _block(tree[root], (root,), (), root)


def _block(
    block: Any, place: Place, around: tuple[Step, ...], root: str, *, together: bool = False
) -> Iterator[Step]:
    ordered = isinstance(block, list)
    items = list(enumerate(block) if ordered else block.items())
    names = [body.get("id", "") if ordered else key for key, body in items]
    for n, (key, body) in enumerate(items):
        before, after = ((), ()) if together and ordered else (tuple(names[:n]), tuple(names[n + 1 :]))
        step = Step((*place, key), body, names[n], ordered and not together, before, after, around, root)
        yield step
        yield from _inside(step, root)


def _inside(step: Step, root: str) -> Iterator[Step]:
    settings, at, around = step.settings, (*step.place, step.settings_key), (*step.around, step)
    if step.plugin in ("parallel", "sequence", "steps"):
        yield from _block(settings, at, around, root, together=step.plugin == "parallel")
    elif step.plugin == "condition":
        for key in ("then", "else"):
            if key in settings:
                yield from _block(settings[key], (*at, key), around, root)
    elif step.plugin == "switch":
        for n, case in enumerate(settings["cases"]):
            yield from _block(case["steps"], (*at, "cases", n, "steps"), around, root)
        if "default" in settings:
            yield from _block(settings["default"], (*at, "default"), around, root)


@attrs.frozen
class Text:
    """A text with at least one expression; *bare* if it is one without ``${{ }}``."""

    place: Place
    text: str
    bare: bool
    step: Step | None = None


def texts_of(tree: Tree) -> Iterator[Text]:
    """Every text with an expression that stands in a step, in `outputs` or in `vars`, on one line."""
    for step in steps_of(tree):
        own = {key: item for key, item in step.body.items() if key not in ("undo", "repeat", "retry", "name")}
        yield from _texts(own, step.place, step)
    for key in ("vars", "outputs", "env"):
        yield from _texts(tree.get(key), (key,), None)


def _texts(value: Any, place: Place, step: Step | None) -> Iterator[Text]:
    if isinstance(value, dict):
        for key, item in value.items():
            if key in _OTHERS and isinstance(item, dict | list):
                continue
            yield from _texts(item, (*place, key), step)
    elif isinstance(value, list):
        for n, item in enumerate(value):
            if not (isinstance(item, dict) and ("steps" in item or "then" in item)):
                yield from _texts(item, (*place, n), step)
    elif isinstance(value, str) and "\n" not in value:
        bare = place[-1] in ("when", "if")
        if bare or "${{" in value:
            yield Text(place, value, bare, step)


def put(tree: Any, place: Place, value: Any) -> None:
    """Puts *value* at *place*."""
    for key in place[:-1]:
        tree = tree[key]
    tree[place[-1]] = value


def renamed(tree: Any, place: Place, key: str) -> Place:
    """Gives what stands at *place* of a mapping another key, in the same position; its new place."""
    for each in place[:-1]:
        tree = tree[each]
    items = [(key if each == place[-1] else each, item) for each, item in tree.items()]
    tree.clear()
    tree.update(items)
    return (*place[:-1], key)
