"""What is wrong with the values that expressions of a spec would have, told before there are any."""

from __future__ import annotations

import textwrap

import pytest

import treadle

HEAD = """\
treadle: 1
name: x
inputs:
  env: {enum: [dev, prod], default: dev}
  count: {type: integer, default: 1}
  flag: {type: boolean, default: false}
  hosts: {type: list, items: {type: string}, default: [a]}
  any: {type: object, default: {}}
  note: {required: false}
  wait: {type: duration, default: 1s}
"""


def problems_of(body: str) -> list[str]:
    """Each error of a spec, as its code and what is said."""
    try:
        treadle.loads(HEAD + textwrap.dedent(body).lstrip())
    except treadle.SpecError as error:
        return [
            f"{one.code} {one.path}: {one.message}; {one.fix}".removesuffix("; ") for one in error.problems
        ]
    return []


def warnings_of(body: str) -> list[str]:
    return [
        f"{one.code} {one.line}: {one.message}"
        for one in treadle.loads(textwrap.dedent(body).lstrip()).warnings
        if one.code != "TRD901"
    ]


WRONG = {
    "a condition that is no condition": (
        "steps: {a: {when: inputs.count, shell: 'true'}}",
        "TRD432 steps.a.when: a condition is true or false, but inputs.count is a number;"
        " write a comparison, as inputs.count > 0",
    ),
    "the condition of a step type": (
        "steps: {a: {condition: {if: inputs.env, then: [{shell: 'true'}]}}}",
        "TRD432 steps.a.condition.if: a condition is true or false, but inputs.env is one of 'dev', 'prod';"
        " write a comparison, as inputs.env == '…'",
    ),
    "a choice that may be null, which is no output": (
        """
        steps:
          a: {decide: {rules: [{when: inputs.flag, then: "${{ inputs.note }}"}], otherwise: b}}
          b: {set: {x: "${{ len(steps.a.output) }}"}}
        """,
        "TRD434 steps.b.set.x: steps.a.output may be absent: it may be null, which is no output;"
        " write default(steps.a.output, '')",
    ),
    "an element without output": (
        """
        steps:
          a: {foreach: [1, 2], decide: {rules: [{when: item == 1, then: b}], otherwise: "${{ inputs.note }}"}}
          b: {set: {x: "${{ len(steps.a.output[0]) }}"}}
        """,
        "TRD435 steps.b.set.x: steps.a.output[0] may be null, and len(x) takes text or a list or a mapping;"
        " write default(steps.a.output[0], '')",
    ),
    "an element of a foreach that may have failed": (
        """
        steps:
          a: {foreach: [0, 1], on_error: fail_late, command: [test, "${{ item }}", -gt, "0"]}
          b: {needs: {a: settled}, set: {x: "${{ default(steps.a.output, [])[0].stdout }}"}}
        """,
        "TRD435 steps.b.set.x: default(steps.a.output, [])[0] may be null, and null has no fields;"
        " write default(default(steps.a.output, [])[0].stdout, '')",
    ),
    "a number where a time is wanted": (
        "steps: [{wait: {until: '${{ now() + 60 }}'}}]",
        "TRD438 steps[0].wait.until: until takes a time, and now() + 60 is a number;"
        " write format_time(now() + 60) if it is seconds since 1970",
    ),
    "an output that the step type does not have": (
        """
        steps:
          a: {shell: 'true'}
          b: {set: {x: "${{ steps.a.output.stdoot }}"}}
        """,
        "TRD430 steps.b.set.x: steps.a.output has no field 'stdoot'; did you mean 'stdout'?",
    ),
    "an output that is null because of a setting": (
        """
        steps:
          a: {shell: 'true'}
          b: {set: {x: "${{ steps.a.output.json.x }}"}}
        """,
        "TRD435 steps.b.set.x: steps.a.output.json is null, and null has no fields;"
        " give step 'a' parse: json",
    ),
    "the lines of a command without parse": (
        """
        steps:
          a: {shell: 'true'}
          b: {foreach: "${{ steps.a.output.lines }}", set: {x: "${{ item }}"}}
          c: {set: {x: "${{ len(steps.a.output.lines) }}"}}
        """,
        "TRD435 steps.b.foreach: steps.a.output.lines is null, and foreach takes a list or a mapping;"
        " give step 'a' parse: lines",
        "TRD435 steps.c.set.x: steps.a.output.lines is null, and len(x) takes text or a list or a mapping;"
        " give step 'a' parse: lines",
    ),
    "a field that none of several mappings has": (
        """
        vars: {jobs: [{name: a}, {title: b}]}
        steps: {a: {foreach: "${{ vars.jobs }}", set: {x: "${{ item.nam }}", y: "${{ item.title }}"}}}
        """,
        "TRD430 steps.a.set.x: item has no field 'nam'; did you mean 'name'?",
    ),
    "a default for what the step never gives": (
        """
        steps:
          a: {set: {n: 1}}
          b: {set: {x: "${{ default(steps.a.output.m, 1) }}"}}
        """,
        "TRD430 steps.b.set.x: steps.a.output has no field 'm'; known here: n",
    ),
    "a comparison with null of what may be absent": (
        """
        steps:
          a: {when: inputs.flag, shell: 'true'}
          b: {when: steps.a.output.stdout != null, shell: 'true'}
        """,
        "TRD434 steps.b.when: steps.a.output may be absent: step 'a' may be skipped;"
        " write default(steps.a.output.stdout, null)",
    ),
    "a step that may be skipped": (
        """
        steps:
          a: {when: inputs.flag, shell: 'true'}
          b: {set: {x: "${{ steps.a.output.stdout }}"}}
        """,
        "TRD434 steps.b.set.x: steps.a.output may be absent: step 'a' may be skipped;"
        " write default(steps.a.output.stdout, '')",
    ),
    "a step whose failure is tolerated": (
        """
        steps:
          a: {shell: 'true', on_error: continue}
          b: {set: {x: "${{ steps.a.output.stdout }}"}}
        """,
        "TRD434 steps.b.set.x: steps.a.output may be absent: step 'a' may fail, which is tolerated;"
        " write default(steps.a.output.stdout, '')",
    ),
    "a step that may be omitted": (
        """
        steps:
          a: {when: inputs.flag, shell: 'true'}
          b: {needs: {a: completed}, shell: 'true'}
        outputs: {x: "${{ steps.b.output.stdout }}"}
        """,
        "TRD434 outputs.x: steps.b.output may be absent: step 'b' may be omitted;"
        " write default(steps.b.output.stdout, '')",
    ),
    "a step that at_least does not wait for": (
        """
        steps:
          a: {shell: 'true'}
          b: {shell: 'true'}
          c: {needs: {at_least: 1, of: [a, b]}, set: {x: "${{ steps.a.output.stdout }}"}}
        """,
        "TRD434 steps.c.set.x: steps.a.output may be absent: step 'a' may not have ended: at_least does not"
        " wait for it; write default(steps.a.output.stdout, '')",
    ),
    "a child of a block that may be skipped": (
        """
        steps:
          a: {parallel: {one: {when: inputs.flag, shell: 'true'}, two: {shell: 'true'}}}
          b: {set: {x: "${{ steps.a.output.one.stdout }}"}}
        """,
        "TRD434 steps.b.set.x: steps.a.output.one may be absent: step 'one' may be skipped;"
        " write default(steps.a.output.one.stdout, '')",
    ),
    "an approval that goes on without an answer": (
        """
        steps:
          a: {approval: {timeout: 1h, on_timeout: continue}}
          b: {set: {x: "${{ steps.a.output.at }}"}}
        """,
        "TRD434 steps.b.set.x: steps.a.output may be absent: step 'a' may fail, which is tolerated;"
        " write default(steps.a.output.at, '')",
    ),
    "a field that nobody fills in": (
        """
        steps:
          a: {approval: {fields: {ticket: {type: string}}}}
          b: {set: {x: "${{ steps.a.output.fields.tiket }}"}}
        """,
        "TRD430 steps.b.set.x: steps.a.output.fields has no field 'tiket'; did you mean 'ticket'?",
    ),
    "a branch that did not run": (
        """
        steps:
          a: {condition: {if: inputs.flag, then: [{id: one, set: {x: 1}}]}}
          b: {set: {x: "${{ steps.a.output.output.one.x }}"}}
        """,
        "TRD435 steps.b.set.x: steps.a.output.output may be null, and null has no fields;"
        " write default(steps.a.output.output.one.x, 0)",
    ),
    "the output of a step that always fails": (
        """
        steps:
          a: {fail: no, on_error: continue}
          b: {set: {x: "${{ steps.a.output.y }}"}}
        """,
        "TRD434 steps.b.set.x: steps.a.output may be absent: step 'a' may fail, which is tolerated;"
        " write default(steps.a.output.y, …)",
    ),
    "the error of a step that cannot have failed": (
        """
        steps:
          a: {shell: 'true'}
          b: {needs: a, set: {x: "${{ steps.a.error.name }}"}}
        """,
        "TRD435 steps.b.set.x: steps.a.error is null, and null has no fields;"
        " leave it out, as it is always null",
    ),
    "an element that failed": (
        """
        steps:
          a: {foreach: "${{ inputs.hosts }}", shell: 'true', on_error: continue}
          b: {set: {x: "${{ steps.a.output[0].stdout }}"}}
        """,
        "TRD435 steps.b.set.x: steps.a.output[0] may be null, and null has no fields;"
        " write default(steps.a.output[0].stdout, '')",
    ),
    "a field of an element": (
        """steps: {a: {foreach: "${{ inputs.hosts }}", set: {x: "${{ item.name }}"}}}""",
        "TRD430 steps.a.set.x: item is text and has no field 'name';"
        " write from_json(item).name if it is JSON",
    ),
    "the last round in the first": (
        """
        steps:
          a:
            repeat: {until: output.exit_code == 0, times: 2}
            shell: 'true'
            env: {X: "${{ previous.stdout }}"}
        """,
        "TRD435 steps.a.env.X: previous may be null, and null has no fields;"
        " write default(previous.stdout, '')",
    ),
    "a foreach over text": (
        """steps: {a: {foreach: "${{ inputs.env }}", shell: 'true'}}""",
        "TRD438 steps.a.foreach: foreach takes a list or a mapping, and inputs.env is one of 'dev', 'prod';"
        " write split(inputs.env, ',') if it is a list in text",
    ),
    "a max_parallel that is no number": (
        """steps: {a: {foreach: [1], max_parallel: "${{ inputs.env }}", shell: 'true'}}""",
        "TRD438 steps.a.max_parallel: max_parallel takes a whole number, and inputs.env is one of "
        "'dev', 'prod'",
    ),
    "a list in the environment": (
        """steps: {a: {shell: 'true', env: {HOSTS: "${{ inputs.hosts }}"}}}""",
        "TRD438 steps.a.env.HOSTS: HOSTS takes text, a number, or true or false, and inputs.hosts is a list",
    ),
    "a number where text is wanted": (
        """steps: {a: {command: {run: make, cwd: "${{ inputs.count }}"}}}""",
        "TRD438 steps.a.command.cwd: cwd takes text, and inputs.count is a number;"
        " write string(inputs.count)",
    ),
    "text around an expression where a number is wanted": (
        """steps: {a: {http: {url: "http://x", redirects: "${{ inputs.count }}0"}}}""",
        "TRD438 steps.a.http.redirects: redirects takes a whole number, and text around ${{ }} makes text",
    ),
    "null where none is taken": (
        """steps: {a: {http: {url: "http://x", method: "${{ inputs.note }}"}}}""",
        "TRD435 steps.a.http.method: inputs.note may be null, and method takes text;"
        " write default(inputs.note, …) with what to use instead",
    ),
    "a variable's field": (
        """
        vars: {where: {region: eu}}
        steps: {a: {set: {x: "${{ vars.where.regoin }}"}}}
        """,
        "TRD430 steps.a.set.x: vars.where has no field 'regoin'; did you mean 'region'?",
    ),
    "how the run ended, where it may have ended well": (
        """
        steps: {a: {shell: 'true'}}
        finally: [{set: {x: "${{ run.error.message }}"}}]
        """,
        "TRD435 finally[0].set.x: run.error may be null, and null has no fields;"
        " write default(run.error.message, '')",
    ),
    "a step in finally": (
        """
        steps: {a: {shell: 'true'}}
        finally: [{set: {x: "${{ steps.a.output.stdout }}"}}]
        """,
        "TRD422 finally[0].set.x: steps.a.output may be absent: finally runs whatever became of the steps;"
        " write default(steps.a.output.stdout, '')",
    ),
    "the error of a step in finally": (
        """
        steps: {a: {shell: 'true'}}
        finally: [{set: {x: "${{ steps.a.error.name }}"}}]
        """,
        "TRD435 finally[0].set.x: steps.a.error may be null, and null has no fields;"
        " write default(steps.a.error.name, '')",
    ),
    "the wrong branch of a choice": (
        """
        steps:
          a: {when: inputs.flag, set: {n: 1}}
          b: {set: {x: "${{ 0 if inputs.flag else steps.a.output.n }}"}}
        """,
        "TRD434 steps.b.set.x: steps.a.output may be absent: step 'a' may be skipped;"
        " write default(steps.a.output.n, 0)",
    ),
    "the opposite condition": (
        """
        steps:
          a: {when: inputs.env == 'prod', set: {n: 1}}
          b: {when: inputs.env != 'prod', set: {x: "${{ steps.a.output.n }}"}}
        """,
        "TRD434 steps.b.set.x: steps.a.output may be absent: step 'a' may be skipped;"
        " write default(steps.a.output.n, 0)",
    ),
    "a need on a step that may have been skipped, and so waited for nothing": (
        """
        steps:
          a: {when: inputs.flag, set: {n: 1}}
          m: {needs: {a: completed}, when: inputs.flag, shell: 'true'}
          b: {needs: {m: settled}, set: {x: "${{ steps.a.output.n }}"}}
        """,
        "TRD434 steps.b.set.x: steps.a.output may be absent: step 'a' may be skipped;"
        " write default(steps.a.output.n, 0)",
    ),
    "an undo that reads an error that never is": (
        """steps: {a: {shell: 'true', undo: {set: {x: "${{ error.name }}"}}}}""",
        "TRD435 steps.a.undo.set.x: error is null, and null has no fields; leave it out, as it is"
        " always null",
    ),
}


