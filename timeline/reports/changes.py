"""What changed between two moments in what a report says, and which events made it change."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, ClassVar, Literal, Protocol, get_args

import attrs

from timeline.dates import UNKNOWN, Occurred, When, asked, just_before, short, when
from timeline.engine.projection import View
from timeline.errors import InvalidInput, NotFound
from timeline.events import EventCorrected, MembershipReported, RoleReported, type_names
from timeline.projections.amendments import AmendedRow, AmendmentRow
from timeline.projections.chronology import HappeningRow
from timeline.projections.directory import SourceRow
from timeline.projections.initiatives import InitiativeRow
from timeline.projections.meetings import MeetingRow
from timeline.reports.attendance import attendance_report
from timeline.reports.chronology import (
    HappeningLine,
    concerned_by,
    happening_lines,
    shown_parts,
    what_cell,
)
from timeline.reports.citations import Citation, Citer, line_of, text
from timeline.reports.findings.differences import (
    Cause,
    Causes,
    Change,
    Kind,
    Row,
    changes_of,
    pairs,
    rows_of,
)
from timeline.reports.initiative import initiative_report
from timeline.reports.layout import (
    NOTHING,
    Cell,
    Document,
    Key,
    Table,
    cell,
    listing,
    most,
    number,
    table,
)
from timeline.reports.model import Report, by_time, made_from

Clock = Literal["occurred", "published", "recorded", "position"]

_HEADINGS = {
    "occurred": "Happened",
    "published": "Published",
    "recorded": "Recorded",
    "position": "Position",
}
_EXPECTED = (
    "expected what makes a report of a record, such as `lambda record: record.plans()`, or else an "
    "initiative, a series or a meeting"
)
_LONGEST = 60
"""Characters of a row's text that are enough to tell which row it is."""

_CIRCUMSTANCES = type_names(RoleReported, MembershipReported)


class Record(Protocol):
    """A record that can be seen as of a moment."""

    def view(self) -> AbstractContextManager[View]:
        """One unchanging view of all rows."""

    def as_of(self, **moment: Any) -> Record:
        """The record as of a moment."""


@attrs.frozen
class ChangeLine:
    """One change in what the report says.

    Attributes:
        table: the title of the table it is in; `Overview` for the lead.
        row: what names the row there; its whole text where nothing does.
        column: the column; None where the whole row came or went.
        before: what stood there; None where nothing did.
        after: what stands there; None where nothing does.
        kind: whether it is new, changed, gone, or says the same with further evidence.
        occurred: when the first cause happened, as amended; for an amendment without a date, when
            what it amends happened.
        published: when the first cause was first published, as far as is known; for a further
            source, when that was.
        recorded: when the first cause was recorded.
        position: where in the log the first cause stands.
        by_time: whether nothing new is found behind it, so that it follows from the dates: a plan
            falls due. The cause is then what it follows from.
        cause: the events that made it change.
        evidence: these, and whatever else it rests or rested on.
    """

    table: str
    row: str
    column: str | None
    before: str | None
    after: str | None
    kind: Kind
    occurred: str | None
    published: str | None
    recorded: str
    position: int
    by_time: bool
    cause: tuple[Citation, ...]
    evidence: tuple[Citation, ...]


