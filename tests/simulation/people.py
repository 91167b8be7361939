"""Those who give commands to a run: each as a request with an id, given again until it is answered.

Rule: an id that the journal answers is not asked for again, so a command that a crash took away is, and one
that it did not is not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs
import trio

from treadle._engine import control
from treadle.plugin import Request

if TYPE_CHECKING:
    from tests.simulation.crashes import Notes, Person

    from treadle._engine.run import Run

Command = tuple[float, str, str]
"""When, in seconds; what; and which decision, where it is to resolve."""

LATE = 24.0
"""Seconds from which whoever still waits is answered, and what is paused goes on."""

_FOR_APPROVALS = {"fail": "reject", "rollback": "reject"}


def give(run: Run, request_id: str, command: str, **arguments: Any) -> Mapping[str, Any]:
    """Hand a command over; the answer."""
    request = Request(
        id=request_id,
        run=run.id,
        command=command,
        arguments=arguments,
        by="somebody",
        time=run.surroundings.now(),
    )
    return control.apply(run, request)


def truth(ledger: Notes, path: str) -> dict[str, Any]:
    """What someone decides about an unknown step who looks whether its latest attempt did its work."""
    latest = next((what for _, what, name in reversed(ledger.lines) if name == path), None)
    if latest == "end":
        return {"decision": "complete", "output": ledger.outputs[path]}
    return {"decision": "retry"}


def answer(run: Run, request_id: str, path: str, decision: str, **given: Any) -> None:
    """Answer the question of the step at *path*."""
    if run.questions[path].kind == "approval":
        give(run, request_id, _FOR_APPROVALS.get(decision, "approve"), step=path)
    else:
        give(run, request_id, "resolve", step=path, decision=decision, **given)


def _open(run: Run) -> list[str]:
    return sorted(path for path, question in run.questions.items() if question.answer is None)


# --- on the clock ---


def punctual(given: Sequence[Command]) -> Person:
    """Gives each of *given* in its time, or as soon after as there is a process; then ends all waiting."""

    async def attend(run: Run, ledger: Notes) -> None:
        for number, (when, command, decision) in enumerate(given):
            await trio.sleep_until(when)
            if f"c{number}" not in run.handled:
                _obey(run, f"c{number}", command, decision)
        await trio.sleep_until(LATE)
        while True:
            _end_waiting(run, ledger)
            await trio.sleep(1)

    return attend


def _obey(run: Run, request_id: str, command: str, decision: str) -> None:
    match command:
        case "resolve":
            for path in _open(run)[:1]:
                answer(run, request_id, path, decision)
        case "cancel and roll back":
            give(run, request_id, "cancel", rollback=True)
        case _:
            give(run, request_id, command)


def _end_waiting(run: Run, ledger: Notes) -> None:
    if run.held:
        give(run, f"late {len(run.history)}", "resume")
    for path in _open(run):
        unknown = run.questions[path].kind == "unknown" and run.can_retry(path)
        decided = truth(ledger, path) if unknown else {"decision": "complete"}
        answer(run, f"late {len(run.history)}", path, **decided)
        if path in run.questions and run.questions[path].answer is None:  # a choice that is not offered
            answer(run, f"late {len(run.history)}", path, "continue")


# --- on the journal ---


@attrs.frozen
class Wish:
    """A command to be given once the journal has an event of this type, of this step; or the nth such."""

    after: str
    step: str | None
    command: str
    arguments: Mapping[str, Any] = attrs.field(factory=dict)
    nth: int = 1


def wishing(wishes: Sequence[Wish] = ()) -> Person:
    """Gives each of *wishes* once it is time for it, and tells the truth about unknown steps."""

    async def attend(run: Run, ledger: Notes) -> None:
        while True:
            before = len(run.history)
            for number, wish in enumerate(wishes):
                if f"w{number}" not in run.handled and _is_due(run, wish):
                    give(run, f"w{number}", wish.command, **wish.arguments)
            for path in _open(run):
                if run.questions[path].kind == "unknown":
                    question = run.questions[path]
                    answer(run, f"u{path}#{question.attempt}", path, **truth(ledger, path))
            if len(run.history) == before:
                await run.changed()

    return attend


def _is_due(run: Run, wish: Wish) -> bool:
    stored = run.history[: run.durable_seq]
    return sum((event.type, event.step) == (wish.after, wish.step) for event in stored) >= wish.nth
