"""What an error strategy is asked, and what it may answer."""

from __future__ import annotations

from typing import Any, Literal

import attrs

from treadle._values import Value
from treadle.errors import Failure


@attrs.frozen(eq=False, repr=False)
class StepFailure(Value):
    """What a strategy decides about.

    Attributes:
      path: of the step that failed; empty for the workflow itself.
      error: why.
      attempts: how many were made.
      elapsed: seconds since its first attempt started.
    """

    path: str
    error: Failure
    attempts: int
    elapsed: float


@attrs.frozen(eq=False, repr=False)
class Fail(Value):
    """The block fails. Its other steps are cancelled (*fast*), or what does not need this one finishes."""

    fast: bool = True


@attrs.frozen(eq=False, repr=False)
class Tolerate(Value):
    """The failure is tolerated: dependants run. *output* is what they read, if not None."""

    output: Any = None


@attrs.frozen(eq=False, repr=False)
class Rollback(Value):
    """What completed is undone: in the whole run, or in the enclosing block, which then fails."""

    scope: Literal["run", "block"] = "run"


@attrs.frozen(eq=False, repr=False)
class Ask(Value):
    """The step waits for a person; after *timeout* seconds of wall clock for *on_timeout*."""

    prompt: str | None = None
    timeout: float | None = None
    on_timeout: Literal["fail", "continue", "rollback"] | None = None


Decision = Fail | Tolerate | Rollback | Ask
