"""What can be wrong with an expression: how it is written, or what it met when it was evaluated.

    ValueError
    ├── ExpressionSyntaxError     the author of the spec; found when it is loaded
    └── Unusable                  internal: an operator or a function cannot take these values
        └── Absent                internal: something is not there, or is null; ``default(x, y)`` catches it
    Exception
    └── ExpressionError           the values that came together in a run; fails the step

No message shows a value out of the scope, since it may be a secret: kinds, sizes, and the source only.
"""

from __future__ import annotations

_SHOWN = 200
"""Characters of a source that stand in a message."""


class ExpressionSyntaxError(ValueError):
    """An expression is not one.

    Attributes:
      message: what is wrong, one sentence without a full stop.
      fix: what to write instead; may be empty.
      offset: of the mistake, in characters from the start of the text that was parsed.
    """

    def __init__(self, message: str, fix: str = "", offset: int = 0) -> None:
        super().__init__(message, fix, offset)
        self.message = message
        self.fix = fix
        self.offset = offset

    def __str__(self) -> str:
        return f"{self.message}; {self.fix}" if self.fix else self.message


class ExpressionError(Exception):
    """An expression has no value, given what it met.

    Attributes:
      message: what is wrong and what to do, one sentence.
      source: the expression, or the text with ``${{ }}``.
      names: the names it could see, sorted.
    """

    def __init__(self, message: str, source: str, names: tuple[str, ...]) -> None:
        super().__init__(message, source, names)
        self.message = message
        self.source = source
        self.names = names

    def __str__(self) -> str:
        source = self.source if len(self.source) <= _SHOWN else self.source[: _SHOWN - 1] + "…"
        return f"{self.message}, in: {source} (names here: {', '.join(self.names) or 'none'})"


class Unusable(ValueError):
    """An operator or a function cannot take these values; the message says why."""


class Absent(Unusable):
    """Something a reference names is not there, or is null."""
