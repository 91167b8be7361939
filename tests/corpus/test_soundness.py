"""The type checker never lies: what generated specs give when they run is what was said of it.

Only the outside world is made up, by a random source: what programs, peers, functions and other
workflows say. Everything else is as ever, in virtual time; the truth about the outside is in ``tests/std``.
"""

from __future__ import annotations

import random
import string
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
import trio
from tests.corpus.valid import valid_spec
from tests.std.truth import Inferred, recorded

import treadle
from treadle.plugin import StepError
from treadle_std.steps import _exchange, command, python, shell, workflow
from treadle_std.steps._answers import HttpAnswer
from treadle_std.steps._execution import CommandOutput

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.std.truth import Recorded

    from treadle.plugin import Step

MANY = 150
HOURS = 3600.0
SECRETS = {"API_KEY": "key-of-the-api", "HOOK_URL": "https://hooks.example/hook"}
FAILURES = ("exit.3", "timeout", "http.503", "python.OSError")


class World:
    """What there is outside of runs."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng

    async def goes_wrong(self) -> None:
        """Take a while, and fail now and then."""
        await trio.sleep(self.rng.choice([0, 0.1, 5]))
        if self.rng.random() < 0.15:
            raise StepError(self.rng.choice(FAILURES), "the world is like that")

    def text(self) -> str:
        return "".join(self.rng.choices(string.printable, k=self.rng.choice([0, 1, 2, 12])))

    def data(self, depth: int = 2) -> Any:
        scalars = [None, True, 0, -3, 2.5, self.text(), {}, []]
        if depth and self.rng.random() < 0.5:
            return self.rng.choice([[self.data(depth - 1)], {"k": self.data(depth - 1), "l": self.data(0)}])
        return self.rng.choice(scalars)

    async def execute(self, _name: str, _argv: Any, settings: Any, _step: Step) -> CommandOutput:
        await self.goes_wrong()
        return CommandOutput(
            exit_code=self.rng.choice(settings.ok),
            stdout=self.text(),
            stderr=self.text(),
            json=self.data() if settings.parse == "json" else None,
            lines=self.text().split("\n") if settings.parse == "lines" else None,
            truncated=self.rng.choice([0, 7]),
        )

    async def exchange(self, request: Any, call: Any, _step: Step) -> HttpAnswer:
        await self.goes_wrong()
        return HttpAnswer(
            status=200,
            headers={"x-a": self.text()},
            body=None if call.parse == "none" else self.text(),
            json=self.data(),
            url=request.url,
            elapsed=self.rng.random(),
        )

    async def call(self, _config: Any, _step: Step) -> Any:
        await self.goes_wrong()
        return self.data()

    async def run_workflow(self, _config: Any, _step: Step) -> Any:
        await self.goes_wrong()
        return {"a": self.data()}

    def given(self, declared: Mapping[str, Any]) -> dict[str, Any]:
        """Inputs as `valid_spec` declares them; some of those that may be left out are."""
        all_ = {
            "tag": "v1.2",
            "title": self.text(),
            "env": self.rng.choice(["dev", "prod"]),
            "count": self.rng.randint(-100, 5000),
            "share": self.rng.choice([-1, 0.5, 7]),
            "canary": self.rng.random() < 0.5,
            "hosts": [self.text() for _ in range(self.rng.randint(0, 3))],
            "sizes": [self.rng.choice([1, 2.5, -3]) for _ in range(self.rng.randint(0, 3))],
            "extra": {"k": self.data(), self.text(): 1},
            "note": self.text(),
        }
        needed = {
            name for name, one in declared.items() if one.required and one.default is None and name in all_
        }
        return {
            name: value
            for name, value in all_.items()
            if name in declared and (name in needed or self.rng.random() < 0.5)
        }

    async def answer(self, run: treadle.Run) -> None:
        """Answer what *run* asks, most of the time, until it has ended."""
        async for event in run.events():
            if event.type != "step.waiting" or event.step is None or self.rng.random() < 0.1:
                continue
            with suppress(treadle.Refused):  # it has gone on, or wants something else
                await self._answer(run, event)

    async def _answer(self, run: treadle.Run, event: treadle.Event) -> None:
        assert event.step is not None
        if "signal" in str(event.data):
            await run.signal("parcel.left", {"order": 3, "name": "x", "more": self.data()})
        elif self.rng.random() < 0.7:
            await run.approve(event.step, {"ticket": "OPS-1", "count": self.rng.randint(0, 9)})
        else:
            await run.reject(event.step)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    made = World(random.Random(0))
    monkeypatch.setattr(command, "execute", made.execute)
    monkeypatch.setattr(shell, "execute", made.execute)
    monkeypatch.setattr(_exchange, "exchange", made.exchange)
    monkeypatch.setattr(python, "call", made.call)
    monkeypatch.setattr(workflow, "run_workflow", made.run_workflow)
    return made


async def lies_in(seed: int, world: World, monkeypatch: pytest.MonkeyPatch) -> tuple[list[str], set[str]]:
    """What was said of a spec and is not so when it runs; and the step types that completed in it."""
    world.rng.seed(seed)
    registry = treadle.Registry.of()  # made here: it has the step types as they are now
    spec = treadle.from_data(valid_spec(seed), registry=registry)
    with recorded(monkeypatch) as seen:
        async with treadle.open_engine(
            registry=registry, seed=seed, secrets=SECRETS, limiters={"db": 2}
        ) as engine:
            run = await engine.start(spec, world.given(spec.inputs))
            with trio.move_on_after(100 * HOURS):
                await world.answer(run)
            state = run.state()
    inferred = Inferred(spec)
    done = {
        inferred.plan.resolve(path).type.name  # type: ignore[union-attr]
        for path, step in state.steps.items()
        if step.status == "completed"
    }
    return [*inferred.lies_of(state), *inferred.lies_about(seen), *absent_in(seen)], done


def absent_in(seen: Recorded) -> list[str]:
    """What an expression found missing without a ``default``; if vars failed, `finally` has none."""
    return [said for _, said in seen.failed if "is absent" in said and "vars has no" not in said]


@pytest.mark.parametrize("seed", range(MANY))
async def test_what_a_generated_spec_gives_is_what_was_said_of_it(
    seed: int, world: World, monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    found, _ = await lies_in(seed, world, monkeypatch)
    assert found == []


async def test_in_the_generated_specs_every_step_type_completes(
    world: World, monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    completed: set[str] = set()
    for seed in range(30):
        completed |= (await lies_in(seed, world, monkeypatch))[1]
    assert completed == treadle.Registry.of().step_types.keys() - {"fail"}
