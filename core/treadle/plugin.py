"""Everything a plugin author imports.

A plugin is a module (or any object) with functions marked `hookimpl`, named after the hooks in
`treadle.hookspecs`, and found by an entry point in the group ``treadle``.
"""

from __future__ import annotations

from treadle._kinds import (
    NO_SECRETS,
    NO_TEMPLATES,
    Argv,
    Ask,
    Backoff,
    Block,
    BlockForm,
    BlockOutcome,
    Bytes,
    Command,
    Decision,
    Exit,
    Expr,
    Fail,
    Function,
    Rollback,
    Seconds,
    SecretName,
    SecretProvider,
    Send,
    Sink,
    SpecFormat,
    Step,
    StepFailure,
    StepType,
    Store,
    Strategy,
    Tolerate,
    Transport,
    TransportConnection,
    Trigger,
)
from treadle._markers import hookimpl
from treadle._urls import Url
from treadle.errors import BlockFailed, Failure, StepError

__all__ = [
    "NO_SECRETS",
    "NO_TEMPLATES",
    "Argv",
    "Ask",
    "Backoff",
    "Block",
    "BlockFailed",
    "BlockForm",
    "BlockOutcome",
    "Bytes",
    "Command",
    "Decision",
    "Exit",
    "Expr",
    "Fail",
    "Failure",
    "Function",
    "Rollback",
    "Seconds",
    "SecretName",
    "SecretProvider",
    "Send",
    "Sink",
    "SpecFormat",
    "Step",
    "StepError",
    "StepFailure",
    "StepType",
    "Store",
    "Strategy",
    "Tolerate",
    "Transport",
    "TransportConnection",
    "Trigger",
    "Url",
    "hookimpl",
]
