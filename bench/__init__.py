"""Ratios to bare trio, with the budgets they must hold: ``python -m bench``."""