@attrs.frozen(kw_only=True, repr=False)
class ChangesReport(Report):
    """What changed in another report, by the date of the cause; confirmations stand last.

    `of` is the kind of the other report and `title` its title, as it stands at the end.
    """

    kind: ClassVar[str] = "changes"

    of: str
    title: str
    since: str
    until: str | None
    clock: Clock
    changes: tuple[ChangeLine, ...]

    def document(self) -> Document:
        """The report as headings and tables."""
        changed = [line for line in self.changes if line.kind != "confirmed"]
        confirmed = [line for line in self.changes if line.kind == "confirmed"]
        stretch, measure = _stretch(self.since, self.until, self.clock), _measure(self.clock)
        nothing = "" if self.changes else f"Nothing changed {stretch}, by {measure}. "
        return self._document(
            f"Changes in {self.title}, {stretch}",
            (
                self._table("What changed", ("Before", "Now"), changed),
                self._table("Confirmed by further sources", ("Says",), confirmed),
            ),
            summary=self._summary(stretch, measure),
            note=f"{nothing}By {measure}. The evidence beside the date is what made it change.",
        )

    def _summary(self, stretch: str, measure: str) -> Iterator[Cell]:
        """How much changed, and in which tables."""
        kinds = Counter(line.kind for line in self.changes)
        if not kinds:
            yield cell(f"Nothing changed {stretch}, by {measure}.")
            return
        counted = listing(f"{count} {kind}" for kind, count in kinds.most_common())
        places = most(line.table for line in self.changes)
        yield cell(f"{number(len(self.changes), 'change')}, by {measure}: {counted}.")
        yield cell(f"Most are in {places}.")

    def _table(self, title: str, last: tuple[str, ...], lines: Iterable[ChangeLine]) -> Table:
        return Table(
            title,
            (_HEADINGS[self.clock], "What", *last),
            tuple(
                (
                    cell(_when(line, self.clock), line.cause),
                    cell(_what(line), line.cause),
                    *(cell(shown, line.evidence) for shown in _values(line)),
                )
                for line in lines
            ),
        )


def _stretch(since: str, until: str | None, clock: Clock) -> str:
    shown = str if clock == "position" else short
    return f"since {shown(since)}" if until is None else f"from {shown(since)} to {shown(until)}"


def _measure(clock: Clock) -> str:
    by = {"occurred": "what happened", "published": "what was published"}
    return by.get(clock, "what was recorded")


@attrs.frozen
class NewsLine:
    """One event that came into view.

    Attributes:
        change: `new`; `corrected` or `corroborated` where it was in view and reads otherwise, or
            rests on more evidence; `retracted` where it is no longer in view; `unsupported` where
            all its sources were retracted.
        happening: the event as it reads at the end; of one that was retracted, as it read before.
    """

    change: Literal["new", "corrected", "corroborated", "retracted", "unsupported"]
    happening: HappeningLine


@attrs.frozen
class NewsGroup:
    """What is new of one thing.

    Attributes:
        thing: `initiative`, `meeting` or `actor`; None for what concerns none of these.
        id: its id.
        name: its name or title.
        lines: what is new, in order of time.
    """

    thing: Literal["initiative", "meeting", "actor"] | None
    id: str | None
    name: str
    lines: tuple[NewsLine, ...]


@attrs.frozen(kw_only=True, repr=False)
class NewsReport(Report):
    """What is new in the whole record: initiatives first, then meetings, then persons.

    Each event stands with the initiative it concerns; if none, with its meeting; if none, with
    whoever did it.
    """

    kind: ClassVar[str] = "changes"

    since: str
    until: str | None
    clock: Clock
    groups: tuple[NewsGroup, ...]

    def document(self) -> Document:
        """The report as headings and tables."""
        stretch = _stretch(self.since, self.until, self.clock)
        return self._document(
            f"What is new {stretch}",
            [
                table(
                    group.name,
                    [line.happening for line in group.lines],
                    {
                        "When": lambda line: when(line.occurred),
                        "What": what_cell,
                        "Who": lambda line: shown_parts(line.who),
                    },
                )
                for group in map(_flagged, self.groups)
            ],
            note=f"By {_measure(self.clock)} {stretch}. Name an initiative, a series or a meeting "
            "to see what changed in its report.",
        )


def _flagged(group: NewsGroup) -> NewsGroup:
    """The group, with what became of each event in words."""
    lines = tuple(
        line
        if line.change == "new"
        else attrs.evolve(
            line,
            happening=attrs.evolve(line.happening, what=f"{line.happening.what} ({line.change})"),
        )
        for line in group.lines
    )
    return attrs.evolve(group, lines=lines)


