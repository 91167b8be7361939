"""No artefact of a run holds a secret: whole runs through the program, and everything they leave searched."""

from __future__ import annotations

import base64
import html
import http.server
import json
import os
import re
import shlex
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.parse
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

CANARIES = {
    "PLAIN": "canaryplain0123456789",
    "QUOTES": "canary\"quo'tes`\\back/slash",
    "LINES": "canary-first line\ncanary-second line\n\tcanary-third",
    "UNICODE": "cänary-ünïcode-漢字-😀",
    "BASE": "Y2FuYXJ5+base64/like==",
    "URL": "canary url?&=%20#/+:x",
    "JSON": 'canary\t{"json": [1, "\\n"]}',
}

ECHO = """\
import base64, html, json, os, re, shlex, sys, time, urllib.parse
values = [os.environ["C_" + name] for name in NAMES]
values += [json.loads(line) for line in sys.stdin.read().splitlines()] if "stdin" in sys.argv else []
forms = [
    str,
    json.dumps,
    lambda v: json.dumps(v, ensure_ascii=False).replace("/", "\\\\/"),
    lambda v: base64.b64encode(v.encode()).decode(),
    lambda v: base64.encodebytes(("x" + v + "y" * 80).encode()).decode(),
    lambda v: base64.urlsafe_b64encode(("xy" + v).encode()).decode(),
    urllib.parse.quote,
    urllib.parse.quote_plus,
    lambda v: re.sub("%..", lambda found: found[0].lower(), urllib.parse.quote(v, safe="")),
    lambda v: "".join("%%%02X" % byte for byte in v.encode()),
    repr,
    ascii,
    lambda v: repr(v.encode()),
    lambda v: str([v, {v: v}]),
    lambda v: json.dumps(json.dumps([v])),
    shlex.quote,
    html.escape,
]
streams = (sys.stdout, sys.stderr)
for number, value in enumerate(values):
    for form in forms:
        text = f"value {number}: {form(value)} end\\n"
        for stream in streams:
            if "pieces" in sys.argv:
                for at in range(0, len(text), 5):
                    stream.write(text[at : at + 5])
                    stream.flush()
                    time.sleep(0.0005)
            else:
                stream.write(text)
            stream.flush()
if "json" in sys.argv:
    print(json.dumps({"values": values, "by": {value: value for value in values}}))
if "hang" in sys.argv:
    open("hanging", "w").close()
    time.sleep(60)
if "fail" in sys.argv:
    sys.exit(3)
"""

CALLED = """\
class Odd(Exception):
    pass


def returns(values):
    return {"values": values, "by": {value: 1 for value in values}, "text": repr(values)}


def raises(values):
    text = " and ".join(values)
    try:
        raise ValueError(values)
    except ValueError as error:
        raise Odd(f"cannot use {text}") from error


async def fails(values):
    from treadle.plugin import StepError

    raise StepError("acme", f"refused: {values}", data={"values": values})
"""

