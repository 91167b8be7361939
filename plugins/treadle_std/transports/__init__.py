"""Ways to run commands on a machine.

local ── this one ── _start: the process, or why there is none ── _child: its pipes and session, to the end
"""
