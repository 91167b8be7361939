"""Events as the records that stores keep, and back.

Rule 1: a record is JSON and says its version; what a later treadle wrote is refused, not guessed at.
Rule 2: what a run's events share (id, workflow, correlation id, labels) is in its `RunInfo`, not in bodies.
Rule 3: a large value of an event's data goes to a blob, which equal values share; a null stands in its place.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

from treadle._kinds.store import Blob, Record, RunInfo
from treadle.errors import RecordError
from treadle.events import Event

VERSION = 1
"""Of the encoding; a change that older versions cannot read counts it up."""

LIMIT = 64 * 1024
"""Bytes of a body from which its largest value goes to a blob."""

SHARED_LIMIT = 1024
"""The same for a spec, which all runs of a workflow have in common."""


class _Body(msgspec.Struct, omit_defaults=True):
    """What a record says.

    Attributes:
      labels: those that differ from the run's; None for one of the run's that the event has not.
      blob: the key in *data* whose value is the record's blob.
    """

    time: float
    type: str
    data: dict[str, Any]
    step: str | None = None
    attempt: int | None = None
    labels: dict[str, str | None] = {}
    blob: str | None = None


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"it holds an object of type {type(value).__name__}")


_ENCODER = msgspec.json.Encoder(enc_hook=_plain)
_DECODER = msgspec.json.Decoder(_Body)


# --- writing ---------------------------------------------------------------------------------------


def encode(event: Event, run_labels: Mapping[str, str]) -> Record:
    """A journaled event as a record of its run, whose labels are *run_labels*.

    Raises:
      RecordError: JSON cannot hold what is in it.
    """
    if event.seq is None:
        raise ValueError(f"{event.type} is a live event: it has no place in a journal")
    labels = {} if event.labels is run_labels else _differences(event.labels, run_labels)
    body = _Body(event.time, event.type, dict(event.data), event.step, event.attempt, labels)
    try:
        return _record(event.seq, body)
    except (TypeError, ValueError, OverflowError, RecursionError) as exc:
        raise RecordError(
            f"event {event.seq} ({event.type}) of run {event.run} cannot be written as JSON: {exc}; "
            "only text, numbers, booleans, lists and mappings can"
        ) from exc


def _record(seq: int, body: _Body) -> Record:
    encoded = _ENCODER.encode(body)
    if len(encoded) <= SHARED_LIMIT:
        return Record(seq, VERSION, encoded)
    key = _large(body) if len(encoded) > LIMIT else None
    if body.type == "workflow.accepted" and len(_ENCODER.encode(body.data.get("spec"))) > SHARED_LIMIT:
        key = "spec"
    if key is None:
        return Record(seq, VERSION, encoded)
    value = _ENCODER.encode(body.data[key])
    body.data[key], body.blob = None, key
    return Record(seq, VERSION, _ENCODER.encode(body), Blob(hash_of(value), value))


def _large(body: _Body) -> str | None:
    """The key of the largest value; None if taking it out would not help."""
    sizes = {key: len(_ENCODER.encode(value)) for key, value in body.data.items()}
    key = max(sizes, key=sizes.__getitem__, default=None)
    return key if key is not None and sizes[key] > SHARED_LIMIT else None


def _differences(labels: Mapping[str, str], run_labels: Mapping[str, str]) -> dict[str, str | None]:
    own: dict[str, str | None] = {name: text for name, text in labels.items() if run_labels.get(name) != text}
    return own | {name: None for name in run_labels if name not in labels}


def hash_of(body: bytes) -> str:
    """SHA-256 of *body*, hex."""
    return hashlib.sha256(body).hexdigest()


# --- reading ---------------------------------------------------------------------------------------


def decode(record: Record, info: RunInfo) -> Event:
    """The event that was encoded as *record*, of the run of *info*.

    Raises:
      RecordError: a later version wrote it, or it was damaged.
    """
    where = f"event {record.seq} of run {info.id}"
    if record.version != VERSION:
        raise RecordError(
            f"{where} was written in version {record.version} of the journal's format and this treadle reads "
            f"version {VERSION}; install a newer treadle to read it"
        )
    try:
        body = _DECODER.decode(record.body)
        data = _whole(body, record.blob)
    except (msgspec.DecodeError, ValueError, RecursionError) as exc:
        raise RecordError(
            f"{where} is damaged: {exc}; restore the store from a copy, or forget the run"
        ) from exc
    return Event(
        info.id,
        info.workflow,
        record.seq,
        body.time,
        body.type,
        body.step,
        body.attempt,
        info.correlation_id,
        _labels(body, info) if body.labels else info.labels,
        data,
    )


def _whole(body: _Body, blob: Blob | None) -> dict[str, Any]:
    """Its data with the blob put in; raises ValueError where that cannot be."""
    if body.blob is None:
        return body.data
    if blob is None:
        raise ValueError(f"the value of {body.blob!r} is not in the store")
    if hash_of(blob.body) != blob.hash:
        raise ValueError(f"the value of {body.blob!r} is not the one that was stored (its hash differs)")
    return {**body.data, body.blob: msgspec.json.decode(blob.body)}


def _labels(body: _Body, info: RunInfo) -> dict[str, str]:
    own = {name: text for name, text in body.labels.items() if text is not None}
    return {name: text for name, text in info.labels.items() if name not in body.labels} | own
