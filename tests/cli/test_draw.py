"""Pictures of plans, read back by small parsers of their formats that share no code with what draws them."""

import html
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from tests.cli.test_plan import SPEC

from treadle import from_data, loads
from treadle._cli.draw.dot import dot
from treadle._cli.draw.layout import TEXT_COLUMNS, PlacedGroup, columns, fitted, place
from treadle._cli.draw.mermaid import mermaid
from treadle._cli.draw.picture import Marks, Picture, picture
from treadle._cli.draw.svg import svg
from treadle._cli.outline import order
from treadle.errors import printable

DOCS = Path(__file__).parents[2] / "docs" / "howto"

HOSTILE = [
    'say "hi"',
    "<script>alert(1)</script>",
    "]]> & &amp; #quot;",
    "end\nsubgraph x",
    "back\\slash\\",
    "`code` | (a) {b} [c] %% no comment",
    "日本語のとても長い名前 é 🎉",
    "a\u202eb",
    "--> x; y",
]


def drawn(text: str, **marks: Any) -> Picture:
    return picture(order(loads(text).plan), Marks(**marks))


def hostile(name: str) -> Picture:
    steps = f"{{a: {{name: {quoted(name)}, wait: 0s}}, b: {{needs: a, wait: 0s}}}}"
    return drawn(f"treadle: 1\nname: x\nsteps: {steps}\n")


def quoted(text: str) -> str:
    return '"' + "".join(f"\\U{ord(char):08x}" for char in text) + '"'


def shown(name: str) -> str:
    """How a hostile title is told: on one line, with its controls escaped."""
    return printable(" ".join(f"{name} (a)".split()))


# --- parsers ---------------------------------------------------------------------------------------

_ID = r"[sg]\d+"
_LABEL = r'"((?:[^"\\#\n]|#\d+;)*)"'
_MERMAID = {
    "node": re.compile(rf"({_ID})\[{_LABEL}\]"),
    "subgraph": re.compile(rf"subgraph ({_ID})\[{_LABEL}\]"),
    "end": re.compile("end"),
    "arrow": re.compile(rf"({_ID}) (-->|-\.->)(?:\|{_LABEL}\|)? ({_ID})"),
    "class": re.compile(r"classDef \w+ [\w:#,\- ]+|class s\d+(,s\d+)* \w+"),
    "comment": re.compile(r"%% [\w .,:()/+-]*|accTitle: [\w .,:()/+-]*"),
}


def read_mermaid(lines: list[str]) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """Labels by id, and arrows; every line must be one of the grammar's."""
    assert lines[0] == "flowchart TD"
    labels: dict[str, str] = {}
    arrows, depth = [], 0
    for line in lines[1:]:
        kind, found = next((k, m) for k, p in _MERMAID.items() if (m := p.fullmatch(line.strip())))
        if kind in ("node", "subgraph"):
            assert found[1] not in labels
            labels[found[1]] = re.sub(r"#(\d+);", lambda m: chr(int(m[1])), found[2].replace("<br/>", "\n"))
        elif kind == "arrow":
            arrows.append((found[1], found[4]))
        depth += {"subgraph": 1, "end": -1}.get(kind, 0)
        assert depth >= 0
    assert depth == 0
    assert {key for arrow in arrows for key in arrow} <= labels.keys()
    return labels, arrows


_STRING = r'"((?:[^"\\\n]|\\.)*)"'
_VALUE = rf"(?:{_STRING}|[\w.]+)"
_PAIRS = rf"\[(\w+={_VALUE}(?:, \w+={_VALUE})*)\]"
_DOT = {
    "open": re.compile(r"digraph plan \{|subgraph cluster_[sg]\d+ \{"),
    "close": re.compile(r"\}"),
    "defaults": re.compile(rf"(?:node|edge) {_PAIRS};(?: \w+={_VALUE};)*"),
    "setting": re.compile(rf"(?:\w+={_VALUE}; ?)+"),
    "edge": re.compile(rf"(s\d+) -> (s\d+)(?: {_PAIRS})?;"),
    "node": re.compile(rf"(s\d+) {_PAIRS};"),
}


def read_dot(lines: list[str]) -> tuple[dict[str, str], list[tuple[str, str]]]:
    labels: dict[str, str] = {}
    arrows, depth = [], 0
    for line in lines:
        kind, found = next((k, m) for k, p in _DOT.items() if (m := p.fullmatch(line.strip())))
        if kind == "node":
            assert found[1] not in labels
            label = re.search(rf"label={_STRING}", line)
            assert label is not None
            labels[found[1]] = re.sub(r"\\(.)", lambda m: "\n" if m[1] == "n" else m[1], label[1])
        elif kind == "edge":
            arrows.append((found[1], found[2]))
        depth += {"open": 1, "close": -1}.get(kind, 0)
    assert depth == 0
    assert {key for arrow in arrows for key in arrow} <= labels.keys()
    return labels, arrows


def read_svg(lines: list[str]) -> list[str]:
    root = ElementTree.fromstring("\n".join(lines))  # our own
    names = {element.tag.partition("}")[2] for element in root.iter()}
    assert names <= {"svg", "title", "desc", "style", "defs", "marker", "path", "g", "rect", "text"}
    return ["".join(element.itertext()) for element in root.iter() if element.tag.endswith("}text")]


# --- what is drawn ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_text_and_nothing_else_in_mermaid(name: str) -> None:
    labels, arrows = read_mermaid(list(mermaid(hostile(name))))
    assert labels["s1"].partition("\n")[0] == shown(name)
    assert arrows == [("s1", "s2")]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_text_and_nothing_else_in_dot(name: str) -> None:
    labels, arrows = read_dot(list(dot(hostile(name))))
    assert labels["s1"].partition("\n")[0] == shown(name)
    assert arrows == [("s1", "s2")]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_text_and_nothing_else_in_svg(name: str) -> None:
    assert fitted(shown(name)) in read_svg(list(svg(hostile(name))))


