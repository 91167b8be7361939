from datetime import UTC, datetime, timedelta, timezone

import pytest
import trio

from treadle.testing import FakeStep
from treadle_std.steps.wait import Wait, treadle_step_types, wait

NOON = datetime(2030, 1, 31, 12, 0, tzinfo=UTC)


async def test_it_waits_as_long_as_it_says(autojump_clock):
    assert (await wait(Wait(for_=300.0), FakeStep())).waited == 300.0


async def test_waiting_for_nothing_is_over_at_once(autojump_clock):
    assert (await wait(Wait(for_=0.0), FakeStep())).waited == 0.0


async def test_it_waits_until_a_moment_by_the_wall_clock(autojump_clock):
    step = FakeStep(wall=NOON.timestamp() - 3_600)
    assert (await wait(Wait(until=NOON), step)).waited == pytest.approx(3_600)
    assert step.now() == pytest.approx(NOON.timestamp())


async def test_a_moment_in_another_zone_is_the_same_moment(autojump_clock):
    until = NOON.astimezone(timezone(timedelta(hours=9)))
    step = FakeStep(wall=NOON.timestamp() - 10)
    assert (await wait(Wait(until=until), step)).waited == pytest.approx(10)


async def test_a_moment_that_has_passed_waits_for_nothing(autojump_clock):
    assert (await wait(Wait(until=NOON), FakeStep(wall=NOON.timestamp() + 1))).waited == 0


async def test_a_wall_clock_that_is_put_back_is_waited_for(autojump_clock):
    class Adjusted(FakeStep):
        def now(self):
            shown = super().now()
            return shown - 100 if trio.current_time() - start >= 25 else shown

    start = trio.current_time()
    waited = await wait(Wait(until=NOON), Adjusted(wall=NOON.timestamp() - 50))
    assert waited.waited == pytest.approx(150)


async def test_it_can_be_cancelled(autojump_clock):
    with trio.move_on_after(5) as scope:
        await wait(Wait(for_=1e6), FakeStep())
    assert scope.cancelled_caught


@pytest.mark.parametrize("given", [{}, {"for_": 1.0, "until": NOON}])
def test_exactly_one_of_for_and_until_is_wanted(given):
    with pytest.raises(ValueError, match="write either for"):
        Wait(**given)


def test_a_moment_needs_a_zone():
    with pytest.raises(ValueError, match="until has no zone; add one, as Z or"):
        Wait(until=NOON.replace(tzinfo=None))


def test_its_entry_says_that_it_waits_and_may_be_repeated():
    (entry,) = treadle_step_types()
    assert (entry.name, entry.main, entry.waits, entry.repeatable) == ("wait", "for", True, True)
