"""How steps can settle: blocks that always fail, failures that are tolerated with an output, and errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import pytest

import treadle
from treadle.plugin import Fail, Strategy, Tolerate, hookimpl

if TYPE_CHECKING:
    from collections.abc import Iterable

HEAD = "treadle: 1\nname: x\ninputs: {n: {type: integer, default: 1}}\nsteps:\n"


@attrs.frozen(kw_only=True)
class Nothing:
    """No settings."""


class Standing:
    """Strategies that put an output in the place of the one that failed."""

    @staticmethod
    @hookimpl
    def treadle_error_strategies() -> Iterable[Strategy[Any]]:
        instead = Tolerate({"stdout": "none"})
        return [
            Strategy(
                name="stand_in",
                config=Nothing,
                decide=lambda _config, _failure: instead,
                may=lambda _: [instead],
            ),
            Strategy(
                name="perhaps",
                config=Nothing,
                decide=lambda _config, _failure: Tolerate(),
                may=lambda _: [instead, Tolerate(), Fail()],
            ),
        ]


@pytest.fixture(scope="module")
def registry() -> treadle.Registry:
    return treadle.Registry.of(Standing)


def said(steps: str, registry: treadle.Registry | None = None) -> list[str]:
    """Codes and messages of errors and warnings, but for inputs that nobody reads."""
    try:
        problems = treadle.loads(HEAD + steps, registry=registry).warnings
    except treadle.SpecError as error:
        problems = error.problems
    return [f"{each.code} {each.message}" for each in problems if each.code not in ("TRD901", "TRD902")]


@pytest.mark.parametrize(
    "block",
    [
        "sequence: [{fail: no}]",
        "parallel: {x: {fail: no}, y: {shell: 'true'}}",
        "sequence: [{sequence: [{fail: no}]}]",
        "condition: {if: inputs.n > 1, then: [{fail: no}], else: [{fail: never}]}",
        "switch: {cases: [{when: inputs.n > 1, steps: [{fail: no}]}], default: [{fail: no}]}",
    ],
)
def test_what_needs_a_block_that_always_fails_can_never_run(block: str) -> None:
    assert said(f"  - {{id: a, {block}}}\n  - {{id: b, shell: 'true'}}\n") == [
        "TRD903 step 'b' can never run: it needs a, which never completes"
    ]


@pytest.mark.parametrize(
    "block",
    [
        "sequence: [{fail: no, when: inputs.n > 1}]",
        "condition: {if: inputs.n > 1, then: [{fail: no}]}",
        "sequence: [{fail: no}], on_error: continue",
        "sequence: [{fail: no}], on_error: escalate",
        "sequence: [{fail: no, on_error: continue}]",
        "sequence: [{fail: no, on_error: escalate}]",
        "foreach: [], sequence: [{fail: no}]",
    ],
)
def test_what_needs_a_block_that_may_complete_or_is_forgiven_can_run(block: str) -> None:
    assert said(f"  - {{id: a, {block}}}\n  - {{id: b, shell: 'true'}}\n") == []


def reading(strategy: str, field: str = "stdout", work: str = "shell: 'true'") -> str:
    return (
        f"  - {{id: a, {work}, on_error: {strategy}}}\n"
        f"  - {{id: b, set: {{x: '${{{{ steps.a.output.{field} }}}}'}}}}\n"
    )


def test_a_failure_that_is_tolerated_with_an_output_leaves_none_absent(registry: treadle.Registry) -> None:
    assert said(reading("stand_in"), registry) == []
    assert said(reading("stand_in", work="fail: no"), registry) == []
    (found,) = said(reading("perhaps"), registry)
    assert found.startswith("TRD434")
    assert "may fail, which is tolerated" in found


def test_the_output_that_is_given_instead_has_its_own_fields(registry: treadle.Registry) -> None:
    (found,) = said(reading("stand_in", "exit_code", "fail: no"), registry)
    assert found.startswith("TRD430")


@pytest.mark.parametrize("strategy", ["stand_in", "perhaps"])
def test_a_tolerated_failure_is_no_completion_for_the_plan(strategy: str, registry: treadle.Registry) -> None:
    steps = (
        f"  a: {{fail: no, on_error: {strategy}}}\n"
        "  b: {needs: {at_least: 1, of: [a]}, shell: 'true'}\n"
        "  c: {needs: {a: completed}, shell: 'true'}\n"
    )
    assert [each[:19] for each in said(steps, registry)] == ["TRD903 step 'b' can", "TRD903 step 'c' can"]


async def test_a_tolerated_failure_is_no_completion_in_the_run_either(registry: treadle.Registry) -> None:
    steps = (
        "  - {id: a, fail: no, on_error: stand_in}\n  - {id: b, set: {x: '${{ steps.a.output.stdout }}'}}\n"
    )
    state = await treadle.run(treadle.loads(HEAD + steps, registry=registry))
    a, b = state.steps["a"], state.steps["b"]
    assert (state.status, a.status, a.tolerated, b.output) == ("completed", "failed", True, {"x": "none"})


# --- errors ----------------------------------------------------------------------------------------


def test_the_path_of_an_error_is_text_or_null() -> None:
    retried = '  - {{fail: no, retry: {{attempts: 2, if: "{}"}}}}\n'
    (found,) = said(retried.format("upper(error.path) == 'A'"))
    assert found.startswith(("TRD435", "TRD437"))
    assert "null" in found
    (found,) = said(retried.format("default(error.path, '') + 1 == 2"))
    assert found.startswith("TRD431")
    assert said(retried.format("default(error.path, '') == 'a'")) == []


async def test_an_error_says_which_step_failed_where_that_is_another() -> None:
    steps = """\
  - {id: block, sequence: [{id: inner, fail: no}], on_error: continue}
  - {id: alone, fail: no, on_error: continue}
  - id: told
    set: {of_block: "${{ steps.block.error.path }}", of_itself: "${{ steps.alone.error.path }}"}
  - {id: last, sequence: [{id: deep, fail: no}]}
finally:
  - {id: tidy, set: {x: "${{ default(run.error.path, '') }}"}}
"""
    state = await treadle.run(treadle.loads(HEAD + steps))
    assert state.steps["told"].output == {"of_block": "block.inner", "of_itself": None}
    assert state.steps["finally.tidy"].output == {"x": "last.deep"}


@pytest.mark.parametrize(("need", "absent"), [("{lead: completed}", False), ("lead", True)])
def test_before_a_step_that_may_be_skipped_its_needs_were_satisfied(need: str, absent: bool) -> None:
    steps = (
        "  lead: {command: make, on_error: continue}\n"
        f"  board: {{needs: {need}, when: inputs.n > 3, command: make}}\n"
        "  pay: {needs: board, command: [pay, '${{ steps.lead.output.stdout }}']}\n"
    )
    found = said(steps)
    assert [each[:6] for each in found] == (["TRD434"] if absent else [])
