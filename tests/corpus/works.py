"""The settings of each step type, as `valid` writes them, and what the output of such a step has."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import attrs
from tests.corpus.typed import Expressions, Known

if TYPE_CHECKING:
    from tests.corpus.valid import Writer

Tree = dict[str, Any]
Made = tuple[Any, list[Known]]
"""Settings of a step, and what its output has, each as a source that begins with a dot."""


def below(source: str, known: list[Known]) -> list[Known]:
    """*known* of an output as it is read from *source*."""
    return [attrs.evolve(each, source=_joined(source, each.source)) for each in known]


def _joined(source: str, rest: str) -> str:
    return (
        f"len({source})"
        if rest == "len()"
        else rest.replace("(", f"({source}", 1)
        if "(" in rest
        else source + rest
    )


def _command(w: Writer, e: Expressions, depth: int) -> Made:
    run = w.pick(
        "make -j 4 'all of it'", ["echo", w.text(e), w.whole(e, "text")], f"echo {w.whole(e, 'integer')}"
    )
    return _executed(w, e, "run", run)


def _shell(w: Writer, e: Expressions, depth: int) -> Made:
    return _executed(w, e, "script", w.pick("echo hello", "set -x\ncat words.txt | wc -l\n", "test -e x"))


def _executed(w: Writer, e: Expressions, main: str, run: Any) -> Made:
    known = [Known(".stdout", "text"), Known(".exit_code", "integer"), Known(".truncated", "integer")]
    if w.maybe(0.5):
        return run, known
    some = {
        "cwd": w.text(e),
        "stdin": w.whole(e, "text"),
        "ok": [0, 3],
        "parse": w.pick("json", "lines", "text"),
        "max_output": w.pick("64KiB", 4096),
        "grace": "2s",
    }
    settings = {main: run} | {key: item for key, item in some.items() if w.maybe(0.3)}
    lines = [Known(".lines", "texts")] if settings.get("parse") == "lines" else []
    return settings, known + lines


def _http(w: Writer, e: Expressions, depth: int) -> Made:
    some = {
        "method": w.pick("GET", "PUT"),
        "headers": {"X-Key": "${{ secrets.API_KEY }}", "Accept": "text/plain"},
        "params": {"q": w.text(e)},
        "auth": {"bearer": "${{ secrets.API_KEY }}"},
        "expect": w.pick(200, "2xx", [200, 404]),
        "redirects": 3,
        "parse": w.pick("auto", "json", "text"),
        "max_body": "2MiB",
        "verify": True,
        "allow_private": True,
        **w.pick({"json": w.value(e)}, {"body": w.text(e)}, {"form": {"a": w.text(e)}}),
    }
    url = w.pick("https://example.com/healthz", f"https://example.com/{w.whole(e, 'text')}")
    settings = {"url": url} | {key: item for key, item in some.items() if w.maybe(0.3)}
    known = [Known(".status", "integer"), Known(".url", "text"), Known(".elapsed", "number")]
    return (url if len(settings) == 1 else settings), known


def _webhook(w: Writer, e: Expressions, depth: int) -> Made:
    settings: Tree = {
        "url": w.pick("${{ secrets.HOOK_URL }}", "https://example.com/hook"),
        "json": w.value(e),
    }
    settings |= {"sign": {"secret": "API_KEY"}} if w.maybe(0.3) else {}
    return settings, [Known(".status", "integer")]


def _wait(w: Writer, e: Expressions, depth: int) -> Made:
    settings = w.pick("5m", {"for": "1h30m"}, {"until": "2030-01-31T09:00:00+01:00"}, {"for": "0s"})
    return settings, [Known(".waited", "number")]


def _set(w: Writer, e: Expressions, depth: int) -> Made:
    settings = {
        "t": w.whole(e, "text"),
        "n": w.whole(e, "integer"),
        "any": w.value(e),
        "l": w.whole(e, "texts"),
    }
    known = [Known(".t", "text", constant=True), Known(".n", "integer", constant=True), Known(".l", "texts")]
    return settings, known


def _emit(w: Writer, e: Expressions, depth: int) -> Made:
    return w.pick({"name": "image.published", "data": {"v": w.value(e)}}, "thing.done"), [
        Known(".name", "text", constant=True)
    ]


def _python(w: Writer, e: Expressions, depth: int) -> Made:
    return {"call": "textwrap:wrap", "args": {"text": w.text(e), "width": 12}}, []


def _approval(w: Writer, e: Expressions, depth: int) -> Made:
    timed = {"timeout": w.pick("4h", "${{ inputs.patience }}"), "on_timeout": w.pick("fail", "fail")}
    settings: Tree = {"prompt": w.text(e), "fields": {"ticket": {"pattern": r"OPS-\d+"}, "count": "integer"}}
    settings |= timed if w.maybe(0.5) else {}
    settings |= {"notify": {"emit": "please.look"}} if w.maybe(0.3) else {}
    fields = [Known(".fields.ticket", "text"), Known(".fields.count", "integer")]
    return settings, [Known(".at", "text"), *fields]


def _signal(w: Writer, e: Expressions, depth: int) -> Made:
    match = f"default(output.order, 0) > {w.pick(1, 2)} and output.name != ''"
    return w.pick("parcel.left", {"name": "parcel.left", "match": match, "timeout": "2d"}), []


def _fail(w: Writer, e: Expressions, depth: int) -> Made:
    """Only where the failure can be helped: in a branch."""
    fail = {"fail": {"message": w.text(e), "name": w.pick("image.missing", "failed")}}
    settings: Tree = {"if": w.condition(e), "then": [{"set": {"a": 1}}], "else": [fail]}
    return settings, [Known(".result", "boolean")]


def _parallel(w: Writer, e: Expressions, depth: int) -> Made:
    return w.block(e, depth - 1, w.pick("together", "mapping"))


def _sequence(w: Writer, e: Expressions, depth: int) -> Made:
    return w.block(e, depth - 1, "list")


def _steps(w: Writer, e: Expressions, depth: int) -> Made:
    return w.block(e, depth - 1)


def _condition(w: Writer, e: Expressions, depth: int) -> Made:
    asked = w.condition(e)
    then, known = w.block(e.beyond(asked), depth - 1)
    settings = {"if": asked, "then": then}
    if w.maybe(0.5):
        settings["else"] = w.block(e.beyond(asked), depth - 1)[0]
    known = [attrs.evolve(each, absent=True) for each in below(".output", known)]
    return settings, [Known(".result", "boolean"), *known]


def _switch(w: Writer, e: Expressions, depth: int) -> Made:
    cases, inside = [], e
    for _ in range(w.pick(1, 2)):
        asked = w.condition(inside)
        inside = inside.beyond(asked)
        cases.append({"when": asked, "steps": w.block(inside, 0)[0]})
    settings = {"cases": cases, "default": w.block(inside, 0)[0]}
    return settings, [Known(".case", "integer", absent=True)]


def _template(w: Writer, e: Expressions, depth: int) -> Made:
    given = {"host": w.text(e), "count": w.whole(e, "integer"), "hosts": w.pick(["a"], w.whole(e, "texts"))}
    used = {key: item for key, item in given.items() if key == "host" or w.maybe(0.5)}
    return {"name": "roll_out", "with": used}, [
        Known(".log.stdout", "text"),
        Known(".sum.n", "integer", constant=True),
    ]


def _workflow(w: Writer, e: Expressions, depth: int) -> Made:
    return w.pick("other", {"name": "other", "inputs": {"a": w.value(e)}, "detach": False}), []


TEMPLATE: Tree = {
    "description": "What is done for each host.",
    "parameters": {
        "host": "string",
        "count": {"type": "integer", "default": 1},
        "hosts": {"type": "list", "items": {"type": "string"}, "default": []},
    },
    "steps": [
        {"id": "log", "command": ["echo", "${{ parameters.host }}: ${{ join(parameters.hosts, ' ') }}"]},
        {"id": "sum", "when": True, "set": {"n": "${{ parameters.count + len(steps.log.output.stdout) }}"}},
    ],
}


def _decide(w: Writer, e: Expressions, depth: int) -> Made:
    hit = w.pick("first", "collect", None)
    settings: Tree = {"rules": [{"when": w.condition(e), "then": w.pick("a", 3, w.text(e))}]}
    settings |= {"hit": hit} if hit else {}
    return settings | {"otherwise": w.value(e)}, []


Maker = Callable[["Writer", Expressions, int], Made]
"""Makes the settings of a step type; the number is how deep blocks may still go."""

LEAVES: dict[str, Maker] = {
    "command": _command,
    "shell": _shell,
    "http": _http,
    "webhook": _webhook,
    "wait": _wait,
    "set": _set,
    "emit": _emit,
    "python": _python,
    "approval": _approval,
    "signal": _signal,
    "workflow": _workflow,
    "decide": _decide,
}
BLOCKS: dict[str, Maker] = {
    "parallel": _parallel,
    "sequence": _sequence,
    "steps": _steps,
    "condition": _condition,
    "switch": _switch,
    "template": _template,
}
