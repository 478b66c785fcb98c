"""The directive ``settings``: every setting of a section, told by the models themselves."""

from collections.abc import Iterator

from docutils.nodes import Node
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from dccd.daemon.config import VARIABLES, Setting, settings


class Settings(SphinxDirective):
    """A table of a section, or of the variables that are no settings where none is named."""

    optional_arguments = 1

    def run(self) -> list[Node]:
        """Return the table."""
        section = self.arguments[0] if self.arguments else None
        return self.parse_text_to_nodes("\n".join(describe(section)))


def describe(section: str | None) -> Iterator[str]:
    """Yield the lines of a table: type and default below the name, as four columns would not fit."""
    yield from (".. list-table::", "   :header-rows: 1", "   :widths: 50 50", "")
    yield from ("   * - Variable", "     - Meaning")
    if section is None:
        for name, meaning in VARIABLES:
            yield from (f"   * - ``{name}``", f"     - {meaning}")
        return
    found = [each for each in settings() if each.path[0] == section]
    assert found, f"there is no section {section}"
    for each in found:
        yield from (f"   * - | ``{each.variable}``", f"       | {each.type}", f"       | {_default(each)}")
        yield f"     - {_escaped(each.description)}{' A secret.' if each.secret else ''}"


def _escaped(text: str) -> str:
    """Return a text whose signs are no markup: `whsec_` would be a link."""
    return text.replace("_", "\\_").replace("*", "\\*")


def _default(setting: Setting) -> str:
    if setting.required:
        return "required"
    return "not set by default" if setting.default is None else f"default ``{setting.default.strip(chr(34))}``"


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("settings", Settings)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