SPEC = """\
treadle: 1
name: canaries
secrets: [NAMES]
inputs:
  key: {secret: true, default: PLAIN}
  peer: string
env: {ENVIRON}
steps:
  shown: {command: [python3, echo.py, pieces]}
  parsed: {shell: python3 echo.py json | tail -n 1}
  given: {command: {run: [python3, echo.py, stdin], stdin: "STDIN"}}
  traced: {shell: "set -x\\nfor v in VARIABLES; do echo \\"$v\\"; done"}
  cut: {command: {run: [python3, echo.py], max_output: 700}}
  cut_more: {command: {run: [python3, echo.py, pieces], max_output: 1111}}
  exits: {command: [python3, echo.py, fail], on_error: continue, retry: {attempts: 2, backoff: {fixed: 0s}}}
  odd: {shell: 'echo "$C_PLAIN"; kill -9 $$', on_error: continue}
  gone: {command: {run: [python3, echo.py], cwd: "/${{ secrets.PLAIN }}"}, on_error: continue}
  slow: {command: [python3, echo.py, hang], timeout: 1s, on_error: continue}
  returned: {python: {call: "canaries:returns", args: {values: [VALUES]}}}
  raised: {python: {call: "canaries:raises", args: {values: [VALUES]}}, on_error: continue}
  refused: {python: {call: "canaries:fails", args: {values: [VALUES]}}, on_error: continue}
  wrong_args: {python: {call: "canaries:raises", args: {other: [VALUES]}}, on_error: continue}
  get:
    http:
      url: "${{ inputs.peer }}/echo"
      method: POST
      headers: {x-token: "${{ secrets.PLAIN }}", authorization: "Bearer ${{ secrets.BASE }}"}
      params: {q: "${{ secrets.URL }}", j: "${{ secrets.UNICODE }}"}
      json: {values: [VALUES]}
      allow_private: true
  form:
    http:
      url: "${{ inputs.peer }}/fail"
      method: POST
      form: {a: "${{ secrets.URL }}", b: "${{ secrets.LINES }}"}
      auth: {basic: {user: u, password: "${{ secrets.QUOTES }}"}}
      allow_private: true
    on_error: continue
    retry: {attempts: 2, backoff: {fixed: 0s}}
  nowhere:
    http: {url: "${{ secrets.PLAIN }}://host/${{ secrets.PLAIN }}"}
    on_error: continue
  refused_host:
    http: {url: "http://127.0.0.1:1/${{ secrets.PLAIN }}?q=${{ secrets.BASE }}", allow_private: true}
    on_error: continue
  hook:
    webhook:
      url: "${{ inputs.peer }}/echo"
      json: {text: "${{ secrets.JSON }}"}
      sign: {secret: QUOTES}
      allow_private: true
  said: {fail: {message: "no ${{ secrets.PLAIN }} ${{ secrets.LINES }}", name: acme}, on_error: continue}
  input: {shell: 'echo "$K"', env: {K: "${{ inputs.key }}"}}
  dependant:
    needs: {shown: settled, raised: settled}
    set: {out: "${{ steps.shown.output.stdout }}", error: "${{ default(steps.raised.error, null) }}"}
  sent: {emit: {name: told, data: {out: "${{ steps.shown.output.stdout }}"}}}
  each: {foreach: "${{ range(3) }}", command: [python3, echo.py]}
  child: {workflow: {file: child.yaml, inputs: {said: "${{ steps.input.output.stdout }}"}}}
outputs:
  child: "${{ steps.child.output.said }}"
  all: "${{ steps.shown.output.stdout }}"
  parsed: "${{ steps.parsed.output.stdout }}"
finally:
  last: {command: [python3, echo.py]}
"""

CHILD = """\
treadle: 1
name: child
secrets: [NAMES]
inputs: {said: string}
env: {ENVIRON}
steps:
  echoed: {command: [python3, echo.py], env: {SAID: "${{ inputs.said }}"}}
outputs:
  said: "${{ steps.echoed.output.stdout }}"
"""

UNDONE = """\
treadle: 1
name: undone
secrets: [NAMES]
env: {ENVIRON}
on_error: rollback
steps:
  - id: made
    command: [python3, echo.py]
    undo: {command: [python3, echo.py, fail]}
  - id: asked
    approval:
      prompt: "ship ${{ steps.made.output.stdout }} with ${{ secrets.QUOTES }}?"
      timeout: 5m
      on_timeout: fail
  - id: broken
    command: [python3, echo.py, fail]
    on_error: {escalate: {prompt: "what now, after ${{ steps.made.output.stdout }}?"}}
"""

KILLED = """\
treadle: 1
name: killed
secrets: [NAMES]
env: {ENVIRON}
steps:
  - id: before
    command: [python3, echo.py]
  - id: during
    command: [python3, echo.py, pieces, hang]
    timeout: 2m
    repeatable: true
  - id: after
    command: [python3, echo.py]
"""


def filled(spec: str) -> str:
    return (
        spec.replace("NAMES", ", ".join(CANARIES))
        .replace("ENVIRON", ", ".join(f'C_{name}: "${{{{ secrets.{name} }}}}"' for name in CANARIES))
        .replace("VALUES", ", ".join(f'"${{{{ secrets.{name} }}}}"' for name in CANARIES))
        .replace("VARIABLES", " ".join(f'\\"$C_{name}\\"' for name in CANARIES))
        .replace("STDIN", "".join(f"${{{{ json(secrets.{name}) }}}}\\n" for name in CANARIES))
    )


# --- what is looked for ----------------------------------------------------------------------------


