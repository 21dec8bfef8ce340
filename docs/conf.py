"""What Sphinx needs to know; `scripts/docs` builds the site into docs/_build."""

import re
from importlib.metadata import version as version_of

from sphinx.util import logging

import timeline
from timeline import events, formats, projections, record, reports
from timeline.cli import cli

project = "timeline"
author = copyright = "The timeline authors"
release = version = version_of("timeline-store")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_click"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"timeline {release}"

myst_heading_anchors = 4  # links to headings are those that code hosts make
suppress_warnings = ["ref.python"]  # a field named `type` is not what `type` in a signature means
default_role = "code"  # docstrings put names in single backticks
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the signature has them
autodoc_typehints_format = "short"
napoleon_use_ivar = True
napoleon_use_rtype = False


def setup(app):
    """Read docstrings as they are written for `help()`."""
    app.connect("autodoc-process-docstring", as_text, priority=400)  # before napoleon
    app.connect("autodoc-skip-member", elsewhere)
    app.connect("sphinx-click-process-description", examples)
    app.connect("env-check-consistency", complete)
    # Some commands are made when they run.
    cli.commands = {name: getattr(late, "made", late) for name, late in cli.commands.items()}


def as_text(app, what, name, thing, options, lines):
    """An indented block is code, and a letter may follow a name in backticks."""
    text = re.sub(r"^(\S.*)\n\n(?=    )", r"\1\n\n::\n\n", "\n".join(lines), flags=re.MULTILINE)
    lines[:] = re.sub(r"(`\w+`)(?=\w)", r"\1\\ ", text).split("\n")


def elsewhere(app, what, name, thing, skip, options):
    """What `timeline` itself names is described there, once."""
    module = app.env.current_document.autodoc_module
    return True if module != "timeline" and name in timeline.__all__ else skip


def examples(app, context, lines):
    """The examples of a command are code."""
    lines[:] = re.sub(r"^\| ", "   ", "\n".join(lines), flags=re.MULTILINE).split("\n")
    for number, line in reversed(list(enumerate(lines))):
        if line.startswith("   ") and not lines[number - 1].startswith("   "):
            lines[number:number] = ["::", ""]


def complete(app, env):
    """Warn of public names that the reference does not have."""
    packages = [timeline, events, formats, projections, record, reports]
    public = {name for package in packages for name in package.__all__}
    known = {name.rpartition(".")[2] for name in env.get_domain("py").objects}
    for name in sorted(public - known):
        logging.getLogger(__name__).warning("the reference does not name %s", name)
