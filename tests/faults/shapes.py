"""Workflows to be killed at every point, each with what a person asks of its run.

Rule: however a run is killed, its end is the same: nothing here depends on the order of what runs together,
on how often a step was tried, or on the clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs

from treadle.events import Event

if TYPE_CHECKING:
    from tests.faults.ledger import Line


@attrs.frozen
class Wish:
    """A command that a person wants to give; *id* is the same whenever the same is wanted."""

    id: str
    command: str
    arguments: Mapping[str, Any] = attrs.field(factory=dict)


Wishes = Callable[[Sequence[Event], Sequence["Line"]], Iterator[Wish]]
"""All that a person wants who sees this journal and this ledger, asked for already or not."""


def nothing(journal: Sequence[Event], ledger: Sequence[Line]) -> Iterator[Wish]:
    """A run that needs nobody."""
    yield from ()


@attrs.frozen
class Shape:
    """A workflow, what a person asks of its run, and how the run must end."""

    name: str
    ends: str
    text: str
    wishes: Wishes = nothing

    def source(self) -> str:
        return f"treadle: 1\nname: {self.name}\n{self.text}"


# --- people ---


def began(ledger: Sequence[Line], path: str) -> bool:
    return any(line.path == path and line.what == "begin" for line in ledger)


def waits_for(journal: Sequence[Event], what: str) -> Iterator[Event]:
    return (event for event in journal if event.type == "step.waiting" and event.data["for"] == what)


def approves(journal: Sequence[Event], ledger: Sequence[Line]) -> Iterator[Wish]:
    for event in waits_for(journal, "approval"):
        yield Wish(f"approve-{event.seq}", "approve", {"step": event.step, "fields": {"ticket": "T-1"}})


def rejects(journal: Sequence[Event], ledger: Sequence[Line]) -> Iterator[Wish]:
    for event in waits_for(journal, "approval"):
        yield Wish(f"reject-{event.seq}", "reject", {"step": event.step, "fields": {}})


def completes(journal: Sequence[Event], ledger: Sequence[Line]) -> Iterator[Wish]:
    for event in waits_for(journal, "decision"):
        told = {"step": event.step, "decision": "complete", "output": {"by": "hand"}}
        yield Wish(f"complete-{event.seq}", "resolve", told)


def signals(journal: Sequence[Event], ledger: Sequence[Line]) -> Iterator[Wish]:
    """Once, as whoever delivers something would: not again because the receiver was restarted."""
    for _ in list(waits_for(journal, "signal"))[:1]:
        yield Wish("signal", "signal", {"name": "delivered", "payload": {"box": 7}})


def signals_early(journal: Sequence[Event], ledger: Sequence[Line]) -> Iterator[Wish]:
    """Before anything waits for it: it must be kept."""
    if began(ledger, "before"):
        yield Wish("signal", "signal", {"name": "delivered", "payload": {"box": 7}})


def cancels(journal: Sequence[Event], ledger: Sequence[Line]) -> Iterator[Wish]:
    if began(ledger, "hold"):
        yield Wish("cancel", "cancel", {"reason": "enough"})


def cancels_and_takes_back(journal: Sequence[Event], ledger: Sequence[Line]) -> Iterator[Wish]:
    if began(ledger, "hold"):
        yield Wish("cancel", "cancel", {"reason": "enough", "rollback": True})


def pauses_and_resumes(journal: Sequence[Event], ledger: Sequence[Line]) -> Iterator[Wish]:
    if began(ledger, "b"):
        yield Wish("pause", "pause")
    for event in journal:
        if event.type == "workflow.paused":
            yield Wish(f"resume-{event.seq}", "resume")


# --- workflows ---

CHAIN = """
steps:
  - {id: a, effect: {}}
  - {id: b, safe: {}}
  - {id: c, effect: {output: "${{ steps.a.output.did + steps.b.output.did }}"}}
  - {id: d, safe: {}}
outputs: {all: "${{ steps.c.output }}"}
"""

DIAMOND = """
steps:
  top: {effect: {}}
  left: {needs: top, effect: {takes: 10ms}}
  right: {needs: top, safe: {takes: 5ms}}
  bottom: {needs: [left, right], effect: {}}
