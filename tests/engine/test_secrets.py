"""Secrets: in no event, result, error or log, in whatever form, and however output is cut into pieces."""

from __future__ import annotations

import base64
import json
import logging
import urllib.parse
from typing import TYPE_CHECKING, Any, NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.engine.kit import events, rig
from tests.engine.odd import Doing

from treadle._engine.masking import MASK, Masker, StreamMasker
from treadle.errors import StepError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import trio

    import treadle
    from treadle.plugin import Step

SECRET = 'pa$$/w"rd €12'
FORMS = {
    "itself": SECRET,
    "base64": base64.b64encode(SECRET.encode()).decode(),
    "base64 inside": base64.b64encode(b"user:" + SECRET.encode() + b"\n").decode(),
    "url": urllib.parse.quote(SECRET),
    "url, all": urllib.parse.quote(SECRET, safe=""),
    "form": urllib.parse.quote_plus(SECRET),
    "json": json.dumps(SECRET)[1:-1],
    "json, not ascii": json.dumps(SECRET, ensure_ascii=False)[1:-1],
}
"""What must never be seen, by how it is written."""
LEAKS = [form for name, form in FORMS.items() if name != "base64 inside"] + [
    base64.b64encode(b"user:" + SECRET.encode()).decode()[8:-4]
]


def leaks(thing: Any) -> list[str]:
    text = thing if isinstance(thing, str) else json.dumps(thing, ensure_ascii=False)
    return [form for form in LEAKS if form in text or json.dumps(form)[1:-1] in text]


class Watched:
    """A run with one secret, and all that anybody could see of it."""

    def __init__(self) -> None:
        self.seen: list[treadle.Event] = []

    async def keep(self, batch: Sequence[treadle.Event]) -> None:
        self.seen.extend(batch)

    async def run(self, steps: str, **work: Any) -> treadle.RunState:
        async with rig(plugins=[Doing(**work)], sinks=[self.keep], secrets={"TOKEN": SECRET}) as r:
            run = await r.start(f"secrets: [TOKEN]\n{steps}")
            state = await run.wait()
            assert leaks([event.to_data() for event in await events(run)]) == []
        assert leaks([event.to_data() for event in self.seen]) == []
        assert leaks(state.to_data()) == []
        return state


GIVEN = "steps: [{id: a, do: {what: tell, given: '${{ secrets.TOKEN }}'}}]"


@pytest.mark.parametrize("form", FORMS)
async def test_a_step_that_returns_a_secret_returns_a_mask(
    form: str, autojump_clock: trio.testing.MockClock
) -> None:
    async def tell(step: Step) -> Any:
        return {"text": f"<{FORMS[form]}>", FORMS[form]: [1, FORMS[form]]}

    state = await Watched().run(GIVEN, tell=tell)
    assert MASK in state.steps["a"].output["text"]


