"""Reports as tables of HTML for notebooks."""

from __future__ import annotations

from html import escape

from timeline.reports.evidence import Citation
from timeline.reports.render.notes import inert
from timeline.reports.tables import Cell, Document, Table, shown_evidence


def render_html(document: Document) -> str:
    """Lay a report out as HTML without styles, scripts or links to elsewhere."""
    parts = [f"<h3>{_plain_safe(document.title)}</h3>"]
    if document.banner:
        parts.append(f"<p><strong>{_plain_safe(document.banner)}</strong></p>")
    parts += [f"<p>{_plain_cell(line)}</p>" for line in document.lead]
    parts += [_plain_table(table) for table in (*document.tables, *document.apparatus)]
    parts += [f"<p><em>{_plain_safe(note)}</em></p>" for note in document.notes]
    parts.append(f"<p><small>{_plain_safe(document.standing)}</small></p>")
    return "<div>" + "\n".join(parts) + "</div>"


def _plain_table(table: Table) -> str:
    title = f"<h4>{_plain_safe(table.title)}</h4>"
    head = "".join(f'<th scope="col">{_plain_safe(column)}</th>' for column in table.columns)
    body = "".join(
        f"<tr>{''.join(f'<td>{_plain_cell(cell)}</td>' for cell in shown_evidence(row))}</tr>"
        for row in table.rows
    )
    return f"{title}<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _plain_cell(cell: Cell) -> str:
    shown = _plain_safe(cell.branch + cell.text)
    if not cell.evidence:
        return shown
    items = "".join(f"<li>{_plain_citation(citation)}</li>" for citation in cell.evidence)
    return f"{shown}<details><summary>evidence</summary><ul>{items}</ul></details>"


def _plain_citation(citation: Citation) -> str:
    parts = [f"<code>{_plain_safe(citation.event)}</code>"]
    if citation.reason:
        parts.append(_plain_safe(citation.reason))
    for support in citation.sources:
        chain = " → ".join(link.who.name for link in support.chain)
        place = f", {support.at}" if support.at else ""
        parts.append(_plain_safe(f"{support.publisher}: “{support.title}”{place}. {chain}"))
    return "<br>".join(parts)


def _plain_safe(text: str) -> str:
    return escape(inert(text))
