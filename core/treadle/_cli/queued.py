"""For whom a run waits that shares a concurrency key, and has no place in its group yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from treadle._cli.phrases import MOST, driver, some
from treadle._kinds.store import RunFilter
from treadle.events import RunStatus

if TYPE_CHECKING:
    from collections.abc import Iterator

    from treadle._kinds.store import RunInfo, StoreConnection

ACTIVE = frozenset(status for status in RunStatus if not status.ended)


def is_queued(info: RunInfo) -> bool:
    """Whether a run waits for its turn."""
    return info.group is not None and not info.admitted and not info.status.ended


async def waits_for(store: StoreConnection, info: RunInfo, now: float) -> list[str]:
    """For whom it waits, as lines; none if it does not."""
    if not is_queued(info):
        return []
    page = await store.list(RunFilter(group=info.group, statuses=ACTIVE), limit=10 * MOST)
    return list(_lines(info, [one for one in page.runs if one.admitted], now))


def _lines(info: RunInfo, before: list[RunInfo], now: float) -> Iterator[str]:
    if not before:
        yield f"waits for its turn (concurrency key {info.group!r})"
        return
    runs = some([one.id for one in before])
    yield f"waits for run{'s' if len(before) > 1 else ''} {runs} (concurrency key {info.group!r})"
    for one in before[:MOST]:
        if driver(one, now) is None:
            yield f"  nobody drives run {one.id}: treadle resume {one.id}"
