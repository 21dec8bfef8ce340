"""Documents: who signed them, what each party calls them, and what became of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import ClassVar

import attrs

from timeline.dates import short, when
from timeline.engine.projection import View
from timeline.projections.documents import DocumentRow, DocumentStatusRow, SignatureRow
from timeline.reports import layout
from timeline.reports.citations import Citation, Citer, Named, distinct
from timeline.reports.findings.attribution import Offices
from timeline.reports.layout import (
    Cell,
    Document,
    Table,
    columns_of,
    few,
    newest,
    on_date,
    stretch_of,
)
from timeline.reports.model import Report, by_time, chosen_by, grouped, made_from, not_found
from timeline.reports.plans import find_initiative, mentioned


@attrs.frozen
class SignatureLine:
    """One signatory.

    Attributes:
        signatory: who signed.
        party: for whom: as the report says, or by the one office that the signatory held then.
        capacity: the office signed in, as the report says.
    """

    signatory: Named
    party: Named | None
    capacity: str | None

    def __str__(self) -> str:
        """As a sentence has it: `Ann (minister) for North`."""
        name = f"{self.signatory} ({self.capacity})" if self.capacity else str(self.signatory)
        return f"{name} for {self.party}" if self.party else name


@attrs.frozen
class CalledLine:
    """What one party, `by`, calls a document."""

    by: Named
    kind: str


@attrs.frozen
class SigningLine:
    """One report of a signing.

    Attributes:
        occurred: when it was signed.
        place: where.
        meeting: the id of the meeting it was signed at.
        signatures: who signed, in the source's order.
        kind: what it is.
        called: what parties call the document.
        adopts: the ids of the proposals that it agrees on.
        about: the ids of the others that it concerns.
        deadline: by when it asks something to be done.
        text: what it lays down, in the recorder's words.
        evidence: the event, and what amends it.
    """

    occurred: str | None
    place: str | None
    meeting: str | None
    signatures: tuple[SignatureLine, ...]
    kind: str | None
    called: tuple[CalledLine, ...]
    adopts: tuple[str, ...]
    about: tuple[str, ...]
    deadline: str | None
    text: str
    evidence: tuple[Citation, ...]


@attrs.frozen
class DocumentStatusLine:
    """One report of what became of a document: its `status`, and when that came about."""

    status: str
    occurred: str | None
    by: Named | None
    text: str
    evidence: tuple[Citation, ...]


@attrs.frozen
class DocumentLine:
    """One document: each report of its signing, and what became of it, in order of time."""

    id: str
    title: str
    signings: tuple[SigningLine, ...]
    statuses: tuple[DocumentStatusLine, ...]

    @property
    def evidence(self) -> tuple[Citation, ...]:
        """The events behind the line."""
        lines: tuple[SigningLine | DocumentStatusLine, ...] = (*self.signings, *self.statuses)
        return distinct(line.evidence for line in lines)


@attrs.frozen(kw_only=True, repr=False)
class DocumentsReport(Report):
    """Documents in order of the day on which they were signed."""

    kind: ClassVar[str] = "documents"

    initiative: str | None
    chosen_by: tuple[str, ...]
    documents: tuple[DocumentLine, ...]

    def document(self) -> Document:
        """The report as headings and tables."""
        of = f" of {', '.join(self.chosen_by)}" if self.chosen_by else ""
        documents = documents_table("Documents", self.documents)
        return self._document(
            f"Documents{of}",
            [documents],
            summary=self._summary(),
            short=[newest(columns_of(documents, "When", "Document", "Signed by"))],
            note="Each line is one report of a signing, or of what became of the document. A "
            "signatory stands for the party that the report names, or whose office was held then.",
        )

    def _summary(self) -> Iterator[Cell]:
        if not self.documents:
            return
        count = layout.number(len(self.documents), "document")
        signings = [signing for line in self.documents for signing in line.signings]
        yield layout.cell(f"{count}, signed {stretch_of(one.occurred for one in signings)}.")
        at_odds = [line for line in self.documents if len(line.signings) > 1]
        if at_odds:
            titles = few(f"“{line.title}”" for line in at_odds)
            sentence = f"Of {titles} there are several reports."
            yield layout.cell(sentence, distinct(line.evidence for line in at_odds))
        for line in self.documents:
            for status in line.statuses:
                sentence = f"“{line.title}” {status.status} {on_date(status.occurred)}."
                yield layout.cell(sentence, status.evidence)


def documents_report(
    view: View, document: str | None = None, *, initiative: str | None = None
) -> DocumentsReport:
    """What was signed, by whom, what each party calls it, and what became of it.

    Args:
        view: the read models to report from.
        document: only this document, by its id.
        initiative: only documents that agree on this initiative, or concern it.

    Example:
        timeline report documents --initiative joint-harbour
        timeline report documents harbour-treaty

    Raises:
        NotFound: no such document or initiative is in view.
    """
    if initiative is not None:
        find_initiative(view, initiative)
    citer = Citer(view)
    return DocumentsReport(
        initiative=initiative,
        chosen_by=chosen_by(view, initiative=initiative),
        documents=tuple(document_lines(view, citer, document=document, initiative=initiative)),
        **made_from(view, citer),
    )


def document_lines(
    view: View, citer: Citer, *, document: str | None = None, initiative: str | None = None
) -> list[DocumentLine]:
    """A line for each document, in order of the day on which it was signed.

    Raises:
        NotFound: no such document is in view.
    """
    rows = view.all(DocumentRow, document=document) if document is not None else None
    if document is not None and not rows:
        raise not_found(view, "document", document, (row.document for row in view.all(DocumentRow)))
    if initiative is not None:
        # By id, so that a view as of a moment need not fold the whole log.
        concerned = sorted(mentioned(view, initiative, "document"))
        wanted = [name for name in concerned if document in (None, name)]
        rows = [row for name in wanted for row in view.all(DocumentRow, document=name)]
    rows = view.all(DocumentRow) if rows is None else rows
    signings = grouped(by_time(rows), lambda row: row.document)
    offices = Offices(view)
    return [_line(view, citer, offices, reports) for reports in signings.values()]


def _line(view: View, citer: Citer, offices: Offices, rows: Sequence[DocumentRow]) -> DocumentLine:
    first = min(rows, key=lambda row: row.position)
    statuses = by_time(view.all(DocumentStatusRow, document=first.document))
    return DocumentLine(
        id=first.document,
        title=first.title,
        signings=tuple(_signing(view, citer, offices, row) for row in rows),
        statuses=tuple(citer.line(DocumentStatusLine, row) for row in statuses),
    )


def _signing(view: View, citer: Citer, offices: Offices, row: DocumentRow) -> SigningLine:
    signatures = sorted(view.all(SignatureRow, event=row.event), key=lambda row: row.number)
    return citer.line(
        SigningLine,
        row,
        signatures=tuple(_signature(citer, offices, signature) for signature in signatures),
        called=tuple(CalledLine(citer.name(party), kind) for party, kind in row.called),
    )


def _signature(citer: Citer, offices: Offices, row: SignatureRow) -> SignatureLine:
    held = offices.spoken_in(row.signatory, row.capacity, row.occurred)
    party = row.on_behalf_of or (held[0].of if held else None)
    return SignatureLine(citer.name(row.signatory), citer.name_of(party), row.capacity)


def documents_table(title: str, lines: Iterable[DocumentLine]) -> Table:
    """A table of documents: a line for each report of a signing, and of what became of it."""
    return Table(
        title,
        ("When", "Document", "What became of it", "Signed by", "What it says"),
        tuple(row for line in lines for row in _rows(line)),
    )


def _rows(line: DocumentLine) -> Iterable[layout.Line]:
    for signing in line.signings:
        where = f"signed in {signing.place}" if signing.place else "signed"
        due = f"deadline {short(signing.deadline)}" if signing.deadline else None
        yield layout.line(
            signing.evidence,
            when(signing.occurred),
            (line.title, *_kinds(signing)),
            (where, due) if due else where,
            tuple(map(str, signing.signatures)),
            signing.text,
        )
    for status in line.statuses:
        state = f"{status.status}, by {status.by}" if status.by else status.status
        yield layout.line(
            status.evidence, when(status.occurred), line.title, state, None, status.text
        )


def _kinds(signing: SigningLine) -> Iterable[str]:
    if signing.kind:
        yield signing.kind
    for name in signing.called:
        yield f"{name.by} calls it: {name.kind}"
