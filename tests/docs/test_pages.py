"""The pages are complete, fresh, and lead somewhere."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click
import pytest
from tests.docs.pages import DOCS, PAGES, ROOT, name_of, without_blocks

import treadle
import treadle.plugin
from docs import generate
from treadle import events, hookspecs
from treadle._cli.program import COMMANDS, LATER, program
from treadle._schema.grammar import DOCUMENT, STEP_KEYS

if TYPE_CHECKING:
    from pathlib import Path

STANDARD = treadle.Registry.of()
_SOURCES = [path.read_text() for folder in ("core", "plugins") for path in (ROOT / folder).rglob("*.py")]
_LINK = re.compile(r"\]\(([^)\s]+)\)")


def _reference(name: str) -> str:
    return (DOCS / "reference" / f"{name}.md").read_text()


@pytest.mark.parametrize("page", generate.pages(), ids=name_of)
def test_the_generated_parts_are_fresh(page: Path) -> None:
    assert generate.fresh(page.read_text()) == page.read_text(), "run: python docs/generate.py"


def test_the_generator_names_stale_pages_and_writes_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(generate, "DOCS", tmp_path)
    page = tmp_path / "page.md"
    page.write_text("# Page\n\n<!-- generated: limits -->\n\nold\n\n<!-- end -->\n\nmine\n")
    assert generate.main(["--check"]) == 1
    assert generate.main([]) == 0
    assert generate.main(["--check"]) == 0
    assert capsys.readouterr().out == "page.md\npage.md\n"
    assert "old" not in page.read_text()
    assert page.read_text().endswith("<!-- end -->\n\nmine\n")


@pytest.mark.parametrize(
    ("page", "names"),
    [
        ("steps", STANDARD.step_types),
        ("strategies", STANDARD.strategies),
        ("backoffs", STANDARD.backoffs),
        ("sinks", STANDARD.sinks),
        ("stores", STANDARD.stores),
        ("secrets", STANDARD.secret_providers),
        ("hooks", [f"{hook}()" for hook in hookspecs.__all__]),
        ("python-api", [name for name in treadle.__all__ if not name.startswith("_")]),
    ],
)
def test_everything_has_its_section(page: str, names: list[str]) -> None:
    text = _reference(page)
    assert [name for name in names if f"\n## `{name}`\n" not in text] == []


def test_every_command_has_its_section() -> None:
    text = _reference("cli")
    context = click.Context(program)
    for name in COMMANDS:
        command = program.get_command(context, name)
        inner = command.list_commands(context) if isinstance(command, click.Group) else []
        for path in (name, *(f"{name} {each}" for each in inner)):
            assert f"\n## `treadle {path}`\n" in text


def test_every_function_is_in_the_table() -> None:
    text = _reference("functions")
    assert [name for name in STANDARD.expression_functions if f"- `{name}(" not in text] == []


def test_every_type_of_event_has_its_section() -> None:
    types = {
        found
        for source in _SOURCES
        for found in re.findall(r'(?<!StepError\()"((?:workflow|step)\.[a-z_]+)"', source)
    }
    errors = _reference("errors")
    types = {name for name in types if f"| `{name}` |" not in errors}
    types |= events.ENDS | events.SETTLINGS | events.LIVE
    text = _reference("events")
    assert sorted(kind for kind in types if f"\n### `{kind}`\n" not in text) == []


@pytest.mark.parametrize("kind", [treadle.RunStatus, treadle.StepStatus])
def test_every_status_is_explained(kind: type[treadle.RunStatus | treadle.StepStatus]) -> None:
    text = _reference("statuses")
    assert [status for status in kind if f"| `{status}` |" not in text] == []


def test_every_error_has_its_row() -> None:
    text = _reference("errors")
    raised = {
        name
        for source in _SOURCES
        for name in re.findall(r'(?:StepError|Failure)\(\s*"([a-z][\w.]*)"', source)
    }
    assert sorted(name for name in raised - {"image.missing"} if f"| `{name}` |" not in text) == []


@pytest.mark.parametrize("key", [*DOCUMENT["properties"], *STEP_KEYS])
def test_every_key_of_the_language_is_explained(key: str) -> None:
    assert re.search(rf"^\|[^|]*`{key}`", _reference("language"), re.MULTILINE)


def test_every_name_for_plugins_is_there() -> None:
    text = _reference("plugin-names") + _reference("hooks")
    assert [name for name in treadle.plugin.__all__ if not re.search(rf"`{name}\b|\b{name}\(", text)] == []


def test_every_kind_of_plugin_in_use_has_a_page_on_how_to_write_one() -> None:
    used = {
        name for name in hookspecs.__all__ if "Not used yet" not in (getattr(hookspecs, name).__doc__ or "")
    }
    pages = "".join(page.read_text() for page in (DOCS / "howto").glob("write-a*.md"))
    assert {name for name in used - {"treadle_transports"} if f"def {name}(" not in pages} == set()


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_to_pages_and_sections(page: Path) -> None:
    for link in _LINK.findall(without_blocks(page.read_text())):
        if "://" in link:
            continue
        target, _, section = link.partition("#")
        path = (page.parent / target).resolve() if target else page
        assert path.exists(), link
        if section:
            assert section in _anchors(path.read_text()), link


def _anchors(text: str) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", without_blocks(text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_page_is_linked_from_the_index() -> None:
    index = (DOCS / "index.md").read_text()
    linked = {(DOCS / link).resolve() for link in _LINK.findall(index) if "://" not in link}
    assert {page.resolve() for page in generate.pages()} - linked == {(DOCS / "index.md").resolve()}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_page_begins_with_its_only_title(page: Path) -> None:
    text = page.read_text()
    assert text.startswith("# ")
    assert len(re.findall(r"^# ", without_blocks(text), re.MULTILINE)) == 1


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_lines_are_short_enough_to_read_as_text(page: Path) -> None:
    lines = without_blocks(page.read_text()).splitlines()
    assert [line for line in lines if len(line) > 120 and not line.startswith("|")] == []


def test_no_command_is_described_that_does_not_exist_yet() -> None:
    text = "".join(page.read_text() for page in PAGES)
    assert set(re.findall(r"^\$ treadle (\w+)", text, re.MULTILINE)) & LATER == set()
