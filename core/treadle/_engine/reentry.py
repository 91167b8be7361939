"""A step that had not settled when its journal ended, taken up again.

    nothing journaled ── begins            between attempts ── waits for what is left of the delay
    a person was asked ── asks again       an attempt in flight ── is entered again where it is a block, a
                                           foreach or a wait; is lost, and the next one made, where the step
                                           is repeatable; else nobody knows, and a person is asked

Rule 1: an attempt that may have taken effect is never silently made again unless its step is repeatable.
Rule 2: an undo must bear being run again, unless it says that it does not.
Rule 3: in a block that had been stopped, an attempt in flight was being cancelled, and is so still.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import attrs

from treadle._engine.ask import Question
from treadle._engine.evaluate import gathered_env
from treadle._engine.replay import replay, strike_undone
from treadle._engine.scope import Scope
from treadle._engine.settlement import left_unknown
from treadle._engine.stop import first_cause
from treadle._engine.undo import undo_inside
from treadle._past import MOST_LOST, Resume, StepPast, resume_point
from treadle._settings import SettingsError
from treadle.errors import Failure, StepError
from treadle.events import Resolve

if TYPE_CHECKING:
    from treadle._engine.foreach import Elements
    from treadle._engine.frame import Frame
    from treadle._engine.run import Run
    from treadle._engine.step import StepRun
    from treadle._engine.undo import UndoLog
    from treadle._model import StepSpec
    from treadle.events import Event


@attrs.define(eq=False, repr=False)
class TakenUp:
    """What is still to be done with the past of a step.

    Attributes:
      told: the next start is journaled already.
      rounds: until the retrying of its latest round has been taken up again.
      drawn: how many delays that round's backoff had given.
      resting: seconds until the next attempt or round, where the journal ended between two.
      asked: until the question with which the journal ended has been put again.
      crashed: what the step fails with because crashes interrupted it.
    """

    rounds: StepPast | None
    told: bool = False
    drawn: int = 0
    resting: float | None = None
    asked: StepPast | None = None
    crashed: Failure | None = None


def take_up(step: StepRun, past: StepPast) -> None:
    """Have *step* go on from where the journal ended; emits what follows from that."""
    step.stand(past)
    if undo_inside(step.run, step.spec):
        for attempt in past.kept:
            step.inner = inner_again(step, attempt, None)
            step.keep_inner()
    taken = step.taken_up = TakenUp(past)
    match resume_point(past):
        case Resume.BETWEEN:
            event = past.retrying
            assert event is not None
            taken.resting = max(0.0, event.data["delay"] - (step.run.surroundings.now() - event.time))
        case Resume.ASKED:
            taken.asked = past
            if past.attempt and has_inside(step):
                step.enter_again()  # what it did is still to be undone, perhaps
        case Resume.IN_FLIGHT if enters_again(step) or first_cause(step.stopper) is not None:
            step.enter_again()
        case Resume.IN_FLIGHT:
            _interrupted(step, past, taken)


def restore(step: StepRun, settled: Event) -> None:
    """Have *step* stand as it did when *settled* told its outcome, for what it owes."""
    past = step.past
    assert past is not None
    step.stand(past)
    if step.spec.undo is not None and step.started and step.spec.env:
        with suppress(StepError):  # it may have secrets that cannot be had any more
            step.env = gathered_env(step)
    if undo_inside(step.run, step.spec) or (step.has_elements and step.spec.undo is not None):
        for attempt in (*past.kept, step.attempt):
            step.keep_inner()
            step.inner = inner_again(step, attempt, settled)


def has_inside(step: StepRun) -> bool:
    """Whether the work of *step* is made of steps."""
    return bool(step.spec.blocks) or step.has_elements


def enters_again(step: StepRun) -> bool:
    """Whether an attempt of *step* does nothing itself that a crash could interrupt."""
    return has_inside(step) or step.spec.type.waits


def repeatable(step: StepRun) -> bool:
    """Whether an attempt of *step* that was interrupted may simply be made again."""
    if step.spec.repeatable is None and step.frame.undoing:
        return True
    try:
        answer = _says_repeatable(step.spec)
        if answer is None:
            config = step.spec.settings.build(lambda one: step.run.evaluation.value(one, step.scope))
            answer = _says_repeatable(step.spec, config)
    except (SettingsError, StepError):
        return False
    return bool(answer)


def _says_repeatable(spec: StepSpec, config: Any = None) -> bool | None:
    """What a step or its type says; None: that takes its settings, *config*, which are not constant."""
    if spec.repeatable is not None:
        return spec.repeatable
    answer = spec.type.repeatable
    if isinstance(answer, bool):
        return answer
    config = spec.settings.constant if config is None else config
    return None if config is None else bool(answer(config))


def left_behind(run: Run, path: str, past: StepPast) -> tuple[str, dict[str, Any]] | None:
    """What to journal of a step whose attempt has just been ended with its process: type and data.

    None where the step stood otherwise, or only its settings as they will be can tell.
    """
    spec = run.plan.resolve(path)
    if past.settled is not None or resume_point(past) is not Resume.IN_FLIGHT or spec is None:
        return None
    *outer, last = path.split(".")
    if spec.blocks or spec.type.waits or "undo" in (*outer, last) or (spec.foreach and not last.isdigit()):
        return None
    answer = _says_repeatable(spec)
    if answer is None:
        return None
    if not answer:
        return "step.unknown", _doubt(path, past.attempt)
    told = {"error": _error(path, past.attempt).to_data(), "delay": 0.0, "lost": True, "suspended": True}
    return "step.retrying", told


def _doubt(path: str, attempt: int) -> dict[str, Any]:
    return {
        "for": "unknown",
        "error": _error(path, attempt).to_data(),
        "prompt": f"did attempt {attempt} of {path} take effect?",
        "timeout": None,
        "on_timeout": None,
        "decisions": [str(decision) for decision in Resolve],
    }


def _interrupted(step: StepRun, past: StepPast, taken: TakenUp) -> None:
    """The attempt in flight is gone, and whether it took effect is not known."""
    run = step.run
    if repeatable(step):
        if past.lost + 1 >= MOST_LOST:
            text = f"{MOST_LOST} attempts of {step.path} in a row were interrupted by the end of the process"
            taken.crashed = Failure("crash", text)
            return
        told = {"error": _error(step.path, step.attempt).to_data(), "delay": 0.0, "lost": True}
        run.emit("step.retrying", step.path, step.attempt, told, step.labels)
    elif step.frame.undoing:
        taken.crashed = _error(step.path, step.attempt)
    else:
        run.emit("step.unknown", step.path, step.attempt, _doubt(step.path, step.attempt), step.labels)
        past.take(run.history[-1], 0.0)
        run.questions[step.path] = Question.of(run, run.history[-1])  # whoever sees the event can answer
        taken.asked = past


def _error(path: str, attempt: int) -> Failure:
    text = (
        f"attempt {attempt} of {path} was in flight when its process ended;"
        " whether it took effect is not known"
    )
    return Failure("crash", text)


def inner_again(step: StepRun, attempt: int, settled: Event | None) -> list[Frame | Elements]:
    """The blocks, or the elements, of an attempt that has ended, for what they owe.

    *settled*: the event with which the step settled; what was undone before that is owed no more.
    """
    from treadle._engine.foreach import Elements
    from treadle._engine.frame import Frame

    run = step.run
    assert run.past is not None
    before = len(run.history) if settled is None else settled.seq or 0
    if step.has_elements:
        elements = Elements.again(step)
        for element in elements.known_open():
            _left_unknown(element, elements.undo)
        strike_undone(elements.undo, run.past, before)
        return [elements]
    prefix = step.inside_of(attempt)
    ids = {path.rpartition(".")[2] for path in run.past.state.inside(prefix)}
    places = None if settled is None else settled.data.get("blocks")
    frames: list[Frame | Elements] = []
    for place, block in enumerate(step.spec.blocks):
        if ids.isdisjoint(block.ids) or (places is not None and place not in places):
            continue
        scope = step.scope if step.env is None else Scope(step.scope, names={"env": step.env})
        frame = Frame.inside(step, block, place, scope=scope, prefix=prefix)
        for index in replay(frame, run.past):
            if settled is not None:
                _left_unknown(frame.step(index), frame.undo)
        strike_undone(frame.undo, run.past, before)
        frames.append(frame)
    return frames


def _left_unknown(step: StepRun, undo: UndoLog) -> None:
    """Owe what *step* does if it was unknown, and left so, when its block was cancelled with the run."""
    if step.past is not None and step.past.unknown and step.past.settled is None:
        step.stand(step.past)
        left_unknown(step, undo)
