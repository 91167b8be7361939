"""Workflows that end in the same way however often their processes die.

Rule: nothing here depends on the order of what runs together, or on how often a step was tried. Where a limit
on driven time races with the clock on the wall, `down` is off.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs
from tests.simulation.people import Wish


@attrs.frozen
class Shape:
    """A workflow, what somebody asks of its run, and how the run must end.

    Attributes:
      down: whether it ends the same when nobody drives it for a while.
      lag: and when its journal lags: not where work counts how often it was begun.
    """

    text: str
    ends: str = "completed"
    wishes: Sequence[Wish] = ()
    down: bool = True
    lag: bool = True


PAUSE = (
    Wish("step.completed", "a", "pause"),
    Wish("workflow.paused", None, "resume"),
)

SHAPES = {
    "a chain": Shape("""
steps:
  - {id: a, act: {takes: 1s}}
  - {id: b, act: {takes: 1s}}
  - {id: c, act: {takes: 1s}}
"""),
    "a diamond": Shape("""
steps:
  a: {act: {takes: 1s}}
  b: {needs: a, act: {takes: 1s}}
  c: {needs: a, act: {takes: 2s}}
  d: {needs: [b, c], act: {}}
"""),
    "at least one of two": Shape("""
steps:
  a: {act: {takes: 1s}}
  b: {act: {takes: 9s}, repeatable: true}
  c: {needs: {at_least: 1, of: [a, b]}, act: {takes: 1s}}
"""),
    "nested blocks": Shape("""
steps:
  a: {act: {takes: 1s}}
  b:
    needs: a
    parallel:
      x: {act: {takes: 1s}}
      y:
        steps:
          - {id: p, act: {takes: 1s}}
          - {id: q, act: {takes: 1s}}
  c: {needs: b, act: {}}
"""),
    "a foreach": Shape("""
steps:
  - {id: a, foreach: [1, 2, 3, 4, 5], max_parallel: 2, act: {takes: 1s}}
  - {id: b, act: {}}
"""),
    "a foreach of blocks": Shape("""
steps:
  - id: a
    foreach: [1, 2, 3]
    max_parallel: 2
    steps: [{id: x, act: {takes: 1s}}, {id: y, act: {}, undo: {act: {}}}]
  - {id: b, act: {fails: 9}, on_error: rollback}
""", "rolled_back"),
    "a retry": Shape("""
steps:
  - id: a
    act: {takes: 1s, fails: 2}
    retry: {attempts: 4, backoff: {exponential: {initial: 2s, jitter: full}}}
  - {id: b, act: {}}
"""),
    "a retry that is used up": Shape("""
steps:
  - {id: a, act: {takes: 1s, fails: 9}, retry: {attempts: 3, backoff: {fixed: 2s}}}
""", "failed"),
    "a rollback": Shape("""
on_error: rollback
steps:
  - {id: a, act: {takes: 1s}, undo: {act: {takes: 1s}}}
  - {id: b, steps: [{id: x, act: {}, undo: {act: {}}}, {id: y, act: {}, undo: {act: {takes: 1s}}}]}
  - {id: c, act: {fails: 9}}
  - {id: d, act: {}}
finally:
  - {id: f, act: {takes: 1s}}
""", "rolled_back"),
    "a rollback in which an undo fails": Shape("""
on_error: rollback
steps:
  - {id: a, act: {takes: 1s}, undo: {act: {takes: 1s}}}
  - {id: b, act: {takes: 1s}, undo: {act: {takes: 1s, fails: 99}}}
  - {id: c, act: {fails: 9}}
""", "failed"),
    "a block that takes itself back": Shape("""
on_error: rollback
steps:
  - id: a
    steps: [{id: x, act: {takes: 1s}, undo: {act: {name: no}}}, {id: y, act: {}}]
    undo: [{id: u, act: {takes: 1s}}, {id: v, act: {takes: 1s}}]
  - {id: b, act: {fails: 9}}
""", "rolled_back"),
    "what was attempted is undone": Shape("""
on_error: rollback
steps:
  - {id: a, act: {takes: 1s}}
  - {id: b, act: {takes: 1s, fails: 9}, undo: {act: {takes: 1s}}, undo_after: attempted}
""", "rolled_back"),
    "finally after a failure": Shape("""
steps:
  - {id: a, act: {takes: 1s}}
  - {id: b, act: {fails: 9}}
finally:
  - {id: f, act: {takes: 1s}}
  - {id: g, act: {takes: 1s}}
""", "failed"),
    "finally that fails": Shape("""
steps:
  - {id: a, act: {takes: 1s}}
finally:
  - {id: f, act: {takes: 1s, fails: 99}}
  - {id: g, act: {takes: 1s}}
