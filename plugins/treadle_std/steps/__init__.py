"""The standard step types. A module without an underscore is a plugin; the others are what plugins share.

command, shell ──── _execution: run it, judge how it ended ── _captured: what it said
http, webhook ───── _call: settings and request ── _exchange: hop by hop ── _wire: one request
                    _connect, _addresses: whom it may reach ── _inflate, _answers: what came back
condition, switch ─ _branch                         blocks ── parallel, sequence, steps
wait, set, emit, fail, python
"""
