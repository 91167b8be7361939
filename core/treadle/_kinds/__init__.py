"""The plugin kinds.

entries ─── what an entry of each kind carries        table ─ the kinds, and what makes an entry useless
settings ── the types that settings are made of       step ── what an attempt is given
decisions ─ what an error strategy may answer
"""

from treadle._expr import Function
from treadle._kinds.decisions import Ask, Decision, Fail, Rollback, StepFailure, Tolerate
from treadle._kinds.entries import (
    Backoff,
    Command,
    SecretProvider,
    Send,
    Sink,
    SpecFormat,
    StepType,
    Store,
    Strategy,
    Transport,
    Trigger,
)
from treadle._kinds.settings import (
    FILE_PATH,
    NO_SECRETS,
    NO_TEMPLATES,
    SEES_OUTPUT,
    Argv,
    BlockForm,
    Bytes,
    Expr,
    Fields,
    Seconds,
    SecretMark,
    SecretName,
    Unit,
    Words,
    key_of,
)
from treadle._kinds.step import (
    Answer,
    ApprovalWanted,
    Block,
    BlockOutcome,
    Exit,
    SignalWanted,
    Step,
    TransportConnection,
)

__all__ = [
    "FILE_PATH",
    "NO_SECRETS",
    "NO_TEMPLATES",
    "SEES_OUTPUT",
    "Answer",
    "ApprovalWanted",
    "Argv",
    "Ask",
    "Backoff",
    "Block",
    "BlockForm",
    "BlockOutcome",
    "Bytes",
    "Command",
    "Decision",
    "Exit",
    "Expr",
    "Fail",
    "Fields",
    "Function",
    "Rollback",
    "Seconds",
    "SecretMark",
    "SecretName",
    "SecretProvider",
    "Send",
    "SignalWanted",
    "Sink",
    "SpecFormat",
    "Step",
    "StepFailure",
    "StepType",
    "Store",
    "Strategy",
    "Tolerate",
    "Transport",
    "TransportConnection",
    "Trigger",
    "Unit",
    "Words",
    "key_of",
]