"""

NESTED = """
steps:
  - id: outer
    parallel:
      one:
        sequence:
          - {id: first, effect: {}}
          - {id: second, safe: {output: "${{ steps.first.output.did }}"}}
      two:
        steps:
          x: {safe: {}}
          y: {needs: x, effect: {}}
          z: {parallel: [{id: p, safe: {}}, {id: q, effect: {}}]}
  - {id: last, effect: {}}
outputs: {deep: "${{ steps.outer.output.one.second }}"}
"""

FOREACH = """
steps:
  - {id: each, foreach: "${{ ['x', 'y', 'z'] }}", max_parallel: 2, effect: {output: "${{ item }}"}}
  - id: blocks
    foreach: {k: 1, l: 2}
    max_parallel: 1
    sequence:
      - {id: enter, safe: {output: "${{ [item.key, index] }}"}}
      - {id: leave, effect: {output: "${{ steps.enter.output }}"}}
outputs: {list: "${{ steps.each.output }}", blocks: "${{ steps.blocks.output }}"}
"""

RETRY = """
steps:
  - {id: flaky, safe: {fails: 2}, retry: {attempts: 3, backoff: {fixed: 40ms}}}
  - {id: careful, effect: {fails: 1}, retry: {attempts: 2, backoff: {linear: 20ms}}}
  - {id: after, effect: {}}
"""

RETRY_OF_A_BLOCK = """
steps:
  - id: ship
    retry: {attempts: 3, backoff: {fixed: 20ms}}
    sequence:
      - {id: push, safe: {}, undo: {safe: {}}}
      - {id: switch, safe: {output: "${{ steps.push.output.did }}"}, undo: {safe: {}}}
      - {id: check, when: "true", fail: {message: not yet}}
  - {id: never, effect: {}}
"""

ROLLBACK = """
on_error: rollback
steps:
  a: {effect: {}, undo: {safe: {}}}
  b: {needs: a, effect: {takes: 5ms}, undo: {effect: {}}}
  c: {needs: a, safe: {}, undo: {safe: {output: "${{ output.did }}"}}}
  block:
    needs: [b, c]
    sequence:
      - {id: d, safe: {}, undo: {safe: {}}}
      - {id: e, effect: {fails: 1000}}
finally:
  - {id: tidy, safe: {}}
"""

BLOCK_ROLLBACK = """
steps:
  - {id: a, effect: {}, undo: {safe: {}}}
  - id: part
    sequence:
      - {id: b, effect: {}, undo: {safe: {}}}
      - {id: c, safe: {}, undo: {safe: {}}}
      - {id: d, safe: {fails: 1000}, on_error: {rollback: {scope: block}}}
  - {id: never, effect: {}}
"""

FINALLY = """
steps:
  - {id: a, effect: {}}
  - {id: b, safe: {fails: 1000}}
  - {id: never, effect: {}}
finally:
  - {id: first, safe: {output: "${{ run.status }}"}}
  - {id: second, effect: {}}
"""

APPROVAL = """
steps:
  - {id: a, effect: {}}
  - id: ask
    approval:
      prompt: Ship it?
      fields: {ticket: {type: string, required: true}}
  - {id: b, effect: {output: "${{ steps.ask.output.fields.ticket }}"}}
"""

REJECTED = """
steps:
  - {id: a, effect: {}}
  - {id: ask, approval: Ship it?}
  - {id: b, effect: {}}
finally: [{id: tidy, safe: {}}]
"""

SIGNAL = """
steps:
  side: {effect: {}}
  box: {signal: {name: delivered, match: output.box == 7}}
  after: {needs: side, safe: {output: "${{ steps.box.output }}"}}
"""

EARLY_SIGNAL = """
steps:
  - {id: before, safe: {takes: 500ms}}
  - {id: between, effect: {}}
  - {id: box, signal: {name: delivered, match: output.box == 7}}
  - {id: after, effect: {output: "${{ steps.box.output }}"}}
"""

WAIT = """
steps:
  sleep: {wait: 1s}
  marker: {safe: {takes: 600ms}}
  after: {needs: [sleep, marker], effect: {}}
"""

CANCEL = """
steps:
  - {id: a, effect: {}, undo: {safe: {}}}
  - {id: hold, safe: {takes: 60s}}
  - {id: never, effect: {}}
