"""Rows of the tables as the values of the contract, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from treadle.events import RunStatus
from treadle.plugin import Blob, Record, Request, RunInfo

if TYPE_CHECKING:
    from collections.abc import Mapping

RUN = """
  id, workflow, status, correlation_id, labels, key, fingerprint, parent, created_at, updated_at,
  started_at, ended_at, seq, owner, token, lease_until, group_key, admitted
"""
"""The columns that `run_info` takes."""

REQUEST = "request.id, run.id, command, arguments, by, time, answer"
"""The columns that `request` takes, of a request joined with its run."""


def text_of(value: Mapping[str, Any]) -> str:
    """Plain data as JSON."""
    return msgspec.json.encode(dict(value)).decode()


def of_run(info: RunInfo) -> tuple[Any, ...]:
    """The values of `RUN`, and whether the run has ended."""
    return (
        info.id,
        info.workflow,
        info.status,
        info.correlation_id,
        text_of(info.labels),
        info.key,
        info.fingerprint,
        info.parent,
        info.created_at,
        info.updated_at,
        info.started_at,
        info.ended_at,
        info.seq,
        info.owner,
        info.token,
        info.lease_until,
        info.group,
        info.admitted,
        info.status.ended,
    )


def run_info(row: tuple[Any, ...]) -> RunInfo:
    """A row of `RUN`."""
    id_, workflow, status, correlation_id, labels, *others, group, admitted = row
    key, fingerprint, parent, created_at, updated_at, started_at, ended_at, seq, owner, token, until = others
    return RunInfo(
        id=id_,
        workflow=workflow,
        status=RunStatus(status),
        correlation_id=correlation_id,
        labels=msgspec.json.decode(labels),
        key=key,
        fingerprint=fingerprint,
        parent=parent,
        created_at=created_at,
        updated_at=updated_at,
        started_at=started_at,
        ended_at=ended_at,
        seq=seq,
        owner=owner,
        token=token,
        lease_until=until,
        group=group,
        admitted=bool(admitted),
    )


def record(row: tuple[Any, ...]) -> Record:
    """A row of ``seq, version, body, hash, blob``."""
    seq, version, body, hash_, blob = row
    return Record(seq, version, body, None if hash_ is None else Blob(hash_, b"" if blob is None else blob))


def request(row: tuple[Any, ...]) -> Request:
    """A row of `REQUEST`."""
    id_, run, command, arguments, by, time, answer = row
    return Request(
        id=id_,
        run=run,
        command=command,
        arguments=msgspec.json.decode(arguments),
        by=by,
        time=time,
        answer=None if answer is None else msgspec.json.decode(answer),
    )
