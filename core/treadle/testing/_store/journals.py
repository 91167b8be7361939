"""What every store must do with journals: take them, and give them back as they were."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from treadle._kinds.store import Record
from treadle.errors import Conflict, Fenced, NoSuchRun
from treadle.events import RunStatus
from treadle.testing._store.opening import Opening
from treadle.testing._stored import NOON, append, claimed, missing, records, run, with_blob


class JournalContract(Opening):
    """The tests."""

    async def test_what_was_created_and_appended_is_loaded_in_order(self) -> None:
        async with self.open() as store:
            await store.create(run("a", owner="me"), records(1, 2))
            assert await store.append([append("a", after=2, count=3)]) == [None]
            assert await store.load("a") == records(1, 5)
            assert (await store.info("a")).seq == 5

    async def test_a_created_run_has_what_it_was_created_with(self) -> None:
        given = run("a", key="k", labels={"team": "ops", "ümlaut": "ß 漢"}, owner="me", lease_until=NOON + 15)
        given = attrs.evolve(given, fingerprint="f", parent="p", started_at=NOON + 1)
        async with self.open() as store:
            created = await store.create(given, records(1, 1))
            assert created == attrs.evolve(given, seq=1, token=1, updated_at=NOON)
            assert await store.info("a") == created

    async def test_a_run_created_without_an_owner_is_nobodys(self) -> None:
        async with self.open() as store:
            created = await store.create(run("a", lease_until=NOON + 15), records(1, 1))
            assert (created.owner, created.token, created.lease_until) == (None, 0, 0.0)
            assert isinstance((await store.append([append("a", token=0, after=1)]))[0], Fenced)

    async def test_a_key_names_one_run_of_a_workflow(self) -> None:
        async with self.open() as store:
            first = await store.create(run("a", key="k"), records(1, 1))
            assert await store.create(run("b", key="k"), records(1, 3)) == first
            await missing(store, "b")
            assert (await store.create(run("c", key="k", workflow="other"), records(1, 1))).id == "c"
            assert (await store.create(run("d", key="K"), records(1, 1))).id == "d"

    async def test_runs_without_a_key_do_not_clash(self) -> None:
        async with self.open() as store:
            assert [(await store.create(run(name), ())).id for name in "abc"] == ["a", "b", "c"]

    async def test_an_id_is_taken_once(self) -> None:
        async with self.open() as store:
            await store.create(run("a"), records(1, 2))
            with pytest.raises(Conflict):
                await store.create(run("a", workflow="other", labels={"x": "y"}), records(1, 1))
            assert (await store.info("a")).workflow == "flow"
            assert await store.load("a") == records(1, 2)

    async def test_an_append_says_what_it_makes_of_the_run(self) -> None:
        async with self.open() as store:
            await store.create(run("a", owner="me"), records(1, 1))
            going = append("a", after=1, status=RunStatus.RUNNING, time=NOON + 1, started_at=NOON + 1)
            done = append("a", after=2, status=RunStatus.COMPLETED, time=NOON + 9, ended_at=NOON + 9)
            await store.append([going])
            info = await store.info("a")
            assert (info.status, info.updated_at, info.started_at) == (RunStatus.RUNNING, NOON + 1, NOON + 1)
            await store.append([done])
            info = await store.info("a")
            assert (info.status, info.updated_at, info.ended_at) == (
                RunStatus.COMPLETED,
                NOON + 9,
                NOON + 9,
            )
            assert info.started_at == NOON + 1  # as before, where an append does not say

    async def test_an_append_must_go_on_from_the_latest_event(self) -> None:
        async with self.open() as store:
            await store.create(run("a", owner="me"), records(1, 2))
            for after in (0, 1, 3):
                answers = await store.append([append("a", after=after)])
                assert isinstance(answers[0], Conflict)
                assert (answers[0].expected, answers[0].found) == (after, 2)
            gap = attrs.evolve(append("a", after=2), records=records(4, 1))
            assert isinstance((await store.append([gap]))[0], Conflict)
            assert await store.load("a") == records(1, 2)
            assert (await store.info("a")).seq == 2

    async def test_only_the_latest_token_may_append(self) -> None:
        async with self.open() as store:
            await store.create(run("a", owner="me"), records(1, 1))
            await claimed(store, "a", "you", now=NOON + 100)
            answers = await store.append([append("a", token=1, after=1), append("a", token=3, after=1)])
            assert [type(answer) for answer in answers] == [Fenced, Fenced]
            assert isinstance(answers[0], Fenced)
            assert answers[0].owner == "you"
            assert await store.load("a") == records(1, 1)
            assert await store.append([append("a", token=2, after=1)]) == [None]

    async def test_a_run_that_is_not_there_costs_only_its_own_part_of_a_batch(self) -> None:
        async with self.open() as store:
            await store.create(run("a", owner="me"), records(1, 1))
            answers = await store.append([append("gone", after=1), append("a", after=1)])
            assert [type(answer) for answer in answers] == [NoSuchRun, type(None)]

    async def test_a_record_that_cannot_be_stored_costs_only_its_own_part_of_a_batch(self) -> None:
        async with self.open() as store:
            for name in "abc":
                await store.create(run(name, owner="me"), records(1, 1))
            bad: Any = [*records(2, 1), Record(3, 1, object())]  # type: ignore[arg-type]  # on purpose
            batch = [append("a", after=1), append("b", after=1), append("c", after=1)]
            batch[1] = attrs.evolve(batch[1], records=bad)
            answers = await store.append(batch)
            assert [answer is None for answer in answers] == [True, False, True]
            assert [(await store.info(name)).seq for name in "abc"] == [2, 1, 2]
            assert await store.load("b") == records(1, 1)
            assert await store.append([append("b", after=1)]) == [None]

    async def test_a_batch_may_go_on_with_the_same_run(self) -> None:
        async with self.open() as store:
            await store.create(run("a", owner="me"), records(1, 1))
            batch = [append("a", after=1, count=2), append("a", after=3), append("a", after=3)]
            answers = await store.append(batch)
            assert [type(answer) for answer in answers] == [type(None), type(None), Conflict]
            assert await store.load("a") == records(1, 4)

    async def test_an_append_without_events_changes_what_is_known_of_the_run(self) -> None:
        async with self.open() as store:
            await store.create(run("a", owner="me"), records(1, 1))
            assert await store.append([append("a", after=1, count=0, status=RunStatus.PAUSED)]) == [None]
            info = await store.info("a")
            assert (info.status, info.seq) == (RunStatus.PAUSED, 1)

    async def test_an_empty_batch_is_nothing(self) -> None:
        async with self.open() as store:
            assert list(await store.append([])) == []

    async def test_a_journal_is_loaded_in_pieces(self) -> None:
        async with self.open() as store:
            await store.create(run("a"), records(1, 10))
            assert await store.load("a", after=4) == records(5, 6)
            assert await store.load("a", after=4, limit=3) == records(5, 3)
            assert await store.load("a", after=9, limit=3) == records(10, 1)
            assert list(await store.load("a", after=10)) == []

    async def test_a_run_without_events_has_an_empty_journal(self) -> None:
        async with self.open() as store:
            await store.create(run("a"), ())
            assert list(await store.load("a")) == []

    async def test_what_is_not_there_is_said_so(self) -> None:
        async with self.open() as store:
            await store.create(run("b"), records(1, 1))
            await missing(store, "a")

    async def test_bodies_come_back_byte_for_byte(self) -> None:
        bodies = [b"", b"{}", bytes(range(256)), "ä漢🙂\u0000".encode(), b"x" * 100_000]
        given = [Record(seq, seq % 3, body) for seq, body in enumerate(bodies, 1)]
        async with self.open() as store:
            await store.create(run("a"), given)
            assert await store.load("a") == given

    # --- blobs ---

    async def test_blobs_come_back_with_their_records(self) -> None:
        async with self.open() as store:
            await store.create(run("a", owner="me"), [with_blob(1, b"large"), *records(2, 1)])
            more = attrs.evolve(append("a", after=2), records=[with_blob(3, b"larger")])
            await store.append([more])
            loaded = await store.load("a")
            assert loaded == [with_blob(1, b"large"), *records(2, 1), with_blob(3, b"larger")]

    async def test_a_blob_lives_as_long_as_a_run_that_refers_to_it(self) -> None:
        async with self.open() as store:
            for name in "ab":
                await store.create(run(name, status=RunStatus.FAILED), [with_blob(1, b"shared")])
            await store.forget(["a"])
            assert await store.load("b") == [with_blob(1, b"shared")]
            await store.forget(["b"])
            await store.create(run("c"), [with_blob(1, b"shared"), with_blob(2, b"shared")])
            assert await store.load("c") == [with_blob(1, b"shared"), with_blob(2, b"shared")]
