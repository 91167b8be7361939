"""What every store must forget, and what never."""

from __future__ import annotations

import pytest

from treadle._kinds.store import RunFilter
from treadle.events import RunStatus
from treadle.testing._store.opening import Opening
from treadle.testing._stored import ALL, listed, missing, records, request, run, with_blob


class ForgettingContract(Opening):
    """The tests."""

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
