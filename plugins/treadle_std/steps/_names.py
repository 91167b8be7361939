"""Names that authors choose for errors and events, and those of Python functions: their forms.

Rule: the message says what the form is in words and shows one; nobody is shown a pattern.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import attrs

_DOTTED = r"[A-Za-z][\w-]*(\.[\w-]+)*"
_FUNCTION = r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*"
_PATH = r"[^\W\d]\w*(\.[^\W\d]\w*)+"


def dotted_name(_instance: object, attribute: attrs.Attribute[Any], value: str) -> None:
    """A validator: words joined by dots, as ``image.published``."""
    if not re.fullmatch(_DOTTED, value):
        raise ValueError(
            f"{attribute.name!r} cannot be {value!r}: it is words of letters, digits, _ and -, joined by"
            " dots; write one as image.missing"
        )


def function_name(_instance: object, attribute: attrs.Attribute[Any], value: str) -> None:
    """A validator: a module and what it holds, as ``reports.monthly:build``."""
    if not re.fullmatch(_FUNCTION, value):
        module, _, name = value.rpartition(".")
        meant = f"{module}:{name}" if re.fullmatch(_PATH, value) else "package.module:function"
        raise ValueError(
            f"{attribute.name!r} cannot be {value!r}: a colon goes between the module and the function;"
            f" write {meant}"
        )
