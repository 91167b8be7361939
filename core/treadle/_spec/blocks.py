"""Blocks and their steps, into the table that `Spec.blocks` becomes.

Rule 1: a block's number is its place in the text; it is taken before its steps are read.
Rule 2: ids are lexical. An id that is written may not repeat one visible where it stands; one that is
  made up (``command_2`` in a list, ``undo``) may, and then hides it.
Rule 3: a step belongs to its blocks (`BlockSpec.owner`), so these are finished once the step is.
Rule 4: whatever is wrong with it, what was written as a step is one: nobody is told that it does not exist.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import attrs

from treadle._kinds import Block, BlockForm, StepType
from treadle._model import BlockSpec, Retry, StepSpec
from treadle._places import Place
from treadle._spec import standins
from treadle._spec.fields import boolean, duration, environment, identifier, wrong_id
from treadle._spec.keys import STEP_KEYS, Draft, finish_retry, read_retry
from treadle._spec.lower import what_can_be_read
from treadle._spec.nodes import Node, join
from treadle._spec.reading import BROKEN, Reading, got
from treadle._spec.work import Named, Work, is_body, other_key, the_work

if TYPE_CHECKING:
    from treadle._settings import Settings

Role = Literal["steps", "child", "undo", "finally"]

_EITHER = BlockForm("sequence")
_DEFAULTS = ("retry", "timeout", "env", "repeatable")
_ANY_DEFAULTS: Draft = {"env_partial": True, "retry": {"attempts": 1, "backoff": standins.BACKOFF}}
"""Of defaults that could say anything, since not all of them could be read."""

_MAX_STEPS = 100_000
_TELLING = frozenset({"env", "foreach", "repeat", "when"})
"""Keys that say of other expressions and needs what they may mean; of `StepSpec.partial`."""


class _Written(NamedTuple):
    """A step of a block before it is read: its id, where that stands, its node, and its document path."""

    id: str
    place: Node
    node: Node
    path: str
    made_up: bool


@attrs.define(eq=False, repr=False)
class _Defaults:
    """``defaults``, read but not merged."""

    node: Node | None = None
    retry: Draft | None = None
    timeout: float | None = None
    env: Mapping[str, Any] = attrs.field(factory=dict)
    repeatable: bool | None = None
    env_partial: bool = False


class Blocks:
    """The blocks of one document.

    Attributes:
      specs: the table; an entry is None while its steps are read.
    """

    def __init__(self, r: Reading) -> None:
        self.r = r
        self.specs: list[BlockSpec | None] = []
        self.defaults = _Defaults()
        self.visible: dict[str, bool] = {}  # id -> whether it was made up
        self._unfinished: dict[int, Draft] = {}

    # --- defaults ------------------------------------------------------------------------------------

    def read_defaults(self, node: Node, path: str) -> None:
        """``defaults``, for the leaf steps that are read from now on."""
        entries = self.r.mapping(node, path, "defaults")
        found: Draft = {"node": node if node.is_mapping else None}
        if not node.is_mapping or node.partial or any(_unknown_default(key) for key in entries):
            found |= _ANY_DEFAULTS
        readers = {
            "retry": self._default_retry,
            "timeout": duration,
            "env": environment,
            "repeatable": boolean,
        }
        for key, item in entries.items():
            if key not in readers:
                self.r.unknown(node, path, key, _DEFAULTS)
                continue
            value = readers[key](self.r, item, join(path, key))
            if value is not BROKEN:
                found[key] = value
            if key == "env" and (value is BROKEN or item.partial):
                found["env_partial"] = True
        self.defaults = _Defaults(**found)

    @staticmethod
    def _default_retry(r: Reading, node: Node, path: str) -> Any:
        found = read_retry(r, node, path)
        if found is BROKEN:
            return _ANY_DEFAULTS["retry"]
        judged = finish_retry(r, found, node, path)
        return {"attempts": judged.attempts, "backoff": judged.backoff, **found}

    def _merge_defaults(self, draft: Draft, waits: bool) -> None:
        """What a leaf step does not say is as ``defaults`` say, field by field."""
        defaults = self.defaults
        if defaults.retry is not None:
            draft["retry"] = {**defaults.retry, **draft.get("retry", {})}
        if defaults.timeout is not None and not waits:
            draft.setdefault("timeout", defaults.timeout)
        if defaults.env:
            draft["env"] = {**defaults.env, **draft.get("env", {})}
        if defaults.repeatable is not None:
            draft.setdefault("repeatable", defaults.repeatable)

    # --- blocks --------------------------------------------------------------------------------------

    def top(self, node: Node, path: str, role: Role, max_parallel: Any) -> Block | None:
        """The block of a top-level key, finished."""
        with self.read(node, path, "finally" if role == "finally" else "", role, _EITHER) as block:
            if block is not None:
                self.finish(block, None, max_parallel)
            return block

    def unreadable_steps(self, place: Place) -> None:
        """Block 0 where there is none, or none that can be read."""
        self.specs.append(BlockSpec(index=0, steps=(), form="graph", role="steps", place=place, partial=True))

    @contextmanager
    def read(
        self, node: Node, path: str, run_path: str, role: Role, form: BlockForm
    ) -> Iterator[Block | None]:
        """The block at *node*, its ids visible until the context is left; None, with problems, if it is none.

        *run_path* is the path that its steps' paths begin with.
        """
        found = self._form(node, path, form)
        written = self._written(node, path, found == "graph") if found else []
        added = self._show(written)
        try:
            yield self._read(written, node, path, run_path, role, found) if found else None
        finally:
            if role != "steps":  # those stay visible, for `finally`
                for name in added:
                    del self.visible[name]

    def _read(
        self, written: list[_Written], node: Node, path: str, run_path: str, role: Role, form: str
    ) -> Block:
        index = len(self.specs)
        self.specs.append(None)
        steps = [self.step(one, f"{run_path}.{one.id}" if run_path else one.id, form) for one in written]
        self._unfinished[index] = {
            "steps": tuple(steps),
            "form": form,
            "role": role,
            "place": self.r.report.place(node.mark, path),
            "partial": node.partial,
        }
        return Block(index, tuple(one.id for one in written))

    def finish(self, block: Block, owner: StepSpec | None, max_parallel: Any, *, body: bool = False) -> None:
        """Put a block into the table, now that its *owner* is known."""
        parts = self._unfinished.pop(block.index)
        self.specs[block.index] = BlockSpec(
            index=block.index, owner=owner, max_parallel=max_parallel, body=body, **parts
        )

    def _form(self, node: Node, path: str, form: BlockForm) -> str | None:
        """How the block at *node* runs; None, with a problem, if it is no block."""
        code, said, fix = "", "", ""
        if node.is_mapping and not form.mapping:
            code, said = "TRD102", "expected a list of steps, got a mapping"
            fix = "write - before each step, or parallel for a graph"
        elif node.items is None:
            code, said = "TRD102", f"expected steps, got {got(node)}"
            fix = "write a mapping of ids to steps, or a list of steps"
        elif not node.items or (node.is_mapping and all(key.startswith("x-") for key in node.items)):
            code, said, fix = "TRD107", "there are no steps", "write at least one"
        elif len(node.items) > _MAX_STEPS:
            code, said, fix = "TRD004", f"there are more than {_MAX_STEPS:,} steps", "split the workflow"
        if code:
            self.r.problem(code, node, path, said, fix)
            return None
        return "graph" if node.is_mapping else form.list_means

    def _written(self, node: Node, path: str, graph: bool) -> list[_Written]:
        """The steps of a block with their ids, before any is read."""
        if graph:
            return [
                self._of_mapping(node, key, item, join(path, key))
                for key, item in node.items.items()
                if not key.startswith("x-")
            ]
        return [self._of_list(item, join(path, index), index + 1) for index, item in enumerate(node.items)]

    def _of_mapping(self, node: Node, key: str, item: Node, path: str) -> _Written:
        place = Node(key, node.key_mark(key))
        wrong = wrong_id(key)
        if wrong:
            self.r.problem("TRD201", place, path, *wrong)
        return _Written(key, place, item, path, made_up=False)

    def _of_list(self, node: Node, path: str, number: int) -> _Written:
        if node.is_mapping and "id" in node.items:
            place = node.items["id"]
            if identifier(self.r, place, join(path, "id")) is not BROKEN or place.is_text:
                return _Written(place.value, place, node, path, made_up=False)
        return _Written(f"{_type_name(node)}_{number}", node, node, path, made_up=True)

    def _show(self, written: list[_Written]) -> list[str]:
        """Make the ids of a block visible; gives those that were not yet."""
        added: dict[str, None] = {}
        for one in written:
            if one.id not in self.visible:
                added[one.id] = None
                self.visible[one.id] = one.made_up
            elif one.id in added or not one.made_up:
                self._taken(one)
        return list(added)

    def _taken(self, one: _Written) -> None:
        if one.made_up:
            said, fix = f"the id {one.id!r}, which this step gets by its position, is taken", "give it an id"
        else:
            said, fix = f"the id {one.id!r} is visible here already", "choose another id"
        in_list = one.path.endswith("]")
        path = f"{one.path}.id" if in_list and not one.made_up else one.path
        self.r.problem("TRD202", one.place, path, said, fix)

    # --- steps ---------------------------------------------------------------------------------------

    def step(self, one: _Written, run_path: str, form: str) -> StepSpec:
        """One step, with the blocks in it."""
        r, node, path = self.r, one.node, one.path
        if not node.is_mapping:
            fix = "write its work, as {command: make test}"
            r.problem("TRD102", node, path, f"a step is a mapping, got {got(node)}", fix)
            return self._unreadable(one, run_path)
        draft: Draft = {}
        named = Named([], [])
        for key, item in node.items.items():
            if key not in STEP_KEYS:
                other_key(r, node, key, path, named)
            elif (reader := STEP_KEYS[key]) is not None:
                reader(r, item, f"{path}.{key}", draft)
        if form != "graph" or "id" in node.items:
            self._judge_form(node, path, form, draft)
        work = the_work(r, node, one.place, path, named)
        if r.report.problems:
            self._note_partial(node, draft, misspelt=bool(named.unknown))
        return self._with_settings(work, draft, one, run_path)

    def _unreadable(self, one: _Written, run_path: str) -> StepSpec:
        """A step of which only the id is known."""
        places = {"": self.r.report.place(one.place.mark, one.path)}
        return StepSpec(
            id=one.id,
            path=run_path,
            settings=standins.WORK,
            on_error=standins.STRATEGY,
            places=places,
            partial=_TELLING,
        )

    def _note_partial(self, node: Node, draft: Draft, *, misspelt: bool) -> None:
        """Say in *draft* which keys of the step could not be read, or not whole.

        A key that is *misspelt* could have been any that is not there.
        """
        anything = misspelt or node.partial
        partial = {
            key
            for key in _TELLING
            if (node.items[key].partial or key not in draft if key in node.items else anything)
        }
        if self.defaults.env_partial:
            partial.add("env")
        draft["partial"] = frozenset(partial)
        if anything:
            draft.setdefault("on_error", standins.STRATEGY)

    def _with_settings(self, work: Work | None, draft: Draft, one: _Written, run_path: str) -> StepSpec:
        """The step with its settings, its undo, and the blocks of both. What can be judged always is."""
        settings = self._settings(work, run_path)
        body = False
        if "undo" in one.node.items:
            undo = one.node.items["undo"]
            draft["undo"], body = self._undo(undo, f"{one.path}.undo", run_path)
        blocks = settings.blocks
        if not blocks:
            self._merge_defaults(draft, settings.entry.waits)
        self._judge(one, draft, None if settings.spoiled else blocks)
        if "retry" in draft:
            draft["retry"] = self._retry(one, draft["retry"])
        places = self._places(one)
        step = StepSpec(
            id=one.id, path=run_path, settings=settings, blocks=settings.blocks, places=places, **draft
        )
        self._adopt(step, body)
        return step

    def _settings(self, work: Work | None, run_path: str) -> Settings[StepType[Any]]:
        def block(node: Node, path: str, form: BlockForm) -> Block | None:
            with self.read(node, path, run_path, "child", form) as found:
                return found

        if work is None or work.type is None:
            return standins.WORK
        return what_can_be_read(self.r, work.type, work.node, work.path, block=block)

    def _retry(self, one: _Written, found: Draft) -> Retry:
        node = one.node.items.get("retry")
        where, path = (node, f"{one.path}.retry") if node else (self.defaults.node, "defaults.retry")
        return finish_retry(self.r, found, where or one.place, path)

    def _adopt(self, step: StepSpec, body: bool) -> None:
        """Finish the blocks of *step*. Its ``max_parallel`` is theirs unless it is for its elements."""
        most = step.max_parallel if step.foreach is None else None
        for block in step.blocks:
            self.finish(block, step, most)
        if step.undo is not None:
            self.finish(step.undo, step, None, body=body)

    def _undo(self, node: Node, path: str, run_path: str) -> tuple[Block | None, bool]:
        """``undo``: one step body, or a block; and which of them."""
        if not (node.is_mapping and node.items and is_body(self.r, node)):
            with self.read(node, path, f"{run_path}.undo", "undo", _EITHER) as block:
                return block, False
        index = len(self.specs)
        self.specs.append(None)
        step = self.step(_Written("undo", node, node, path, made_up=True), f"{run_path}.undo", "body")
        self._unfinished[index] = {
            "steps": (step,),
            "form": "sequence",
            "role": "undo",
            "place": self.r.report.place(node.mark, path),
        }
        return Block(index, ("undo",)), True

    # --- how keys go together ------------------------------------------------------------------------

    def _judge_form(self, node: Node, path: str, form: str, draft: Draft) -> None:
        """``id`` is for lists, ``needs`` for mappings; the step of an undo has neither."""
        if form == "graph" or (form == "body" and "id" in node.items):
            said = (
                "a step of a mapping has its key for an id"
                if form == "graph"
                else "the step of an undo has no id"
            )
            self._report_key("TRD313", node, path, "id", said, "leave it out")
        if form != "graph" and "needs" in node.items:
            reasons = {
                "sequence": (
                    "steps in a list run in order, so they have no needs",
                    "write a mapping of steps",
                ),
                "together": (
                    "these steps all start at once, so they have no needs",
                    "write a mapping of steps",
                ),
                "body": ("the step of an undo has no needs", "leave it out"),
            }
            self._report_key("TRD313", node, path, "needs", *reasons[form])
            draft["needs"], draft["at_least"] = (), None

    def _judge(self, one: _Written, draft: Draft, blocks: tuple[Block, ...] | None) -> None:
        """Keys that do not go together; *blocks* None are not known."""
        node, path = one.node, one.path
        if "repeat" in draft and draft["repeat"].times is None and "deadline" not in node.items:
            fix = "write times in it, or deadline beside it"
            self._report_key("TRD106", node, path, "repeat", "nothing ends this repeat", fix)
        if (
            "max_parallel" in draft
            and "foreach" not in node.items
            and blocks is not None
            and len(blocks) != 1
        ):
            fix = "add foreach, or leave it out"
            self._report_key("TRD106", node, path, "max_parallel", "there is nothing to bound here", fix)
        if "undo_after" in draft and "undo" not in node.items:
            self._report_key(
                "TRD106", node, path, "undo_after", "'undo_after' is given without 'undo'", "add undo"
            )
        if draft.get("undo") is not None and any("undo" in block.ids for block in blocks or ()):
            said = "the id 'undo' in this step is also the path of its own undo"
            self._report_key("TRD202", node, path, "undo", said, "rename the inner step")

    def _report_key(self, code: str, node: Node, path: str, key: str, message: str, fix: str) -> None:
        self.r.report.add(code, node.key_mark(key), join(path, key), message, fix)

    def _places(self, one: _Written) -> dict[str, Place]:
        """Where each key's value stands; ``""`` is the step, and ``env.NAME`` each variable."""
        file, path = self.r.report.file, one.path
        items = one.node.items
        if one.node.mark is None:
            places = {key: Place(f"{path}.{key}", file) for key in items}
        else:
            places = {
                key: Place(f"{path}.{key}", file, item.mark.line + 1, item.mark.column + 1)
                for key, item in items.items()
            }
        places[""] = self.r.report.place(one.place.mark, path)
        inherited = self.defaults.node.items.get("env") if self.defaults.node else None
        for prefix, env in (("defaults", inherited), (path, items.get("env"))):
            if env is not None and env.is_mapping:
                for name, item in env.items.items():
                    places[f"env.{name}"] = self.r.report.place(item.mark, f"{prefix}.env.{name}")
        for key, inner in (("retry", "if"), ("repeat", "until")):
            if key in items or (key == "retry" and self.defaults.retry):
                self._place_inside(places, one, key, inner)
        return places

    def _place_inside(self, places: dict[str, Place], one: _Written, key: str, inner: str) -> None:
        """Where the expression *inner* of *key* stands; its own before that of ``defaults``."""
        inherited = self.defaults.node.items.get(key) if self.defaults.node else None
        for prefix, node in (("defaults", inherited), (one.path, one.node.items.get(key))):
            if node is not None and node.is_mapping and inner in node.items:
                path = f"{prefix}.{key}.{inner}"
                places[f"{key}.{inner}"] = self.r.report.place(node.items[inner].mark, path)


def _unknown_default(key: str) -> bool:
    return key not in _DEFAULTS and not key.startswith("x-")


def _type_name(node: Node) -> str:
    """What the made-up id of a list step begins with: its plugin, ``_`` for dots."""
    if not node.is_mapping:
        return "step"
    if "uses" in node.items:
        name = node.items["uses"].value
    else:
        name = next((key for key in node.items if key not in STEP_KEYS and not key.startswith("x-")), None)
    return name.replace(".", "_") if isinstance(name, str) and name else "step"
