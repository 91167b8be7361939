"""Secrets: in no event, result, error or log, in whatever form, and however output is cut into pieces."""

from __future__ import annotations

import base64
import json
import logging
import time
import urllib.parse
from typing import TYPE_CHECKING, Any, NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.engine.kit import events, rig
from tests.engine.odd import Doing

import treadle
from treadle._engine.masking import MASK, Masker, StreamMasker
from treadle.errors import StepError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import trio

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


@pytest.mark.parametrize(
    ("step", "error"),
    [
        ("""shell: 'printf "%0270d%s tail" 0 "$T" >&2; exit 3'""", "exit.3"),
        ("""shell: 'printf "%s%04090d" "$T" 0; exit 3'""", "exit.3"),
        ("""shell: {script: 'printf "%0100d%s" 0 "$T"', max_output: 106B}""", None),
        ("""shell: {script: 'printf "%0100d%s" 0 "$T" >&2', max_output: 106B}""", None),
    ],
    ids=["the message", "the last lines", "stdout", "stderr"],
)
async def test_a_secret_that_is_cut_leaves_no_half(step: str, error: str | None) -> None:
    watched = Watched()
    state = await watched.run(f"steps: [{{id: a, {step}, env: {{T: '${{{{ secrets.TOKEN }}}}'}}}}]")
    assert (state.error and state.error.name) == error
    for thing in (state.to_data(), *(event.to_data() for event in watched.seen)):
        assert SECRET[:4] not in json.dumps(thing)
        assert json.dumps(SECRET[-6:])[1:-1] not in json.dumps(thing)


async def test_a_declared_secret_that_no_expression_reads_is_masked_in_a_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TOKEN", SECRET)
    state = await Watched().run("steps: [{id: a, command: [printenv, TOKEN]}]")
    assert state.steps["a"].output["stdout"] == MASK


async def test_an_input_that_holds_a_secret_in_clear_is_refused_without_showing_it() -> None:
    async with rig(secrets={"TOKEN": SECRET}) as r:
        with pytest.raises(treadle.InputError) as refused:
            await r.start(
                "secrets: [TOKEN]\ninputs: {x: string}\nsteps: [{id: a, act: {}}]", inputs={"x": f"-{SECRET}"}
            )
        assert r.engine.runs() == []
    (problem,) = refused.value.problems
    assert (problem.code, problem.path) == ("TRD605", "inputs.x")
    assert SECRET not in str(refused.value)


async def test_a_secret_that_an_input_names_is_masked_before_it_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TOKEN", SECRET)
    async with rig(secrets={"TOKEN": SECRET}) as r:
        run = await r.start(
            "inputs: {keys: {type: list, items: {type: string, secret: true}, default: [TOKEN, GONE]}}\n"
            "steps: [{id: a, command: [printenv, TOKEN]}]"
        )
        assert (await run.wait()).steps["a"].output["stdout"] == MASK


