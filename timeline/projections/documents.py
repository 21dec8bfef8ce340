"""Documents: who signed them, what they are called, and what became of them."""

from __future__ import annotations

from typing import Annotated

from timeline.dates import When
from timeline.engine.projection import OfEvent, Projection, Rows, Subject, on, row, row_of
from timeline.events import DocumentSigned, DocumentStatusReported, RecordedEvent

OfDocument = Annotated[str, Subject("document", "document")]


@row("documents", key=("event",))
class DocumentRow:
    """One report of a signing; `occurred` is when. Reports that differ stand side by side.

    `called` has pairs of a party and what it calls the document; `adopts` are the proposals agreed
    on by it, `about` the others that it concerns.
    """

    event: OfEvent
    document: OfDocument
    title: str
    kind: str | None
    called: tuple[tuple[str, str], ...]
    place: str | None
    meeting: str | None
    adopts: tuple[str, ...]
    about: tuple[str, ...]
    deadline: When | None
    position: int
    occurred: When | None
    text: str
    events: tuple[str, ...]


@row("signatures", key=("event", "number"))
class SignatureRow:
    """One signatory by one report of a signing; `number` is the place in the source's list."""

    event: OfEvent
    number: int
    document: OfDocument
    signatory: str
    on_behalf_of: str | None
    capacity: str | None
    position: int
    occurred: When | None
    events: tuple[str, ...]


@row("document_statuses", key=("event",))
class DocumentStatusRow:
    """One report of what became of a document; `occurred` is when."""

    event: OfEvent
    document: OfDocument
    status: str
    by: str | None
    position: int
    occurred: When | None
    text: str
    events: tuple[str, ...]


class Documents(Projection):
    """What was signed, by whom, and what became of it."""

    name = "documents"
    split_by = "document"
    rows = (DocumentRow, SignatureRow, DocumentStatusRow)

    @on(DocumentSigned)
    def signed(self, rows: Rows, recorded: RecordedEvent[DocumentSigned]) -> None:
        """Keep the report, and each signature."""
        said = recorded.event
        rows.put(
            row_of(
                DocumentRow, recorded, called=tuple((name.by, name.kind) for name in said.called)
            )
        )
        for number, signatory in enumerate(said.signatories, start=1):
            rows.put(
                row_of(
                    SignatureRow,
                    recorded,
                    signatory,
                    number=number,
                    document=said.document,
                    signatory=signatory.actor,
                )
            )

    @on(DocumentStatusReported)
    def changed(self, rows: Rows, recorded: RecordedEvent[DocumentStatusReported]) -> None:
        """Keep the report."""
        rows.put(row_of(DocumentStatusRow, recorded))
