"""A checked spec made ready to run: pure, and linear in steps and needs.

plan ─── compile_plan: all of the below, in order
strategies ─ which error strategy is in force where      lexical ─ which steps are visible where
needs ────── who waits for whom, written and inferred    reads ─── every expression of a step
cycles ───── circles, named whole                        names ─── what expressions may refer to
blocks ───── the result, as the frontier reads it        limiters, problems, fitting
lint ─────── warnings, with failures (misspelt names of errors)
"""

from treadle._plan.blocks import AtLeastPlan, BlockPlan, NeedPlan
from treadle._plan.plan import CODES, Plan, compile_plan

__all__ = ["CODES", "AtLeastPlan", "BlockPlan", "NeedPlan", "Plan", "compile_plan"]