async def test_a_provider_that_breaks_hurts_only_who_uses_it(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(dict[str, str]):
        def get(self, name: str, default: Any = None) -> NoReturn:  # type: ignore[override]
            raise OSError("no vault")

    async with rig(plugins=[Doing()], secrets=Broken()) as r:
        state = await r.run("secrets: [TOKEN]\nsteps: [{id: a, command: 'true'}]")
    assert state.status == "completed"
    assert "secret TOKEN cannot be masked ahead: OSError" in caplog.text


@pytest.mark.parametrize("value", ["", "abc"])
async def test_a_secret_too_short_to_be_kept_fails_the_step_that_uses_it(
    value: str, autojump_clock: trio.testing.MockClock
) -> None:
    async with rig(plugins=[Doing()], secrets={"TOKEN": value}) as r:
        state = await r.run(f"secrets: [TOKEN]\n{GIVEN}")
    assert state.error is not None
    assert state.error.name == "secret"
    assert f"has {len(value)} characters" in state.error.message


# --- the masker itself ---


def masker_of(*secrets: str) -> Masker:
    masker = Masker()
    for secret in secrets:
        masker.add(secret)
    return masker


LONG = "".join(chr(97 + i * 7 % 26) for i in range(90))
MIXED = ["pa%24$%2fw%22rd %e2%82%AC12", "p%61%24%24/w%22rd+€12", '%70a$$%2Fw"rd%20%E2%82%ac12']


@pytest.mark.parametrize("mixed", MIXED)
def test_any_mixture_of_url_escapes_is_masked(mixed: str) -> None:
    masker = masker_of(SECRET)
    assert masker.text(f"100% {mixed} %4") == f"100% {MASK} %4"
    for cut in range(len(mixed) + 1):
        stream = StreamMasker(masker)
        assert stream.feed(f"<{mixed[:cut]}") + stream.feed(f"{mixed[cut:]}>") == f"<{MASK}>"


@pytest.mark.parametrize("gap", ["\n", "\r\n", "\n    ", r"\n"])
def test_base64_is_masked_over_the_ends_of_lines(gap: str) -> None:
    masker = masker_of(LONG)
    encoded = base64.encodebytes(LONG.encode()).decode().replace("\n", gap).removesuffix(gap)
    assert masker.text(f"<{encoded}>") == f"<{MASK}>"
    for cut in range(len(encoded) + 1):
        stream = StreamMasker(masker)
        assert stream.feed(f"<{encoded[:cut]}") + stream.feed(f"{encoded[cut:]}>") == f"<{MASK}>"


@pytest.mark.parametrize("form", [SECRET, FORMS["url"], FORMS["json"], FORMS["base64"], *MIXED])
def test_at_a_cut_no_piece_of_a_secret_is_left(form: str) -> None:
    masker = masker_of(SECRET)
    for cut in range(1, len(form)):
        assert masker.text(f"<{form[:cut]}", cut_end=True) == "<"
        assert masker.text(f"{form[cut:]}>", cut_start=True) == ">"


def test_secrets_that_overlap_leave_nothing_of_either() -> None:
    assert masker_of("abcdef", "defghi").text("<abcdefghi>") == f"<{MASK}>"


def test_a_secret_whose_bytes_are_not_utf_8_is_masked_as_text_base64_and_replaced() -> None:
    raw = b"\xffsecret\xfe"
    masker = masker_of(raw.decode(errors="surrogateescape"))
    for form in (raw.decode(errors="replace"), base64.b64encode(raw).decode(), urllib.parse.quote(raw)):
        assert "secret" not in masker.text(form)
        assert MASK in masker.text(form)
    assert masker_of("half\ud800").text("half\ud800") == MASK


def test_the_beginning_of_a_secret_at_the_end_of_a_stream_is_masked() -> None:
    stream = StreamMasker(masker_of("correct-horse"))
    assert stream.feed("it is corre") + stream.flush() == f"it is {MASK}"
    assert stream.feed("it is c") + stream.flush() == "it is c"


def test_a_key_of_many_lines_hardly_slows_text_without_it() -> None:
    key = "\n".join(base64.b64encode(bytes([line]) * 48).decode() for line in range(50))
    masker, text = masker_of(key), "the quick brown fox jumps over 100% of lazy dogs\n" * 20_000
    start = time.process_time()
    assert masker.text(text) is not None
    assert time.process_time() - start < 0.5  # it takes 20 ms; trying each form at each place, seconds


@given(st.lists(st.text(min_size=4, max_size=8, alphabet="ab*"), min_size=1, max_size=3), st.data())
def test_text_in_pieces_is_masked_as_it_is_in_one(secrets: list[str], data: st.DataObject) -> None:
    masker = Masker()
    for secret in secrets:
        masker.add(secret)
    pieces = data.draw(st.lists(st.text(alphabet="ab*", max_size=9) | st.sampled_from(secrets), max_size=8))
    stream = StreamMasker(masker)
    pieces.append(".")  # after which nothing can be the beginning of a secret
    assert "".join(map(stream.feed, pieces)) == masker.text("".join(pieces))
    assert stream.flush() == ""


def test_a_short_secret_is_masked_as_a_whole_value_only() -> None:
    masker = Masker()
    masker.add("no")
    assert masker.data({"a": "no", "b": "nothing", "c": ["no"]}) == {"a": MASK, "b": "nothing", "c": [MASK]}


def test_each_line_of_a_secret_of_several_lines_is_masked() -> None:
    masker = Masker()
    masker.add("-----BEGIN KEY-----\nabcdefgh\nijklmnop\n")
    assert masker.text("x abcdefgh y\nijklmnop") == f"x {MASK} y\n{MASK}"


async def test_a_command_to_a_run_that_has_not_begun_is_masked(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig(secrets={"TOKEN": SECRET}) as r:
        run = await r.start("secrets: [TOKEN]\nsteps: [{id: a, act: {}}]")
        await run.cancel(f"it used {SECRET}")
        told = [event.to_data() for event in await events(run)]
        assert leaks(told) == []
        assert f"it used {MASK}" in json.dumps(told)
