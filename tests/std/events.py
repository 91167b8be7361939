"""Events for the tests of sinks: a run told by hand."""

from treadle.events import LIVE, Event


class Told:
    """Makes the events of one run, a second apart."""

    def __init__(self, run="run-1", workflow="release", start=1_767_268_800.0):
        self.run, self.workflow, self.now, self.seq = run, workflow, start, 0

    def __call__(self, type_, step=None, *, attempt=None, **data):
        self.now += 1
        live = type_ in LIVE
        self.seq += not live
        seq = None if live else self.seq
        return Event(self.run, self.workflow, seq, self.now, type_, step, attempt, self.run, {}, data)


def error(name="exit.3", message="exited with 3", **data):
    return {"name": name, "message": message, "data": data or None}
