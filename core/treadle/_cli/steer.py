"""Commands to a run, whoever drives it: ``pause cancel resolve approve reject signal``.

Rule: a command is a request in the store (`treadle._cli.requests`). Here the words of the command line only
become its arguments; whether they fit the run is found by whoever drives it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from treadle._cli.program import Complaint
from treadle.events import Resolve

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from treadle._kinds.store import RunInfo, StoreConnection

    Arguments = Mapping[str, Any] | Callable[[StoreConnection, RunInfo], Awaitable[Mapping[str, Any]]]

a_run = click.argument("run_name", metavar="RUN")
a_step = click.argument("step")
as_json_too = click.option("--json", "as_json", is_flag=True, help="Print the answer as one JSON object.")
some_fields = click.option(
    "--field", "fields", multiple=True, metavar="NAME=VALUE", help="One field; may be repeated."
)
a_comment = click.option("--comment", metavar="TEXT", help="For people: kept with the answer.")


def an_answer(command: Callable[..., int]) -> Callable[..., int]:
    """What ``approve`` and ``reject`` take."""
    return a_run(a_step(some_fields(a_comment(as_json_too(command)))))


@click.command()
@a_run
@as_json_too
def pause(run_name: str, as_json: bool) -> int:
    """Start nothing new in a run; what is in flight finishes.

    RUN is an id, the beginning of one, or last. `treadle resume` lets it go on.
    """
    return _steer(run_name, "pause", {}, as_json=as_json)


@click.command()
@a_run
@click.option("--rollback", is_flag=True, help="Undo what completed, before `finally`.")
@click.option("--reason", metavar="TEXT", help="For people: shown with the run.")
@as_json_too
def cancel(run_name: str, rollback: bool, reason: str | None, as_json: bool) -> int:
    """Cancel a run: what runs is stopped, then comes `finally`.

    RUN is an id, the beginning of one, or last. Nothing is undone unless --rollback asks for it.
    """
    return _steer(run_name, "cancel", {"reason": reason, "rollback": rollback}, as_json=as_json)


@click.command()
@a_run
@a_step
@click.option(
    "--as",
    "decision",
    required=True,
    type=click.Choice([str(each) for each in Resolve]),
    help="What becomes of the step.",
)
@click.option("--output", metavar="JSON", help="With complete or continue: what dependants read.")
@as_json_too
def resolve(run_name: str, step: str, decision: str, output: str | None, as_json: bool) -> int:
    """Decide about a step that waits for a decision.

    A step waits for one that failed and escalates, or of which nobody knows whether it did its work, since a
    crash interrupted it. RUN is an id, the beginning of one, or last; `treadle show RUN` lists what waits.
    """
    if output is not None and decision not in (Resolve.COMPLETE, Resolve.CONTINUE):
        raise Complaint(f"--output goes with --as complete or --as continue, not with --as {decision}")
    arguments = {"step": step, "decision": decision}
    given = {} if output is None else {"output": parsed(output, "--output")}
    return _steer(run_name, "resolve", {**arguments, **given}, as_json=as_json)


@click.command()
@an_answer
def approve(run_name: str, step: str, fields: tuple[str, ...], comment: str | None, as_json: bool) -> int:
    """Approve what a step waits for.

    RUN is an id, the beginning of one, or last; `treadle show RUN` lists what waits, and the fields it takes.
    """
    return _answer_approval("approve", run_name, step, fields, comment, as_json=as_json)


@click.command()
@an_answer
def reject(run_name: str, step: str, fields: tuple[str, ...], comment: str | None, as_json: bool) -> int:
    """Reject what a step waits for: it fails with the error `rejected`.

    RUN is an id, the beginning of one, or last; `treadle show RUN` lists what waits.
    """
    return _answer_approval("reject", run_name, step, fields, comment, as_json=as_json)


@click.command()
@a_run
@click.argument("name")
@click.option("--data", metavar="JSON", help="What comes with it; null unless given.")
@as_json_too
def signal(run_name: str, name: str, data: str | None, as_json: bool) -> int:
    """Send a signal to a run.

    A step that waits for a signal of that NAME takes it; one that comes early is kept until such a step does.
    RUN is an id, the beginning of one, or last.
    """
    payload = None if data is None else parsed(data, "--data")
    return _steer(run_name, "signal", {"name": name, "payload": payload}, as_json=as_json)


# --- what is asked ---------------------------------------------------------------------------------


def parsed(text: str, option: str) -> Any:
    """The JSON given with *option*."""
    try:
        return json.loads(text, parse_constant=_no_number)
    except ValueError as error:
        raise Complaint(
            f"{option} is not JSON: {error}; text stands in double quotes: {option} '\"…\"'"
        ) from None


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no number")


def _steer(run_name: str, command: str, arguments: Arguments, *, as_json: bool) -> int:
    """Ask the run for *command*, and tell its answer; the exit code.

    *arguments* that depend on what the run asks are made once it is known to go on.
    """
    from treadle._cli.requests import ask, show_answer
    from treadle._cli.stored import resolve_run, with_store

    async def steered(store: StoreConnection) -> int:
        info = await resolve_run(store, run_name)
        told = arguments
        if callable(told):
            told = {} if info.status.ended else await told(store, info)
        return show_answer(info, command, await ask(store, info, command, told), as_json=as_json)

    return with_store(steered)


def _answer_approval(
    command: str, run_name: str, step: str, given: tuple[str, ...], comment: str | None, *, as_json: bool
) -> int:
    texts = _pairs(given)

    async def arguments(store: StoreConnection, info: RunInfo) -> Mapping[str, Any]:
        declared = await _declared(store, info, step) if texts else {}
        fields = {name: _typed(declared.get(name), name, text) for name, text in texts.items()}
        told: dict[str, Any] = {"step": step, "fields": fields}
        return told if comment is None else {**told, "comment": comment}

    return _steer(run_name, command, arguments, as_json=as_json)


def _pairs(given: tuple[str, ...]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for written in given:
        name, sign, value = written.partition("=")
        if not sign or not name:
            raise Complaint(f"--field {written!r} is no field; write --field NAME=VALUE")
        if name in pairs:
            raise Complaint(f"--field {name} is given twice; give it once")
        pairs[name] = value
    return pairs


async def _declared(store: StoreConnection, info: RunInfo, step: str) -> Mapping[str, Any]:
    """The fields that the open question of *step* takes, as declared; empty where there is none."""
    from treadle._cli.history import History
    from treadle._cli.stored import events_of

    questions = History.fold(await events_of(store, info)).questions
    return next((each.data.get("fields") or {} for each in questions if each.step == step), {})


def _typed(declared: Mapping[str, Any] | None, name: str, text: str) -> Any:
    """*text* as a value of its declared type; whoever drives the run checks it."""
    from treadle._inputs import input_from_data, parse_input

    if declared is None:
        return text
    try:
        return parse_input(input_from_data(name, declared), text)
    except ValueError as error:
        raise Complaint(f"--field {name}: {error}") from None
