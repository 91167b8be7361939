"""The pages, and the fenced blocks in them.

A block's info string is its language and maybe a title, the name of its file: ```yaml title="hello.yaml".
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]

_FENCE = re.compile(r'^(?P<fence>```+)(?P<language>\w*)(?: title="(?P<title>[^"]+)")?\n', re.MULTILINE)


@attrs.frozen
class Block:
    """A fenced block; *line* is that of its first line of text."""

    page: str
    line: int
    language: str
    title: str | None
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks_of(page: Path) -> Iterator[Block]:
    text = page.read_text()
    position = 0
    while match := _FENCE.search(text, position):
        begin = match.end()
        end = text.index(f"\n{match['fence']}", begin - 1) + 1
        line = text.count("\n", 0, begin) + 1
        yield Block(name_of(page), line, match["language"], match["title"], text[begin:end])
        position = text.index("\n", end)


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def without_blocks(text: str) -> str:
    return re.sub(r"^(```+).*?^\1$", "", text, flags=re.MULTILINE | re.DOTALL)
