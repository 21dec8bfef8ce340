"""One entry of the record in full: an event, a source, or what has a report of its own."""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar

import attrs
import msgspec

from timeline.dates import When, encode_time, when
from timeline.engine.projection import View
from timeline.engine.search import Phrase
from timeline.errors import NotFound
from timeline.events import RecordedEvent, Redacted, references
from timeline.projections.amendments import AmendedRow, AmendmentRow, DisagreementRow
from timeline.projections.directory import ActorRow, SourceRow
from timeline.projections.documents import DocumentRow
from timeline.projections.initiatives import InitiativeRow
from timeline.projections.meetings import MeetingReportRow, MeetingRow
from timeline.projections.plans import PlanRow
from timeline.projections.search import SearchRow, mark
from timeline.projections.statements import StatementRow
from timeline.reports.attendance import attendance_report
from timeline.reports.citations import Citation, Citer, Support, type_words
from timeline.reports.documents import documents_report
from timeline.reports.dossier import dossier_report
from timeline.reports.initiative import initiative_report
from timeline.reports.layout import Cell, Document, Line, Table, about, cell
from timeline.reports.model import Report, made_from
from timeline.reports.render.notes import chain_text
from timeline.reports.sources import CarriedLine, carried_lines, carried_table

_NEAR = 3
"""Ids that an error names."""


@attrs.frozen
class FieldLine:
    """One field of an event or a source, as recorded.

    `about` is what the value names; `words` is the value with dates as a reader says them.
    """

    field: str
    value: str
    about: str | None = None
    words: str | None = None


@attrs.frozen
class AmendmentLine:
    """One later event that amends this one, disputes it, or finds it at odds with another."""

    event: str
    what: str
    reason: str | None
    evidence: tuple[Citation, ...]


@attrs.frozen(kw_only=True, repr=False)
class ShowReport(Report):
    """An event or a source in full.

    Attributes:
        id: its id.
        type: the type of the event; `Source` for a source.
        fields: its fields as recorded, dates by every clock first.
        cited: the evidence as recorded, with quotes.
        amendments: what later events say of it.
        carried: of a source, what rests on it.
    """

    kind: ClassVar[str] = "show"

    id: str
    type: str
    fields: tuple[FieldLine, ...]
    cited: tuple[Citation, ...]
    amendments: tuple[AmendmentLine, ...]
    carried: tuple[CarriedLine, ...] = ()

    def document(self) -> Document:
        """The entry as headings and tables."""
        supports = [support for citation in self.cited for support in citation.sources]
        tables = (
            Table("Fields", ("Field", "Value"), tuple(map(_field_row, self.fields))),
            Table(
                "Evidence",
                ("Source", "Published", "Where", "Chain", "Excerpt"),
                tuple(map(_support_row, supports)),
            ),
            Table(
                "What was said of it later",
                ("What", "By event", "Why"),
                tuple(_amendment_row(line) for line in self.amendments),
            ),
            carried_table("What rests on it", self.carried),
        )
        note = "Fields are as recorded; what was said of it later changes how reports read it."
        title = f"{self.id} ({type_words(self.type).lower()})"
        return self._document(title, tables, note=note, whole=True)


def show_report(view: View, id: str) -> Report:
    """One entry in full: fields, dates, evidence with quotes, what amends it.

    An actor is shown as its dossier, a meeting or a series with its attendance, an initiative by
    its state, a document with who signed it, a plan by the first event that announced it.

    Args:
        view: the read models to report from.
        id: the id of an event, a source, an actor, a meeting, a series, an initiative, a document
            or a plan.

    Example:
        timeline show harbour/floated
        timeline show joint-harbour

    Raises:
        NotFound: nothing in view has that id; the message has similar ones.
    """
    with contextlib.suppress(NotFound):
        (event,) = view.events([id]).values()
        if event.position <= view.head.position:
            return _event_report(view, event)
    own = _own_report(view, id)
    if own is not None:
        return own
    source = view.get(SourceRow, id)
    if source is None:
        raise NotFound(_nothing(view, id))
    return _source_report(view, source)


def _own_report(view: View, id: str) -> Report | None:
    """The report of a thing that is neither an event nor a source."""
    own: Report | None = None
    if view.get(InitiativeRow, id) is not None:
        own = initiative_report(view, id)
    elif view.get(MeetingRow, id) is not None:
        own = attendance_report(view, meeting=id)
    elif view.all(MeetingReportRow, series=id):
        own = attendance_report(view, series=id)
    elif view.get(ActorRow, id) is not None:
        own = dossier_report(view, id)
    elif view.all(DocumentRow, document=id):
        own = documents_report(view, id)
    elif plans := view.all(PlanRow, plan=id):
        first = min(plans, key=lambda plan: plan.position).event
        own = _event_report(view, view.events([first])[first])
    return own


def _event_report(view: View, recorded: RecordedEvent[Any]) -> ShowReport:
    citer = Citer(view)
    cited = citer.cite([recorded.id])
    fields = [
        FieldLine("position", str(recorded.position)),
        FieldLine("stream", f"{recorded.stream}, version {recorded.version}"),
        _field("occurred", recorded.occurred or "undated"),
        *_recorded(recorded),
        *_fields(citer, recorded.event),
        FieldLine("digest", recorded.digest.hex()),
    ]
    return ShowReport(
        id=recorded.id,
        type=recorded.type,
        fields=tuple(fields),
        cited=cited,
        amendments=tuple(_amendments(view, citer, recorded.id)),
        **_made_from(view, citer, recorded.id),
    )


