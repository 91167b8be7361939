"""Blocks and their steps, into the table that `Spec.blocks` becomes.

Rule 1: a block's number is its place in the text; it is taken before its steps are read.
Rule 2: ids are lexical. An id that is written may not repeat one visible where it stands; one that is
  made up (``command_2`` in a list, ``undo``) may, and then hides it.
Rule 3: a step belongs to its blocks (`BlockSpec.owner`), so these are finished once the step is.
Rule 4: whatever is wrong with it, what was written as a step is one: nobody is told that it does not exist.
"""

from __future__ import annotations

import itertools
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

from treadle._kinds import Block, BlockForm, StepType
from treadle._model import BlockSpec, Retry, StepSpec
from treadle._spec import standins
from treadle._spec.defaults import Defaults
from treadle._spec.judging import judge_form, judge_keys, judge_waiting
from treadle._spec.keys import STEP_KEYS, Draft, finish_retry
from treadle._spec.lower import what_can_be_read
from treadle._spec.reading import Reading, TemplateUse, got
from treadle._spec.step_places import call_places, step_places
from treadle._spec.work import Named, Work, is_body, other_key, the_work
from treadle._spec.written import Written, form_of, steps_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from treadle._places import Place
    from treadle._settings import Settings
    from treadle._spec.nodes import Node

Role = Literal["steps", "child", "undo", "finally"]

_EITHER = BlockForm("sequence")
_TELLING = frozenset({"env", "foreach", "repeat", "when"})
"""Keys that say of other expressions and needs what they may mean; of `StepSpec.partial`."""


class Blocks:
    """The blocks of one document.

    Attributes:
      specs: the table; an entry is None while its steps are read.
      defaults: for the leaf steps that are read from now on.
    """

    def __init__(self, r: Reading) -> None:
        self.r = r
        self.specs: list[BlockSpec | None] = []
        self.defaults = Defaults()
        self.visible: dict[str, bool] = {}  # id -> whether it was made up
        self._unfinished: dict[int, Draft] = {}
        self._outside: list[tuple[TemplateUse, int]] = []  # with how many ids are visible where it is used

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
        found = form_of(self.r, node, path, form)
        written = steps_in(self.r, node, path, found == "graph") if found else []
        use = self.r.uses.get(id(node))
        if use is not None:
            self._outside.append((use, len(self.visible)))
        added = self._show(written)
        try:
            yield self._read(written, node, path, run_path, role, found) if found else None
        finally:
            if use is not None:
                self._outside.pop()
            if role != "steps":  # those stay visible, for `finally`
                for name in added:
                    del self.visible[name]

    def _read(
        self, written: list[Written], node: Node, path: str, run_path: str, role: Role, form: str
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

    def _show(self, written: list[Written]) -> list[str]:
        """Make the ids of a block visible; gives those that were not yet."""
        added: dict[str, None] = {}
        for one in written:
            if one.id not in self.visible:
                added[one.id] = None
                self.visible[one.id] = one.made_up
            elif one.id in added or not one.made_up:
                self._taken(one)
        return list(added)

    def _taken(self, one: Written) -> None:
        if one.made_up:
            said, fix = f"the id {one.id!r}, which this step gets by its position, is taken", "give it an id"
        else:
            said, fix = f"the id {one.id!r} is visible here already", "choose another id"
        for use, visible in self._outside:
            if one.id in itertools.islice(self.visible, visible):
                said = f"the template {use.name!r} has a step {one.id!r}, an id that is visible here already"
                self.r.problem("TRD202", use.named, one.path, said, "choose another id for one of them")
                return
        in_list = one.path.endswith("]")
        path = f"{one.path}.id" if in_list and not one.made_up else one.path
        self.r.problem("TRD202", one.place, path, said, fix)

    # --- steps ---------------------------------------------------------------------------------------

    def step(self, one: Written, run_path: str, form: str) -> StepSpec:
        """One step, with the blocks in it."""
        r, node, path = self.r, one.node, one.path
        if not node.is_mapping:
            fix = "write its work, as {command: make test}"
            if form == "graph" and one.id in r.registry.step_types:
                fix = f"write an id around it, as first: {{{one.id}: …}}, or a list of steps"
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
            judge_form(r, node, path, form, draft)
        work = the_work(r, node, one.place, path, named)
        if r.report.problems:
            self._note_partial(node, draft, misspelt=bool(named.unknown))
        return self._with_settings(work, draft, one, run_path)

    def _unreadable(self, one: Written, run_path: str) -> StepSpec:
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

    def _with_settings(self, work: Work | None, draft: Draft, one: Written, run_path: str) -> StepSpec:
        """The step with its settings, its undo, and the blocks of both. What can be judged always is."""
        settings = self._settings(work, run_path)
        body = False
        if "undo" in one.node.items:
            undo = one.node.items["undo"]
            draft["undo"], body = self._undo(undo, f"{one.path}.undo", run_path)
        blocks = settings.blocks
        if not blocks:
            self.defaults.merge_into(draft, waits=settings.entry.waits)
        judge_keys(self.r, one, draft, None if settings.spoiled else blocks)
        judge_waiting(self.r, one, settings.entry)
        if "retry" in draft:
            draft["retry"] = self._retry(one, draft["retry"])
        places = step_places(self.r.report, one, self.defaults)
        if work is not None and not settings.spoiled:
            places.update(call_places(self.r.report, work))
        use = None if work is None else self.r.uses.get(id(work.node))
        step = StepSpec(
            id=one.id,
            path=run_path,
            settings=settings,
            blocks=settings.blocks,
            places=places,
            given=() if use is None else use.given,
            **draft,
        )
        self._adopt(step, body)
        return step

    def _settings(self, work: Work | None, run_path: str) -> Settings[StepType[Any]]:
        def block(node: Node, path: str, form: BlockForm) -> Block | None:
            if form.body and self._is_body(node):
                return self._body(node, path, run_path, path.rpartition(".")[2], "child")
            with self.read(node, path, run_path, "child", form) as found:
                return found

        if work is None or work.type is None:
            return standins.WORK
        probed = work.type.waits  # what they wait for, and how long, is judged before the run is weeks old
        return what_can_be_read(self.r, work.type, work.node, work.path, block=block, probed=probed)

    def _retry(self, one: Written, found: Draft) -> Retry:
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
        if not self._is_body(node):
            with self.read(node, path, f"{run_path}.undo", "undo", _EITHER) as block:
                return block, False
        return self._body(node, path, run_path, "undo", "undo"), True

    def _is_body(self, node: Node) -> bool:
        return node.is_mapping and bool(node.items) and is_body(self.r, node)

    def _body(self, node: Node, path: str, run_path: str, step_id: str, role: Role) -> Block:
        """The block of one step that is written alone."""
        index = len(self.specs)
        self.specs.append(None)
        one = Written(step_id, node, node, path, made_up=True)
        step = self.step(one, f"{run_path}.{step_id}", "body")
        self._unfinished[index] = {
            "steps": (step,),
            "form": "sequence",
            "role": role,
            "place": self.r.report.place(node.mark, path),
        }
        return Block(index, (step_id,))
