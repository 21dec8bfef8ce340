"""Who is who: every spelling of a name leads to one actor, its offices and memberships."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, ClassVar, TypeVar

import attrs

from timeline.dates import UNKNOWN, When, short, when
from timeline.engine.projection import View
from timeline.errors import InvalidInput, NotFound
from timeline.events import EventCorrected
from timeline.events.actors import folded, of_surname
from timeline.projections.directory import ActorRow, DistinctRow, MembershipRow, RoleRow, SourceRow
from timeline.reports import layout
from timeline.reports.citations import Citation, Citer, Named, distinct, text
from timeline.reports.layout import Cell, Document, Table, table
from timeline.reports.model import Report, grouped, made_from

_Row = TypeVar("_Row", RoleRow, MembershipRow)
_T = TypeVar("_T")

_NAMED = 5
"""Actors that an error names."""

_SPACING_MARKS = range(0x02B0, 0x0300)
"""Modifier letters: some sources have them, some an apostrophe, some nothing."""


@attrs.frozen
class RoleLine:
    """One report that the actor held an office.

    `since` and `until` are as the report gives them. `reported` is the date it speaks of, or on
    which its first source came out: by then, at the latest, the office was held or had been.
    """

    role: str
    of: Named | None
    since: str | None
    until: str | None
    reported: str | None
    evidence: tuple[Citation, ...]


@attrs.frozen
class MembershipLine:
    """One report that the actor belonged to a body, and how; dates are as in `RoleLine`.

    `share` is per cent of the body that it holds.
    """

    of: Named
    status: str
    share: float | None
    since: str | None
    until: str | None
    reported: str | None
    evidence: tuple[Citation, ...]


@attrs.frozen
class MemberLine:
    """One report that somebody belongs to a body, founded it or holds a share; dates likewise."""

    actor: Named
    status: str
    share: float | None
    since: str | None
    until: str | None
    reported: str | None
    evidence: tuple[Citation, ...]


@attrs.frozen
class DistinctLine:
    """One actor that this one could be taken for and is not."""

    other: Named
    reason: str
    evidence: tuple[Citation, ...]


@attrs.frozen
class ActorLine:
    """One actor.

    Attributes:
        actor: its id.
        name: the name to show.
        kind: what it is.
        aliases: other names and spellings found in sources.
        entries: the ids of entries that were found to be the same actor.
        roles: the offices it was reported to hold, by their beginning.
        memberships: the bodies it was reported to belong to.
        distinct_from: those it could be taken for.
        evidence: the events that took it into the record, and those that merged entries into it.
    """

    actor: str
    name: str
    kind: str
    aliases: tuple[str, ...]
    entries: tuple[str, ...]
    roles: tuple[RoleLine, ...]
    memberships: tuple[MembershipLine, ...]
    distinct_from: tuple[DistinctLine, ...]
    evidence: tuple[Citation, ...]


@attrs.frozen(kw_only=True, repr=False)
class ActorsReport(Report):
    """Actors by name; `name` is what one of them was asked for by."""

    kind: ClassVar[str] = "actors"

    name: str | None
    actors: tuple[ActorLine, ...]

    def document(self) -> Document:
        """The report as headings and tables."""
        alone = self.actors[0].name if self.name is not None else "Actors"
        return self._document(
            alone,
            actor_tables(self.actors),
            summary=self._summary(),
            note="Offices and memberships are as reported; where no end is given, none is known. "
            "“As of” is the date that the report speaks of.",
        )

    def _summary(self) -> Iterator[Cell]:
        for line in self.actors if self.name is not None else ():
            yield from who_it_is(line)
        if self.name is None and self.actors:
            kinds = layout.most((line.kind for line in self.actors), len(self.actors))
            yield layout.cell(f"{layout.number(len(self.actors), 'actor')}: {kinds}.")


def who_it_is(line: ActorLine) -> Iterator[Cell]:
    """What kind of actor it is, the offices it is reported in, and what it belongs to."""
    article = "an" if line.kind[0] in "aeiou" else "a"
    yield layout.cell(f"{line.name} is on record as {article} {line.kind}.", line.evidence)
    if line.roles:
        held = _by_name((f"{r.role} of {r.of}" if r.of else r.role, r) for r in line.roles)
        evidence = distinct(role.evidence for role in line.roles)
        yield layout.cell(f"Offices: {layout.few(held, _NAMED)}.", evidence)
    if line.memberships:
        bodies = _by_name((str(one.of), one) for one in line.memberships)
        evidence = distinct(one.evidence for one in line.memberships)
        yield layout.cell(f"Belongs, or did: {layout.few(bodies, _NAMED)}.", evidence)


def _by_name(named: Iterable[tuple[str, RoleLine | MembershipLine]]) -> list[str]:
    """Each once, with all that is reported of when."""
    times: dict[str, list[str]] = {}
    for name, line in named:
        times.setdefault(name, []).append(_when_in_words(line))
    return [f"{name} ({'; '.join(dict.fromkeys(whens))})" for name, whens in times.items()]


def _when_in_words(line: RoleLine | MembershipLine) -> str:
    parts = [
        layout.since_date(line.since) if line.since else "",
        f"until {layout.in_words(line.until)}" if line.until else "",
        f"as of {layout.in_words(line.reported)}" if line.reported else "",
    ]
    return ", ".join(filter(None, parts)) or "at an unknown time"


def actors_report(view: View, name: str | None = None) -> ActorsReport:
    """Who is who: names and spellings, offices, memberships, and who is not to be confused.

    Args:
        view: the read models to report from.
        name: only the actor with this id, name or surname. Case, diacritics, punctuation and spaces
            make no difference, unless two actors differ only in them.

    Example:
        timeline report actors
        timeline report actors 'Minister, Ann'

    Raises:
        NotFound: no actor in view goes by that name; the message has similar names.
        InvalidInput: several actors go by that name; the message has their ids.
    """
    citer = Citer(view)
    one = None if name is None else find_actor(view, name)
    rows = view.all(ActorRow) if one is None else _entries(view, one)
    read_as = _read_as(rows)
    entries = grouped(read_as, read_as.__getitem__)
    chosen = [row for row in rows if row.merged_into is None and one in (None, row.actor)]
    chosen.sort(key=lambda row: (row.name, row.actor))
    roles, memberships = _by_actor(view, RoleRow, one), _by_actor(view, MembershipRow, one)
    distinct = view.all(DistinctRow) if one is None else _distinct(view, rows)
    known: list[list[Any]] = [chosen, *roles.values(), *memberships.values()]
    citer.load(id for cited in known for row in cited for id in row.events)
    return ActorsReport(
        name=name,
        actors=tuple(
            citer.line(
                ActorLine,
                row,
                entries=tuple(id for id in entries[row.actor] if id != row.actor),
                roles=tuple(
                    reported_line(view, citer, RoleLine, role) for role in roles.get(row.actor, ())
                ),
                memberships=tuple(
                    reported_line(view, citer, MembershipLine, member)
                    for member in memberships.get(row.actor, ())
                ),
                distinct_from=tuple(_distinct_lines(citer, row.actor, distinct)),
            )
            for row in chosen
        ),
        **made_from(view, citer),
    )


def _entries(view: View, actor: str) -> list[ActorRow]:
    """The rows of an actor, and of the entries that were merged into it, by id."""
    rows: dict[str, ActorRow] = {}
    known = view.get(ActorRow, actor)
    left = [] if known is None else [known]
    while left:
        row = left.pop()
        if row.actor not in rows:
            rows[row.actor] = row
            left += view.all(ActorRow, merged_into=row.actor)
    return [rows[id] for id in sorted(rows)]


def _distinct(view: View, rows: Iterable[ActorRow]) -> list[DistinctRow]:
    """The events that tell these entries from others."""
    distinct = {
        (distinct.event, distinct.other): distinct
        for row in rows
        for side in ("actor", "other")
        for distinct in view.all(DistinctRow, **{side: row.actor})
    }
    return [distinct[key] for key in sorted(distinct)]


def _by_actor(view: View, cls: type[_Row], actor: str | None) -> dict[str, list[_Row]]:
    """The reports of every actor, by their beginning."""
    rows = view.all(cls) if actor is None else view.all(cls, actor=actor)
    in_order = sorted(rows, key=lambda row: (row.since or UNKNOWN).sort_key)
    return grouped(in_order, lambda row: row.actor)


def reported_line(
    view: View, citer: Citer, cls: Callable[..., _T], row: RoleRow | MembershipRow
) -> _T:
    """One report of an office or a membership as a line, with the date it speaks of."""
    return citer.line(cls, row, reported=text(reported(view, row.events)))


def member_lines(view: View, citer: Citer, body: str) -> Iterator[MemberLine]:
    """A line for each report of who belongs to a body, by when that began."""
    rows = view.all(MembershipRow, of=body)
    for row in sorted(rows, key=lambda row: ((row.since or UNKNOWN).sort_key, row.event)):
        yield reported_line(view, citer, MemberLine, row)


def members_table(lines: Iterable[MemberLine]) -> Table:
    """A table of who belongs to a body."""
    return table(
        "Founders, members and shares",
        lines,
        {"Who": lambda line: line.actor, "As": _belonging, "When": _when},
    )


def reported(view: View, basis: Sequence[str]) -> When | None:
    """The date that a report speaks of, as corrected; else when its first source came out."""
    events = view.events(basis)
    report, *amendments = (events[id] for id in basis)
    moment = report.occurred
    for amendment in amendments:
        if isinstance(amendment.event, EventCorrected) and "occurred" in amendment.event.changes:
            moment = when(amendment.event.changes["occurred"])
    if moment is not None:
        return moment
    sources = (view.get(SourceRow, support.source) for support in report.evidence)
    dates = (source.published for source in sources if source is not None)
    return min(filter(None, dates), default=None)


def _distinct_lines(
    citer: Citer, actor: str, rows: Iterable[DistinctRow]
) -> Iterable[DistinctLine]:
    for row in rows:
        pair = [citer.name(row.actor), citer.name(row.other)]
        others = [one for one in pair if one.id != actor]
        if len(others) == 1:
            yield DistinctLine(others[0], row.reason, citer.cite(row.events))


# Finding an actor


def find_actor(view: View, text: str) -> str:
    """The id of the actor that goes by this id or name, in any recorded spelling.

    Case, diacritics, punctuation and spaces make no difference, unless only they tell two actors
    apart. A person's surname alone is a name, too, where it is nobody's whole name. An entry that
    was merged leads to the one it is read as.

    Raises:
        NotFound: no actor in view goes by it; the message names those that come near.
        InvalidInput: several do; the message names them.
    """
    if view.get(ActorRow, text) is not None:
        return Citer(view).name(text).id
    rows = view.all(ActorRow)
    for fitting in _fitting(rows, text):
        if len(fitting) == 1:
            return fitting.pop()
        if fitting:
            raise InvalidInput(f"{text!r} may be {_listed(rows, fitting)}. Say which, by its id.")
    near = _sharing(rows, text) or _near(rows, plain(text))
    more = f", and {len(near) - _NAMED:,} more" if len(near) > _NAMED else ""
    hint = f" Near it: {_listed(rows, near[:_NAMED])}{more}." if near else ""
    raise NotFound(f"no actor {text!r} is recorded, by that id or name.{hint}")


def _fitting(rows: Sequence[ActorRow], text: str) -> Iterator[set[str]]:
    """The actors of that very name, those of a like spelling, and the people of that surname."""
    for same in (str, plain):
        wanted = same(text)
        yield {id for id, spelt in _spellings(rows, same) if spelt == wanted != ""}
    people = {row.actor for row in rows if row.kind == "person"}
    spelt = [one for one in _spellings(rows, folded) if one[0] in people]
    bearers = set(of_surname(text, (name for _, name in spelt)))
    yield {id for id, name in spelt if name in bearers}


def plain(text: str) -> str:
    """A name without what spellings of it differ in: case, diacritics, punctuation, spaces."""
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold())
    return "".join(filter(_tells_apart, folded))


def _tells_apart(character: str) -> bool:
    if ord(character) in _SPACING_MARKS:
        return False
    # Vowel signs, as in Devanagari, are marks, too, but have no combining class. Keep them: they
    # tell words apart.
    mark = unicodedata.category(character).startswith("M")
    return character.isalnum() or (mark and not unicodedata.combining(character))


def _read_as(rows: Sequence[ActorRow]) -> dict[str, str]:
    """The ids that entries are read as: their own, unless they were merged."""
    into = {row.actor: row.merged_into for row in rows if row.merged_into is not None}
    read_as = {}
    for row in rows:
        actor, seen = row.actor, {row.actor}
        while actor in into and into[actor] not in seen:
            actor = into[actor]
            seen.add(actor)
        read_as[row.actor] = actor
    return read_as


def _spellings(rows: Sequence[ActorRow], same: Callable[[str], _T]) -> Iterable[tuple[str, _T]]:
    read_as = _read_as(rows)
    for row in rows:
        for spelling in (row.actor, row.name, *row.aliases):
            yield read_as[row.actor], same(spelling)


def _sharing(rows: Sequence[ActorRow], text: str) -> list[str]:
    """The actors that have all of these words, such as a family name, in one spelling."""
    wanted = _words(text)
    return sorted({id for id, words in _spellings(rows, _words) if wanted and wanted <= words})


def _words(text: str) -> frozenset[str]:
    return frozenset(filter(None, map(plain, re.split(r"[^\w'’`.]+", text))))


def _near(rows: Sequence[ActorRow], wanted: str) -> list[str]:
    ids = {spelt: id for id, spelt in _spellings(rows, plain)}
    return list(dict.fromkeys(ids[spelt] for spelt in difflib.get_close_matches(wanted, ids)))


def _listed(rows: Iterable[ActorRow], ids: Iterable[str]) -> str:
    names = {row.actor: row.name for row in rows}
    return ", ".join(f"{names[id]} ({id})" for id in sorted(ids))


# As a document


def actor_tables(actors: Sequence[ActorLine]) -> Iterable[Table]:
    """The tables of who is who."""
    yield table(
        "Who is who",
        actors,
        {
            "Id": lambda line: line.actor,
            "Name": _named,
            "Kind": lambda line: line.kind,
            "Also known as": lambda line: (*line.aliases, *line.entries),
        },
        named_by=1,
    )
    yield Table(
        "Offices",
        ("Who", "Office", "Of", "When"),
        tuple(
            layout.line(role.evidence, _named(line), role.role, role.of, _when(role))
            for line in actors
            for role in line.roles
        ),
    )
    yield memberships_table(
        "Memberships", ((_named(line), member) for line in actors for member in line.memberships)
    )
    yield Table(
        "Not to be taken for one another",
        ("Who", "Is not", "Why"),
        tuple(
            layout.line(distinct.evidence, _named(line), distinct.other, distinct.reason)
            for line in actors
            for distinct in line.distinct_from
        ),
    )


def _named(line: ActorLine) -> Named:
    return Named(line.actor, line.name)


def memberships_table(title: str, members: Iterable[tuple[Named, MembershipLine]]) -> Table:
    """A table of who belongs to what."""
    return Table(
        title,
        ("Who", "Body", "As", "When"),
        tuple(
            layout.line(line.evidence, name, line.of, _belonging(line), _when(line))
            for name, line in members
        ),
    )


def _belonging(line: MembershipLine | MemberLine) -> str:
    return line.status if line.share is None else f"{line.status}, {line.share:g} per cent"


def _when(line: RoleLine | MembershipLine | MemberLine) -> str:
    parts = {"since": line.since, "until": line.until, "as of": line.reported}
    known = (f"{word} {short(value)}" for word, value in parts.items() if value is not None)
    return ", ".join(known) or "at an unknown time"
