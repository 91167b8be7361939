from tests.std.events import Told, error

from treadle_std.sinks._live import drawn, elapsed
from treadle_std.sinks._tree import KEPT, Tree, rows_of


class Watched:
    """A tree that is told of one run."""

    def __init__(self):
        self.tree, self.told = Tree(), Told()
        self("workflow.started")

    def __call__(self, type_, step=None, **data):
        self.tree.apply(self.told(type_, step, **data))

    def seen(self, at_most=100):
        rows = self.tree.rows(at_most)
        return [
            ("  " * row.depth + (f"{row.node.name} {row.node.status}" if row.node else row.text))
            for row in rows
        ]

    def drawn(self):
        return [drawn(row, self.told.now).plain for row in self.tree.rows(100)]


def test_steps_stand_below_their_blocks():
    watched = Watched()
    for step in ("build", "checks", "checks.unit", "checks.unit.deep"):
        watched("step.started", step)
    watched("step.completed", "build")
    assert watched.seen() == [
        "release running",
        "  build completed",
        "  checks running",
        "    unit running",
        "      deep running",
    ]


def test_a_settled_block_is_one_line():
    watched = Watched()
    for step in ("checks", "checks.unit", "checks.scan"):
        watched("step.started", step)
    watched("step.failed", "checks.unit", error=error())
    watched("step.cancelled", "checks.scan")
    watched("step.failed", "checks", error=error())
    assert watched.seen() == ["release running", "  checks failed"]


def test_only_the_newest_settled_steps_are_kept_and_the_rest_counted():
    watched = Watched()
    for index in range(10_000):
        watched("step.started", f"s{index}")
        watched("step.completed" if index % 100 else "step.failed", f"s{index}", error=error())
    watched("step.started", "last")
    assert watched.seen() == [
        "release running",
        "  100 more failed, 9895 more completed",
        *(f"  s{index} completed" for index in range(10_000 - KEPT, 10_000)),
        "  last running",
    ]


def test_no_more_rows_than_asked_for_are_walked():
    watched = Watched()
    for index in range(1_000):
        watched("step.started", f"s{index}")
    assert watched.seen(3) == ["release running", "  s0 running", "  s1 running"]


def test_a_foreach_shows_how_far_it_is():
    watched = Watched()
    watched("step.started", "push")
    watched("step.expanded", "push", items=list(range(40)))
    for index in range(10):
        watched("step.started", f"push.{index}")
        watched("step.completed", f"push.{index}")
    watched("step.started", "push.10")
    line = watched.drawn()[1]
    assert line.startswith("  ● push  ━━━━━─────────────── 10/40  ")
    watched("step.completed", "push")
    assert watched.drawn()[1].startswith("  ✓ push  ")
    assert "━" not in watched.drawn()[1]


def test_rounds_of_a_block_are_one_step():
    watched = Watched()
    watched("step.started", "ship", attempt=1)
    watched("step.started", "ship.push")
    watched("step.failed", "ship.push", error=error())
    watched("step.retrying", "ship", attempt=1, error=error(), delay=1)
    assert watched.seen() == ["release running", "  ship retrying", "    push failed"]
    watched("step.started", "ship", attempt=2)
    watched("step.started", "ship#2.push")
    assert watched.seen() == ["release running", "  ship running", "    push running"]
    assert watched.drawn()[1].endswith("attempt 2")


def test_what_a_step_says_stands_behind_it_until_it_settles():
    watched = Watched()
    watched("step.started", "a")
    watched("step.log", "a", message="half\x1b[2J way")
    assert watched.drawn()[1].endswith("  half\\x1b[2J way")
    watched("step.heartbeat", "a", data={"done": 3})
    assert watched.drawn()[1].endswith("  {'done': 3}")
    watched("step.heartbeat", "a", data=None)
    assert watched.drawn()[1].endswith("  {'done': 3}")
    watched("step.completed", "a")
    assert watched.drawn()[1].split()[:2] == ["✓", "a"]
    assert "done" not in watched.drawn()[1]


def test_what_is_not_about_the_state_of_a_step_adds_none():
    watched = Watched()
    watched("step.log", "a", message="early")
    watched("step.decided", "b")
    watched("image.published", "c")
    assert watched.seen() == ["release running"]


def test_undoing_brings_a_step_back():
    watched = Watched()
    watched("step.started", "checks")
    watched("step.started", "checks.a")
    watched("step.completed", "checks.a")
    watched("step.completed", "checks")
    watched("step.undoing", "checks")
    watched("step.undoing", "gone.long.ago")
    assert watched.seen() == ["release running", "  checks undoing", "  gone.long.ago undoing"]
    watched("step.undone", "checks")
    watched("step.undo_failed", "gone.long.ago", error=error())
    assert watched.seen() == ["release running", "  checks undone", "  gone.long.ago failed"]


def test_a_tolerated_failure_is_shown_as_one():
    watched = Watched()
    watched("step.started", "a")
    watched("step.failed", "a", error=error())
    watched("step.tolerated", "a", error=error())
    assert watched.seen() == ["release running", "  a tolerated"]


def test_the_tree_knows_whether_a_person_is_asked():
    watched = Watched()
    assert not watched.tree.waiting
    watched("step.waiting", "a")
    watched("step.waiting", "b")
    watched("step.resolved", "a")
    assert watched.tree.waiting
    watched("workflow.cancelled")
    assert not watched.tree.waiting


def test_a_run_that_has_ended_leaves_with_its_last_state():
    watched = Watched()
    watched("step.started", "a")
    watched("step.completed", "a")
    watched("workflow.completed")
    assert watched.seen() == []
    (ended,) = watched.tree.take_ended()
    assert [drawn(row, 0.0).plain.split()[1] for row in rows_of(ended)] == ["release", "a"]
    assert watched.tree.take_ended() == []


def test_two_runs_stand_one_below_the_other():
    tree = Tree()
    for run in ("r1", "r2"):
        tree.apply(Told(run, workflow=run)("workflow.started"))
    assert [row.node.name for row in tree.rows(9)] == ["r1", "r2"]


def test_times_read_as_a_person_reads_them():
    assert [elapsed(s) for s in (0.04, 9.94, 12.7, 245, 11_220)] == ["0.0s", "9.9s", "12s", "4m05s", "3h07m"]