def _when(line: ChangeLine, clock: Clock) -> str | int | When | None:
    if clock == "published" and line.published and line.occurred not in (None, line.published):
        return f"{short(line.published)}, of {short(line.occurred)}"
    shown = {"occurred": line.occurred, "published": line.published, "recorded": line.recorded[:10]}
    return line.position if clock == "position" else when(shown[clock])


def _what(line: ChangeLine) -> str:
    row = line.row if len(line.row) <= _LONGEST else f"{line.row[:_LONGEST]}…"
    shown_below = line.row in (line.before, line.after)
    place = ", ".join(part for part in ("" if shown_below else row, line.column) if part)
    return f"{line.table}: {place}" if place else line.table


def _values(line: ChangeLine) -> tuple[str, ...]:
    if line.kind == "confirmed":
        return (line.after or NOTHING,)
    after = "gone" if line.after is None else line.after
    return line.before or NOTHING, f"{after} (time passed)" if line.by_time else after


def changes_report(
    record: Record,
    report: Callable[[Any], Report] | None = None,
    *,
    since: Occurred | int,
    until: Occurred | int = None,
    clock: Clock = "published",
    initiative: str | None = None,
    series: str | None = None,
    meeting: str | None = None,
    possibly: bool = False,
) -> ChangesReport | NewsReport:
    """What changed since a date, and which events made it change.

    Give an initiative, a series or a meeting to see what changed in its report. Else it is what is
    new in the whole record, by initiative, meeting and person.

    Args:
        record: what the report is made of.
        report: makes the report that is compared, from the record as of some moment, such as
            `lambda record: record.plans()`.
        since: the first day; with the clock `position`, the position before the first one.
        until: the last day, or position; the end of the record unless given.
        clock: what counts as within that time: what was `published` then, and so could be learned;
            what `occurred`, as far as is known now; or what was `recorded`, by date or by
            `position`.
        initiative: in the state of this initiative.
        series: in who attended the editions of this series.
        meeting: in who attended this meeting.
        possibly: as for `as_of`.

    Example:
        timeline changes --since 2022-12-01
        timeline changes --initiative joint-harbour --since 2022-12 --until 2023-01

    Raises:
        NotFound: there is nothing to report at either end, or the log has not come so far.
        InvalidInput: no such clock; or the stretch has an open end, or ends before it starts; or
            several of these make the report.
        InvalidDate, NaiveDatetime: not a date, or an instant without a zone.
    """
    make = _maker(report, initiative, series, meeting)
    start, end = _cutoffs(clock, since, until, possibly)
    later = record.as_of(**end)
    # From the later one, so that both leave out what is appended meanwhile.
    earlier = later.as_of(**start)
    asked: dict[str, Any] = {"since": str(since), "until": text(until), "clock": clock}
    if make is None:
        return _news(earlier, later, **asked)
    return _compared(earlier, later, make, **asked)


def _compared(
    earlier: Record, later: Record, make: Callable[[Record], Report], **asked: Any
) -> ChangesReport:
    before, after = _made(make, earlier), _made(make, later)
    if isinstance(after, NotFound) and isinstance(before, NotFound):
        raise after  # it names what there is
    known = before if isinstance(after, NotFound) else after
    assert isinstance(known, Report)  # one of them is
    with earlier.view() as old, later.view() as new:
        was, now = ({} if isinstance(one, NotFound) else rows_of(one) for one in (before, after))
        comparison = _Comparison(old, new, was, now, asked["clock"])
        return ChangesReport(
            of=known.kind,
            title=known.document().title,
            changes=comparison.lines(),
            **asked | made_from(new, comparison.citer),
        )


# What is new in the whole record


