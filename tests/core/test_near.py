"""Hints at the name that was meant."""

from treadle._near import did_you_mean, near_or_all, nearest

KNOWN = ("retry", "timeout", "env")


def test_a_name_that_is_nearly_right_gets_the_right_one() -> None:
    assert nearest("retrys", KNOWN) == "retry"
    assert did_you_mean("retrys", iter(KNOWN)) == "did you mean 'retry'?"
    assert near_or_all("retrys", iter(KNOWN)) == "did you mean 'retry'?"


def test_where_nothing_is_near_all_that_is_known_is_named() -> None:
    assert nearest("zzz", KNOWN) is None
    assert did_you_mean("zzz", KNOWN) == ""
    assert near_or_all("zzz", KNOWN) == "known here: env, retry, timeout"


def test_where_nothing_is_known_there_is_no_hint() -> None:
    assert near_or_all("zzz", ()) == ""


def test_a_word_of_another_system_goes_before_one_that_is_spelt_alike() -> None:
    assert nearest("times", ("attempts", "max_time")) == "attempts"
    assert nearest("when", ("if", "then", "else")) == "if"
