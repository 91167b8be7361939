"""What every store must do for many tasks at once, and for several connections."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import trio

from treadle.errors import Fenced
from treadle.testing._store.opening import Opening
from treadle.testing._stored import (
    ALL,
    NOON,
    append,
    claimed,
    listed,
    paged,
    records,
    request,
    run,
    with_blob,
)

if TYPE_CHECKING:
    from treadle._kinds.store import RunInfo, StoreConnection


class TogetherContract(Opening):
    """The tests."""

    async def test_many_tasks_write_and_read_at_once(self) -> None:
        async with self.open() as store:

            async def drive(name: str) -> None:
                await store.create(run(name, owner="me"), records(1, 1))
                for seq in range(1, 10):
                    assert await store.append([append(name, after=seq)]) == [None]
                    assert len(await store.load(name)) == seq + 1

            async with trio.open_nursery() as nursery:
                for number in range(50):
                    nursery.start_soon(drive, f"r{number}")
            assert len(await paged(store, ALL, 20)) == 50
            for number in range(50):
                assert await store.load(f"r{number}") == records(1, 10)

    async def test_of_many_that_claim_a_run_one_gets_it(self) -> None:
        async with self.open() as store:
            await store.create(run("a"), ())
            won: list[RunInfo] = []

            async def claim(owner: str) -> None:
                info = await store.claim("a", owner, now=NOON, until=NOON + 15)
                if info is not None:
                    won.append(info)

            async with trio.open_nursery() as nursery:
                for number in range(20):
                    nursery.start_soon(claim, f"owner {number}")
            assert len(won) == 1
            assert await store.info("a") == won[0]

    async def test_of_many_that_start_a_run_by_a_key_one_does(self) -> None:
        async with self.open() as store:
            started: list[str] = []

            async def start(name: str) -> None:
                started.append((await store.create(run(name, key="k"), records(1, 1))).id)

            async with trio.open_nursery() as nursery:
                for number in range(20):
                    nursery.start_soon(start, f"r{number}")
            assert len(started) == 20
            assert set(started) == set(await listed(store, ALL))
            assert len(set(started)) == 1

    async def test_a_cancelled_call_is_done_as_a_whole_or_not_at_all(self) -> None:
        async with self.open() as store:
            await store.create(run("a", owner="me"), records(1, 1))
            seen = 1
            for wait in range(12):
                with trio.CancelScope() as scope, trio.CancelScope() as inner:
                    async with trio.open_nursery() as nursery:
                        nursery.start_soon(_cancel_soon, inner, wait)
                        await store.append([append("a", after=seen, count=3)])
                        nursery.cancel_scope.cancel()
                assert not scope.cancelled_caught
                loaded = await store.load("a")
                seq = (await store.info("a")).seq
                if len(loaded) < seq:  # it was stored between the two
                    loaded = await store.load("a")
                assert len(loaded) == seq
                assert seq in (seen, seen + 3)
                seen = await _settled(store, "a")
                assert await store.load("a") == records(1, seen)
            assert await store.append([append("a", after=seen)]) == [None]

    async def test_a_call_in_a_cancelled_scope_is_cancelled(self) -> None:
        async with self.open() as store:
            await store.create(run("a"), ())
            with trio.CancelScope() as scope:
                scope.cancel()
                await store.info("a")
            assert scope.cancelled_caught
            assert (await store.info("a")).id == "a"

    # --- several connections ---

    async def test_what_was_stored_is_there_when_the_store_is_opened_again(self) -> None:
        async with self.open() as store:
            created = await store.create(run("a", owner="me", labels={"x": "y"}), [with_blob(1, b"large")])
            await store.ask(request("q1", "a"))
            await store.append([append("a", after=1)])
        async with self.reopen() as store:
            assert await store.load("a") == [with_blob(1, b"large"), *records(2, 1)]
            assert await store.info("a") == attrs.evolve(created, seq=2)
            assert await store.requests(["a"]) == [request("q1", "a")]

    async def test_two_connections_see_each_others_writes(self) -> None:
        async with self.open() as one, self.reopen() as other:
            before = await other.changes()
            await one.create(run("a"), records(1, 2))
            assert await other.changes() != before
            assert await other.load("a") == records(1, 2)
            await other.ask(request("q1", "a"))
            assert await one.requests(["a"]) == [request("q1", "a")]
            await one.answer("q1", {"answer": "accepted"})
            found = await other.asked("q1")
            assert found is not None
            assert found.answer == {"answer": "accepted"}

    async def test_two_connections_never_write_the_same_run(self) -> None:
        async with self.open() as one, self.reopen() as other:
            await one.create(run("a", owner="one", lease_until=NOON + 15), ())
            assert await other.claim("a", "other", now=NOON + 1, until=NOON + 20) is None
            taken = await claimed(other, "a", "other", now=NOON + 15)
            assert isinstance((await one.append([append("a", token=1, after=0)]))[0], Fenced)
            assert await one.renew({"a": 1}, until=NOON + 99) == {"a"}
            assert await other.append([append("a", token=taken.token, after=0)]) == [None]

    async def test_two_connections_write_at_the_same_time(self) -> None:
        async with self.open() as one, self.reopen() as other:

            async def drive(store: StoreConnection, name: str) -> None:
                await store.create(run(name, owner="me"), records(1, 1))
                for seq in range(1, 30):
                    assert await store.append([append(name, after=seq)]) == [None]

            async with trio.open_nursery() as nursery:
                for number in range(6):
                    nursery.start_soon(drive, (one, other)[number % 2], f"r{number}")
            for number in range(6):
                assert await (other, one)[number % 2].load(f"r{number}") == records(1, 30)

    async def test_of_two_connections_that_claim_a_run_one_gets_it(self) -> None:
        async with self.open() as one, self.reopen() as other:
            for number in range(20):
                await one.create(run(f"r{number}"), ())
                won: list[str] = []

                async def claim(
                    store: StoreConnection, owner: str, name: str = f"r{number}", won: list[str] = won
                ) -> None:
                    if await store.claim(name, owner, now=NOON, until=NOON + 15) is not None:
                        won.append(owner)

                async with trio.open_nursery() as nursery:
                    nursery.start_soon(claim, one, "one")
                    nursery.start_soon(claim, other, "other")
                assert won == [(await one.info(f"r{number}")).owner]


async def _cancel_soon(scope: trio.CancelScope, checkpoints: int) -> None:
    for _ in range(checkpoints):
        await trio.lowlevel.checkpoint()
    scope.cancel()


async def _settled(store: StoreConnection, run_id: str) -> int:
    """The number of its latest event once nothing of a cancelled call is under way: a write is behind it."""
    await store.renew({}, until=NOON)
    return (await store.info(run_id)).seq
