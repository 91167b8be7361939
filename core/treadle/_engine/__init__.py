"""The trio engine: runs a plan. Split by what is driven.

opening ─ store, sinks, secrets, transports   run_one ── one workflow in an engine of its own
engine ── many runs, slots, groups, leaving   handle, stored ── a run from outside, here and elsewhere
life ──── one run, from its start to its end  recovery, replay, reentry ── a run that goes on
frame ─── one block in its nursery            foreach, ask, waits; rollback, undo ── taking back
step ──── one step, layer by layer            tries ── rounds and attempts; once ── one of them
children, call ── a run that a step calls     called, standing, undriven ── what comes of that
attempt ─ one call of a plugin                evaluate, scope, plain, masking, decide, report
run ───── the state they share                journal, bus, clock, stop, surroundings

durability, for runs that outlive the engine: store_journal ── events written; keeper, owner ── leases;
reading; inbox, control ── commands; takeover ── runs of other processes. memory ── a store for tests.
"""