@pytest.mark.parametrize("form", FORMS)
async def test_a_step_that_fails_with_a_secret_fails_with_a_mask(
    form: str, autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async def foreseen(step: Step) -> NoReturn:
        raise StepError("denied", f"no: {FORMS[form]}", data={"sent": FORMS[form]})

    async def unforeseen(step: Step) -> NoReturn:
        raise ValueError(f"no: {FORMS[form]}") from OSError(FORMS[form])

    caplog.set_level(logging.DEBUG)
    for work in (foreseen, unforeseen):
        state = await Watched().run(GIVEN, tell=work)
        assert state.error is not None
        assert MASK in state.error.message
    assert leaks(caplog.text) == []


@pytest.mark.parametrize("form", FORMS)
async def test_what_a_step_shows_and_emits_is_masked_however_it_is_cut(
    form: str, autojump_clock: trio.testing.MockClock
) -> None:
    text = f"before {FORMS[form]} after"
    watched = Watched()

    async def tell(step: Step) -> None:
        step.log(text)
        step.heartbeat({"at": text})
        step.emit("shop.sold", {"to": text})
        for cut in range(len(text) + 1):
            step.write(text[:cut])
            step.write(text[cut:] + "\n")

    await watched.run(GIVEN, tell=tell)
    shown = "".join(event.data["text"] for event in watched.seen if event.type == "step.output")
    assert leaks(shown) == []
    assert shown.count(MASK) == len(text) + 1
    assert shown.count("after\n") == len(text) + 1


async def test_two_streams_are_masked_each_for_itself(autojump_clock: trio.testing.MockClock) -> None:
    watched = Watched()

    async def tell(step: Step) -> None:
        for letter in SECRET:
            step.write(letter)
            step.write("x", stream="stderr")

    await watched.run(GIVEN, tell=tell)
    out = [event.data for event in watched.seen if event.type == "step.output"]
    assert "".join(data["text"] for data in out if data["stream"] == "stdout") == MASK
    assert "".join(data["text"] for data in out if data["stream"] == "stderr") == "x" * len(SECRET)


async def test_dependants_outputs_and_undo_see_the_mask(autojump_clock: trio.testing.MockClock) -> None:
    async def tell(step: Step) -> str:
        return f"token={SECRET}"

    state = await Watched().run(
        """
steps:
  - {id: a, do: {what: tell, given: '${{ secrets.TOKEN }}'}}
  - {id: b, act: {output: "${{ steps.a.output }}"}}
outputs: {told: "${{ steps.a.output }}"}
""",
        tell=tell,
    )
    assert state.steps["b"].output == f"token={MASK}"
    assert state.outputs == {"told": f"token={MASK}"}


async def test_a_secret_of_digits_that_was_parsed_as_a_number_is_masked(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def tell(step: Step) -> Any:
        return {"pin": 987654321, "other": 5, "yes": True}

    async with rig(plugins=[Doing(tell=tell)], secrets={"PIN": "987654321"}) as r:
        state = await r.run("secrets: [PIN]\nsteps: [{id: a, do: {what: tell, given: '${{ secrets.PIN }}'}}]")
    assert state.steps["a"].output == {"pin": MASK, "other": 5, "yes": True}


async def test_a_secret_reaches_a_step_by_settings_by_name_and_by_env(
    autojump_clock: trio.testing.MockClock,
) -> None:
    got: dict[str, str] = {}

    async def take(step: Step) -> None:
        got["named"] = step.secret("TOKEN")
        got["env"] = step.env["T"]

    await Watched().run("env: {T: '${{ secrets.TOKEN }}'}\nsteps: [{id: a, do: take}]", take=take)
    assert got == {"named": SECRET, "env": SECRET}


async def test_the_value_of_a_secret_input_is_the_name_of_a_secret(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def tell(step: Step) -> str:
        return SECRET

    async with rig(plugins=[Doing(tell=tell)], secrets={"PROD_TOKEN": SECRET}) as r:
        run = await r.start(
            """
inputs: {token: {type: string, secret: true, required: true}}
steps: [{id: a, do: {what: tell, given: "${{ inputs.token }}"}}]
""",
            inputs={"token": "PROD_TOKEN"},
        )
        state = await run.wait()
        assert leaks([event.to_data() for event in await events(run)]) == []
        assert (await events(run))[0].data["inputs"] == {"token": "PROD_TOKEN"}
    assert state.steps["a"].output == MASK


async def test_a_secret_that_nobody_has_fails_the_step_and_says_what_to_do(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig(plugins=[Doing()], secrets={}) as r:
        state = await r.run(f"secrets: [TOKEN]\n{GIVEN}")
    assert state.error is not None
    assert state.error.name == "secret"
    assert "TOKEN" in state.error.message


async def test_a_command_and_its_output_keep_the_secret_of_their_environment() -> None:
    state = await Watched().run("""
steps:
  - id: a
    shell: 'printf %s "$T" | base64; echo "$T"; echo "$T" >&2; exit 3'
    env: {T: "${{ secrets.TOKEN }}"}
""")
    assert state.error is not None
    assert state.error.name == "exit.3"


# --- the masker itself ---


@given(st.lists(st.text(min_size=4, max_size=8, alphabet="ab*"), min_size=1, max_size=3), st.data())
def test_text_in_pieces_is_masked_as_it_is_in_one(secrets: list[str], data: st.DataObject) -> None:
    masker = Masker()
    for secret in secrets:
        masker.add(secret)
    pieces = data.draw(st.lists(st.text(alphabet="ab*", max_size=9) | st.sampled_from(secrets), max_size=8))
    stream = StreamMasker(masker)
    shown = "".join(stream.feed(piece) for piece in pieces) + stream.flush()
    assert shown == masker.text("".join(pieces))


def test_a_short_secret_is_masked_as_a_whole_value_only() -> None:
    masker = Masker()
    masker.add("no")
    assert masker.data({"a": "no", "b": "nothing", "c": ["no"]}) == {"a": MASK, "b": "nothing", "c": [MASK]}


def test_each_line_of_a_secret_of_several_lines_is_masked() -> None:
    masker = Masker()
    masker.add("-----BEGIN KEY-----\nabcdefgh\nijklmnop\n")
    assert masker.text("x abcdefgh y\nijklmnop") == f"x {MASK} y\n{MASK}"
