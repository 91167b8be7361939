"""The benchmarks: that they run and say what they should. What they measure is not looked at here."""

import json
from pathlib import Path

import pytest
from bench import table
from bench.__main__ import main
from bench.measure import Line, Pairs, paired
from bench.rows import ROWS
from bench.rows.schedule import cholesky, greedy


def line(value: float, *, must: float | None = None, want: float | None = None) -> Line:
    return Line(work="work", ours="1 s", value=value, must=must, want=want)


def test_the_table_has_a_line_for_each_figure_of_the_rows_asked_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    main(["--quick", "--row", "fan", "--row", "load"])
    heading, rule, *rows = capsys.readouterr().out.splitlines()
    assert heading.split() == list(table.COLUMNS)
    assert set(rule) == {"─", " "}
    assert [row.split()[0] for row in rows] == ["fan", "load"]
    assert all("≤" in row for row in rows)


def test_the_figures_can_be_had_as_json(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    main(["--quick", "--row", "load", "--json", str(file)])
    (figures,) = json.loads(file.read_text())
    assert figures.keys() == {"row", "work", "reference", "ours", "value", "unit", "must", "want", "verdict"}
    assert figures["unit"] == "s"


@pytest.mark.parametrize(("value", "code"), [(2.0, 0), (2.1, 1)])
def test_only_a_budget_that_is_missed_makes_it_fail(
    value: float, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(ROWS, "fan", lambda _quick: iter([line(value, must=2, want=1)]))
    assert main(["--row", "fan"]) == code
    assert ("MISSED" in capsys.readouterr().out) == bool(code)


@pytest.mark.parametrize(
    ("measured", "verdict"),
    [
        (line(3, must=2, want=1), "MISSED"),
        (line(2, must=2, want=1), "must"),
        (line(1, must=2, want=1), "want"),
        (line(1, must=2), "must"),
        (line(9), ""),
    ],
)
def test_a_verdict_names_the_best_bound_that_held(measured: Line, verdict: str) -> None:
    assert measured.verdict == verdict


def test_one_disturbed_pair_does_not_count() -> None:
    assert Pairs((1.0, 1.0, 1.0), (2.0, 50.0, 2.0)).ratio == 2


def test_the_first_pair_is_thrown_away() -> None:
    figures = iter([9.0, 9.0, 1.0, 3.0])
    assert paired(lambda: next(figures), lambda: next(figures), pairs=1) == Pairs((1.0,), (3.0,))


def test_the_ideal_schedule_of_a_graph_is_no_longer_than_it_must_be() -> None:
    tasks = cholesky(4, 5)
    assert greedy(tasks, slots=1) == sum(milliseconds for milliseconds, _ in tasks.values()) / 1000
    assert greedy(tasks, slots=1000) == greedy(tasks, slots=len(tasks))
