import inspect

import pytest
import trio

from treadle.plugin import BlockFailed, BlockOutcome, Failure, Step, StepError
from treadle.testing import FakeStep, block, expression


def public(cls):
    return {name for name in dir(cls) if not name.startswith("_")}


def test_it_has_every_member_of_a_step():
    assert public(Step) <= public(FakeStep())


@pytest.mark.parametrize(
    "name", sorted(name for name in public(Step) if inspect.isfunction(getattr(Step, name)))
)
def test_its_methods_take_what_a_steps_take(name):
    def parameters(cls):
        return [
            (p.name, p.kind, p.default) for p in inspect.signature(getattr(cls, name)).parameters.values()
        ]

    assert parameters(FakeStep) == parameters(Step)


def test_it_keeps_what_a_plugin_does():
    step = FakeStep()
    step.log("hello")
    step.log("careful", level="warning")
    step.emit("a.b", {"n": 1})
    step.write("out\n")
    step.write("err\n", stream="stderr")
    step.heartbeat(3)
    step.decide("then")
    assert step.logged == [("info", "hello"), ("warning", "careful")]
    assert step.emitted == [("a.b", {"n": 1})]
    assert step.written == [("stdout", "out\n"), ("stderr", "err\n")]
    assert step.heartbeats == [3]
    assert step.decided == ["then"]


def test_it_evaluates_over_its_scope_and_the_names_given():
    step = FakeStep(scope={"inputs": {"n": 3}})
    assert step.evaluate(expression("inputs.n + index"), index=4) == 7


def test_an_expression_that_fails_is_the_steps_failure():
    with pytest.raises(StepError) as caught:
        FakeStep().evaluate(expression("inputs.n"))
    assert caught.value.name == "expression"


async def test_blocks_end_as_the_test_says():
    failed = BlockOutcome({}, Failure("exit.3", "no"))
    step = FakeStep(blocks={1: failed})
    good, bad = block(0, "a", "b"), block(1)
    assert (await step.run_block(good)).result() == {}
    with pytest.raises(BlockFailed):
        (await step.run_block(bad)).result()
    assert step.ran == [good, bad]
    assert good.ids == ("a", "b")


async def test_its_wall_clock_goes_with_trios(autojump_clock):
    step = FakeStep(wall=1_000.0)
    assert step.now() == 1_000
    await trio.sleep(5)
    assert step.now() == 1_005


def test_what_the_test_did_not_give_is_asked_for():
    with pytest.raises(LookupError, match=r"no secret 'TOKEN'; pass FakeStep\(secrets="):
        FakeStep().secret("TOKEN")
    with pytest.raises(LookupError, match=r"no transport; pass FakeStep\(connect="):
        FakeStep().transport()


def test_what_the_test_gave_is_given():
    asked = []
    step = FakeStep(secrets={"TOKEN": "t"}, connect=asked.append)
    assert step.secret("TOKEN") == "t"
    step.transport("lab")
    assert asked == ["lab"]
