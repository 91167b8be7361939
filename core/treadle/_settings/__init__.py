"""Settings of plugins: plain data into config classes, strictly, with every reason why it does not fit.

settings ── Settings: a config ready to use, or what must be evaluated to build it
structure ─ plain data into a config class; every fault, with its path
strict ──── the converter: it only accepts or refuses; verbatim, what needs none
types ───── which kinds of data a type takes, which member of a union is meant, what is marked on it
"""

from treadle._settings.settings import Broken, DurationHole, Hole, Settings, SettingsError, UrlHole, WordHole

__all__ = ["Broken", "DurationHole", "Hole", "Settings", "SettingsError", "UrlHole", "WordHole"]
