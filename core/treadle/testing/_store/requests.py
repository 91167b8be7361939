"""What every store must do with requests to runs, and how others learn of them."""

from __future__ import annotations

import attrs
import pytest

from treadle.errors import NoSuchRun
from treadle.testing._store.opening import Opening
from treadle.testing._stored import NOON, request, run


class RequestContract(Opening):
    """The tests."""

    async def test_a_request_is_there_until_it_is_answered(self) -> None:
        asked = request("q1", "a", arguments={"path": "x", "deep": {"ä": [1, 2.5, None, True]}})
        answer = {"answer": "accepted", "state": "running"}
        async with self.open() as store:
            await store.create(run("a"), ())
            await store.ask(asked)
            assert await store.requests(["a"]) == [asked]
            assert await store.asked("q1") == asked
            await store.answer("q1", answer)
            assert list(await store.requests(["a"])) == []
            assert await store.asked("q1") == attrs.evolve(asked, answer=answer)

    async def test_a_request_made_twice_is_one(self) -> None:
        async with self.open() as store:
            await store.create(run("a"), ())
            await store.ask(request("q1", "a"))
            await store.ask(request("q1", "a", command="cancel"))
            assert await store.requests(["a"]) == [request("q1", "a")]
            await store.answer("q1", {"answer": "accepted"})
            await store.ask(request("q1", "a"))
            assert list(await store.requests(["a"])) == []

    async def test_only_the_first_answer_counts(self) -> None:
        async with self.open() as store:
            await store.create(run("a"), ())
            await store.ask(request("q1", "a"))
            await store.answer("q1", {"answer": "refused"})
            await store.answer("q1", {"answer": "accepted"})
            await store.answer("unknown", {"answer": "accepted"})
            found = await store.asked("q1")
            assert found is not None
            assert found.answer == {"answer": "refused"}
            assert await store.asked("unknown") is None

    async def test_requests_come_in_the_order_in_which_they_were_made(self) -> None:
        async with self.open() as store:
            for name in "ab":
                await store.create(run(name), ())
            # A clock that goes back must not turn a pause and a resume around.
            for number, name in enumerate("abaab"):
                await store.ask(request(f"q{number}", name, time=NOON - number))
            assert [each.id for each in await store.requests(["b", "a"])] == ["q0", "q1", "q2", "q3", "q4"]
            assert [each.id for each in await store.requests(["a"])] == ["q0", "q2", "q3"]
            assert list(await store.requests([])) == []

    async def test_a_request_to_a_run_that_is_not_there_is_refused(self) -> None:
        async with self.open() as store:
            with pytest.raises(NoSuchRun):
                await store.ask(request("q1", "gone"))
            assert await store.asked("q1") is None

    # --- changes ---

    async def test_what_another_engine_must_see_changes_the_number(self) -> None:
        async with self.open() as store:
            await store.create(run("a"), ())
            before = await store.changes()
            await store.ask(request("q1", "a"))
            asked = await store.changes()
            assert asked != before
            await store.answer("q1", {"answer": "accepted"})
            answered = await store.changes()
            assert answered != asked
            await store.create(run("b"), ())
            created = await store.changes()
            assert created != answered
            await store.claim("a", "me", now=NOON, until=NOON + 1)
            claimed = await store.changes()
            assert claimed != created
            await store.release("a", 1)
            assert await store.changes() != claimed

    async def test_while_nobody_writes_the_number_stays(self) -> None:
        async with self.open() as store:
            await store.create(run("a"), ())
            before = await store.changes()
            await store.info("a")
            await store.load("a")
            await store.requests(["a"])
            assert await store.changes() == before
