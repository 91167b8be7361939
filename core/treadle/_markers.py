"""The two pluggy markers, apart so that neither hookspecs nor plugins need the registry."""

from __future__ import annotations

import pluggy

hookspec = pluggy.HookspecMarker("treadle")
hookimpl = pluggy.HookimplMarker("treadle")
"""Marks a function of a plugin as its answer to the hook of the same name."""
