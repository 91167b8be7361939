"""The trio engine: runs a plan. Split by what is driven.

engine ── many runs, sinks, limits            run_one ── one workflow in an engine of its own
life ──── one run, from its start to its end  control ── pause, resume, cancel, resolve
frame ─── one block in its nursery            rollback, undo ── taking back
step ──── one step, layer by layer            foreach, ask
attempt ─ one call of a plugin                evaluate, scope, plain, masking
run ───── the state they share                journal, bus, clock, stop
"""
