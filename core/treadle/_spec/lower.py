"""The settings of plugins, read by the types of their config class.

Rule 1: only what a type asks for is treated: `Expr` is parsed, `Block` compiled, `Argv` split into words,
  `Fields` read as inputs, text with ``${{`` taken apart. Everything else stays the plain data it is.
Rule 2: settings in which nothing has to be evaluated become the config at once, or problems.
Rule 3: a config class that cannot be used is a problem of its plugin, never an exception.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

from treadle._expr import Expression, Template
from treadle._inputs import input_data
from treadle._kinds import Block, BlockForm, Fields, Lazy, SecretMark, Words
from treadle._settings import DurationHole, Hole, Settings, SettingsError, UrlHole, WordHole
from treadle._settings.fits import WORD
from treadle._settings.structure import Fault, Field, dotted, faults, fields_of, instance, open_in, said
from treadle._settings.types import (
    is_config,
    is_list,
    is_mapping,
    is_special,
    item_types,
    mark_of,
    member_for,
    resolved,
    unit_of,
    value_type,
)
from treadle._spec.characters import Spans, Word
from treadle._spec.declared import read_inputs
from treadle._spec.nodes import Node, WordNode, join
from treadle._spec.reading import BROKEN, Reading, got
from treadle._urls import Url, url_from
from treadle._words import split_words

_CODES = {"value": "TRD102", "key": "TRD101", "missing": "TRD103", "check": "TRD205", "plugin": "TRD206"}

MakeBlock = Callable[[Node, str, BlockForm], Block | None]
"""Compiles the block at a node and path; the third says which forms it takes."""


class Entry(Protocol):
    """What all plugin kinds with settings have."""

    @property
    def name(self) -> str: ...
    @property
    def config(self) -> type[Any]: ...
    @property
    def main(self) -> str | None: ...


def read_settings(
    r: Reading,
    entry: Entry,
    node: Node,
    path: str,
    *,
    block: MakeBlock | None = None,
    templates: bool = True,
) -> Settings[Any] | None:
    """The settings of *entry* at *node*; None, with problems, if they or the plugin cannot be used.

    *block* is given where steps may stand. Without *templates*, expressions are refused.
    """
    found = what_can_be_read(r, entry, node, path, block=block, templates=templates)
    return None if found.spoiled else found


def what_can_be_read(
    r: Reading,
    entry: Entry,
    node: Node,
    path: str,
    *,
    block: MakeBlock | None = None,
    templates: bool = True,
    probed: bool = False,
) -> Settings[Any]:
    """As `read_settings`, but what is wrong spoils the settings, and what was read beside it is in them.

    *probed* settings are judged as a whole even where they hold templates.
    """
    try:
        fields: Mapping[str, Field] = fields_of(entry.config)
    except Exception as exc:
        why = f"plugin {entry.name!r} cannot be used: {said(exc)}"
        r.problem("TRD206", node, path, why, "tell its author, or disable it")
        return Settings(entry, place=r.report.place(node.mark, path))
    lowering = _Lowering(r, block, templates)
    tree, inner = lowering.top(entry, fields, node, path)
    settings = lowering.settings(entry, tree, inner, node, path)
    if probed and settings.holes and not settings.spoiled:
        _probe(r, settings, node, path)
    return settings


class _Lowering:
    """Reads the settings of one use of a plugin."""

    def __init__(self, r: Reading, block: MakeBlock | None, templates: bool) -> None:
        self.r = r
        self.block = block
        self.templates = templates
        self.refusal = ("an expression has no value here", "write the value itself")
        self.secrets = True
        self.broken = False
        self.holes: list[Hole] = []
        self.written: list[tuple[Any, Expression]] = []
        self.blocks: list[Block] = []
        self.sees_output = False
        self.see_output: list[Expression] = []

    def top(self, entry: Entry, fields: Mapping[str, Field], node: Node, path: str) -> tuple[Any, str | None]:
        """The settings as a tree, and the key that *node* as a whole was taken for."""
        whole = getattr(entry, "whole", False)
        if node.is_mapping and not whole:
            return self.config(fields, node, path), None
        if node.value is None and not whole:
            return {}, None
        if entry.main is None or entry.main not in fields:
            fix = f"write its settings: {', '.join(fields)}" if fields else "leave the value out"
            said = f"{entry.name} takes a mapping, got {got(node)}"
            return self.spoiled("TRD102", node, path, said, fix), None
        return {entry.main: self.field(fields[entry.main], node, path)}, entry.main

    def settings(self, entry: Entry, tree: Any, inner: str | None, node: Node, path: str) -> Settings[Any]:
        """What was read, built if it can be; spoiled if there are faults."""
        constant = None
        good = True
        if self.holes or self.broken:
            good = self.judge(entry, tree, inner, node, path) and not self.broken
        else:
            try:
                constant = instance(tree, entry.config)
            except Exception:
                good = self.judge(entry, tree, inner, node, path)
        return Settings(
            entry,
            constant,
            tree if constant is None and good else None,
            tuple(self.holes),
            tuple(self.written),
            tuple(self.blocks),
            self.r.report.place(node.mark, path),
            tuple(self.see_output),
        )

    def judge(self, entry: Entry, tree: Any, inner: str | None, node: Node, path: str) -> bool:
        """Report every fault of *tree*, at its place; whether there is none."""
        good = True
        for fault in faults(tree, entry.config):
            good = False
            steps = fault.path[1:] if inner is not None and fault.path[:1] == (inner,) else fault.path
            _report_fault(self.r, entry, fault, steps, node, path)
        return good

    # --- by type -------------------------------------------------------------------------------------

    def lower(self, node: Node, type_: Any, path: str, form: BlockForm | None = None) -> Any:
        """The tree of *node*, which a setting of *type_* is given."""
        if not node.dynamic and not is_special(type_):
            return node.value
        form = mark_of(type_, BlockForm) or form
        whole, type_ = type_, member_for(type_, node.value)
        bare = resolved(type_)
        if bare is Expression:
            return self.expression(node, path)
        if bare is Block:
            return self.compiled(node, path, mark_of(type_, BlockForm) or form or BlockForm())
        if bare is Fields:
            return self.fields(node, path)
        if bare is Lazy:
            return Lazy(self.lower(node, Any, path))
        if mark_of(type_, Words):
            return self.words(node, path)
        if node.items is not None:
            return self.collection(node, bare, path, form)
        if not node.is_text:
            return node.value
        if bare is Url and not node.dynamic:
            return self.url(node, path)
        if mark_of(type_, SecretMark):
            return self.secret(node, path)
        return self.hole(node, path, type_, whole) if node.dynamic else node.value

    def collection(self, node: Node, type_: Any, path: str, form: BlockForm | None) -> Any:
        """A list or mapping, part by part."""
        if node.is_mapping and is_config(type_):
            return self.config(fields_of(type_), node, path)
        if node.is_mapping:
            inner = value_type(type_) if is_mapping(type_) else Any
            return {key: self.lower(item, inner, join(path, key), form) for key, item in node.items.items()}
        count = len(node.items)
        types = item_types(type_, count) if is_list(type_) else (Any,) * count
        types += (Any,) * (count - len(types))
        return [
            self.lower(item, types[index], join(path, index), form) for index, item in enumerate(node.items)
        ]

    def config(self, fields: Mapping[str, Field], node: Node, path: str) -> dict[str, Any]:
        """A mapping that fills a config class; what the class does not know is kept, to be reported."""
        tree = {}
        for key, item in node.items.items():
            field = fields.get(key)
            if field is not None:
                tree[key] = self.field(field, item, join(path, key))
            elif not key.startswith("x-"):
                tree[key] = item.value
        return tree

    def field(self, field: Field, node: Node, path: str) -> Any:
        """One setting, under what its field says of secrets and templates."""
        metadata = field.attribute.metadata
        if not metadata:
            return self.lower(node, field.type, path)
        with self.restricted(metadata, field.key):
            return self.lower(node, field.type, path)

    @contextmanager
    def restricted(self, metadata: Any, key: str) -> Iterator[None]:
        before = self.secrets, self.templates, self.refusal, self.sees_output
        self.sees_output = metadata.get("treadle_sees_output", False)
        self.secrets = before[0] and metadata.get("treadle_secrets", True)
        if not metadata.get("treadle_templates", True):
            self.templates = False
            fix = 'put the value in env and read it as "$NAME"'
            self.refusal = (f"there is no interpolation in {key}", fix)
        yield
        self.secrets, self.templates, self.refusal, self.sees_output = before

    # --- leaves --------------------------------------------------------------------------------------

    def spoiled(self, code: str, node: Node, path: str, message: str, fix: str = "") -> Any:
        self.broken = True
        return self.r.problem(code, node, path, message, fix)

    def hole(self, node: Node, path: str, type_: Any, wanted: Any) -> Any:
        """Text with ``${{``; where a setting is no plain data, what knows how to make it of a value."""
        template = self.template(node, path, wanted)
        if not isinstance(template, Template):
            return template
        if resolved(type_) is Url:
            return UrlHole(template, path)
        return DurationHole(template) if unit_of(type_) == "duration" else template

    def template(self, node: Node, path: str, wanted: Any) -> Any:
        if not self.templates:
            return self.spoiled("TRD403", node, path, *self.refusal)
        template = self.r.template(node, path)
        if template is BROKEN:
            self.broken = True
        else:
            self.holes.append(Hole(self.r.report.place_of(node, path), template, self.secrets, wanted))
        return template

    def expression(self, node: Node, path: str) -> Any:
        found = self.r.condition(node, path, path.rpartition(".")[2])
        if found is BROKEN:
            self.broken = True
        else:
            self.written.append((self.r.report.place_of(node, path), found))
            if self.sees_output:
                self.see_output.append(found)
        return found

    def compiled(self, node: Node, path: str, form: BlockForm) -> Any:
        if self.block is None:
            return self.spoiled(
                "TRD206", node, path, "steps cannot stand in these settings", "tell the plugin's author"
            )
        block = self.block(node, path, form)
        if block is None:
            self.broken = True
            return BROKEN
        self.blocks.append(block)
        return block

    def fields(self, node: Node, path: str) -> Any:
        """What a person fills in, declared as inputs are."""
        before = len(self.r.report.problems)
        declared = read_inputs(self.r, node, path)
        if declared is not BROKEN:
            for name, item in declared.items():
                if item.holds_secret:
                    said, fix = "a field holds no secret: what a person fills in is journaled", "leave it out"
                    self.r.problem("TRD604", node.items[name], join(path, name), said, fix)
        if declared is BROKEN or len(self.r.report.problems) > before:
            self.broken = True
            return BROKEN
        return Fields({name: input_data(item) for name, item in declared.items()})

    def url(self, node: Node, path: str) -> Any:
        try:
            return url_from(node.value, node.value)
        except ValueError as exc:
            return self.spoiled("TRD205", node, path, str(exc))

    def secret(self, node: Node, path: str) -> Any:
        """The name of a secret, which may also be written ``${{ secrets.NAME }}``."""
        name = node.value.strip()
        if name.startswith("${{") and name.endswith("}}"):
            name = name[3:-2].strip().removeprefix("secrets.")
        if not name.isidentifier():
            return self.spoiled(
                "TRD102", node, path, "expected the name of a secret", "write it as CHAT_TOKEN"
            )
        if name not in self.r.secrets and self.r.secrets_known:
            fix = f"add it to the workflow's list: secrets: [{', '.join(sorted({*self.r.secrets, name}))}]"
            return self.spoiled("TRD501", node, path, f"the secret {name!r} is not declared", fix)
        return name

    def words(self, node: Node, path: str) -> Any:
        """A command: a list of words, or text that is split before any value is put in."""
        if node.is_text:
            try:
                texts = split_words(node.value)
            except ValueError as exc:
                return self.spoiled("TRD205", node, path, str(exc))
            nodes = self.split(node, texts)
            paths = [path] * len(nodes)
        elif node.is_list:
            if not node.dynamic and node.items:
                return node.value
            nodes = node.items
            paths = [join(path, index) for index in range(len(nodes))]
        else:
            return self.spoiled("TRD102", node, path, f"expected a list of words or text, got {got(node)}")
        if not nodes:
            return self.spoiled(
                "TRD104", node, path, "no command is given", "write the program and its arguments"
            )
        return [self.word(item, at) for item, at in zip(nodes, paths, strict=True)]

    def split(self, node: Node, words: list[str]) -> list[Node]:
        """The nodes of the *words* of *node*."""
        text, before = node.scalars or self.r.report.text, 0
        whole = Spans(node.value)
        nodes: list[Node] = []
        for word in words:
            found = Word(text, whole, word, before) if text is not None and "${{" in word else None
            nodes.append(WordNode(word, node.mark, found))
            before += word.count("${{")
        return nodes

    def word(self, node: Node, path: str) -> Any:
        if not node.dynamic or not node.is_text:
            return node.value
        template = self.template(node, path, WORD)
        return WordHole(template) if isinstance(template, Template) else template


def _probe(r: Reading, settings: Settings[Any], node: Node, path: str) -> None:
    """Report what is wrong with settings whatever their templates give.

    That is what is said both with something in the place of each template and without these settings at all.
    """
    try:
        guessed = settings.guessed()
    except SettingsError:
        return
    without = {key: value for key, value in settings.tree.items() if not open_in(value)}
    filled = {(fault.path, fault.message) for fault in faults(guessed, settings.entry.config)}
    for fault in faults(without, settings.entry.config):
        if (fault.path, fault.message) in filled:
            _report_fault(r, settings.entry, fault, fault.path, node, path)


def _report_fault(r: Reading, entry: Entry, fault: Fault, steps: Any, node: Node, path: str) -> None:
    """*fault* as a problem; a scalar is shown as the document has it, ``1.10`` and not 1.1."""
    at = node.at(steps)
    if at.partial and fault.sort != "key":
        return  # what was refused, or lost something, when the document was read
    mark = at.mark
    if fault.sort == "key" and isinstance(steps[-1], str):
        mark = node.at(steps[:-1]).key_mark(steps[-1])
    message, fix = fault.message, fault.fix
    alone = _told_of_alone(fault, at)
    if alone is not None:
        steps = (*steps, alone)
        mark = at.items[alone].mark
    if fault.sort == "plugin":
        message = message.replace("its plugin", f"plugin {entry.name!r}", 1)
    if fix.startswith("quote it") and at.source:
        message = message.replace(f"the number {at.value}", at.source)
        fix = f"quote it: '{at.source}'"
    where = f"{path}{'.' if steps and isinstance(steps[0], str) else ''}{dotted(steps)}"
    r.report.add(_CODES[fault.sort], mark, where, message, fix)


def _told_of_alone(fault: Fault, at: Node) -> str | None:
    """The one setting that a config class, which is asked as a whole, begins to speak of with its value."""
    named = fault.message.partition(" ")[0]
    if fault.sort != "check" or not at.is_mapping or named not in at.items:
        return None
    return named if fault.message.startswith(f"{named} {at.items[named].value!r} ") else None
