"""Sources as they are known now."""

from __future__ import annotations

from typing import Annotated

from timeline.dates import When
from timeline.engine.projection import Projection, Rows, Subject, on, row
from timeline.events import RecordedEvent, SourceAdded


@row("sources", key=("source",))
class SourceRow:
    """One source; the fields are those of `timeline.Source`, `events` the ids behind the row.

    `withdrawn` is why the source was retracted; it stays on record for what rests on it.
    """

    source: Annotated[str, Subject("source", "source.id")]
    publisher: str
    title: str
    address: str | None
    language: str | None
    published: When | None
    retrieved: When | None
    sha256: str | None
    copies: str | None
    cited_in: str | None
    grade: str
    note: str | None
    withdrawn: str | None
    events: tuple[str, ...]

    @property
    def read(self) -> bool | None:
        """Whether somebody read it itself; None where it does not say so.

        It was read where it says when, or has the digest of the bytes that were read.
        """
        if self.cited_in is not None:
            return False
        return True if self.retrieved is not None or self.sha256 is not None else None


class Sources(Projection):
    """What each source is, who published it, and whose text it carries."""

    name = "sources"
    version = 2
    split_by = "source"
    rows = (SourceRow,)

    @on(SourceAdded)
    def added(self, rows: Rows, recorded: RecordedEvent[SourceAdded]) -> None:
        """Keep the source as given."""
        source = recorded.event.source
        rows.put(
            SourceRow(
                source=source.id,
                publisher=source.publisher,
                title=source.title,
                address=source.address,
                language=source.language,
                published=source.published,
                retrieved=source.retrieved,
                sha256=source.sha256,
                copies=source.copies,
                cited_in=source.cited_in,
                grade=source.grade,
                note=source.note,
                withdrawn=recorded.withdrawn,
                events=recorded.basis,
            )
        )
