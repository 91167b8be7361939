"""How every store must list runs."""

from __future__ import annotations

import attrs
import pytest

from treadle._kinds.store import Page, RunFilter
from treadle.events import RunStatus
from treadle.testing._store.opening import Opening
from treadle.testing._stored import ALL, NOON, append, listed, paged, records, run


class ListContract(Opening):
    """The tests."""

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