finally: [{id: tidy, safe: {}}]
"""

PAUSE = """
steps:
  - {id: a, effect: {}}
  - {id: b, safe: {takes: 400ms}}
  - {id: c, effect: {}}
  - {id: d, safe: {}}
"""

CHILD_BLOCKS = """
steps:
  pick: {effect: {output: {n: 2}}}
  cond:
    condition:
      if: steps.pick.output.n > 1
      then: [{id: yes_a, effect: {}}, {id: yes_b, safe: {}}]
      else: [{id: no_a, effect: {}}]
  which:
    needs: cond
    switch:
      cases:
        - {when: steps.pick.output.n == 1, steps: [{id: one, effect: {}}]}
        - {when: steps.pick.output.n == 2, steps: [{id: two, effect: {}}]}
      default: [{id: other, effect: {}}]
  skipped: {when: steps.pick.output.n > 5, effect: {}}
outputs: {case: "${{ steps.which.output.output }}", result: "${{ steps.cond.output.result }}"}
"""

REPEAT = """
steps:
  - id: poll
    repeat: {until: output.n >= 3, every: 20ms, times: 10}
    safe: {output: {n: "${{ default(previous.n, 0) + 1 }}"}}
  - id: rounds
    repeat: {until: "output.last.did == 'rounds#2.last'", every: 10ms, times: 5}
    sequence:
      - {id: first, effect: {}}
      - {id: last, safe: {}}
  - {id: after, effect: {output: "${{ steps.poll.output.n }}"}}
"""

FAIL_LATE = """
on_error: fail_late
steps:
  bad: {effect: {fails: 1000}}
  good: {safe: {takes: 10ms}}
  better: {needs: good, effect: {}}
  never: {needs: bad, effect: {}}
"""

CONTINUE = """
steps:
  bad: {effect: {fails: 1000}, on_error: continue}
  after: {needs: bad, effect: {output: "${{ steps.bad.error.name }}"}}
  many:
    needs: after
    foreach: "${{ [1, 2, 3] }}"
    on_error: continue
    safe: {fails: 1000}
"""

ESCALATE = """
steps:
  bad: {safe: {fails: 1000}, on_error: escalate}
  side: {effect: {}}
  after: {needs: bad, effect: {output: "${{ steps.bad.output.by }}"}}
"""

TIME_LIMITS = """
steps:
  - {id: slow, safe: {takes: 60s}, timeout: 150ms, on_error: continue}
  - id: late
    deadline: 300ms
    on_error: continue
    sequence:
      - {id: quick, effect: {}}
      - {id: hangs, safe: {takes: 60s}}
      - {id: never, effect: {}}
  - {id: after, effect: {}}
"""

SHAPES = {
    shape.name: shape
    for shape in (
        Shape("chain", "completed", CHAIN),
        Shape("diamond", "completed", DIAMOND),
        Shape("nested", "completed", NESTED),
        Shape("foreach", "completed", FOREACH),
        Shape("retry", "completed", RETRY),
        Shape("retry-of-a-block", "failed", RETRY_OF_A_BLOCK),
        Shape("rollback", "rolled_back", ROLLBACK),
        Shape("block-rollback", "failed", BLOCK_ROLLBACK),
        Shape("finally", "failed", FINALLY),
        Shape("approval", "completed", APPROVAL, approves),
        Shape("rejected", "failed", REJECTED, rejects),
        Shape("signal", "completed", SIGNAL, signals),
        Shape("early-signal", "completed", EARLY_SIGNAL, signals_early),
        Shape("wait", "completed", WAIT),
        Shape("time-limits", "completed", TIME_LIMITS),
        Shape("cancel", "cancelled", CANCEL, cancels),
        Shape("cancel-with-rollback", "cancelled", CANCEL, cancels_and_takes_back),
        Shape("pause", "completed", PAUSE, pauses_and_resumes),
        Shape("child-blocks", "completed", CHILD_BLOCKS),
        Shape("repeat", "completed", REPEAT),
        Shape("fail-late", "failed", FAIL_LATE),
        Shape("continue", "completed", CONTINUE),
        Shape("escalate", "completed", ESCALATE, completes),
    )
}
