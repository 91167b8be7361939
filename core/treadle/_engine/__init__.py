"""The trio engine: runs a plan. Split by what is driven.

opening ─ sinks, secrets, transports          run_one ── one workflow in an engine of its own
engine ── many runs                           handle, control ── a run from outside
life ──── one run, from its start to its end  rollback, undo ── taking back
frame ─── one block in its nursery            foreach, ask
step ──── one step, layer by layer            tries ── rounds and attempts; once ── one of them
attempt ─ one call of a plugin                evaluate, scope, plain, masking, decide, report
run ───── the state they share                journal, bus, clock, stop, surroundings
"""
