"""Reports as tables of HTML for notebooks, and as Markdown in the dialect of GitHub.

Text of sources is escaped: it never becomes markup.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape

from timeline.reports.citations import Citation
from timeline.reports.layout import Cell, Document, Line, Table, shown_evidence
from timeline.reports.render.notes import Notes, citation_text, inert

# HTML


def render_html(document: Document) -> str:
    """Lay a report out as HTML without scripts or links to elsewhere.

    Styles stand at each element: a notebook keeps those, whatever it does with style sheets. Tables
    that do not belong to a first screen are folded.
    """
    parts = [f"<h3>{_plain_safe(document.title)}</h3>"]
    if document.banner:
        parts.append(f"<p><strong>{_plain_safe(document.banner)}</strong></p>")
    parts += [f'<div style="margin:.5em 0">{_plain_cell(line)}</div>' for line in document.opening]
    first = document.short or document.tables[:1]
    opened = {one.title for one in document.tables if any(t.is_part_of(one.title) for t in first)}
    for table in (*document.tables, *document.apparatus):
        parts.append(_plain_table(table, opened=table.title in opened))
    parts += [f"<p><em>{_with_code(note)}</em></p>" for note in document.notes]
    parts.append(f"<p><small>{_plain_safe(document.standing)}</small></p>")
    return "<div>" + "\n".join(parts) + "</div>"


_FOLDED = "display:inline-block;vertical-align:top;font-size:85%;margin-left:.3em"
_PLAIN = "vertical-align:top;padding:.2em .8em .2em 0;border-bottom:1px solid #8884;text-align:"


def _plain_table(table: Table, *, opened: bool) -> str:
    numeric = table.numeric
    styles = [_PLAIN + ("right" if n in numeric else "left") for n in range(len(table.columns))]
    head = "".join(
        f'<th scope="col" style="{style}">{_plain_safe(column)}</th>'
        for column, style in zip(table.columns, styles, strict=True)
    )
    body = "".join(f"<tr>{_plain_row(shown_evidence(row), styles)}</tr>" for row in table.rows)
    made = f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody>"
    made = f'<table style="border-collapse:collapse">{made}</table>'
    title = _plain_safe(table.title)
    if opened:
        return f'<h4 style="margin:1em 0 .3em">{title}</h4>{made}'
    summary = f"<summary><strong>{title}</strong> ({len(table.rows):,})</summary>"
    return f'<details style="margin:.4em 0">{summary}{made}</details>'


def _plain_row(row: Line, styles: Sequence[str]) -> str:
    cells = zip(row, styles, strict=True)
    return "".join(f'<td style="{style}">{_plain_cell(cell)}</td>' for cell, style in cells)


def _plain_cell(cell: Cell) -> str:
    shown = _plain_safe(cell.branch + cell.text)
    if not cell.evidence:
        return shown
    items = "".join(f"<li>{_plain_citation(citation)}</li>" for citation in cell.evidence)
    # Folded, it stands behind the words that it is about, and takes no line of its own.
    number = f" ({len(cell.evidence)})" if len(cell.evidence) > 1 else ""
    folded = f"<summary>evidence{number}</summary><ul>{items}</ul>"
    return f'{shown} <details style="{_FOLDED}">{folded}</details>'


def _plain_citation(citation: Citation) -> str:
    parts = [f"<code>{_plain_safe(citation.event)}</code>"]
    if citation.reason:
        parts.append(_plain_safe(citation.reason))
    for support in citation.sources:
        chain = " → ".join(link.who.name for link in support.chain)
        place = f", {support.at}" if support.at else ""
        parts.append(_plain_safe(f"{support.publisher}: “{support.title}”{place}. {chain}"))
    return "<br>".join(parts)


def _with_code(note: str) -> str:
    """A note, with what it has between backticks as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", _plain_safe(note))


def _plain_safe(text: str) -> str:
    return escape(inert(text))


# Markdown (https://github.github.com/gfm/)


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