@pytest.mark.parametrize("mistake", WRONG)
def test_a_value_that_cannot_be_right_is_told_with_its_cure(mistake: str) -> None:
    body, *said = WRONG[mistake]
    assert problems_of(body) == said


FINE = {
    "a need that only a completed step satisfies": """
        steps:
          a: {when: inputs.flag, set: {n: 1}}
          b: {needs: {a: completed}, set: {x: "${{ steps.a.output.n }}"}}
        """,
    "its own condition says that the step completed": """
        steps:
          a: {when: inputs.flag, set: {n: 1}}
          b: {when: steps.a.status == 'completed', set: {x: "${{ steps.a.output.n }}"}}
        """,
    "the condition of a branch says so": """
        steps:
          a: {when: inputs.flag, set: {n: 1}}
          b:
            condition:
              if: steps.a.status != 'completed'
              then: [{shell: 'true'}]
              else: [{set: {x: "${{ steps.a.output.n }}"}}]
        """,
    "the same condition as that of the step": """
        steps:
          a: {when: inputs.flag and inputs.env == 'prod', set: {n: 1}}
          b:
            when: "inputs.env == 'prod' and inputs.count > 1 and inputs.flag"
            set: {x: "${{ steps.a.output.n }}"}
        """,
    "the same condition around it": """
        steps:
          a: {when: inputs.flag, set: {n: 1}}
          b: {when: inputs.flag, parallel: {c: {set: {x: "${{ steps.a.output.n }}"}}}}
        """,
    "the opposite branch": """
        steps:
          a: {when: not inputs.flag, set: {n: 1}}
          b: {condition: {if: inputs.flag, then: [], else: [{set: {x: "${{ steps.a.output.n }}"}}]}}
        """.replace("then: []", "then: [{shell: 'true'}]"),
    "the error of a step that is tolerated": """
        steps:
          a: {shell: 'false', on_error: continue}
          b: {set: {x: "${{ steps.a.error.message }}"}}
          c: {when: steps.a.status == 'failed', set: {x: "${{ steps.a.error.name }}"}}
        """,
    "the error after a need on the failure": """
        on_error: fail_late
        steps:
          a: {shell: 'false'}
          b: {needs: {a: failed}, set: {x: "${{ steps.a.error.message }}"}}
        """,
    "the opposite of several conditions": """
        steps:
          a: {when: not (inputs.flag and inputs.count > 2), set: {n: 1}}
          b:
            condition:
              if: inputs.flag and inputs.count > 2
              then: [{shell: 'true'}]
              else: [{set: {x: "${{ steps.a.output.n }}"}}]
        """,
    "an error compared with null": """
        steps:
          t: {shell: 'true', on_error: continue}
          s: {shell: 'true'}
          b: {when: steps.t.error == null, set: {x: "${{ steps.t.output.stdout }}"}}
          c: {when: steps.t.error != null, set: {x: "${{ steps.t.error.message }}"}}
          d: {when: steps.s.error == null, set: {x: "${{ steps.s.error }}"}}
          e: {when: steps.s.error != null, set: {x: "${{ steps.s.error == null }}"}}
        """,
    "the error of a failed step in finally": """
        steps: {t: {shell: 'true'}}
        finally:
          - {when: steps.t.status == 'failed', set: {x: "${{ steps.t.error.name }}"}}
          - {when: steps.t.error != null, set: {x: "${{ steps.t.error.name }}"}}
        """,
    "a status asked negatively in an expression": """
        steps:
          a: {when: inputs.flag, set: {n: 1}}
          b:
            set:
              x: "${{ 0 if steps.a.status == 'skipped' else steps.a.output.n }}"
              y: "${{ steps.a.status == 'skipped' or steps.a.output.n > 0 }}"
        outputs: {x: "${{ steps.a.status == 'skipped' or steps.a.output.n > 0 }}"}
        """,
    "a need on a step that needs it": """
        steps:
          a: {when: inputs.flag, set: {n: 1}}
          m: {needs: {a: completed}, shell: 'true'}
          n: {needs: m, set: {x: 1}}
          b: {needs: {n: completed}, set: {x: "${{ steps.a.output.n }}"}}
        """,
    "the same condition in other words": """
        steps:
          a: {when: inputs.env == 'prod', set: {n: 1}}
          b: {when: inputs.env != 'dev', set: {x: "${{ steps.a.output.n }}"}}
          c: {when: inputs.flag, set: {n: 1}}
          d: {when: inputs.flag == true, set: {x: "${{ steps.c.output.n }}"}}
          e: {when: inputs.note != null, set: {n: 1}}
          f: {when: null != inputs.note, set: {x: "${{ steps.e.output.n }}"}}
          g: {when: inputs.count > 2, set: {n: 1}}
          h: {when: 2 < inputs.count, set: {x: "${{ steps.g.output.n }}"}}
          i: {when: not (inputs.count == 2), set: {n: 1}}
          j: {when: 2 != inputs.count, set: {x: "${{ steps.i.output.n }}"}}
        """,
    "the condition of a step within an expression": """
        steps:
          a: {when: not inputs.flag, set: {n: 1}}
          b: {set: {x: "${{ 'none' if inputs.flag else steps.a.output.n }}"}}
          c: {when: inputs.count > 2, set: {n: 1}}
          d: {set: {x: "${{ inputs.count > 2 and steps.c.output.n > 0 }}"}}
        outputs:
          a: "${{ not inputs.flag and steps.a.output.n > 0 }}"
          c: "${{ steps.c.output.n if 2 < inputs.count else 0 }}"
        """,
    "all that at_least counts": """
        steps:
          a: {shell: 'true'}
          b: {shell: 'true'}
          c: {needs: {at_least: 2, of: [a, b]}, set: {x: "${{ steps.a.output.stdout }}"}}
        """,
    "an earlier step of a list": """
        steps:
          - {id: a, set: {n: 1}}
          - {id: b, shell: 'true', when: inputs.flag}
          - {id: c, set: {x: "${{ steps.a.output.n + 1 }}"}}
        """,
    "what parse gives": """
        steps:
          a: {command: {run: ls, parse: lines}}
          b: {foreach: "${{ steps.a.output.lines }}", set: {x: "${{ item + '!' }}"}}
          c: {command: {run: ls, parse: json}}
          d: {set: {x: "${{ steps.c.output.json.a.b }}"}}
        """,
    "a parse that is known only at run time": """
        steps:
          a: {command: {run: ls, parse: "${{ inputs.any.parse }}"}}
          b: {set: {x: "${{ default(steps.a.output.lines, []) }}", y: "${{ steps.a.output.json }}"}}
        """,
    "what nothing is known of": """
        steps:
          a: {python: 'os:getcwd'}
          b:
            foreach: "${{ steps.a.output }}"
            when: steps.a.output.x
            shell: 'true'
            env: {X: "${{ item.y }}"}
          c: {signal: go}
          d: {set: {x: "${{ steps.c.output.text + 1 }}"}}
        """,
    "mappings that differ": """
        vars: {jobs: [{name: a}], hosts: [{addr: b}], l: [{a: 1}, {b: 2}], n: [null, {c: 1}]}
        steps:
          a: {foreach: "${{ zip(vars.jobs, vars.hosts) }}", set: {x: "${{ item[0].name + item[1].addr }}"}}
          b: {set: {x: "${{ vars.l[0].a }}"}}
          c: {foreach: "${{ product(vars.jobs, vars.n) }}", set: {x: "${{ item[0].name }}"}}
          d:
            foreach: [{t: a, v: 1}, {t: b, w: x}]
            switch:
              - {when: item.t == 'a', steps: [{set: {x: "${{ item.v + 1 }}"}}]}
              - {when: item.t == 'b', steps: [{set: {x: "${{ item.w + 'x' }}"}}]}
        """,
    "a key that may be given to a variable": """
        vars: {over: {}, l: [{a: 1}]}
        steps:
          a: {set: {x: "${{ default(vars.over.region, 'eu') }}", y: {}}}
          b: {foreach: "${{ vars.l }}", set: {x: "${{ default(item.b, 1) + 1 }}"}}
          c: {set: {x: "${{ default(steps.a.output.y.z, 3) }}"}}
        """,
    "a stand-in that does not meet the condition": """
        steps:
          a: {when: "default(inputs.note, '') > 'b'", set: {x: "${{ inputs.note + '1' }}"}}
          b: {when: "'b' < default(inputs.note, '')", set: {x: "${{ inputs.note + '1' }}"}}
          c: {when: "not (default(inputs.note, 'c') >= 'b')", set: {x: "${{ inputs.note + '1' }}"}}
          d:
            foreach: [{port: 1}, {name: x}]
            switch:
              - {when: "contains(keys(item), 'port')", steps: [{set: {x: "${{ item.port + 1 }}"}}]}
              - {when: "'name' in keys(item)", steps: [{set: {x: "${{ item.name + '!' }}"}}]}
        """,
    "elements of a mapping, and nested": """
        steps:
          a:
            foreach: {x: {n: 1}, y: {n: 2}}
            steps:
              - {id: inner, foreach: ["${{ item.value.n }}"], set: {twice: "${{ item * 2 }}"}}
          b: {set: {x: "${{ steps.a.output[0].inner[0].twice }}"}}
        """,
    "a foreach that tolerates its elements": """
        steps:
          a: {foreach: "${{ inputs.hosts }}", shell: 'true', on_error: continue}
          b: {set: {x: "${{ len(steps.a.output) }}"}}
        """,
    "constants that somebody may change": """
        vars: {mode: fast, off: false, empty: null, none: []}
        steps:
          a: {when: vars.mode == 'slow' or vars.off, shell: 'true'}
          b: {when: vars.empty == 'x', foreach: "${{ vars.none }}", shell: 'true'}
          c: {set: {mode: fast}}
          d: {when: steps.c.output.mode == 'slow', shell: 'true'}
        """,
    "a branch that always fails is no branch to read from": """
        steps:
          a:
            condition:
              if: inputs.flag
              then: [{id: one, set: {n: 1}}]
              else: [{fail: no}]
          b: {set: {x: "${{ steps.a.output.output.one.n }}"}}
        """,
    "how the run failed": """
        steps: {a: {shell: 'true'}}
        finally:
          - {when: run.status == 'failed', set: {x: "${{ run.error.message }}"}}
          - {when: steps.a.status == 'completed', set: {x: "${{ steps.a.output.stdout }}"}}
        """,
    "durations": """
        steps:
          a: {wait: "${{ inputs.wait }}"}
          b: {wait: "${{ inputs.count }}s"}
          c: {wait: "${{ 2 * inputs.wait }}"}
        """,
    "an escalation that does not go on by itself": """
        on_error: {escalate: {timeout: 1h, on_timeout: fail}}
        steps:
          a: {shell: 'true'}
          b: {set: {x: "${{ steps.a.output.stdout }}"}}
        """,
    "an undo": """
        steps:
          a: {set: {n: 1}, undo: {set: {x: "${{ output.n }}", y: "${{ attempt }}"}}}
          b:
            shell: 'true'
            undo_after: attempted
            undo: {set: {x: "${{ default(output.stdout, error.name) }}"}}
        """,
    "retries and rounds": """
        steps:
          a: {shell: 'true', retry: {attempts: 3, if: "error.name == 'exit.3' and attempt < 2"}}
          b:
            repeat: {until: output.exit_code == 0, times: 2}
            shell: 'true'
            env: {X: "${{ default(previous.stdout, '') }}"}
        """,
}


