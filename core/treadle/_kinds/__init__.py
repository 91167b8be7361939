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
    NO_SECRETS,
    NO_TEMPLATES,
    Argv,
    BlockForm,
    Bytes,
    Expr,
    Seconds,
    SecretMark,
    SecretName,
    Unit,
    Words,
    key_of,
)
from treadle._kinds.step import Block, BlockOutcome, Exit, Step, TransportConnection

__all__ = [
    "NO_SECRETS",
    "NO_TEMPLATES",
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
    "Function",
    "Rollback",
    "Seconds",
    "SecretMark",
    "SecretName",
    "SecretProvider",
    "Send",
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
