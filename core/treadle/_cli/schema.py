"""``treadle schema``: the JSON Schema of the language with all that is installed."""

from __future__ import annotations

import click

from treadle._cli import terminal


@click.command()
def schema() -> int:
    """Print the JSON Schema of the language.

    It includes every plugin that is installed, for editors: save it beside your specs and name it in a
    first line `# yaml-language-server: $schema=treadle.schema.json`.
    """
    from treadle._registry import Registry
    from treadle._schema import spec_schema

    terminal.out_json(spec_schema(Registry.installed()))
    return 0