@pytest.mark.parametrize("case", FINE)
def test_what_can_be_right_is_not_complained_of(case: str) -> None:
    assert problems_of(FINE[case]) == []


def test_a_mistake_in_a_name_is_told_once() -> None:
    body = """
    steps:
      a: {when: inputs.flag, set: {n: 1}}
      b: {set: {x: "${{ steps.a.output.n + inputs.cuont }}"}}
    """
    assert [one[:6] for one in problems_of(body)] == ["TRD418"]


def test_a_problem_stands_at_the_part_that_is_wrong() -> None:
    spec = "treadle: 1\nname: x\nsteps:\n  a: {shell: 'true'}\n"
    spec += "  b: {set: {x: 'at ${{ steps.a.output.stdot }}'}}\n"
    with pytest.raises(treadle.SpecError) as caught:
        treadle.loads(spec)
    ((line, column),) = {(one.line, one.column) for one in caught.value.problems}
    assert spec.splitlines()[line - 1][column - 1 :].startswith("stdot")


def test_the_types_of_a_long_chain_are_worked_out_without_recursion() -> None:
    steps = ["  s0: {set: {n: 1}}"]
    steps += [f'  s{i}: {{set: {{n: "${{{{ steps.s{i - 1}.output.n + 1 }}}}"}}}}' for i in range(1, 3000)]
    body = "\n".join(["treadle: 1", "name: x", "steps:", *steps])
    assert treadle.loads(body).name == "x"
    with pytest.raises(treadle.SpecError, match="has no field 'm'"):
        treadle.loads(body + '\n  z: {set: {x: "${{ steps.s2999.output.m }}"}}\n')


