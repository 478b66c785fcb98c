"""Settings of Sphinx for the documentation of dccd; the build needs no network."""

import inspect
import pkgutil
import sys
from pathlib import Path
from typing import Any

from docutils.nodes import Element, Node
from pydantic import BaseModel
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.ext.intersphinx import InventoryAdapter, missing_reference

import dccd

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "dccd"
author = "The dccd developers"
project_copyright = f"2026, {author}"
version = release = dccd.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx.ext.viewcode",
    "myst_parser",
    "numpydoc",
    "sphinx_copybutton",
    "commands",
    "settings",
]
templates_path = ["_templates"]
exclude_patterns = ["_ext", "_inventories", "_templates"]
default_role = "py:obj"
nitpicky = True
smartquotes_action = "qe"  # quotes and ellipses; a dash made of ``--`` would change the name of an option
toc_object_entries_show_parents = "hide"

add_function_parentheses = False
add_module_names = False
autodoc_preserve_defaults = True  # ``SYSTEM_CLOCK``, not what it is in memory
autodoc_typehints = "none"  # numpydoc's Parameters tell the types
autosummary_generate = True
autosummary_imported_members = False
autosummary_ignore_module_all = False

numpydoc_class_members_toctree = False
numpydoc_show_class_members = False
numpydoc_xref_param_type = True
numpydoc_xref_aliases = {
    "Callable": "collections.abc.Callable",
    "Iterable": "collections.abc.Iterable",
    "Iterator": "collections.abc.Iterator",
    "Mapping": "collections.abc.Mapping",
    "Path": "pathlib.Path",
    "Sequence": "collections.abc.Sequence",
    "Session": "requests.Session",
    "bool": ":class:`python:bool`",
    "callable": "collections.abc.Callable",
    "date": "datetime.date",
    "datetime": "datetime.datetime",
    "iterable": "collections.abc.Iterable",
    "iterator": "collections.abc.Iterator",
    "mapping": "collections.abc.Mapping",
    "object": ":class:`python:object`",
    "sequence": "collections.abc.Sequence",
    "timedelta": "datetime.timedelta",
} | {
    name: f"dccd.{module}.{name}"
    for module, names in {
        "candles": "Candle CandleSource CandleStore",
        "clock": "Clock",
        "daemon.config": "AlertConfig CollectorConfig HistoJob LogConfig StorageConfig",
        "daemon.health": "HealthMonitor JobMetrics",
        "daemon.scheduler": "JobResult",
    }.items()
    for name in names.split()
}
numpydoc_xref_ignore = {"a", "and", "any", "default", "keyword-only", "of", "one", "optional", "or", "pair", "to"}
numpydoc_validation_checks: set[str] = set()  # tests/test_project.py validates the objects, not their source

# Committed, because a build without a network must link as one with it.
intersphinx_mapping = {
    "python": ("https://docs.python.org/3", "_inventories/python.inv"),
    "requests": ("https://requests.readthedocs.io/en/latest", "_inventories/requests.inv"),
    "apscheduler": ("https://apscheduler.readthedocs.io/en/3.x", "_inventories/apscheduler.inv"),
    "pyarrow": ("https://arrow.apache.org/docs", "_inventories/pyarrow.inv"),
    "pydantic": ("https://docs.pydantic.dev/latest", "_inventories/pydantic.inv"),
}

html_theme = "furo"
pygments_dark_style = "monokai"  # the default underlines modules as if they were links
html_title = f"dccd {release}"
html_show_sphinx = False
html_copy_source = False
html_static_path = ["_static"]
html_css_files = ["dccd.css"]
html_extra_path = ["_extra"]  # the page that a server shows for an address that is none
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True


def skip_inherited_from_pydantic(
    _app: Sphinx,
    _what: str,
    name: str,
    _obj: object,
    skip: bool,  # noqa: FBT001 - Sphinx decides the signature
    _options: object,
) -> bool:
    """Return whether autodoc leaves a member out; it also leaves out what a pydantic model has from pydantic."""
    return skip or (name in vars(BaseModel) or name in BaseModel.__annotations__)


def show_public_base(_app: Sphinx, _name: str, _obj: object, _options: object, bases: list[type]) -> None:
    """Show pydantic's model as the base of our settings: the class between them is our own affair."""
    bases[:] = [BaseModel if issubclass(base, BaseModel) else base for base in bases]


def tidy_signature(
    _app: Sphinx, _what: str, name: str, obj: object, _options: object, signature: str | None, returns: str | None
) -> tuple[str | None, str | None]:
    """Leave out what Python shows of a protocol, which nobody calls, and of a default that is made anew each time.

    The monitor is shown with both its arguments, as it should be used.
    """
    if name == "dccd.daemon.health.HealthMonitor":
        return "(local_path, alerts)", returns
    if inspect.isclass(obj) and vars(obj).get("_is_protocol"):
        return "", returns
    return signature and signature.replace("<factory>", "..."), returns


def resolve_short_name(app: Sphinx, env: BuildEnvironment, node: pending_xref, content: Element) -> Node | None:
    """Link a name written without its module if one documented object has it; show that of an argument as it is."""
    target = node.get("reftarget", "")
    if node.get("refdomain") != "py" or not target:
        return None
    objects = env.domains["py"].get_objects()  # also canonical names, as aliases of priority -1
    ours = [name for name, *_, priority in objects if priority >= 0 and name.endswith(f".{target}")]
    if len(ours) == 1:
        return env.domains["py"].resolve_xref(env, node["refdoc"], app.builder, "obj", ours[0], node, content)
    inventory = InventoryAdapter(env).main_inventory
    others = {name for kind, names in inventory.items() for name in names if name.endswith(f".{target}")}
    if not ours and len(others) == 1:
        node["reftarget"] = others.pop()
        return missing_reference(app, env, node, content)
    return content if node["reftype"] == "obj" and target.islower() and "." not in target else None


# Pages that Sphinx makes from no source.
DESCRIPTIONS = {
    "genindex": "Every name in the documentation of dccd, from A to Z.",
    "py-modindex": "The modules of dccd.",
    "search": "Search the documentation of dccd.",
}


def describe_page(_app: Sphinx, pagename: str, _template: str, context: dict[str, Any], _doctree: object) -> None:
    """Describe a page that has no source, for search engines and previews.

    That of a public object has the first line of its docstring, that of source code the name of the module.
    """
    kind, _, name = pagename.partition("/")
    description = DESCRIPTIONS.get(pagename, "")
    if kind == "generated":
        lines = (inspect.getdoc(pkgutil.resolve_name(name)) or "").splitlines()
        description = lines[0].replace("`", "").replace('"', "'")
    elif kind == "_modules":
        description = f"Source code of {name.replace('/', '.').replace('index', 'dccd')}."
    if description:
        context["metatags"] = f'{context.get("metatags", "")}<meta name="description" content="{description}" />\n'


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect the functions above."""
    app.connect("autodoc-skip-member", skip_inherited_from_pydantic)
    app.connect("autodoc-process-bases", show_public_base)
    app.connect("autodoc-process-signature", tidy_signature)
    app.connect("missing-reference", resolve_short_name, priority=900)  # after intersphinx
    app.connect("html-page-context", describe_page)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
