"""The hooks a plugin may answer. No logic.

Every hook takes no argument, is asked once, when the registry is built, and returns entries. The
registry asks each plugin by itself: one that raises, or returns something that is not an entry, is
reported with its name and distribution, and the others go on. Within a kind a name belongs to one
distribution; a name that two offer is unusable until one of them is disabled.
Entries must be cheap to build: import heavy dependencies inside the functions they carry.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from treadle._markers import hookspec

if TYPE_CHECKING:
    from collections.abc import Iterable

    from treadle._kinds import (
        Backoff,
        Command,
        Function,
        SecretProvider,
        Sink,
        SpecFormat,
        StepType,
        Store,
        Strategy,
        Transport,
        Trigger,
    )

__all__ = [
    "treadle_backoffs",
    "treadle_commands",
    "treadle_error_strategies",
    "treadle_event_sinks",
    "treadle_functions",
    "treadle_secret_providers",
    "treadle_spec_formats",
    "treadle_step_types",
    "treadle_stores",
    "treadle_transports",
    "treadle_triggers",
]


@hookspec
def treadle_step_types() -> Iterable[StepType[Any]]:
    """Return the step types this plugin adds.

    A step writes the name as a key: ``acme.deploy: {…}``. The settings are structured
    strictly into ``config``; those without expressions once, when the spec is loaded,
    the others before each attempt. ``run`` is called once per attempt.
    """
    raise NotImplementedError


@hookspec
def treadle_error_strategies() -> Iterable[Strategy[Any]]:
    """Return the error strategies this plugin adds.

    Named by ``on_error``. ``decide`` is asked once, after the last attempt of a step
    failed; its decision is journaled with the failure and never asked for again.
    """
    raise NotImplementedError


@hookspec
def treadle_backoffs() -> Iterable[Backoff[Any]]:
    """Return the backoffs this plugin adds.

    Named by ``retry.backoff``. ``delays`` is called once for each round of a step, or of an
    element of its foreach, that is tried again, and drawn from before each further attempt; a
    negative or non-finite delay is a plugin fault.
    """
    raise NotImplementedError


@hookspec
def treadle_event_sinks() -> Iterable[Sink[Any]]:
    """Return the event sinks this plugin adds.

    Named by ``sinks`` of the deployment file. Opened once per engine. Each sink has a
    bounded queue and a task of its own: one that is slow, blocks or raises touches no run.
    """
    raise NotImplementedError


@hookspec
def treadle_stores() -> Iterable[Store[Any]]:
    """Return the stores this plugin adds.

    Named by ``store`` of the deployment file or of `open_engine`. Opened once per engine, before any
    run; what opening raises is the caller's. What it yields is a `StoreConnection`: it must pass
    `treadle.testing.StoreContract`, and never hold up the trio loop.
    """
    raise NotImplementedError


@hookspec
def treadle_triggers() -> Iterable[Trigger[Any]]:
    """Return the triggers this plugin adds. Not used yet: this version starts runs by hand only.

    Entries are checked and listed; a spec with ``triggers`` is refused as not yet supported.
    """
    raise NotImplementedError


@hookspec
def treadle_transports() -> Iterable[Transport[Any]]:
    """Return the transports this plugin adds.

    ``command`` and ``shell`` run on one. This version uses ``local`` only; ``on`` and
    ``devices`` are refused as not yet supported.
    """
    raise NotImplementedError


@hookspec
def treadle_functions() -> Iterable[Function]:
    """Return the functions this plugin adds to expressions.

    Pure: the same arguments give the same result, and nothing else happens. The names of
    the language's own functions cannot be taken.
    """
    raise NotImplementedError


@hookspec
def treadle_secret_providers() -> Iterable[SecretProvider[Any]]:
    """Return the secret providers this plugin adds.

    Named by ``secrets`` of the deployment file and asked in its order, when a step first
    uses a secret. What they return is masked everywhere from then on.
    """
    raise NotImplementedError


@hookspec
def treadle_commands() -> Iterable[Command]:
    """Return the commands this plugin adds to the ``treadle`` program.

    The names of the program's own commands cannot be taken. ``load`` is called only when
    the command is used or its help is asked for.
    """
    raise NotImplementedError


@hookspec
def treadle_spec_formats() -> Iterable[SpecFormat]:
    """Return the spec formats this plugin adds. Not used yet: this version reads YAML and JSON.

    Entries are checked and listed; no loader asks them.
    """
    raise NotImplementedError