""", "failed"),
    "outputs, vars and conditions": Shape("""
vars: {x: 3}
steps:
  - {id: a, act: {output: {n: 1}}}
  - {id: b, when: steps.a.output.n == 1, act: {takes: 1s}}
  - {id: c, when: steps.a.output.n == 2, act: {takes: 1s}}
outputs: {v: '${{ vars.x + steps.a.output.n }}'}
finally:
  - {id: g, act: {takes: 1s}}
"""),
    "a retried block": Shape("""
steps:
  - id: a
    retry: {attempts: 3, backoff: {fixed: 1s}}
    steps:
      - {id: x, act: {takes: 1s}, undo: {act: {takes: 1s}}}
      - {id: y, act: {takes: 1s}}
      - {id: z, act: {name: z, fails: 2}}
  - {id: b, act: {}}
""", lag=False),
    "a retried block in a foreach": Shape("""
on_error: rollback
steps:
  - id: a
    foreach: [one, two]
    retry: {attempts: 2, backoff: {fixed: 1s}}
    steps:
      - {id: x, act: {takes: 1s}, undo: {act: {takes: 1s}}}
      - {id: y, act: {name: '${{ item }}', fails: 1}}
  - {id: b, act: {fails: 9}}
""", "rolled_back", lag=False),
    "a repeat": Shape("""
steps:
  - {id: a, repeat: {until: attempt >= 3, every: 2s, times: 9}, act: {takes: 1s}, repeatable: true}
  - {id: b, act: {}}
"""),
    "a repeated block": Shape("""
on_error: rollback
steps:
  - id: a
    repeat: {until: attempt >= 3, every: 2s, times: 5}
    steps: [{id: x, act: {takes: 1s}, undo: {act: {}}}]
  - {id: b, act: {fails: 9}}
""", "rolled_back"),
    "a repeat in a foreach": Shape("""
steps:
  - id: a
    foreach: [1, 2]
    repeat: {until: attempt >= 2, every: 2s, times: 3}
    steps: [{id: x, act: {takes: 1s}}]
  - {id: b, act: {}}
"""),
    "fail_late": Shape("""
on_error: fail_late
steps:
  a: {act: {fails: 9}}
  b: {act: {takes: 2s}}
  c: {needs: b, act: {takes: 1s}}
  d: {needs: a, act: {}}
""", "failed"),
    "a tolerated failure": Shape("""
steps:
  a: {act: {fails: 9}, on_error: continue}
  b: {needs: a, act: {takes: 1s}}
"""),
    "a wait": Shape("""
steps:
  a: {wait: 10s}
  b: {needs: a, act: {takes: 1s}}
"""),
    "a condition": Shape("""
steps:
  - id: a
    condition:
      if: 'true'
      then: [{id: t, act: {takes: 1s}, undo: {act: {}}}]
      else: [{id: t, act: {}, undo: {act: {name: wrong}}}]
  - {id: b, act: {fails: 9}, on_error: rollback}
""", "rolled_back"),
    "a block that runs out of time": Shape("""
steps:
  a:
    timeout: 3s
    on_error: continue
    steps: [{id: x, act: {takes: 1s}, repeatable: true}, {id: y, wait: 10s}]
  b: {needs: a, act: {takes: 1s}}
""", down=False),
    "a deadline": Shape("""
steps:
  a: {deadline: 4s, on_error: continue, retry: {attempts: 9, backoff: {fixed: 1s}}, act: {fails: 99}}
  b: {needs: a, act: {takes: 1s}}
""", down=False),
    "a block that rolls itself back": Shape("""
steps:
  - id: a
    on_error: continue
    steps:
      - {id: x, act: {takes: 1s}, undo: {act: {takes: 1s}}}
      - {id: y, act: {fails: 9}, on_error: {rollback: {scope: block}}}
  - {id: b, act: {}}
"""),
    "a block in a block that rolls itself back": Shape("""
on_error: rollback
steps:
  - {id: o, act: {}, undo: {act: {takes: 1s}}}
  - id: a
    steps:
      - id: deep
        on_error: continue
        steps:
          - {id: x, act: {takes: 1s}, undo: {act: {takes: 1s}}}
          - {id: y, act: {fails: 9}, on_error: {rollback: {scope: block}}}
      - {id: z, act: {takes: 1s}, undo: {act: {takes: 1s}}}
  - {id: b, act: {fails: 9}}
""", "rolled_back"),
    "an escalation that nobody answers": Shape("""
steps:
  a: {act: {fails: 9}, on_error: {escalate: {timeout: 20s, on_timeout: continue}}}
  b: {needs: a, act: {takes: 1s}}
  c: {act: {takes: 3s}}
