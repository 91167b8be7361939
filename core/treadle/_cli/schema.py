"""``treadle schema``: the JSON Schema of specs, or of the deployment file, with all that is installed."""

from __future__ import annotations

import click

from treadle._cli import terminal


@click.command()
@click.option("--deployment", is_flag=True, help="That of treadle.yaml instead.")
def schema(deployment: bool) -> int:
    """Print the JSON Schema of the language.

    It includes every plugin that is installed, for editors: save it beside your specs and name it in a
    first line `# yaml-language-server: $schema=treadle.schema.json`.
    """
    from treadle._registry import Registry
    from treadle._schema import deployment_schema, spec_schema

    made = deployment_schema if deployment else spec_schema
    terminal.out_json(made(Registry.installed()))
    return 0
