"""Holds for all tests."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("untimed", deadline=None)  # what an example takes depends on who else is at work
settings.load_profile("untimed")