# --- warnings --------------------------------------------------------------------------------------


def test_what_nobody_reads_is_a_warning() -> None:
    body = """
    treadle: 1
    name: x
    inputs:
      used: {default: a}
      unused: {default: a}
    secrets: [TOKEN, OTHER]
    vars: {a: "${{ inputs.used }}", b: 2}
    steps:
      a: {shell: 'true', env: {A: "${{ vars.a }}", T: "${{ secrets.TOKEN }}"}}
    """
    assert warnings_of(body) == [
        "TRD902 5: input 'unused' is read nowhere",
        "TRD904 6: secret 'OTHER' is used nowhere",
        "TRD904 7: variable 'b' is read nowhere",
    ]


def test_a_secret_that_a_setting_names_is_used() -> None:
    body = """
    treadle: 1
    name: x
    secrets: [KEY]
    steps: {a: {webhook: {url: "http://x", sign: {secret: KEY}}}}
    """
    assert warnings_of(body) == []


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ("[{id: a, when: false, shell: 'true'}]", "step 'a' can never run: its `when` is never true"),
        (
            "[{id: a, fail: no}, {id: b, shell: 'true'}]",
            "step 'b' can never run: it needs a, which never completes",
        ),
        (
            "{a: {when: false, shell: 'true'}, b: {needs: {a: completed}, shell: 'true'}}",
            "step 'a' can never run: its `when` is never true",
        ),
        (
            "{a: {fail: no, on_error: fail_late}, b: {fail: no, on_error: fail_late}, c: {shell: 'true'},"
            " d: {needs: {at_least: 2, of: [a, b, c]}, shell: 'true'}}",
            "step 'd' can never run: it needs at least 2 to complete, and 1 can",
        ),
    ],
)
def test_a_step_that_can_never_run_is_a_warning(steps: str, said: str) -> None:
    assert warnings_of(f"treadle: 1\nname: x\nsteps: {steps}\n") == [f"TRD903 3: {said}"]


@pytest.mark.parametrize(
    "steps",
    [
        "[{id: a, fail: no, on_error: continue}, {id: b, shell: 'true'}]",
        "{a: {fail: no, on_error: fail_late}, b: {needs: {a: failed}, shell: 'true'}}",
        "[{id: a, fail: no, on_error: escalate}, {id: b, shell: 'true'}]",
        "[{id: a, when: false, shell: 'true'}, {id: b, shell: 'true'}]",
    ],
)
def test_a_step_that_can_run_is_none(steps: str) -> None:
    assert [one for one in warnings_of(f"treadle: 1\nname: x\nsteps: {steps}\n") if "'b'" in one] == []
