"""The oracle is tested by engines with bugs: it finds each, and nothing where there is none."""

from __future__ import annotations

import pytest
from tests.simulation.bugs import BUGS, Bug
from tests.simulation.oracle import judge
from tests.simulation.workflows import crashed, execute


def problems(bug: Bug) -> list[str]:
    if not bug.deaths and bug.lag is None:
        return judge(execute(bug.spec, bug.given))
    return judge(crashed(bug.spec, bug.given, bug.deaths, bug.lag))


@pytest.mark.parametrize("bug", BUGS, ids=[bug.plant.__name__ for bug in BUGS])
def test_the_oracle_finds_an_engine_that(bug: Bug, monkeypatch: pytest.MonkeyPatch) -> None:
    assert problems(bug) == []
    bug.plant(monkeypatch)
    found = problems(bug)
    assert any(bug.says in problem for problem in found), found
