"""How every store must keep who drives a run."""

from __future__ import annotations

from treadle.errors import Fenced
from treadle.testing._store.opening import Opening
from treadle.testing._stored import NOON, append, claimed, run


class LeaseContract(Opening):
    """The tests."""

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
