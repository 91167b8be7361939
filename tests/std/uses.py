"""Uses of every standard step type, over the variants of its settings; ``URL`` stands for that of a peer.

The last group has the keys of steps that change what an output is.
"""

CASES = {
    "command": [
        "{command: 'echo hello'}",
        "{command: [cat]}",
        "{command: {run: 'echo hello', ok: [0, 3]}}",
        "{command: {run: ['false'], ok: [0, 1]}}",
        "{command: {run: 'true', parse: lines}}",
        "{command: {run: [printf, 'a\\r\\nb\\n'], parse: lines}}",
        "{command: {run: [echo, '{\"a\": [1, null]}'], parse: json}}",
        "{command: {run: [echo, 'null'], parse: json}}",
        "{command: {run: [echo, '3'], parse: '${{ \"json\" if inputs.yes else \"text\" }}'}}",
        "{command: {run: [echo, '3'], parse: '${{ \"json\" if inputs.no else \"lines\" }}'}}",
        "{command: {run: [seq, '1000'], max_output: 10}}",
        "{command: {run: [seq, '1000'], max_output: 10, parse: lines}}",
        "{command: {run: [seq, '1000'], max_output: 0}}",
        "{command: {run: [cat], stdin: '${{ inputs.word }}'}}",
        "{command: {run: [printf, '\\303\\050'], cwd: /}}",
        "{command: [printenv, SECRET], env: {SECRET: '${{ secrets.KEY }}'}}",
        "{command: {run: [printenv, SECRET], parse: lines}, env: {SECRET: '${{ secrets.KEY }}'}}",
        "{command: {run: [printenv, J], parse: json},"
        ' env: {J: \'{"${{ secrets.KEY }}": "${{ secrets.KEY }}"}\'}}',
    ],
    "shell": [
        "{shell: 'echo a; echo b >&2'}",
        "{shell: {script: 'exit 7', ok: [7]}}",
        "{shell: {script: 'seq 3', parse: lines}}",
        "{shell: {script: 'seq 3', parse: '${{ inputs.parse }}'}}",
        "{shell: {script: 'echo 1e3', parse: json}}",
        "{shell: {script: 'echo {}', parse: json, interpreter: [sh]}}",
    ],
    "http": [
        "{http: 'URL/text'}",
        "{http: {url: 'URL/json'}}",
        "{http: {url: 'URL/json', parse: json}}",
        "{http: {url: 'URL/json', parse: text}}",
        "{http: {url: 'URL/json', parse: none}}",
        "{http: {url: 'URL/null', parse: json}}",
        "{http: {url: 'URL/empty'}}",
        "{http: {url: 'URL/text', method: HEAD}}",
        "{http: {url: 'URL/json', method: HEAD, parse: none}}",
        "{http: {url: 'URL/204', expect: 204}}",
        "{http: {url: 'URL/404', expect: [200, 404]}}",
        "{http: {url: 'URL/304', expect: 3xx}}",
        "{http: {url: 'URL/302', redirects: 3}}",
        "{http: {url: 'URL/bytes'}}",
        "{http: {url: 'URL/text', parse: '${{ inputs.parse }}'}}",
        "{http: {url: 'URL/json', parse: '${{ \"none\" if inputs.yes else \"json\" }}'}}",
        "{http: {url: '${{ inputs.url }}/echo', method: POST, json: {a: 1}, allow_private: true}}",
        "{http: {url: 'URL/echo', method: PUT, form: {a: [1, x]}, params: {q: '${{ inputs.word }}'}}}",
        "{http: {url: 'URL/echo', method: POST, body: '${{ secrets.KEY }}'}}",
        "{http: {url: 'URL/twice', auth: {bearer: '${{ secrets.KEY }}'}, headers: {X-A: b}}}",
    ],
    "webhook": [
        "{webhook: 'URL/text'}",
        "{webhook: {url: 'URL/json', json: {a: 1}}}",
        "{webhook: {url: 'URL/204', json: null, parse: none}}",
        "{webhook: {url: 'URL/echo', body: x, sign: {secret: KEY}, parse: text}}",
    ],
    "wait": [
        "{wait: 0s}",
        "{wait: {for: 10ms}}",
        "{wait: {for: '${{ duration(\"1ms\") }}'}}",
        "{wait: {until: '2020-01-01T00:00:00Z'}}",
        "{wait: {for: '${{ inputs.pause * 2 }}'}}",
        "{wait: {until: '${{ format_time(now() + 0.01) }}'}}",
    ],
    "condition": [
        "{condition: {if: inputs.yes, then: [{id: p, set: {a: 1}}], else: [{id: q, set: {a: x}}]}}",
        "{condition: {if: inputs.no, then: [{id: p, set: {a: 1}}], else: [{id: q, set: {a: x}}]}}",
        "{condition: {if: inputs.no, then: [{id: p, set: {a: 1}}], else: [{id: p, set: {a: x}}]}}",
        "{condition: {if: inputs.yes, then: [{id: p, set: {a: 1}}]}}",
        "{condition: {if: inputs.no, then: [{id: p, set: {a: 1}}]}}",
        "{condition: {if: inputs.yes, then: [{id: p, when: inputs.no, set: {a: 1}}, {id: q, wait: 0s}]}}",
        "{condition: {if: inputs.yes, then: [{id: p, on_error: continue, fail: no}, {id: q, wait: 0s}]}}",
        "{condition: {if: inputs.no, then: [{id: p, wait: 0s}], else: [{id: p, fail: no}]},"
        " on_error: continue}",
    ],
    "switch": [
        "{switch: {cases: [{when: inputs.n > 9, steps: [{id: p, set: {a: 1}}]}]}}",
        "{switch: {cases: [{when: inputs.n > 9, steps: [{id: p, set: {a: 1}}]}],"
        " default: [{id: q, wait: 0s}]}}",
        "{switch: {cases: [{when: inputs.n > 9, steps: [{id: p, set: {a: 1}}]},"
        " {when: inputs.n > 2, steps: [{id: p, set: {b: [1]}}]}], default: [{id: p, wait: 0s}]}}",
        "{switch: {cases: [{when: inputs.yes, steps: [{id: p, set: {a: 1}}]}]}}",
    ],
    "decide": [
        "{decide: {rules: [{when: inputs.n > 2, then: big}], otherwise: 3}}",
        "{decide: {rules: [{when: inputs.n > 9, then: big}], otherwise: {a: '${{ inputs.n }}'}}}",
        "{decide: {rules: [{when: inputs.n > 9, then: big}], otherwise: null}}",
        "{decide: {rules: [{when: inputs.n > 2, then: null}], otherwise: 1}}",
        "{decide: {rules: [{when: inputs.n > 2, then: '${{ inputs.maybe }}'}], otherwise: 1}}",
        "{decide: {rules: [{when: inputs.n > 2, then: 1}, {when: inputs.yes, then: x}], hit: collect}}",
        "{decide: {rules: [{when: inputs.n > 9, then: 1}, {when: inputs.no, then: x}], hit: collect}}",
        "{decide: {rules: [{when: inputs.n > 9, then: 1}], hit: collect, otherwise: null}}",
        "{decide: {rules: [{when: inputs.n > 9, then: 1}, {when: inputs.n < 5, then: [2]}],"
        " hit: unique, otherwise: {}}}",
        "{decide: {rules: [{when: inputs.n > 2, then: 1}],"
        ' hit: \'${{ "collect" if inputs.yes else "first" }}\', otherwise: x}}',
    ],
    "approval": [
        "{approval: Ship it?}",
        "{approval: {prompt: Ship it?, fields: {ticket: {pattern: 'OPS-\\d+', default: OPS-1}}}}",
        "{approval: {fields: {a: {type: integer, required: false}, b: {type: list,"
        " items: {type: number}, default: [1]}, c: {type: duration, default: 5s}, d: {enum: [x,"
        " y], default: x}, e: {type: object, default: {}}, f: {type: boolean, default: true},"
        " g: {type: number, default: 2}}}}",
        "{approval: {timeout: 1ms, on_timeout: continue}}",
        "{approval: {prompt: x, notify: {fail: nobody}}}",
    ],
    "signal": [
        "{signal: go}",
        "{signal: {name: go, match: output.n == 1, timeout: 1h}}",
        "{signal: {name: never, timeout: 1ms}, on_error: continue}",
    ],
    "workflow": [
        "{workflow: {name: other, inputs: {a: '${{ inputs.word }}'}}}",
        "{workflow: {name: other, inputs: {a: x}, detach: true}}",
        "{workflow: {name: other, inputs: {a: x}, detach: '${{ inputs.yes }}'}}",
        "{workflow: {name: '${{ \"other\" }}', inputs: {a: x}}}",
    ],
    "parallel": [
        "{parallel: [{id: p, set: {a: 1}}, {id: q, when: inputs.no, wait: 0s}]}",
        "{parallel: {p: {set: {a: 1}}, q: {set: {b: '${{ steps.p.output.a }}'}}}}",
    ],
    "sequence": [
        "{sequence: [{id: p, set: {a: 1}}, {id: q, emit: a.b}, {id: r, on_error: continue, fail: no}]}",
        "{sequence: [{id: p, set: {a: 1}}, {id: r, fail: no}], on_error: continue}",
    ],
    "steps": [
        "{steps: {p: {python: 'os:getcwd'}, q: {needs: p, wait: 0s}}}",
        "{steps: [{id: p, foreach: '${{ inputs.words }}', set: {a: '${{ item }}'}}]}",
    ],
    "python": [
        "{python: {call: 'textwrap:wrap', args: {text: a b c, width: 1}}}",
        "{python: {call: 'os:getcwd'}}",
        "{python: {call: 'gc:disable'}}",
        "{python: {call: 'trio:sleep', args: {seconds: 0}}}",
    ],
    "set": [
        "{set: {a: 1, b: x, c: null, d: true, e: 1.5, f: [], g: {}, h: [1, x, [null]], i: {j: [{k: 1}]}}}",
        "{set: {a: '${{ inputs.n }}', b: '${{ inputs.maybe }}', c: '-${{ inputs.n }}',"
        " d: ['${{ inputs.no }}']}}",
        "{set: {a: '${{ inputs.n / 2 }}', b: '${{ inputs.words }}', c: '${{ [inputs.n, inputs.maybe] }}'}}",
        "{set: {a: '${{ now() }}', b: '${{ run.labels }}', c: '${{ {\"k\": inputs.maybe} }}'}}",
        '{set: \'${{ {"a": inputs.n} if inputs.yes else {"b": 1} }}\'}',
    ],
    "emit": [
        "{emit: image.published}",
        "{emit: {name: image.published, data: {tag: '${{ inputs.word }}', n: null}}}",
    ],
    "keys": [
        "{foreach: '${{ inputs.words }}', command: [echo, '${{ item }}']}",
        "{foreach: [], command: [echo]}",
        "{foreach: {a: 1, b: x}, set: {k: '${{ item.key }}', v: '${{ item.value }}', i: '${{ index }}'}}",
        "{foreach: [0, 1], command: [test, '${{ item }}', -eq, '1'], on_error: continue}",
        "{foreach: [a], when: inputs.no, set: {v: 1}}",
        "{foreach: [1, 2], parallel: [{id: p, when: item == 1, set: {v: '${{ item }}'}}]}",
        "{foreach: [true, false], condition: {if: item, then: [{id: p, set: {v: 1}}]}}",
        "{foreach: ['${{ inputs.maybe }}', 1], decide: {rules: [{when: item == 1, then: 1}],"
        " otherwise: null}}",
        "{foreach: [1, 2], decide: {rules: [{when: item == 1, then: a}], otherwise: null}}",
        "{foreach: [1, 2], decide: {rules: [{when: item == 1, then: '${{ inputs.maybe }}'}], otherwise: b}}",
        "{foreach: [1, 2], on_error: continue, switch: {cases: [{when: item == 1,"
        " steps: [{id: p, fail: no}]}]}}",
        "{repeat: {until: previous != null, times: 3}, set: {v: '${{ default(previous.v, 0) + 1 }}'}}",
        "{when: inputs.no, wait: 0s}",
        "{retry: 2, steps: [{id: p, set: {a: 1}}, {id: q, fail: no}], on_error: continue}",
    ],
    "fail": [
        "{fail: no, on_error: continue}",
        "{fail: {message: no, name: image.missing}, on_error: continue}",
    ],
}
