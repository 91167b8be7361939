"""The laws of `treadle fmt`: nothing said changes, no comment is lost, twice is the same as once."""

import json
import random
import re
from collections import Counter
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from treadle._format import formatted
from treadle._spec.report import Report
from treadle._spec.yaml import read_yaml

ROOT = Path(__file__).parents[2]
DOCUMENTS = [
    *(path.read_text() for path in sorted((ROOT / "specs").glob("*.yaml"))),
    *(
        block
        for page in sorted((ROOT / "docs").rglob("*.md"))
        for block in re.findall(r"^```yaml.*\n((?:.*\n)*?)```$", page.read_text(), re.MULTILINE)
    ),
]


def can_be_read(text: str) -> bool:
    report = Report(None)
    return read_yaml(text, report) is not None and not report.problems


def said(text: str) -> str:
    report = Report(None)
    node = read_yaml(text, report)
    assert node is not None, (text, report.problems)
    return json.dumps(node.value)


def comments(text: str) -> Counter[str]:
    """Found in another way than in the code: marked words that generated documents have in comments alone."""
    return Counter(re.findall(r"# c\d+", text))


def check_laws(text: str) -> None:
    once = formatted(text)
    assert said(once) == said(text), once
    assert comments(once) == comments(text), once
    assert formatted(once) == once
    assert not re.search(r"\r|\A\ufeff|\A\n", once)
    assert once.endswith("\n")


@pytest.mark.parametrize("text", [*filter(can_be_read, DOCUMENTS)])
def test_the_documents_of_this_project_keep_what_they_say(text: str) -> None:
    check_laws(text)


# --- documents with any layout ---------------------------------------------------------------------

_WORDS = [
    "a",
    "b c",
    "it's",
    "yes",
    "12:30",
    "1.10",
    "${{ inputs.x }}",
    "",
    " x",
    "x: y",
    "#no",
    "- n",
    "é日",
    "a\\b",
]


class Writer:
    """Writes a random document with a random, valid layout."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.lines: list[str] = []
        self.comments = 0

    def comment(self) -> str:
        self.comments += 1
        return f"# c{self.comments}"

    def noise(self, indent: int) -> None:
        while self.rng.random() < 0.25:
            if self.rng.random() < 0.5:
                self.lines.append(" " * self.rng.choice([0, 0, 3]))
            else:
                self.lines.append(" " * self.rng.choice([indent, indent, 0, indent + 1]) + self.comment())

    def tail(self) -> str:
        return " " * self.rng.randrange(1, 4) + self.comment() if self.rng.random() < 0.2 else ""

    def scalar(self, *, flow: bool = False) -> str:
        word = self.rng.choice(_WORDS)
        how = self.rng.randrange(3)
        if how == 0:
            return json.dumps(word, ensure_ascii=False)
        if how == 1:
            return "'" + word.replace("'", "''") + "'"
        return self.rng.choice(["plain", "two words", "1", "true", "null", *([] if flow else ["a, b]"])])

    def flow(self, depth: int, indent: int) -> str:
        if depth == 0 or self.rng.random() < 0.4:
            return self.scalar(flow=True)
        inside = [self.flow(depth - 1, indent) for _ in range(self.rng.randrange(4))]
        glue = self.rng.choice(
            [", ", ",  ", f",\n{' ' * (indent + 3)}", f",  {self.comment()}\n{' ' * (indent + 1)}"]
        )
        if self.rng.random() < 0.5:
            return "[" + glue.join(inside) + "]"
        return "{" + glue.join(f"k{n}: {each}" for n, each in enumerate(inside)) + "}"

    def literal(self, indent: int) -> None:
        """After a key or a dash: the header stands on its line, then come the lines."""
        digit = self.rng.random() < 0.3
        step = self.rng.randrange(1, 5)
        self.lines[-1] += f" {self.rng.choice('|>')}{step if digit else ''}{self.rng.choice(['', '-', '+'])}"
        self.lines[-1] += self.tail()
        pad = " " * (indent + step)
        self.lines.append(f"{pad}first # no comment")
        for _ in range(self.rng.randrange(4)):
            self.lines.append(
                self.rng.choice([f"{pad}more  ", f"{pad}  deeper", "", f"{pad}   ", f"{pad}\ttab"])
            )

    def value(self, depth: int, indent: int, *, in_list: bool) -> None:
        """A value for what the last line ends with; *indent* is the column of the collection it is in."""
        kind = self.rng.random()
        if depth and kind < 0.3:
            anchor = self.rng.choice(["", f" &x{len(self.lines)}"])
            self.lines[-1] += anchor + self.tail()
            self.mapping(depth - 1, indent + self.rng.randrange(1, 5))
        elif depth and kind < 0.5:
            self.lines[-1] += self.tail()
            self.sequence(depth - 1, indent + self.rng.randrange(1 if in_list else 0, 4))
        elif kind < 0.6:
            self.literal(indent)
        elif kind < 0.7:
            self.lines[-1] += (
                f' "one{self.rng.choice(["", " "])}\n{" " * (indent + 2)}two\\\n{" " * (indent + 1)}x"'
                + self.tail()
            )
        elif kind < 0.8:
            self.lines[-1] += f" one two\n{' ' * (indent + 1)}three\n\n{' ' * (indent + 4)}four" + self.tail()
        elif kind < 0.9:
            self.lines[-1] += " " * self.rng.randrange(1, 4) + self.flow(2, indent) + self.tail()
        else:
            self.lines[-1] += " " + self.scalar() + self.tail()

    def mapping(self, depth: int, indent: int, *, inline: bool = False) -> None:
        for number in range(self.rng.randrange(1, 4)):
            key = self.rng.choice(["key", '"key"', "'key'", "a key "]) if number == 0 else f"k{number}"
            if number or not inline:
                self.noise(indent)
                self.lines.append(" " * indent)
            explicit = self.rng.random() < 0.1
            self.lines[-1] += f"? {key}\n{' ' * indent}:" if explicit else f"{key}:"
            self.value(depth, indent, in_list=False)

    def sequence(self, depth: int, indent: int) -> None:
        for _ in range(self.rng.randrange(1, 4)):
            self.noise(indent)
            self.lines.append(" " * indent + "-")
            if depth and self.rng.random() < 0.4:
                gap = self.rng.randrange(1, 4)
                self.lines[-1] += " " * gap
                self.mapping(depth - 1, indent + 1 + gap, inline=True)
            else:
                self.value(depth, indent, in_list=True)

    def document(self) -> str:
        if self.rng.random() < 0.2:
            self.lines.append("---" + self.tail())
        self.mapping(4, self.rng.choice([0, 0, 2]))
        self.noise(0)
        text = "\n".join(self.lines) + self.rng.choice(["\n", "\n\n", ""])
        text = text.replace("\n", "\r\n") if self.rng.random() < 0.1 else text
        return "\ufeff" + text if self.rng.random() < 0.1 else text


@given(st.integers(0, 2**32))
def test_any_layout_of_any_document_keeps_what_it_says(seed: int) -> None:
    check_laws(Writer(seed).document())


_DATA = st.recursive(st.text() | st.booleans() | st.none(), st.lists, max_leaves=5)


@given(st.dictionaries(st.text(min_size=1), _DATA))
def test_what_another_writer_writes_is_kept(data: object) -> None:
    for text in (yaml.safe_dump(data, allow_unicode=True), json.dumps(data, ensure_ascii=False)):
        if can_be_read(text):
            once = formatted(text)
            assert said(once) == said(text)
            assert formatted(once) == once
