import typing

import pytest

from treadle.plugin import Block, BlockFailed, BlockForm, BlockOutcome, Failure, StepError
from treadle.testing import FakeStep, block, expression
from treadle_std.steps import blocks, condition, switch
from treadle_std.steps.condition import Condition
from treadle_std.steps.switch import Case, Switch

YES, NO, REST = block(1, "yes"), block(2, "no"), block(3, "rest")
DONE = {1: BlockOutcome({"yes": 1}), 2: BlockOutcome({"no": 2}), 3: BlockOutcome({"rest": 3})}
FAILED = BlockOutcome({}, Failure("exit.3", "no", path="yes"))


def step(n=0, **changes):
    return FakeStep(scope={"inputs": {"n": n}}, **{"blocks": DONE} | changes)


# --- parallel, sequence, steps ---------------------------------------------------------------------


@pytest.mark.parametrize("config", [blocks.Parallel, blocks.Sequence, blocks.Steps])
async def test_a_blocks_output_is_the_steps(config):
    assert await blocks.run(config(block=YES), step()) == {"yes": 1}


async def test_a_blocks_failure_is_the_steps():
    with pytest.raises(BlockFailed) as caught:
        await blocks.run(blocks.Parallel(block=YES), step(blocks={1: FAILED}))
    assert caught.value.failure == FAILED.failure


@pytest.mark.parametrize(
    ("config", "form"),
    [
        (blocks.Parallel, BlockForm("together", mapping=True)),
        (blocks.Sequence, BlockForm("sequence", mapping=False)),
        (blocks.Steps, BlockForm("sequence", mapping=True)),
    ],
)
def test_each_says_how_its_block_is_read(config, form):
    hint = typing.get_type_hints(config, include_extras=True)["block"]
    assert hint.__origin__ is Block
    assert hint.__metadata__ == (form,)


def test_all_that_stands_under_them_is_the_block():
    entries = blocks.treadle_step_types()
    assert [(e.name, e.main, e.whole) for e in entries] == [
        ("parallel", "block", True),
        ("sequence", "block", True),
        ("steps", "block", True),
    ]


# --- condition -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "branch", "output"), [(1, "then", {"yes": 1}), (0, "else", {"no": 2})])
async def test_a_condition_runs_one_branch(n, branch, output):
    config = Condition(if_=expression("inputs.n > 0"), then=YES, else_=NO)
    given = step(n)
    taken = await condition.condition(config, given)
    assert (taken.result, taken.output) == (n > 0, output)
    assert given.decided == [branch]
    assert given.ran == [YES if n else NO]


async def test_a_condition_without_else_may_run_nothing():
    given = step()
    taken = await condition.condition(Condition(if_=expression("false"), then=YES), given)
    assert (taken.result, taken.output) == (False, None)
    assert given.decided == [None]
    assert given.ran == []


async def test_the_branch_is_recorded_before_it_runs():
    given = step(blocks={1: FAILED})
    with pytest.raises(BlockFailed):
        await condition.condition(Condition(if_=expression("true"), then=YES), given)
    assert given.decided == ["then"]


async def test_a_condition_that_is_not_true_or_false_fails():
    with pytest.raises(StepError) as caught:
        await condition.condition(Condition(if_=expression("inputs.n"), then=YES), step(7))
    assert caught.value.name == "expression"
    assert caught.value.message == "`inputs.n` must be true or false and gives 7"


def test_a_conditions_entry():
    (entry,) = condition.treadle_step_types()
    assert (entry.name, entry.output) == ("condition", condition.Taken)


# --- switch ----------------------------------------------------------------------------------------


def cases(*conditions):
    return tuple(
        Case(when=expression(when), steps=steps) for when, steps in zip(conditions, (YES, NO), strict=False)
    )


@pytest.mark.parametrize(
    ("n", "case", "branch", "ran"),
    [(9, 0, "cases.0", YES), (5, 1, "cases.1", NO), (0, None, "default", REST)],
)
async def test_a_switch_runs_the_first_case_that_holds(n, case, branch, ran):
    given = step(n)
    config = Switch(cases=cases("inputs.n > 8", "inputs.n > 4"), default=REST)
    taken = await switch.switch(config, given)
    assert taken.case == case
    assert taken.output == DONE[ran.index].output
    assert given.decided == [branch]
    assert given.ran == [ran]


async def test_a_switch_without_default_may_run_nothing():
    given = step()
    taken = await switch.switch(Switch(cases=cases("false")), given)
    assert (taken.case, taken.output) == (None, None)
    assert given.decided == [None]


async def test_no_case_after_the_one_that_holds_is_evaluated():
    taken = await switch.switch(Switch(cases=cases("true", "missing.name > 1")), step())
    assert taken.case == 0


async def test_a_case_that_is_not_true_or_false_fails():
    with pytest.raises(StepError, match="`'x'` must be true or false and gives 'x'"):
        await switch.switch(Switch(cases=cases("'x'")), step())


def test_a_switch_needs_a_case():
    with pytest.raises(ValueError, match="cases"):
        Switch(cases=())


def test_a_switchs_entry():
    (entry,) = switch.treadle_step_types()
    assert (entry.name, entry.output) == ("switch", switch.Taken)
