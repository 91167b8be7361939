"""The laws of `oracle`, over random workflows, random commands and random crashes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.simulation.oracle import judge
from tests.simulation.workflows import as_bytes, commands, crashed, deaths, execute, lags, workflows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.simulation.crashes import Death
    from tests.simulation.people import Command

_settings = settings(deadline=None, suppress_health_check=list(HealthCheck))
seeds = st.integers(1, 5)


@settings(_settings, max_examples=200)
@given(workflows(), commands, seeds)
def test_no_run_breaks_a_law(spec: Mapping[str, Any], given: Sequence[Command], seed: int) -> None:
    assert judge(execute(spec, given, seed)) == []


@settings(_settings, max_examples=300)
@given(workflows(), commands, deaths, lags, seeds)
def test_no_run_breaks_a_law_when_processes_die(
    spec: Mapping[str, Any], given: Sequence[Command], deaths: Sequence[Death], lag: float | None, seed: int
) -> None:
    assert judge(crashed(spec, given, deaths, lag, seed)) == []


@pytest.mark.nightly
@settings(_settings, max_examples=20_000)
@given(workflows(), commands, seeds)
def test_no_run_of_very_many_breaks_a_law(
    spec: Mapping[str, Any], given: Sequence[Command], seed: int
) -> None:
    assert judge(execute(spec, given, seed)) == []


@pytest.mark.nightly
@settings(_settings, max_examples=20_000)
@given(workflows(), commands, deaths, lags, seeds)
def test_no_run_of_very_many_breaks_a_law_when_processes_die(
    spec: Mapping[str, Any], given: Sequence[Command], deaths: Sequence[Death], lag: float | None, seed: int
) -> None:
    assert judge(crashed(spec, given, deaths, lag, seed)) == []


@settings(_settings, max_examples=50)
@given(workflows(), commands)
def test_a_run_repeats_itself_to_the_byte(spec: Mapping[str, Any], given: Sequence[Command]) -> None:
    assert as_bytes(execute(spec, given).journal) == as_bytes(execute(spec, given).journal)


@settings(_settings, max_examples=30)
@given(workflows(), commands, deaths, lags)
def test_a_run_that_crashes_repeats_itself_to_the_byte(
    spec: Mapping[str, Any], given: Sequence[Command], deaths: Sequence[Death], lag: float | None
) -> None:
    first, second = (crashed(spec, given, deaths, lag).journal for _ in range(2))
    assert as_bytes(first) == as_bytes(second)