def forms_of(value: str) -> Iterator[bytes]:
    """What of a secret may stand nowhere: itself, and as others write it."""
    for part in (value, *(line.strip() for line in value.splitlines())):
        raw = part.encode()
        for text in (
            part,
            json.dumps(part)[1:-1],
            json.dumps(part, ensure_ascii=False)[1:-1],
            json.dumps(part)[1:-1].replace("/", r"\/"),
            json.dumps(json.dumps(part))[3:-3],
            urllib.parse.quote(part),
            urllib.parse.quote_plus(part),
            urllib.parse.quote(part, safe=""),
            re.sub("%..", lambda found: found[0].lower(), urllib.parse.quote(part, safe="")),
            "".join(f"%{byte:02X}" for byte in raw),
            repr(part)[1:-1],
            ascii(part)[1:-1],
            repr(raw)[2:-1],
            shlex.quote(part),
            html.escape(part),
        ):
            yield text.encode()
        for shift in range(3):
            for encode in (base64.b64encode, base64.urlsafe_b64encode):
                encoded = encode(b"\0" * shift + raw).rstrip(b"=")
                yield encoded[(0, 2, 3)[shift] : len(encoded) - (1 if (len(raw) + shift) % 3 else 0)]


NEEDLES = {form: name for name, value in CANARIES.items() for form in forms_of(value)}


def found_in(content: bytes) -> set[tuple[str, bytes]]:
    """The secrets in *content*, also over the ends of lines, as base64 is wrapped, and inside of JSON."""
    texts = {content, content.replace(b"\\n", b"").replace(b"\n", b""), *decoded(content)}
    return {(name, form) for text in texts for form, name in NEEDLES.items() if form in text}


def decoded(content: bytes) -> Iterator[bytes]:
    """All texts in the lines of *content* that are JSON."""
    for line in (content, *content.splitlines()):
        try:
            stack = [json.loads(line)]
        except ValueError:
            continue
        while stack:
            value = stack.pop()
            if isinstance(value, str):
                yield value.encode()
            elif isinstance(value, dict):
                stack += [*value, *value.values()]
            elif isinstance(value, list):
                stack += value


def test_the_search_finds_every_form() -> None:
    for form in NEEDLES:
        assert found_in(b"x" + form + b"y")
    assert not found_in(b"nothing here, and *** there")


# --- running ---------------------------------------------------------------------------------------


