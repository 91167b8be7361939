import datetime
import enum
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, TypeVar

import attrs
import pytest

from treadle._schema.describe import docs_of, settings_of, type_text
from treadle._settings.structure import fields_of
from treadle._urls import Url
from treadle.plugin import Argv, Block, BlockForm, Bytes, Expr, Seconds, SecretName

T = TypeVar("T")


class Level(enum.Enum):
    LOW = "low"
    HIGH = "high"


@attrs.frozen(kw_only=True)
class Inner:
    when: Expr
    steps: Block


@attrs.frozen(kw_only=True)
class Sample:
    """Does a thing.

    In two paragraphs.

    Args:
      for_: how long; more than 0,
        at most a day.
      size, limit: bytes.
      level: how much.

    Example::

        sample: 5m
    """

    for_: Seconds
    size: Bytes = 65536
    limit: Bytes | None = None
    level: Level = Level.LOW
    inner: Inner | None = None
    names: tuple[str, ...] = ("a",)
    labels: Mapping[str, str] = attrs.field(factory=dict)
    nested: Any = attrs.field(factory=lambda: Plain(a=1))
    derived: int = attrs.field(init=False, default=0)
    own: Any = attrs.Factory(lambda self: self.size, takes_self=True)


@attrs.frozen
class Plain:
    a: int


@attrs.frozen(kw_only=True)
class Named:
    if_: int
    type_: int


@pytest.mark.parametrize(
    ("annotation", "text"),
    [
        (str, "text"),
        (int, "integer"),
        (float, "number"),
        (bool, "boolean"),
        (Any, "any value"),
        (T, "any value"),
        (Seconds, "duration"),
        (Seconds | None, "duration or null"),
        (Bytes, "size"),
        (SecretName, "name of a secret"),
        (Argv, "words or list of text"),
        (Annotated[str, "a note"], "text"),
        (Annotated[Block, BlockForm("together")], "block"),
        (Expr, "expression"),
        (Url, "URL"),
        (datetime.datetime, "time with zone"),
        ((Literal["a", "b"] | None), "a or b or null"),
        (Level, "low or high"),
        (list[int], "list of integer"),
        (Sequence[str], "list of text"),
        (list, "list"),
        (dict[str, int], "mapping of integer"),
        (Mapping, "mapping"),
        (Inner, "{when, steps}"),
        (str | list[str], "text or list of text"),
    ],
)
def test_a_type_in_the_words_of_the_language(annotation: Any, text: str) -> None:
    assert type_text(annotation) == text


def test_settings_have_the_names_defaults_and_units_that_a_spec_writes() -> None:
    settings = {setting.name: setting for setting in settings_of(Sample)}
    assert list(settings) == ["for", "size", "limit", "level", "inner", "names", "labels", "nested", "own"]
    assert [name for name, setting in settings.items() if setting.required] == ["for"]
    assert {name: setting.default for name, setting in settings.items()} == {
        "for": None,
        "size": "64KiB",
        "limit": None,
        "level": "low",
        "inner": None,
        "names": ["a"],
        "labels": {},
        "nested": {"a": 1},
        "own": None,
    }


def test_only_a_keyword_loses_the_underscore_after_it_as_where_settings_are_read() -> None:
    assert [setting.name for setting in settings_of(Named)] == ["if", "type_"] == list(fields_of(Named))


def test_docs_are_found_by_either_name_and_go_on_over_lines() -> None:
    docs = {setting.name: setting.doc for setting in settings_of(Sample)}
    assert docs["for"] == "how long; more than 0, at most a day."
    assert docs["size"] == docs["limit"] == "bytes."
    assert docs["names"] == ""


def test_a_docstring_falls_into_text_and_sections() -> None:
    docs = docs_of(Sample)
    assert docs.text == "Does a thing.\n\nIn two paragraphs."
    assert docs.sections == {"Example": "sample: 5m"}
    assert docs_of(lambda: None) == docs_of(Plain)
    assert docs_of(Plain).text == ""