"""),
    "an escalation": Shape("""
steps:
  a: {act: {takes: 1s, fails: 2}, on_error: escalate}
  b: {needs: a, act: {takes: 1s}}
""", wishes=[
        Wish("step.waiting", "a", "resolve", {"step": "a", "decision": "retry"}),
        Wish("step.waiting", "a", "resolve", {"step": "a", "decision": "complete"}, nth=2),
    ]),
    "a deadline that a person has begin again": Shape("""
steps:
  a: {deadline: 4s, on_error: escalate, retry: {attempts: 9, backoff: {fixed: 1s}}, act: {fails: 6}}
  b: {needs: a, act: {takes: 1s}}
""", wishes=[
        Wish("step.waiting", "a", "resolve", {"step": "a", "decision": "retry"}),
    ], down=False, lag=False),
    "rounds that a person has begin again": Shape("""
steps:
  a:
    act: {}
    repeat: {until: 'output.attempt >= 5', times: 3}
    on_error: escalate
""", wishes=[Wish("step.waiting", "a", "resolve", {"step": "a", "decision": "retry"})]),
    "an approval": Shape("""
steps:
  a: {approval: {prompt: "go?", timeout: 1h, on_timeout: fail}}
  b: {needs: a, act: {takes: 1s}}
  c: {act: {takes: 2s}}
""", wishes=[Wish("step.completed", "c", "approve", {"step": "a"})]),
    "a rejected approval": Shape("""
on_error: rollback
steps:
  - {id: a, act: {takes: 1s}, undo: {act: {takes: 1s}}}
  - {id: b, approval: {prompt: "go?"}}
""", "rolled_back", wishes=[Wish("step.waiting", "b", "reject", {"step": "b"})]),
    "a signal": Shape("""
steps:
  a: {signal: {name: came, match: output.n == 2}}
  b: {needs: a, act: {takes: 1s}}
  c: {act: {takes: 1s}}
""", wishes=[
        Wish("workflow.started", None, "signal", {"name": "came", "payload": {"n": 1}}),
        Wish("step.completed", "c", "signal", {"name": "came", "payload": {"n": 2}}),
    ]),
    "a pause": Shape("""
steps:
  - {id: a, act: {takes: 1s}}
  - {id: b, act: {takes: 1s}}
  - {id: c, act: {takes: 1s}}
""", wishes=PAUSE),
    "a pause with siblings": Shape("""
steps:
  a: {act: {takes: 1s}}
  b: {act: {takes: 3s}}
  c: {needs: [a], act: {takes: 1s}}
""", wishes=PAUSE),
    "a cancel": Shape("""
steps:
  - {id: a, act: {takes: 1s}, undo: {act: {}}}
  - {id: b, wait: 100s}
  - {id: c, act: {takes: 1s}}
finally:
  - {id: f, act: {takes: 1s}}
""", "cancelled", wishes=[Wish("step.started", "b", "cancel", {"reason": "no need"})]),
    "a cancel while paused": Shape("""
steps:
  a: {approval: {prompt: "go?"}}
  b: {needs: a, act: {takes: 1s}}
finally:
  - {id: f, act: {takes: 1s}}
""", "cancelled", wishes=[
        Wish("step.waiting", "a", "pause"),
        Wish("workflow.paused", None, "cancel"),
    ]),
    "a cancel with a rollback": Shape("""
steps:
  - {id: a, act: {takes: 1s}, undo: {act: {takes: 1s}}}
  - {id: b, approval: {prompt: "go?"}}
finally:
  - {id: f, act: {takes: 1s}}
""", "cancelled", wishes=[Wish("step.waiting", "b", "cancel", {"rollback": True})]),
    "a run out of time": Shape("""
timeout: 4s
steps:
  a: {wait: 10s}
  b: {act: {takes: 1s}, repeatable: true, undo: {act: {}}}
""", "failed", down=False),
    "a run out of time that is rolled back": Shape("""
timeout: 4s
on_error: rollback
steps:
  a: {wait: 10s}
  b: {act: {takes: 1s}, repeatable: true, undo: {act: {takes: 1s}}}
""", "rolled_back", down=False),
    "a run out of time about which a person decides": Shape("""
timeout: 4s
on_error: escalate
steps:
  a: {wait: 10s}
  b: {act: {takes: 1s}, repeatable: true}
""", wishes=[Wish("step.waiting", "", "resolve", {"step": "", "decision": "continue"})], down=False),
    "a limiter": Shape("""
steps:
  a: {limit: one, act: {takes: 1s}}
  b: {limit: one, act: {takes: 1s}}
  c: {limit: one, act: {takes: 1s}, repeatable: true}
"""),
}  # fmt: skip
