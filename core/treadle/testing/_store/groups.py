"""What every store must do for runs that share a concurrency key."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio

from treadle._kinds.store import RunFilter, StoreConnection
from treadle.errors import Fenced, GroupFull, NoSuchRun
from treadle.events import RunStatus
from treadle.testing._store.opening import Opening
from treadle.testing._stored import ALL, NOON, append, claimed, listed, missing, records, run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from treadle._kinds.store import RunInfo


def _member(name: str, until: float = NOON + 15) -> RunInfo:
    return run(name, group="g", owner=f"of {name}", lease_until=until)


async def _created(store: StoreConnection, *names: str) -> None:
    """Runs of one group, in this order, each held."""
    for name in names:
        await store.create(_member(name), records(1, 1))


async def _admit(store: StoreConnection, name: str, *, limit: int = 1, now: float = NOON) -> Sequence[str]:
    token = (await store.info(name)).token
    return list(await store.admit(name, token, limit=limit, now=now))


async def _end(store: StoreConnection, name: str) -> None:
    info = await store.info(name)
    ends = append(name, after=info.seq, token=info.token, status=RunStatus.COMPLETED, ended_at=NOON)
    assert await store.append([ends]) == [None]


class GroupContract(Opening):
    """The tests."""

    async def test_a_run_waits_for_those_of_its_group_that_have_a_place(self) -> None:
        async with self.open() as store:
            await _created(store, "a", "b")
            assert await _admit(store, "a") == []
            assert await _admit(store, "b") == ["a"]
            assert [(await store.info(name)).admitted for name in "ab"] == [True, False]
            assert await listed(store, RunFilter(group="g")) == ["b", "a"]
            await _end(store, "a")
            assert await _admit(store, "b") == []

    async def test_a_place_is_given_once_and_kept(self) -> None:
        async with self.open() as store:
            await _created(store, "a", "b")
            assert await _admit(store, "a") == []
            assert await _admit(store, "a") == []
            await store.release("a", 1)
            assert await _admit(store, "b", now=NOON + 1000) == ["a"]
            await claimed(store, "a", "another", now=NOON + 1000)
            assert await _admit(store, "a", now=NOON + 1000) == []

    async def test_as_many_have_a_place_as_the_limit_of_who_asks(self) -> None:
        async with self.open() as store:
            await _created(store, "a", "b", "c")
            assert [await _admit(store, name, limit=2) for name in "abc"] == [[], [], ["a", "b"]]
            assert await _admit(store, "c", limit=3) == []

    async def test_places_are_given_in_the_order_of_creation(self) -> None:
        async with self.open() as store:
            await _created(store, "c", "b", "a")
            assert await _admit(store, "a") == ["c", "b"]
            assert await _admit(store, "b") == ["c"]
            assert await _admit(store, "c") == []
            await _end(store, "c")
            assert await _admit(store, "a") == ["b"]

    async def test_one_that_waits_and_is_held_by_nobody_blocks_nobody(self) -> None:
        async with self.open() as store:
            await store.create(_member("lapsed", until=NOON + 5), records(1, 1))
            await store.create(run("let go", group="g"), records(1, 1))
            await store.create(_member("new"), records(1, 1))
            assert await _admit(store, "new", now=NOON + 4) == ["lapsed"]
            assert await _admit(store, "new", now=NOON + 5) == []
            await claimed(store, "lapsed", "me", now=NOON + 6)
            assert await _admit(store, "lapsed", now=NOON + 6) == ["new"]

    async def test_a_run_without_a_group_or_of_another_waits_for_nobody(self) -> None:
        async with self.open() as store:
            await _created(store, "a")
            await store.create(run("b", owner="me", lease_until=NOON + 15), records(1, 1))
            await store.create(run("c", group="G", owner="me", lease_until=NOON + 15), records(1, 1))
            assert [await _admit(store, name) for name in "abc"] == [[], [], []]

    async def test_only_who_holds_a_run_has_it_admitted(self) -> None:
        async with self.open() as store:
            await _created(store, "a")
            with pytest.raises(Fenced):
                await store.admit("a", 7, limit=1, now=NOON)
            await store.release("a", 1)
            with pytest.raises(Fenced):
                await store.admit("a", 1, limit=1, now=NOON)
            with pytest.raises(NoSuchRun):
                await store.admit("gone", 1, limit=1, now=NOON)
            assert not (await store.info("a")).admitted

    async def test_a_run_that_does_not_wait_has_its_place_from_the_beginning_or_is_not_there(self) -> None:
        async with self.open() as store:
            first = await store.create(run("a", group="g"), records(1, 1), limit=1)
            assert first.admitted
            assert await store.info("a") == first
            with pytest.raises(GroupFull) as full:
                await store.create(_member("b"), records(1, 1), limit=1)
            assert (full.value.group, list(full.value.runs)) == ("g", ["a"])
            await missing(store, "b")
            assert (await store.create(_member("c"), records(1, 1), limit=2)).admitted

    async def test_it_does_not_overtake_one_that_waits_held_or_not(self) -> None:
        async with self.open() as store:
            await store.create(run("a", group="g"), records(1, 1))
            with pytest.raises(GroupFull):
                await store.create(_member("b"), records(1, 1), limit=1)

    async def test_its_key_comes_before_its_group(self) -> None:
        async with self.open() as store:
            first = await store.create(run("a", group="g", key="k"), records(1, 1), limit=1)
            assert await store.create(run("b", group="g", key="k"), records(1, 1), limit=1) == first

    async def test_of_many_that_do_not_wait_one_is_created(self) -> None:
        async with self.open() as store:
            refused: list[GroupFull] = []

            async def create(name: str) -> None:
                try:
                    await store.create(_member(name), records(1, 1), limit=1)
                except GroupFull as error:
                    refused.append(error)

            async with trio.open_nursery() as nursery:
                for number in range(20):
                    nursery.start_soon(create, f"r{number}")
            assert len(refused) == 19
            assert len(await listed(store, ALL)) == 1

    async def test_an_admission_changes_the_number_that_others_look_at(self) -> None:
        async with self.open() as store:
            await _created(store, "a", "b")
            before = await store.changes()
            await _admit(store, "a")
            admitted = await store.changes()
            await _end(store, "a")
            assert len({before, admitted, await store.changes()}) == 3

    async def test_two_connections_share_a_group(self) -> None:
        async with self.open() as one, self.reopen() as two:
            await _created(one, "a")
            await _created(two, "b")
            assert await _admit(two, "b") == ["a"]
            assert await _admit(one, "a") == []
            assert await _admit(two, "b") == ["a"]
            await _end(one, "a")
            assert await _admit(two, "b") == []