def _news(earlier: Record, later: Record, **asked: Any) -> NewsReport:
    with earlier.view() as old, later.view() as new:
        before = {row.event: row for row in old.all(HappeningRow)}
        now = {row.event: row for row in new.all(HappeningRow)}
        lost = _unsupported(new, now.values()) - _unsupported(old, before.values())
        both = [(before[id].events, now[id].events) for id in before.keys() & now.keys()]
        amending = {id for was, is_now in both if was != is_now for id in {*was} ^ {*is_now}}
        amendments = (row for view in (old, new) for row in view.several(AmendmentRow, amending))
        corrections = {row.event for row in amendments if row.kind == "corrected"}
        changed = [
            row for id, row in (before | now).items() if before.get(id) != now.get(id) or id in lost
        ]
        citer = Citer(new)
        lines = {
            line.event: NewsLine(
                _change(
                    before.get(line.event), now.get(line.event), line.event in lost, corrections
                ),
                line,
            )
            for line in happening_lines(new, citer, by_time(changed))
        }
        groups = _grouped(new, citer, [(row, lines[row.event]) for row in by_time(changed)])
        return NewsReport(groups=groups, **asked, **made_from(new, citer))


def _unsupported(view: View, rows: Iterable[HappeningRow]) -> set[str]:
    """The events all of whose sources are withdrawn."""
    if all(source.withdrawn is None for source in view.all(SourceRow)):
        return set()
    citer = Citer(view)
    return {row.event for row in rows for cited in citer.cite([row.event]) if cited.withdrawn}


def _change(
    before: HappeningRow | None, now: HappeningRow | None, lost: bool, corrections: set[str]
) -> Literal["new", "corrected", "corroborated", "retracted", "unsupported"]:
    if before is None:
        return "new"
    if now is None:
        return "retracted"
    if lost:
        return "unsupported"
    same = attrs.evolve(now, events=before.events) == before  # type: ignore[misc]  # made by @row
    # What the row does not keep, such as a stance, may have been corrected as well.
    amended = corrections & ({*now.events} ^ {*before.events})
    return "corroborated" if same and not amended else "corrected"


_GROUPS = ("initiative", "meeting", "actor", None)


def _grouped(
    view: View, citer: Citer, lines: Iterable[tuple[HappeningRow, NewsLine]]
) -> tuple[NewsGroup, ...]:
    """The lines by what they concern, in the order of their first."""
    groups: dict[tuple[Any, str | None], list[NewsLine]] = defaultdict(list)
    for row, line in lines:
        for key in _keys(view, row, line):
            groups[key].append(line)
    made = [
        NewsGroup(thing, id, _name(view, citer, thing, id), tuple(group))
        for (thing, id), group in groups.items()
    ]
    return tuple(sorted(made, key=lambda group: _GROUPS.index(group.thing)))


def _keys(view: View, row: HappeningRow, line: NewsLine) -> list[tuple[Any, str | None]]:
    concerned = concerned_by(view, row)
    initiatives = [id for id in concerned if view.get(InitiativeRow, id) is not None]
    if initiatives:
        return [("initiative", id) for id in initiatives]
    if row.meeting is not None:
        return [("meeting", row.meeting)]
    doers = dict.fromkeys(part.who.id for part in line.happening.who)
    return [("actor", id) for id in doers] or [(None, None)]


def _name(view: View, citer: Citer, thing: str | None, id: str | None) -> str:
    if thing is None or id is None:
        return "Other"
    if thing == "actor":
        return citer.name(id).name
    cls: type[InitiativeRow | MeetingRow] = InitiativeRow if thing == "initiative" else MeetingRow
    row = view.get(cls, id)
    return id if row is None else row.title or id


# What is compared


