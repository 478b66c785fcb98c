"""The directive ``commands``: every command of ``dccd`` with its arguments and options, told by the command itself."""

import inspect
from collections.abc import Iterator

import typer.main
from docutils.nodes import Node
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from typer.core import TyperArgument, TyperGroup, TyperOption

from dccd.cli.app import app


class Commands(SphinxDirective):
    """A section for each command."""

    def run(self) -> list[Node]:
        """Return the sections."""
        return self.parse_text_to_nodes("\n".join(describe()), allow_section_headings=True)


def describe() -> Iterator[str]:
    """Yield the lines of the sections, in the markup of the page that they stand on."""
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    for name, command in sorted(group.commands.items()):
        parameters = [found for found in command.params if isinstance(found, TyperArgument | TyperOption)]
        arguments = [_value(found) for found in parameters if isinstance(found, TyperArgument)]
        options = ["[OPTIONS]"] if len(arguments) < len(parameters) else []
        yield from (f".. _command-{name}:", "", name, "-" * len(name), "")
        yield from (".. code-block:: text", "", f"   {' '.join(['dccd', name, *options, *arguments])}", "")
        yield from (inspect.cleandoc(command.help or ""), "")
        if parameters:
            yield from (".. list-table::", "   :widths: 38 62", "")
            for parameter in parameters:
                yield f"   * - {', '.join(_names(parameter))}"
                yield f"     - {_meaning(parameter)}"
            yield ""


def _names(parameter: TyperArgument | TyperOption) -> list[str]:
    if isinstance(parameter, TyperArgument):
        return [f"``{_value(parameter)}``"]
    value = "" if parameter.is_flag else f" {_value(parameter)}"
    return [f"``{name}{value}``" for name in [*parameter.opts, *parameter.secondary_opts]]


def _value(parameter: TyperArgument | TyperOption) -> str:
    name = parameter.metavar or (parameter.name or "").strip("_").upper()
    return name if parameter.required or isinstance(parameter, TyperOption) else f"[{name}]"


def _meaning(parameter: TyperArgument | TyperOption) -> str:
    told = parameter.help or ""
    default = parameter.default
    if parameter.required:
        return f"{told} Required." if isinstance(parameter, TyperOption) else told
    if default is None or default == "" or isinstance(default, bool) or callable(default):
        return told
    return f"{told} Default ``{default}``."


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("commands", Commands)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
