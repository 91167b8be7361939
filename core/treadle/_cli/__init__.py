"""The ``treadle`` program.

program ── the commands and the exit codes     terminal ── writing to the two streams
run ────── `treadle run`, by drive (signals    validate, plan, plugins, schema ── the other commands
           and answers while it runs), ask     sources ─── where specs come from
           (questions to a person) and report  inputs ──── inputs from the command line
keyed ──── a run with a key                    people ──── where a run may ask a person
detach ─── a run in the background             resume, rerun ── going on with a run, or again
outline ── a plan as plain data; draw, as      steer ───── commands to a run that anybody drives
           pictures; durations, of past runs   fmt ─────── the layout of specs
stored ─── the project's store, and the run    ps, show, events, why, gc ── what looks at runs:
           that is meant                       history, of its steps; reasons and words, for why
faults ─── who is at fault for what nobody foresaw
config ─── the settings in force               sarif, codes ── problems as code hosts read them

Rule 1: this module imports nothing, so that ``treadle --version`` is answered at once.
Rule 2: input never gets a traceback. Whatever else goes wrong is one line that names who is at fault.
Rule 3: standard output has results only; what is said to people goes to standard error.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program on *argv*, the process's own unless given; returns the exit code, see `program`."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments == ["--version"]:
        from treadle._version import __version__

        sys.stdout.write(f"treadle {__version__}\n")
        return 0
    import gc  # built in: costs nothing

    collected = gc.isenabled()
    gc.disable()  # starting up only makes what stays; looking for garbage in it takes a tenth of the time
    try:
        from treadle._cli.program import execute

        return execute(arguments)
    finally:
        if argv is None:
            gc.freeze()  # the process ends; searching all it holds once more would only delay that
        else:
            gc.unfreeze()
        if collected:
            gc.enable()