def _maker(
    report: Callable[[Any], Report] | None,
    initiative: str | None,
    series: str | None,
    meeting: str | None,
) -> Callable[[Record], Report] | None:
    """What makes the report, from the record as of some moment; None for the whole record."""
    given = [one for one in (report, initiative, series, meeting) if one is not None]
    if not given:
        return None
    if len(given) > 1:
        several = " and ".join(map(repr, given))
        raise InvalidInput(
            f"expected one of report, initiative, series and meeting, or none; found {several}"
        )
    if report is not None:
        if not callable(report):
            raise InvalidInput(f"{_EXPECTED}; found {report!r}")
        return report

    def make(record: Record) -> Report:
        with record.view() as view:
            if initiative is not None:
                return initiative_report(view, initiative)
            return attendance_report(view, series=series, meeting=meeting)

    return make


def _made(make: Callable[[Record], Report], record: Record) -> Report | NotFound:
    try:
        made = make(record)
    except NotFound as error:
        return error
    if not isinstance(made, Report):
        raise InvalidInput(f"{_EXPECTED}; found one that makes {made!r}")
    return made


def _cutoffs(
    clock: Clock, since: Occurred | int, until: Occurred | int, possibly: bool
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The arguments of `as_of` for the moment before a stretch, and for its end."""
    if clock == "position":
        first, last = _positions(since, until)
        return {"position": first}, {} if last is None else {"position": last}
    if clock not in get_args(Clock):
        raise InvalidInput(
            f"clock: expected occurred, published, recorded or position; found {clock!r}"
        )
    if isinstance(since, int) or isinstance(until, int):
        raise InvalidInput(
            f"clock {clock}: expected dates as since and until; found {since!r} and {until!r}"
        )
    start, end = asked(since, "since"), asked(until, "until")
    if start is None or start.earliest is None or (end is not None and end.latest is None):
        raise InvalidInput(f"expected a stretch that has two ends; found {since} to {until}")
    if end is not None and end.latest is not None and start.earliest > end.latest:
        raise InvalidInput(f"expected a stretch that ends after it starts; found {start} to {end}")
    before = just_before(start.earliest)
    if clock == "recorded":
        return {"recorded": before.latest}, {} if end is None else {"recorded": end.latest}
    ending: dict[str, Any] = {} if end is None else {clock: end, "possibly": possibly}
    return {clock: before, "possibly": possibly}, ending


def _positions(since: Occurred | int, until: Occurred | int) -> tuple[int, int | None]:
    try:
        first, last = int(str(since)), None if until is None else int(str(until))
    except ValueError:
        raise InvalidInput(
            f"clock position: expected positions as since and until; found {since!r} and {until!r}"
        ) from None
    if last is not None and first > last:
        raise InvalidInput(f"expected a stretch that ends after it starts; found {first} to {last}")
    return first, last


# What changed, and why


class _Comparison:
    """Compares the rows of a report as made from two views."""

    def __init__(
        self,
        earlier: View,
        later: View,
        before: Mapping[str, list[Row]],
        after: Mapping[str, list[Row]],
        clock: Clock,
    ) -> None:
        self.citer = Citer(later)
        self._later = later
        self._clock = clock
        self._tables = {
            title: (after.get(title, []), pairs(before.get(title, []), after.get(title, [])))
            for title in dict.fromkeys((*after, *before))
        }
        named: dict[Key, list[Change]] = defaultdict(list)
        for title, (_, paired) in self._tables.items():
            for change in (one for two in paired for one in changes_of(title, *two)):
                if change.row.name is not None:
                    named[change.row.key].append(change)
        time_passed = bool(before) and earlier.today != later.today
        self._causes = Causes(earlier, later, named, time_passed=time_passed)
        both = itertools.chain(*before.values(), *after.values())
        self._causes.load(cited.event for row in both for cited in row.evidence)

    def lines(self) -> tuple[ChangeLine, ...]:
        """All changes by the date of their cause, then what was only confirmed."""
        lines = [line for title in self._tables for line in self._in_table(title)]
        return tuple(sorted(lines, key=self._order))

    def _in_table(self, title: str) -> Iterator[ChangeLine]:
        rows, paired = self._tables[title]
        for old, new in paired:
            causes: set[str] = set()
            for change in changes_of(title, old, new):
                cause = self._causes.of(change, rows)
                causes.update(cause.events)
                if cause.events:  # no events: words such as "none" state nothing
                    yield self._line(change, cause)
            if old is not None and new is not None:
                yield from self._confirmed(title, old, new, causes)

    def _confirmed(self, title: str, old: Row, new: Row, causes: set[str]) -> Iterator[ChangeLine]:
        """What says the same on further evidence, together where it is the same evidence."""
        together: dict[Cause, list[str]] = {}
        for key, now in new.cells.items():
            was = old.cells.get(key)
            if was is not None and was.text == now.text:
                cause = self._causes.further(was.evidence, now.evidence)
                if not causes.issuperset(cause.events):
                    together.setdefault(cause, []).append(key)
        for cause, keys in together.items():
            one = new.cells[keys[0]] if len(keys) == 1 else None
            column = new.headings[keys[0]] if one else None
            text, cited = (one.text, one.evidence) if one else (new.text, new.evidence)
            change = Change(title, column or None, "confirmed", old, new, text, text, now=cited)
            yield self._line(change, cause)

    def _line(self, change: Change, cause: Cause) -> ChangeLine:
        cited = self.citer.cite(cause.events)
        dated = self._dating(cited)
        others = (citation.event for citation in (*change.now, *change.was))
        return line_of(
            ChangeLine,
            change,
            row=change.row.label,
            occurred=self._occurred(dated),
            published=cause.published or _published(dated),
            recorded=dated.recorded_at,
            position=dated.position,
            by_time=cause.by_time,
            cause=cited,
            evidence=self.citer.cite((*cause.events, *others)),
        )

    def _dating(self, cited: Sequence[Citation]) -> Citation:
        """The cause that dates a change: the first, since later ones do not make it come later.

        Who held an office decides how a change reads, and not when it came about.
        """
        deciding = [citation for citation in cited if citation.type not in _CIRCUMSTANCES] or cited
        return min(deciding, key=self._age)

    def _age(self, cited: Citation) -> tuple[tuple[Any, ...], int]:
        return _sort_key(self._moment(self._occurred(cited), _published(cited))), cited.position

    def _order(self, line: ChangeLine) -> tuple[bool, tuple[Any, ...], int]:
        moment = self._moment(line.occurred, line.published)
        return line.kind == "confirmed", _sort_key(moment), line.position

    def _moment(self, occurred: str | None, published: str | None) -> str | None:
        return {"occurred": occurred, "published": published}.get(self._clock)

    def _occurred(self, cited: Citation) -> str | None:
        """When it happened, as amended; of an amendment without a date, when its target did."""
        occurred = _as_corrected(self._later, cited.event, cited.occurred)
        amendment = None if occurred else self._later.get(AmendmentRow, cited.event)
        if amendment is None or amendment.kind == "merged":
            return occurred
        events = self._later.events(amendment.targets[:1])
        dates = (_as_corrected(self._later, id, text(it.occurred)) for id, it in events.items())
        return next(dates, None)


def _as_corrected(view: View, event: str, occurred: str | None) -> str | None:
    """When an event happened, by the last correction of that, if there is one."""
    ids = (row.event for row in view.all(AmendedRow, target=event) if row.kind == "corrected")
    corrections = view.events(ids).values()
    for correction in sorted(corrections, key=lambda correction: correction.position):
        said = correction.event
        if isinstance(said, EventCorrected) and "occurred" in said.changes:
            occurred = text(said.changes["occurred"])
    return occurred


def _published(cited: Citation) -> str | None:
    dates = [source.published for source in cited.sources if source.published is not None]
    return min(dates, key=_sort_key, default=None)


def _sort_key(moment: str | None) -> tuple[Any, ...]:
    return (UNKNOWN if moment is None else When(moment)).sort_key
