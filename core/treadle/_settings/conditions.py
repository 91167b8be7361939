"""Which expressions of settings are conditions, what is only done where they hold, and tables of them.

Rule: it is the config class that says so, in the metadata of its fields; core knows no step type.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs

from treadle._expr import Expression, Template
from treadle._kinds import TABLE, Block, Lazy, key_of
from treadle._settings.outputs import blocks_in, lazies_in
from treadle._settings.structure import Leaf, fields_of
from treadle._settings.types import is_config, is_list, item_types, members_of

if TYPE_CHECKING:
    from treadle._settings.settings import Settings

Around = tuple[tuple[Expression, bool], ...]
"""Conditions, and what each was where something runs or is evaluated."""


@attrs.frozen(eq=False, repr=False)
class Table:
    """A decision table in settings.

    Attributes:
      key: of the setting, as ``rules``.
      conditions: of the rules, in order.
      hit: ``first``, ``unique`` or ``collect``; None where an expression gives it.
      otherwise: the setting for where none holds; empty if there is none.
      has_otherwise: whether that is given.
      must_hold: whether it is a failure if none holds.
    """

    key: str
    conditions: tuple[Expression, ...]
    hit: str | None
    otherwise: str
    has_otherwise: bool
    must_hold: bool


@attrs.frozen(eq=False, repr=False)
class Conditions:
    """What the metadata of a config class says of one use of it.

    Attributes:
      expressions: by identity, those that must be true or false.
      blocks: by `Block.index`, the conditions around a block.
      texts: by identity, the conditions around an expression or a template.
      tables: the decision tables.
    """

    expressions: frozenset[int] = frozenset()
    blocks: Mapping[int, Around] = attrs.field(factory=dict)
    texts: Mapping[int, Around] = attrs.field(factory=dict)
    tables: tuple[Table, ...] = ()


_NONE = Conditions()


def conditions_of(settings: Settings[Any]) -> Conditions:
    """The conditions in *settings*."""
    if not settings.written or settings.spoiled:
        return _NONE
    expressions: set[int] = set()
    blocks: dict[int, Around] = {}
    tables: list[_Rules] = []
    given = settings.tree if settings.constant is None else settings.constant
    for cls, values in _configs(settings.entry.config, given):
        for field in attrs.fields(cls):
            value = values(field)
            if field.metadata.get("treadle_condition") and isinstance(value, Expression):
                expressions.add(id(value))
            around = field.metadata.get("treadle_where")
            holds = values(attrs.fields_dict(cls)[around[0]]) if around else None
            if isinstance(holds, Expression):
                blocks.update((block.index, ((holds, around[1]),)) for block in blocks_in(value))
            if TABLE in field.metadata and isinstance(value, Sequence):
                tables.append(_Rules.of(cls, field, values))
    texts: dict[int, Around] = {}
    for table in tables:
        for part, around in table.parts():
            blocks.update((block.index, around) for block in blocks_in(part))
            texts.update((text, around) for text in _texts_in(part))
    return Conditions(frozenset(expressions), blocks, texts, tuple(each.table for each in tables))


@attrs.frozen(eq=False, repr=False)
class _Rules:
    """A table with what stands in its rules."""

    table: Table
    rows: tuple[tuple[Any, tuple[Any, ...]], ...]
    otherwise: Any

    @classmethod
    def of(cls, config: Any, field: Any, values: Any) -> _Rules:
        condition, otherwise, hit, must_hold = field.metadata[TABLE]
        fields = attrs.fields_dict(config)
        instead = values(fields[otherwise]) if otherwise else None
        rows = tuple(_row(each, condition) for each in values(field))
        table = Table(
            key=key_of(field.name),
            conditions=tuple(each for each, _ in rows if isinstance(each, Expression)),
            hit=_hit(values(fields[hit]), fields[hit].default) if hit else "first",
            otherwise=key_of(otherwise or ""),
            has_otherwise=instead is not None,
            must_hold=must_hold,
        )
        return cls(table, rows, instead)

    def parts(self) -> Iterator[tuple[Any, Around]]:
        """Each part of the table with the conditions around it."""
        refused: Around = ()
        for condition, others in self.rows:
            if not isinstance(condition, Expression):
                return  # it could not be read
            before = refused if self.table.hit == "first" else ()
            yield condition, before
            for other in others:
                yield other, (*before, (condition, True))
            refused = (*refused, (condition, False))
        yield self.otherwise, refused


def _row(row: Any, condition: str) -> tuple[Any, tuple[Any, ...]]:
    """The condition of a rule, and its other settings."""
    if isinstance(row, Mapping):
        key = key_of(condition)
        return row.get(key), tuple(value for name, value in row.items() if name != key)
    if not attrs.has(type(row)) or not hasattr(row, condition):
        return None, ()  # an expression in the place of a rule, which is refused elsewhere
    names = [field.name for field in attrs.fields(type(row))]
    return getattr(row, condition), tuple(getattr(row, name) for name in names if name != condition)


def _hit(value: Any, default: Any) -> str | None:
    if isinstance(value, Template | Leaf):
        return None
    return str(default if value is None else value)


def _texts_in(value: Any) -> Iterator[int]:
    """By identity, an expression, or the templates in what is evaluated late."""
    if isinstance(value, Expression):
        yield id(value)
    for lazy in lazies_in(value):
        yield from (id(template) for template in _templates(lazy.tree))


def _templates(tree: Any) -> Iterator[Template]:
    if isinstance(tree, Template):
        yield tree
    elif isinstance(tree, Mapping):
        for value in tree.values():
            yield from _templates(value)
    elif isinstance(tree, list | tuple):
        for value in tree:
            yield from _templates(value)


def _configs(type_: Any, value: Any) -> Iterator[tuple[Any, Any]]:
    """Each config in *value*, as its class and a function from a field to what stands in it."""
    if isinstance(value, Template):
        return  # in the place of a config; what it gives is known when it is evaluated
    cls = next((one for one in members_of(type_) if is_config(one)), None)
    if cls is not None and (attrs.has(type(value)) or isinstance(value, Mapping)):
        values = _reader(value)
        yield cls, values
        for key, field in fields_of(cls).items():
            if not isinstance(inner := values(field.attribute), Block | Expression | Lazy | str) and key:
                yield from _configs(field.type, inner)
    elif isinstance(value, list | tuple) and is_list(type_):
        for item, inner_type in zip(value, item_types(type_, len(value)), strict=False):
            yield from _configs(inner_type, item)


def _reader(value: Any) -> Any:
    if isinstance(value, Mapping):
        return lambda field: value.get(key_of(field.name))
    return lambda field: getattr(value, field.name)
