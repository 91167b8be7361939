"""``treadle expand``: a spec with its templates in it, as it is checked, recorded and run; nothing is run."""

from __future__ import annotations

import click

from treadle._cli import terminal


@click.command()
@click.argument("file")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of YAML.")
def expand(file: str, as_json: bool) -> int:
    """Print a spec with its templates expanded.

    What is printed is a spec too, and the same workflow: imports and templates are gone, and every step
    that used one has its steps. FILE is a path, - for standard input, or the name of a workflow of
    treadle.yaml.
    """
    from treadle import loads
    from treadle._cli.sources import open_project, read_source
    from treadle._spec.dump import dump

    project = open_project()
    text, name = read_source(file, project)
    workflow = loads(text, name=name, registry=project.registry, root=project.root_for(name))
    for warning in (*project.warnings, *project.worth_saying(workflow.warnings)):
        terminal.say(str(warning))
    data = workflow.spec.data
    if as_json:
        terminal.out_json(data)
    else:
        terminal.out(dump(data).removesuffix("\n"))
    return 0
