"""Secrets from the environment of the process, by name."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import attrs

from treadle.plugin import SecretProvider, hookimpl

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Env:
    """Reads a secret from the environment variable of its name.

    A variable that is set but empty is a secret that is empty, not one that is missing.

    Args:
      prefix: put before the name, as ``TREADLE_SECRET_``; nothing unless given.

    Example:
      ``secrets: [{env: {prefix: APP_}}]``
    """

    prefix: str = ""


def open_env(config: Env) -> Callable[[str], str | None]:
    """The look-up; the environment is read when a step first uses a secret."""
    return lambda name: os.environ.get(config.prefix + name)


@hookimpl
def treadle_secret_providers() -> Iterable[SecretProvider[Any]]:
    """``env``."""
    return [SecretProvider(name="env", config=Env, open=open_env, main="prefix")]
