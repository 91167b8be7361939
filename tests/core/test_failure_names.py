"""The names a failure answers to."""

from __future__ import annotations

import pickle

import pytest

from treadle.errors import BlockFailed, Failure, StepError

BUSY = Failure("http.status", "busy", {"status": 503}, "deploy", ("http.503", "http.5xx"))


@pytest.mark.parametrize("pattern", ["http", "http.status", "http.503", "http.5xx"])
def test_a_failure_answers_to_each_of_its_names_and_what_they_lie_below(pattern: str) -> None:
    assert BUSY.matches(pattern)


@pytest.mark.parametrize("pattern", ["http.500", "http.50", "http.4xx", "htt", "status", "http.status.x", ""])
def test_a_failure_answers_to_nothing_else(pattern: str) -> None:
    assert not BUSY.matches(pattern)


@pytest.mark.parametrize("failure", [BUSY, Failure("exit.3", "it ended")])
def test_a_failure_is_the_same_after_it_was_plain_data(failure: Failure) -> None:
    assert Failure.from_data(failure.to_data()) == failure


def test_further_names_and_the_path_are_in_the_data_only_where_there_are_any() -> None:
    assert Failure("exit.3", "it ended").to_data() == {"name": "exit.3", "message": "it ended", "data": None}
    assert BUSY.to_data()["also"] == ["http.503", "http.5xx"]


def test_a_step_error_and_a_failed_block_hand_the_names_on() -> None:
    error = StepError("http.status", "busy", also=["http.503"])
    assert error.also == ("http.503",)
    assert BlockFailed(BUSY).also == BUSY.also
    assert pickle.loads(pickle.dumps(error)).also == error.also