def _made_from(view: View, citer: Citer, id: str) -> dict[str, Any]:
    """What every report has; a correction that is shown does not correct itself."""
    made = made_from(view, citer)
    return made | {"corrections": tuple(one for one in made["corrections"] if one.event != id)}


def _source_report(view: View, source: SourceRow) -> ShowReport:
    citer = Citer(view)
    added = citer.cite(source.events)
    row: Any = source
    given = attrs.asdict(row, filter=lambda field, _: field.name not in ("source", "events"))
    named = {"publisher": "actor", "copies": "source", "cited_in": "source"}
    (event,) = view.events(source.events[:1]).values()
    return ShowReport(
        id=source.source,
        type="Source",
        fields=tuple(
            _field(
                name,
                citer.name(value).name if name == "publisher" else value,
                f"{named[name]}/{value}" if name in named else None,
            )
            for name, value in given.items()
            if value is not None
        )
        + tuple(_recorded(event)),
        cited=added,
        amendments=tuple(_amendments(view, citer, source.events[0])),
        carried=tuple(carried_lines(view, citer, {source.source})),
        **made_from(view, citer),
    )


def _recorded(event: RecordedEvent[Any]) -> Iterator[FieldLine]:
    """When it was recorded, by whom and with what."""
    yield FieldLine("recorded", event.recorded, words=When(f"{event.recorded[:16]}Z").words)
    yield from (_field(name, value) for name, value in event.metadata.items())


def _fields(citer: Citer, event: Any) -> Iterator[FieldLine]:
    """The event's own fields that say something."""
    if isinstance(event, Redacted):
        yield FieldLine("words", "taken down")
        return
    named = {path: (category, id) for path, category, id in references(event)}
    for field in attrs.fields(type(event)):
        value = getattr(event, field.name)
        if value in (None, ()):
            continue
        category, id = named.get(field.name, (None, None))
        shown = citer.name(id).name if category == "actor" and id else value
        yield _field(field.name, shown, f"{category}/{id}" if category else None)


def _field(name: str, value: Any, about: str | None = None) -> FieldLine:
    """A field, its dates as recorded and in words."""
    recorded = _shown(msgspec.to_builtins(value, enc_hook=encode_time))
    words = _shown(msgspec.to_builtins(value, enc_hook=_date_words))
    return FieldLine(name, recorded, about, words)


def _date_words(value: Any) -> str:
    return value.words if isinstance(value, When) else encode_time(value)


def _shown(plain: Any) -> str:
    """A value as text: nested ones as `name: value`, several behind semicolons."""
    if isinstance(plain, Mapping):
        parts = ((name, part) for name, part in plain.items() if part not in (None, [], ()))
        return ", ".join(f"{name}: {_shown(part)}" for name, part in parts)
    if isinstance(plain, list | tuple):
        return "; ".join(map(_shown, plain))
    return str(plain)


def _amendments(view: View, citer: Citer, event: str) -> Iterator[AmendmentLine]:
    for named in view.all(AmendedRow, target=event):
        row = view.get(AmendmentRow, named.event)
        if row is not None:
            yield AmendmentLine(row.event, row.kind, row.reason, citer.cite(row.events))
    naming, _ = view.search(SearchRow, {"words": ((Phrase((mark("event", event),)),),)}, None)
    for found in reversed(naming):
        noted = view.get(DisagreementRow, found.event)
        if noted is not None:
            evidence = citer.cite(noted.events)
            yield AmendmentLine(noted.event, f"at odds: {noted.question}", noted.note, evidence)
        denial = view.get(StatementRow, found.event)
        if denial is not None:
            what, evidence = f"disputed by {citer.name(denial.speaker)}", citer.cite(denial.events)
            yield AmendmentLine(denial.event, what, denial.text, evidence)


def _nothing(view: View, id: str) -> str:
    known = [row.actor for row in view.all(ActorRow)]
    known += [row.source for row in view.all(SourceRow)]
    known += [row.meeting for row in view.all(MeetingRow)]
    known += [row.initiative for row in view.all(InitiativeRow)]
    known += [row.document for row in view.all(DocumentRow)]
    known += [row.plan for row in view.all(PlanRow)]
    near = difflib.get_close_matches(id, known, _NEAR)
    hint = f"Did you mean {' or '.join(near)}?" if near else "`timeline search` finds ids by words."
    things = "event, source, actor, meeting, series, initiative, document or plan"
    return f"no {things} {id!r} is in view. {hint}"


# As a document


def _field_row(line: FieldLine) -> Line:
    return cell(line.field.replace("_", " ")), Cell(line.words or line.value, about=line.about)


def _support_row(support: Support) -> Line:
    title = f"“{support.title}”, {support.publisher}"
    if support.address:
        title = f"{title}, {support.address}"
    excerpt = None if support.excerpt is None else f"“{support.excerpt}”"
    return (
        about("source", support.source, title),
        cell(when(support.published) or "undated"),
        cell(support.at),
        cell(chain_text(support.chain)),
        cell(excerpt),
    )


def _amendment_row(line: AmendmentLine) -> Line:
    values: Iterable[object] = (line.what, line.event, line.reason)
    return tuple(cell(value, line.evidence) for value in values)
