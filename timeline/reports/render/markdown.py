"""Reports as Markdown, in the dialect of GitHub (https://github.github.com/gfm/).

Tables, with the evidence as footnotes. Text of sources is escaped: it never becomes markup.
"""

from __future__ import annotations

import re

from timeline.reports.evidence import Citation
from timeline.reports.render.notes import Notes, citation_text, inert
from timeline.reports.tables import Cell, Document, Table, shown_evidence

_MARKUP = re.compile(r"([\\`*_\[\]<>|~&#!$])")
_LINK = re.compile(r"(?<=:)//|(?<=www)\.(?=\S)|@(?=\w)", re.IGNORECASE)
_BLOCK = re.compile(r"\A(\s*)([-+=]|\d+(?=[.)]))")
"""What would begin a list or underline a heading at the start of a line."""


def render_markdown(document: Document) -> str:
    """Lay a report out as Markdown."""
    notes = Notes()
    parts = [f"# {_line(document.title)}"]
    if document.banner:
        parts.append(f"**{_line(document.banner)}**")
    opening = [_cell(said, notes) for said in document.opening]
    parts += [" ".join(opening)] if document.summary else opening
    for table in (*document.tables, *document.apparatus):
        parts += [f"## {_line(table.title)}", _table(table, notes)]
    parts += [f"*{_line(note)}*" for note in document.notes]
    parts.append(_line(document.standing))
    numbered = enumerate(notes.citations.values(), start=1)
    footnotes = "\n".join(f"[^{number}]: {_citation(cited)}" for number, cited in numbered)
    return "\n\n".join([*parts, footnotes] if footnotes else parts) + "\n"


def _table(table: Table, notes: Notes) -> str:
    head = [[_line(column) for column in table.columns], ["---"] * len(table.columns)]
    body = [[_cell(cell, notes) for cell in shown_evidence(row)] for row in table.rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in (*head, *body))


def _cell(cell: Cell, notes: Notes) -> str:
    marks = "".join(f"[^{number}]" for number in notes.numbers(cell.evidence))
    return f"{_line(cell.branch + cell.text)}{marks}"


def _citation(citation: Citation) -> str:
    event, *sources = citation_text(citation).splitlines()
    return _line(". ".join((event, "; ".join(source.strip() for source in sources))).rstrip(". "))


def _line(text: str) -> str:
    """The text on one line, with markup escaped."""
    one = " ".join(inert(text).split())
    marked = _LINK.sub(lambda match: f"\\{match[0]}", _MARKUP.sub(r"\\\1", one))
    return _BLOCK.sub(
        lambda match: (
            f"{match[1]}{match[2]}\\" if match[2].isdigit() else f"{match[1]}\\{match[2]}"
        ),
        marked,
    )
