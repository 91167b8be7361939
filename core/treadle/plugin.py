"""Everything a plugin author imports.

A plugin is a module (or any object) with functions marked `hookimpl`, named after the hooks in
`treadle.hookspecs`, and found by an entry point in the group ``treadle``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from treadle._kinds import (
    CONDITION,
    FILE_PATH,
    NO_SECRETS,
    NO_TEMPLATES,
    SEES_OUTPUT,
    Answer,
    ApprovalWanted,
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
    Fields,
    FieldsOf,
    Function,
    Lazy,
    OneOf,
    OnlyIf,
    OutputsOf,
    Rollback,
    RunOutcome,
    Seconds,
    SecretName,
    SecretProvider,
    Send,
    SignalWanted,
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
    ValueOf,
    called,
    rules,
    where,
    where_not,
)
from treadle._markers import hookimpl
from treadle._urls import Url
from treadle.errors import BlockFailed, Failure, StepError

if TYPE_CHECKING:
    from treadle._kinds.store import (
        Append,
        Blob,
        Page,
        Record,
        Request,
        RunFilter,
        RunInfo,
        StoreConnection,
    )

_OF_STORES = frozenset(
    {"Append", "Blob", "Page", "Record", "Request", "RunFilter", "RunInfo", "StoreConnection"}
)


def __getattr__(name: str) -> Any:
    """What only stores need, imported when first used: most programs have no store of their own."""
    if name not in _OF_STORES:
        raise AttributeError(f"module 'treadle.plugin' has no attribute {name!r}")
    from treadle._kinds import store

    return getattr(store, name)


__all__ = [
    "CONDITION",
    "FILE_PATH",
    "NO_SECRETS",
    "NO_TEMPLATES",
    "SEES_OUTPUT",
    "Answer",
    "Append",
    "ApprovalWanted",
    "Argv",
    "Ask",
    "Backoff",
    "Blob",
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
    "Fields",
    "FieldsOf",
    "Function",
    "Lazy",
    "OneOf",
    "OnlyIf",
    "OutputsOf",
    "Page",
    "Record",
    "Request",
    "Rollback",
    "RunFilter",
    "RunInfo",
    "RunOutcome",
    "Seconds",
    "SecretName",
    "SecretProvider",
    "Send",
    "SignalWanted",
    "Sink",
    "SpecFormat",
    "Step",
    "StepError",
    "StepFailure",
    "StepType",
    "Store",
    "StoreConnection",
    "Strategy",
    "Tolerate",
    "Transport",
    "TransportConnection",
    "Trigger",
    "Url",
    "ValueOf",
    "called",
    "hookimpl",
    "rules",
    "where",
    "where_not",
]
