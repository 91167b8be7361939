"""Pictures of a plan, for ``treadle plan --format``.

picture ── what is drawn: boxes, groups, arrows, all text already harmless     text ── lines for a terminal
mermaid, dot ── in those languages                                             svg ─── drawn, by layout

Rule 1: pure and deterministic: the same plan gives the same bytes.
Rule 2: every renderer escapes what it is given, whatever `picture` has done already.
"""
