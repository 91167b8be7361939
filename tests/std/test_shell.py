"""The ``shell`` step on the real local transport."""

import sys

import attrs
import pytest

from treadle.plugin import NO_TEMPLATES, StepError
from treadle.testing import FakeStep
from treadle_std.steps.shell import Shell, shell, treadle_step_types
from treadle_std.transports.local import Local, connect


async def ran(script, *, env=None, **settings):
    step = FakeStep(connect=lambda device: connect(Local()), env=env or {})
    return await shell(Shell(script=script, **settings), step)


async def test_pipes_and_loops_work():
    out = await ran("for i in 3 1 2; do echo $i; done | sort\necho end")
    assert out.stdout == "1\n2\n3\nend"


async def test_a_value_in_env_is_data_whatever_it_holds(tmp_path):
    value = '$(touch boom); `touch boom` "; touch boom #'
    out = await ran('printf %s "$VALUE"', env={"VALUE": value}, cwd=str(tmp_path))
    assert out.stdout == value
    assert list(tmp_path.iterdir()) == []


async def test_the_first_command_that_fails_ends_the_script():
    with pytest.raises(StepError) as caught:
        await ran("echo before\nsh -c 'exit 7'\necho after")
    assert (caught.value.name, caught.value.message) == ("exit.7", "the script exited with 7: before")


async def test_an_unset_variable_ends_the_script():
    with pytest.raises(StepError, match="TREADLE_TEST_UNSET"):
        await ran('echo "$TREADLE_TEST_UNSET"')


async def test_another_interpreter_runs_the_script():
    out = await ran("import json; print(json.dumps([1]))", interpreter=(sys.executable, "-I"), parse="json")
    assert out.json == [1]


async def test_a_missing_interpreter_is_named():
    with pytest.raises(StepError, match="no-such-shell") as caught:
        await ran("true", interpreter=("no-such-shell",))
    assert caught.value.name == "exit.not_found"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"script": " \n"}, "script: it is empty"),
        ({"script": "true", "interpreter": ()}, "interpreter: no program"),
        ({"script": "true", "interpreter": ("",)}, "interpreter: no program"),
        ({"script": "true", "on": ["a"]}, "devices are not yet supported"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        Shell(**settings)


def test_a_script_takes_no_values():
    assert attrs.fields(Shell).script.metadata == NO_TEMPLATES


def test_the_entry_says_what_a_spec_may_write():
    (entry,) = treadle_step_types()
    assert (entry.name, entry.main, entry.repeatable) == ("shell", "script", False)
