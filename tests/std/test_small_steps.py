import attrs
import pytest

from treadle.plugin import NO_SECRETS, StepError
from treadle.testing import FakeStep
from treadle_std.steps import emit, fail
from treadle_std.steps import set as set_step


async def test_set_gives_its_values():
    assert await set_step.set_values(set_step.Set(values={"a": [1]}), FakeStep()) == {"a": [1]}


async def test_emit_emits_and_gives_the_event():
    step = FakeStep()
    config = emit.Emit(name="image.published", data={"tag": "v1"})
    emitted = await emit.emit(config, step)
    assert (emitted.name, emitted.data) == ("image.published", {"tag": "v1"})
    assert step.emitted == [("image.published", {"tag": "v1"})]


@pytest.mark.parametrize("name", ["step", "workflow", "step.started", "workflow.x"])
def test_emit_leaves_the_engines_names_alone(name):
    with pytest.raises(ValueError, match="are the engine's; choose another name"):
        emit.Emit(name=name)


@pytest.mark.parametrize("name", ["", ".a", "a.", "a..b", "a b", "a\n", "1a"])
def test_emit_wants_a_dotted_name(name):
    with pytest.raises(ValueError, match="name"):
        emit.Emit(name=name)


@pytest.mark.parametrize("name", ["a", "steps.x", "Image.published-2", "workflows"])
def test_other_names_may_be_emitted(name):
    assert emit.Emit(name=name).data == {}


async def test_fail_fails_with_its_own_name():
    with pytest.raises(StepError) as caught:
        await fail.fail(fail.Fail(message="no image", name="image.missing"), FakeStep())
    assert (caught.value.name, caught.value.message) == ("image.missing", "no image")


async def test_fail_is_called_failed_unless_it_says():
    with pytest.raises(StepError) as caught:
        await fail.fail(fail.Fail(message="no"), FakeStep())
    assert caught.value.name == "failed"


@pytest.mark.parametrize("name", ["", "a b", "a.", ".a"])
def test_fail_wants_a_dotted_name(name):
    with pytest.raises(ValueError, match="name"):
        fail.Fail(message="no", name=name)


@pytest.mark.parametrize("config", [set_step.Set, emit.Emit])
def test_no_secret_may_stand_in_set_or_emit(config):
    assert all(NO_SECRETS.items() <= dict(field.metadata).items() for field in attrs.fields(config))


@pytest.mark.parametrize(
    ("module", "name", "main", "whole"),
    [(set_step, "set", "values", True), (emit, "emit", "name", False), (fail, "fail", "message", False)],
)
def test_their_entries(module, name, main, whole):
    (entry,) = module.treadle_step_types()
    assert (entry.name, entry.main, entry.whole, entry.repeatable) == (name, main, whole, True)
