"""Taking back what completed.

Rule 1: newest completion first, one at a time; a failed undo is recorded, and the rest still run.
Rule 2: a rollback is not interrupted by a cancel of the run, so each undo has a bound of its own; inside a
block, where a cancel could reach it, it is shielded within that bound. A pause holds up both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from treadle._engine.scope import Scope, error_names
from treadle._engine.stop import Stopper, Timer
from treadle._frontier import ABSENT, Cause
from treadle.errors import Failure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from treadle._engine.run import Run
    from treadle._engine.undo import Owed
    from treadle._plan.blocks import BlockPlan
    from treadle.events import Event

CLEANUP_SECONDS = 300.0
"""The bound of an undo, or of ``finally``, that does not allow itself more."""


async def take_back(run: Run, owed: Sequence[Owed], *, shielded: bool) -> list[str]:
    """Undo *owed*, in the order given; what failed, as sentences."""
    problems = []
    for entry in owed:
        done = None if run.past is None else run.past.undos.get(entry.seq)
        if done is None or done.type == "step.undoing":
            error = await _undo(run, entry, shielded, done)
        else:
            error = Failure.from_data(done.data["error"]) if "error" in done.data else None
        if error is not None:
            problems.append(f"{entry.path}: {error.message}")
    return problems


def allowance(block: BlockPlan) -> float:
    """Seconds for an undo, or for ``finally``: five minutes, and what its steps allow themselves."""
    return CLEANUP_SECONDS + sum(step.deadline or step.timeout or 0.0 for step in block.steps)


async def _undo(run: Run, entry: Owed, shielded: bool, begun: Event | None) -> Failure | None:
    """Take *entry* back; *begun*: the event that says that this had begun when the journal ended."""
    from treadle._engine.frame import Frame

    of = {"of": entry.seq}
    taken = 0.0
    if begun is None:
        run.emit("step.undoing", entry.path, entry.attempt, of, entry.labels)
    elif run.past is not None:
        taken = run.past.driven - run.past.undoing_driven[entry.seq]
    assert entry.spec.undo is not None
    block = run.plan.blocks[entry.spec.undo.index]
    names = {"output": None if entry.output is ABSENT else entry.output, "attempt": entry.attempt}
    names["error"] = None if entry.error is None else error_names(entry.error)
    timer = Timer(Stopper(None), Cause("timeout", f"the undo was not done after {allowance(block):g} s"))
    prefix = entry.path if block.spec.body else f"{entry.path}.undo"
    scope = Scope(entry.scope, names=names)
    frame = Frame(run, block, outer=timer, scope=scope, prefix=prefix, labels=entry.labels)
    with run.clock.limit(timer, allowance(block) - taken, shield=shielded):
        await frame.drive()
    error = frame.failure
    if error is None and frame.halted:  # only its time can have stopped it
        error = Failure("timeout", timer.cause.text)
    if error is None:
        run.emit("step.undone", entry.path, entry.attempt, of, entry.labels)
    else:
        run.emit("step.undo_failed", entry.path, entry.attempt, of | {"error": error.to_data()}, entry.labels)
    return error
