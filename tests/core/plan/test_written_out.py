"""Specs in which nothing has to be evaluated: they are not inferred, and all the same is known of them."""

from __future__ import annotations

import pytest

import treadle
from treadle._plan import plan

UNREACHABLE = """
  a: {fail: no}
  b: {set: {x: 1}, needs: [a]}
  c: {set: {x: 1}, needs: [b]}
"""
TOLERATED = """
  a: {fail: no, on_error: continue}
  b: {set: {x: 1}, needs: [a]}
  c: {set: {x: 1}, needs: {at_least: 2, of: [a, b]}}
finally:
  - {fail: no}
  - {set: {x: 1}}
"""
APART = """
  a: {set: {x: 1}}
  b: {set: {x: 1}}
  c: {wait: 1s}
"""


@pytest.mark.parametrize("steps", [UNREACHABLE, TOLERATED, APART])
def test_warnings_are_the_same_as_with_inference(steps: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text = f"treadle: 1\nname: x\nsteps:{steps}"
    written_out = treadle.loads(text).warnings
    monkeypatch.setattr(plan, "_is_written_out", lambda _spec: False)
    assert treadle.loads(text).warnings == written_out


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        (APART, True),
        ("\n  a: {set: {x: '${{ run.id }}'}}", False),
        ("\n  a: {set: {x: 1}, when: 1 == 1}", False),
        ("\n  a: {wait: 1s, repeat: {until: 1 == 1, times: 2}}", False),
        ("\n  a: {parallel: {b: {wait: 1s}}}", False),
        ("\n  a: {set: {x: 1}, undo: [{wait: 1s}]}", False),
        ("\n  a: {wait: 1s}\noutputs: {x: '${{ run.id }}'}", False),
    ],
)
def test_whether_there_is_something_to_infer(steps: str, expected: bool) -> None:
    spec = treadle.loads(f"treadle: 1\nname: x\nsteps:{steps}").spec
    assert plan._is_written_out(spec) is expected


def test_a_step_that_can_never_run_is_found_without_inference() -> None:
    codes = [one.code for one in treadle.loads(f"treadle: 1\nname: x\nsteps:{UNREACHABLE}").warnings]
    assert codes == ["TRD903"]