class Peer(http.server.BaseHTTPRequestHandler):
    """Answers with what it was sent; ``/fail`` with status 500."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0)).decode()
        echoed = {"path": self.path, "headers": dict(self.headers.items()), "body": body}
        content = json.dumps(echoed).encode()
        self.send_response(500 if self.path.startswith("/fail") else 200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.send_header("x-echo", self.headers.get("authorization") or "")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def peer() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Peer)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


class Place:
    """A project whose secrets come from files, and all that its processes said."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.said: dict[str, bytes] = {}
        self.lines: set[bytes] = set()
        self.secrets = folder.parent / f"{folder.name}-secrets"
        self.secrets.mkdir()
        for name, value in CANARIES.items():
            (self.secrets / name).write_text(value + "\n")
            (self.secrets / name).chmod(0o600)
        (folder / "echo.py").write_text(f"NAMES = {list(CANARIES)}\n{ECHO}")
        (folder / "canaries.py").write_text(CALLED)
        (folder / "treadle.yaml").write_text(
            f"secrets: [{{file: {self.secrets}}}]\nsinks: [console, {{jsonl: events.jsonl}}]\n"
        )
        for name, spec in (("all", SPEC), ("child", CHILD), ("undone", UNDONE), ("killed", KILLED)):
            (folder / f"{name}.yaml").write_text(filled(spec))
        self.env = {**os.environ, "PYTHONPATH": str(folder), "NO_COLOR": "1", "TREADLE_DEBUG": "1"}
        self.env["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "treadle", *arguments],
            cwd=self.folder,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    def run(self, *arguments: str, timeout: float = 60) -> int:
        process = self.start(*arguments)
        return self.ended(process, shlex.join(arguments), timeout)

    def ended(self, process: subprocess.Popen[bytes], name: str, timeout: float = 60) -> int:
        deadline = time.monotonic() + timeout
        watcher = threading.Thread(target=self._watch, args=(process,))
        watcher.start()
        try:
            out, err = process.communicate(timeout=deadline - time.monotonic())
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            watcher.join()
        self.said[f"{name} (out)"] = out
        self.said[f"{name} (err)"] = err
        return process.returncode

    def _watch(self, process: subprocess.Popen[bytes]) -> None:
        """Keep what anybody on this machine can see of *process* and those in its session."""
        while process.poll() is None:
            for entry in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    if os.getsid(int(entry.parent.name)) == process.pid:
                        self.lines.add(entry.read_bytes())
                except (OSError, ValueError):
                    pass
            time.sleep(0.005)

    def leaks(self) -> dict[str, set[tuple[str, bytes]]]:
        """By artefact, what secrets are in it."""
        artefacts = {**self.said, **{f"cmdline {line[:60]!r}": line for line in self.lines}}
        for path in self.folder.rglob("*"):
            if path.is_file():
                artefacts[str(path.relative_to(self.folder))] = path.read_bytes()
        artefacts |= self._rows()
        return {name: found for name, content in artefacts.items() if (found := found_in(content))}

    def _rows(self) -> dict[str, bytes]:
        """Each table of the store, decoded."""
        with sqlite3.connect(self.folder / ".treadle" / "treadle.db") as store:
            names = [row[0] for row in store.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            rows = {name: store.execute(f"SELECT * FROM {name}").fetchall() for name in names}
        store.close()
        return {
            f"table {name}": b"\n".join(
                cell if isinstance(cell, bytes) else str(cell).encode() for row in found for cell in row
            )
            for name, found in rows.items()
        }

    def look(self, run: str = "last") -> None:
        """Ask for everything that the program tells of *run*."""
        for arguments in (
            ("show", run),
            ("show", run, "--json"),
            ("events", run),
            ("ps", "--all"),
            ("ps", "--json"),
            ("config",),
        ):
            self.run(*arguments)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    folder = tmp_path / "project"
    folder.mkdir()
    return Place(folder)


def test_no_artefact_of_a_run_that_does_everything_holds_a_secret(place: Place, peer: str) -> None:
    assert place.run("validate", "all.yaml") == 0, place.said
    code = place.run("run", "all.yaml", "-i", f"peer={peer}", "--json")
    result = json.loads(place.said[f"run all.yaml -i peer={peer} --json (out)"])
    place.look(result["run"])
    place.look()  # that which it called
    for step in ("raised", "exits", "get", "slow", "said", "nowhere"):
        assert place.run("why", result["run"], step) == 0
    assert place.leaks() == {}, place.leaks()
    assert (code, result["status"]) == (0, "completed"), result["error"]
    assert {path: step["status"] for path, step in result["steps"].items() if step["status"] == "failed"} == (
        dict.fromkeys(
            (
                "exits", "odd", "gone", "slow", "raised", "refused", "wrong_args", "form", "nowhere",
                "refused_host", "said",
            ),
            "failed",
        )
    )  # fmt: skip
    assert "***" in result["outputs"]["all"]


def test_no_artefact_of_a_run_that_is_taken_back_holds_a_secret(place: Place) -> None:
    assert place.run("run", "undone.yaml") == 3, place.said
    place.look()
    place.run("why", "last", "asked")
    assert place.run("approve", "last", "asked", "--comment", "fine") == 0
    assert place.run("resume", "last") == 3
    place.look()
    place.run("why", "last", "broken")
    assert place.run("resolve", "last", "broken", "--as", "rollback") == 0
    assert place.run("resume", "last") == 1
    place.look()
    place.run("rerun", "last", "--failed")
    assert place.leaks() == {}, place.leaks()
    assert b"rollback" in place.said["show last (out)"]


def test_no_artefact_of_a_run_that_was_killed_and_resumed_holds_a_secret(place: Place) -> None:
    process = place.start("run", "killed.yaml")
    deadline = time.monotonic() + 40
    while not (place.folder / "hanging").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    place.ended(process, "killed")
    assert (place.folder / "hanging").exists(), place.said
    assert place.leaks() == {}, place.leaks()
    echo = place.folder / "echo.py"
    echo.write_text(echo.read_text().replace("time.sleep(60)", "pass"))
    assert place.run("resume", "last") == 0, place.said
    place.look()
    assert place.leaks() == {}, place.leaks()


def test_no_log_of_a_run_in_the_background_holds_a_secret(place: Place) -> None:
    assert place.run("run", "--detach", "undone.yaml") == 0, place.said
    status, deadline = "", time.monotonic() + 40
    while status != "waiting" and time.monotonic() < deadline:
        assert place.run("show", "last", "--json") == 0
        status = json.loads(place.said["show last --json (out)"])["status"]
    assert place.run("cancel", "last", "--rollback") == 0
    while status not in ("cancelled", "failed") and time.monotonic() < deadline:
        assert place.run("show", "last", "--json") == 0
        status = json.loads(place.said["show last --json (out)"])["status"]
    place.look()
    assert place.leaks() == {}, place.leaks()
    assert [*place.folder.rglob("logs/*.log")]
