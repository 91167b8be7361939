"""What every store must do, as tests that its author subclasses.

Rule 1: tests see a store as an engine does: by the calls of `StoreConnection` alone.
Rule 2: they bring their own times, so a store that reads a clock fails them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import pytest
import trio

from treadle._kinds.store import Page, Record, RunFilter, RunInfo, StoreConnection
from treadle.errors import Conflict, Fenced, NoSuchRun
from treadle.events import RunStatus
from treadle.testing._store_groups import GroupContract
from treadle.testing._stored import (
    ALL,
    NOON,
    append,
    claimed,
    listed,
    missing,
    paged,
    records,
    request,
    run,
    with_blob,
)

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager


class StoreContract(GroupContract):
    """Subclass it in a test module, say how to open the store, and run pytest.

    ::

        class TestMyStore(StoreContract):
            @pytest.fixture(autouse=True)
            def place(self, tmp_path):
                self.path = tmp_path / "runs"

            def open(self):
                return open_my_store(MyStore(path=str(self.path)))

            reopen = open
    """

    pytestmark = pytest.mark.trio

    def open(self) -> AbstractAsyncContextManager[StoreConnection]:
        """Open a store that nobody has used; called once a test."""
        raise NotImplementedError

    def reopen(self) -> AbstractAsyncContextManager[StoreConnection]:
        """Open the same store once more, while it is open or after it was closed."""
        pytest.skip("this store cannot be opened twice")

    # --- journals ---

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

    # --- lists ---

    async def test_runs_are_listed_newest_first(self) -> None:
        async with self.open() as store:
            for name, created in (("b", 1), ("a", 1), ("d", 0), ("c", 2)):
                await store.create(run(name, created_at=NOON + created), ())
            assert await listed(store, ALL) == ["c", "b", "a", "d"]

    async def test_a_listed_run_is_what_is_known_of_it(self) -> None:
        async with self.open() as store:
            created = await store.create(run("a", labels={"x": "y"}, key="k", owner="me"), records(1, 3))
            assert await store.list(ALL, limit=10) == Page([created])

    async def test_an_empty_store_lists_nothing(self) -> None:
        async with self.open() as store:
            page = await store.list(ALL, limit=10)
            assert (list(page.runs), page.next) == ([], None)

    @pytest.mark.parametrize(
        ("which", "found"),
        [
            (RunFilter(statuses=frozenset({RunStatus.FAILED})), "c"),
            (RunFilter(statuses=frozenset({RunStatus.FAILED, RunStatus.PAUSED})), "cb"),
            (RunFilter(statuses=frozenset({RunStatus.CANCELLED})), ""),
            (RunFilter(workflow="other"), "b"),
            (RunFilter(key="k"), "a"),
            (RunFilter(labels={"team": "ops"}), "ca"),
            (RunFilter(labels={"team": "ops", "tier": "1"}), "a"),
            (RunFilter(labels={"team": "1"}), ""),
            (RunFilter(parent="a"), "d"),
            (RunFilter(group="g"), "a"),
            (RunFilter(created_before=NOON + 1), "a"),
            (RunFilter(created_after=NOON + 1), "dc"),
            (RunFilter(created_after=NOON, created_before=NOON + 3), "cb"),
            (RunFilter(ended_before=NOON + 51), "c"),
            (RunFilter(ended_before=NOON + 50), ""),
            (RunFilter(lapsed_at=NOON + 9), "b"),
            (RunFilter(lapsed_at=NOON + 10), "ba"),
            (RunFilter(lapsed_at=NOON + 21), "dba"),
            (RunFilter(lapsed_at=NOON + 21, workflow="flow"), "da"),
        ],
    )
    async def test_a_filter_finds_the_runs_that_fit_it(self, which: RunFilter, found: str) -> None:
        a = run("a", key="k", labels={"team": "ops", "tier": "1"}, owner="me", group="g")
        a = attrs.evolve(a, lease_until=NOON + 10)
        b = run("b", workflow="other", status=RunStatus.PAUSED, created_at=NOON + 1)
        c = run("c", status=RunStatus.FAILED, labels={"team": "ops"}, created_at=NOON + 2)
        d = run("d", parent="a", created_at=NOON + 3, owner="you", lease_until=NOON + 20)
        async with self.open() as store:
            for info in (a, b, attrs.evolve(c, ended_at=NOON + 50), d):
                await store.create(info, ())
            assert await listed(store, which) == list(found)

    async def test_a_filter_sees_the_status_that_an_append_made(self) -> None:
        async with self.open() as store:
            await store.create(run("a", owner="me"), ())
            await store.append([append("a", after=0, status=RunStatus.FAILED, ended_at=NOON + 1)])
            assert await listed(store, RunFilter(statuses=frozenset({RunStatus.FAILED}))) == ["a"]
            assert await listed(store, RunFilter(statuses=frozenset({RunStatus.PENDING}))) == []
            assert await listed(store, RunFilter(lapsed_at=NOON + 1000)) == []

    async def test_pages_together_are_the_whole_list(self) -> None:
        names = [f"r{number:02}" for number in range(23)]
        async with self.open() as store:
            for number, name in enumerate(names):
                await store.create(run(name, created_at=NOON + number // 4), ())  # times that several share
            for limit in (1, 5, 22, 23, 100):
                assert await paged(store, ALL, limit) == names[::-1]
            assert await paged(store, RunFilter(created_after=NOON + 1), 4) == names[:7:-1]

    async def test_the_last_page_says_so(self) -> None:
        async with self.open() as store:
            for name in "abcd":
                await store.create(run(name), ())
            page = await store.list(ALL, limit=2)
            assert page.next is not None
            assert (await store.list(ALL, limit=2, after=page.next)).next is None

    @pytest.mark.parametrize(("limit", "after"), [(0, None), (-1, None), (5, "no page")])
    async def test_what_is_no_page_is_refused(self, limit: int, after: str | None) -> None:
        async with self.open() as store:
            await store.create(run("a"), ())
            with pytest.raises(ValueError, match=r"\w"):
                await store.list(ALL, limit=limit, after=after)
            assert await listed(store, ALL) == ["a"]

    async def test_runs_that_come_and_go_between_pages_move_no_other(self) -> None:
        async with self.open() as store:
            for number, name in enumerate("abcdef"):
                await store.create(run(name, created_at=NOON + number, status=RunStatus.FAILED), ())
            page = await store.list(ALL, limit=2)
            assert [info.id for info in page.runs] == ["f", "e"]
            await store.create(run("new", created_at=NOON + 100), ())
            await store.forget(["e", "b"])
            page = await store.list(ALL, limit=2, after=page.next)
            assert [info.id for info in page.runs] == ["d", "c"]
            page = await store.list(ALL, limit=2, after=page.next)
            assert ([info.id for info in page.runs], page.next) == (["a"], None)

    # --- leases ---

    async def test_a_lease_has_one_owner_until_it_lapses(self) -> None:
        async with self.open() as store:
            await store.create(run("a"), ())
            first = await claimed(store, "a", "me", now=NOON)
            assert (first.owner, first.token, first.lease_until) == ("me", 1, NOON + 15)
            assert await store.claim("a", "you", now=NOON + 14.9, until=NOON + 30) is None
            assert await store.info("a") == first
            second = await claimed(store, "a", "you", now=NOON + 15)
            assert (second.owner, second.token, second.lease_until) == ("you", 2, NOON + 30)

    async def test_the_owner_that_claims_again_gets_a_new_token(self) -> None:
        async with self.open() as store:
            await store.create(run("a", owner="me", lease_until=NOON + 15), ())
            assert (await claimed(store, "a", "me", now=NOON + 1)).token == 2
            assert isinstance((await store.append([append("a", token=1, after=0)]))[0], Fenced)
            assert await store.append([append("a", token=2, after=0)]) == [None]

    async def test_a_lapsed_owner_goes_on_while_nobody_has_claimed_the_run(self) -> None:
        async with self.open() as store:
            await store.create(run("a", owner="me", lease_until=NOON + 15), ())
            assert await store.append([append("a", after=0, time=NOON + 99)]) == [None]
            assert await store.renew({"a": 1}, until=NOON + 120) == frozenset()
            assert await store.claim("a", "you", now=NOON + 119, until=NOON + 200) is None

    async def test_renewing_tells_what_was_lost(self) -> None:
        async with self.open() as store:
            for name in "abc":
                await store.create(run(name, owner="me", lease_until=NOON + 15), ())
            await claimed(store, "b", "you", now=NOON + 20)
            lost = await store.renew({"a": 1, "b": 1, "c": 2, "gone": 1}, until=NOON + 40)
            assert lost == {"b", "c", "gone"}
            assert (await store.info("a")).lease_until == NOON + 40
            assert (await store.info("b")).lease_until == NOON + 35
            assert (await store.info("c")).lease_until == NOON + 15
            assert await store.renew({}, until=NOON + 50) == frozenset()

    async def test_a_released_run_is_nobodys_at_once(self) -> None:
        async with self.open() as store:
            await store.create(run("a", owner="me", lease_until=NOON + 15), ())
            await store.release("a", 1)
            info = await store.info("a")
            assert (info.owner, info.lease_until) == (None, 0.0)
            assert isinstance((await store.append([append("a", after=0)]))[0], Fenced)
            assert await store.renew({"a": 1}, until=NOON + 40) == {"a"}
            assert (await claimed(store, "a", "you", now=NOON + 1)).token == 2

    async def test_a_release_with_an_old_token_does_nothing(self) -> None:
        async with self.open() as store:
            await store.create(run("a", owner="me", lease_until=NOON + 15), ())
            taken = await claimed(store, "a", "you", now=NOON + 15)
            await store.release("a", 1)
            await store.release("gone", 1)
            assert await store.info("a") == taken

    # --- requests ---

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

    # --- forgetting ---

    async def test_what_is_forgotten_is_gone_with_all_that_belongs_to_it(self) -> None:
        async with self.open() as store:
            ended = run("a", status=RunStatus.COMPLETED, key="k", labels={"x": "y"})
            await store.create(ended, [with_blob(1, b"b")])
            await store.ask(request("q1", "a"))
            assert await store.forget(["a"]) == {"a"}
            await missing(store, "a")
            assert await store.asked("q1") is None
            assert await listed(store, RunFilter(labels={"x": "y"})) == []
            again = await store.create(ended, records(1, 1))
            assert (again.id, again.seq) == ("a", 1)
            assert await store.load("a") == records(1, 1)

    @pytest.mark.parametrize("status", [status for status in RunStatus if not status.ended])
    async def test_an_active_run_is_never_forgotten(self, status: RunStatus) -> None:
        async with self.open() as store:
            await store.create(run("a", status=status), records(1, 1))
            await store.create(run("b", status=RunStatus.ROLLED_BACK), records(1, 1))
            assert await store.forget(["a", "b", "gone"]) == {"b"}
            assert await store.load("a") == records(1, 1)

    async def test_many_runs_are_forgotten_at_once(self) -> None:
        names = [f"r{number}" for number in range(70)]
        async with self.open() as store:
            for name in names:
                await store.create(run(name, status=RunStatus.FAILED), records(1, 2))
            assert await store.forget(names[1:]) == set(names[1:])
            assert await listed(store, ALL) == ["r0"]

    # --- many at once ---

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