def test_every_format_has_all_steps_with_conditions_needs_and_their_source() -> None:
    whole = drawn(SPEC)
    mermaid_labels, mermaid_arrows = read_mermaid(list(mermaid(whole)))
    dot_labels, dot_arrows = read_dot(list(dot(whole)))
    texts = read_svg(list(svg(whole)))
    for said in ("deploy", "when steps.build.output.exit_code == 0", "timeout 10m", "up to 3 attempts"):
        assert any(said in label.split("\n") for label in mermaid_labels.values())
        assert any(said in label.split("\n") for label in dot_labels.values())
        assert said in texts
    assert "foreach 2 elements" in texts
    assert "repeat until true" in texts
    assert "finally" in texts
    assert "can be undone" in texts
    assert len(mermaid_arrows) == 9
    assert len(dot_arrows) > len(mermaid_arrows), "and dotted lines from each block to its first steps"
    for lines in (mermaid(whole), dot(whole), svg(whole)):
        assert "reads steps.build.output.stdout in steps.check.parallel.uni" in html.unescape(
            "\n".join(lines)
        )


def test_a_rollback_marks_its_steps_in_every_format() -> None:
    whole = drawn(SPEC, undone={"deploy": 1, "build": 2}, fails="any", may_undo=frozenset({"check"}))
    texts = read_svg(list(svg(whole)))
    assert {"fails here", "undone, number 1", "undone, number 2", "undone if it has completed"} <= {*texts}
    lines = "\n".join(mermaid(whole))
    assert re.search(r"class s1,s4 undone|class s\d+,s\d+ undone", lines)
    assert "undone, number 2" in "\n".join(dot(whole))


def test_the_same_plan_gives_the_same_bytes() -> None:
    for draw in (mermaid, dot, svg):
        assert list(draw(drawn(SPEC))) == list(draw(drawn(SPEC)))


def _graph(count: int) -> str:
    """Steps that need those at a half, a third and a seventh of their number: many lines, of every length."""
    steps = []
    for n in range(count):
        needs = ", ".join(sorted({f"s{n // k}" for k in (2, 3, 7) if n // k < n}))
        steps.append(f"  s{n}: {{{f'needs: [{needs}], ' if needs else ''}wait: 0s}}\n")
    return f"treadle: 1\nname: x\nsteps:\n{''.join(steps)}"


_MANY = ", ".join(f"w{n}: {{wait: 0s}}" for n in range(60))
_WIDE = f"treadle: 1\nname: x\nsteps: [{{parallel: {{{_MANY}}}}}, {{wait: 0s}}]"


@pytest.mark.parametrize("text", [SPEC, _WIDE, _graph(60)], ids=["nested", "wide", "tangled"])
def test_no_two_boxes_of_a_group_overlap_and_inner_ones_stay_inside(text: str) -> None:
    group = place(drawn(text).steps)
    for each in _groups(group):
        for at, box in enumerate(each.boxes):
            assert box.x >= -0.01
            assert box.x + box.width <= each.width + 0.01
            assert box.y + box.height <= each.height + 0.01
            for other in each.boxes[at + 1 :]:
                apart = (
                    box.x + box.width <= other.x
                    or other.x + other.width <= box.x
                    or box.y + box.height <= other.y
                    or other.y + other.height <= box.y
                )
                assert apart, (box.box.path, other.box.path)


def _groups(group: PlacedGroup) -> list[PlacedGroup]:
    return [group, *(inner for box in group.boxes for each in box.inner for inner in _groups(each))]


def test_no_line_goes_through_a_box() -> None:
    group = place(drawn(_graph(60)).steps)
    for route in group.routes:
        for x, y in route.points[1:-1]:
            inside = [
                box.box.path
                for box in group.boxes
                if box.x < x < box.x + box.width and box.y + 0.01 < y < box.y + box.height - 0.01
            ]
            assert not inside


def test_two_hundred_steps_make_a_picture_of_a_bounded_width() -> None:
    first = next(svg(drawn(_graph(200))))
    width = float(re.search(r'width="([\d.]+)"', first)[1])  # type: ignore[index]
    assert width < 6000


def test_a_long_text_is_cut_by_what_it_takes_on_the_screen() -> None:
    assert fitted("a" * 10) == "a" * 10
    assert fitted("a" * 100) == "a" * (TEXT_COLUMNS - 1) + "…"
    assert columns(fitted("日" * 100)) <= TEXT_COLUMNS
    assert columns("é") == columns("e\u0301") == 1


def test_ten_thousand_steps_are_drawn_in_full() -> None:
    steps = {f"s{n}": {"wait": "0s"} | ({"needs": f"s{n - 1}"} if n else {}) for n in range(10_000)}
    whole = picture(order(from_data({"treadle": 1, "name": "x", "steps": steps}).plan), Marks())
    assert len(list(dot(whole))) == 6 + 19_999
    assert len(list(mermaid(whole))) == 2 + 19_999
    assert sum(" y=" in line for line in svg(whole)) > 10_000


def test_the_pictures_in_the_documentation_are_what_is_drawn(treadle: Any) -> None:
    page = (DOCS / "see-the-plan.md").read_text()
    spec, chart = re.findall(r"```(?:yaml|mermaid).*?\n(.*?)```", page, re.DOTALL)
    assert treadle("plan", "-", "--format", "mermaid", stdin=spec).out == chart
    shown = treadle("plan", "-", "--format", "svg", "--rollback-at", "smoke", stdin=spec).out
    assert shown == (DOCS / "see-the-plan.svg").read_text()
