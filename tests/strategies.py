"""What hypothesis makes for the tests: dates, texts, and small worlds of events."""

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any, TypeVar

import attrs
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from timeline.dates import When
from timeline.engine.reader import Amendments
from timeline.events import (
    Actor,
    ActorAdded,
    ActorsDistinguished,
    ActorsMerged,
    Attendance,
    AttendanceReported,
    ConductReported,
    DisagreementNoted,
    DocumentSigned,
    DocumentStatusReported,
    EventCorrected,
    EventCorroborated,
    EventRetracted,
    Evidence,
    Link,
    MeetingAnnounced,
    MeetingCalledOff,
    MeetingHeld,
    MeetingRescheduled,
    MembershipReported,
    MilestoneReached,
    NewEvent,
    PlanAnnounced,
    PlanOutcomeReported,
    PlanPostponed,
    Position,
    ProposalAdopted,
    ProposalAmended,
    ProposalAnswered,
    ProposalDiscussed,
    ProposalLapsed,
    ProposalMade,
    ProposalWithdrawn,
    RelationNoted,
    RoleReported,
    Side,
    Signatory,
    Source,
    SourceAdded,
    StatementMade,
    Term,
)
from timeline.events.base import event_type

T = TypeVar("T")


def times(few: T, many: T) -> T:
    """How often to repeat what takes long: `many` times under `--hypothesis-profile thorough`.

    Or what to repeat it with.
    """
    thorough = settings.default.max_examples > settings.get_profile("default").max_examples
    return many if thorough else few


def examples(few: int, many: int | None = None) -> settings:
    """So many examples, for tests that make a database for each; `many`, or ten times, if thorough.

    `pytest --hypothesis-profile thorough` makes those, as CI does once a week.
    """
    shared = [HealthCheck.function_scoped_fixture]  # `new_database` makes one for each example
    count = times(few, many or 10 * few)
    return settings(max_examples=count, suppress_health_check=shared)


# What a field of text may hold: anything but NUL and half a surrogate pair.
STEERING = "".join(map(chr, [*range(0x202A, 0x202F), *range(0x2066, 0x206A)]))
TEXTS = st.text(
    st.characters(exclude_characters=STEERING, exclude_categories=["Cs", "Cc"])
    | st.sampled_from("\t\n"),
    max_size=40,
)

_ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))

# A day's distance from the ends of the calendar: every zone's clock stays within it.
INSTANTS = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=_ZONES)  # noqa: DTZ001

_DAYS = st.dates(date(1, 1, 1), date(9999, 12, 31)).map(date.isoformat)
_MONTHS = _DAYS.map(lambda day: day[:7])
_YEARS = _DAYS.map(lambda day: day[:4])
_DATES = _DAYS | _MONTHS | _YEARS
_MARKED = st.builds("".join, st.tuples(_DATES, st.sampled_from("~?%")))
_VAGUE = st.sampled_from(["202X", "20XX", "2022-XX", "2022-11-XX", "2022-21", "2022-33"])
_NO_YEAR = _DAYS.map(lambda day: "XXXX" + day[4:])
_CLOCKS = INSTANTS.map(datetime.isoformat)
_CLOSED = st.tuples(_DAYS, _DAYS).map(lambda ends: "/".join(sorted(ends)))
_OPEN = st.builds("{}/..".format, _DATES) | st.builds("../{}".format, _DATES)

# Moments of our own clock.
RECORDED = st.datetimes(timezones=st.just(UTC))

EDTF = st.one_of(_DATES, _MARKED, _VAGUE, _NO_YEAR, _CLOCKS, _CLOSED, _OPEN)
WHENS = EDTF.map(When)


# A world small enough that events keep meeting one another.

_ACTORS = st.sampled_from(["ann", "bob", "cy"])
_PROPOSALS = st.sampled_from(["union", "pipeline"])
_MEETINGS = st.sampled_from(["summit-1", "summit-2"])
_SENTENCES = st.sampled_from(["Yes.", "No.", "Обсудили 👍"])
_DATED = st.sampled_from(["2022", "2022-11-28", "2023-12-26", "XXXX-12-26", "2022-11/2022-12"])
_OCCURRED = st.none() | _DATED.map(When)


def _statement(speaker: str, text: str, **fields: Any) -> StatementMade:
    """A statement; without a proposal that it is about it takes no position."""
    if not fields["about"]:
        fields["positions"] = ()
    return StatementMade(speaker, text, **fields)


def _source(id: str, title: str, **fields: Any) -> Source:
    """A source, which has one publisher: the record adds none twice, as these histories do."""
    return Source(id, {"paper": "ann", "wire": "bob"}[id], title, **fields)


_ABOUT = st.lists(_PROPOSALS, max_size=2).map(lambda some: [*dict.fromkeys(some)])
_SOME_ACTORS = st.lists(_ACTORS, max_size=2).map(lambda some: [*dict.fromkeys(some)])
_TERMS = st.lists(st.builds(Term, st.sampled_from(["form", "price"]), _SENTENCES), max_size=3)
_POSITIONS = st.lists(
    st.builds(Position, _ACTORS, st.sampled_from(["favourable", "opposed"])), max_size=2
)
_ATTENDANCE = st.lists(
    st.builds(
        Attendance,
        _ACTORS,
        st.sampled_from(["invited", "attended", "absent"]),
        represents=st.none() | _ACTORS,
        instead_of=st.none() | _ACTORS,
    ),
    max_size=3,
)
_MAYBE_ACTOR = st.none() | _ACTORS
# One that several may hold at once, and two spellings of one that has successors.
_OFFICES = st.sampled_from(["envoy", "Minister of Ports", "ports minister"])
_MAYBE_MEETING = st.none() | _MEETINGS
_PLACES = st.sampled_from([None, "Moscow", "Ashgabat"])
_SERIES = st.sampled_from([None, "summits", "talks"])
_PLANS = st.sampled_from(["deliveries", "call"])
_SOURCES = st.sampled_from(["paper", "wire"])
_MANNERS = st.sampled_from([None, "quoted", "paraphrased", "imputed"])
_CHAINS = st.lists(st.builds(Link, _ACTORS, _MANNERS, said=_OCCURRED), max_size=3)
_EVIDENCE = st.lists(st.builds(Evidence, _SOURCES, chain=_CHAINS), max_size=2)

_REPORTS: tuple[st.SearchStrategy[Any], ...] = (
    st.builds(ActorAdded, st.builds(Actor, _ACTORS, st.just("person"), _SENTENCES)),
    st.builds(
        SourceAdded,
        st.builds(
            _source,
            _SOURCES,
            _SENTENCES,
            published=_OCCURRED,
            copies=st.none() | _SOURCES,
            cited_in=st.none() | _SOURCES,
        ),
    ),
    st.builds(RoleReported, _ACTORS, _OFFICES, of=_MAYBE_ACTOR, since=_OCCURRED),
    st.builds(MembershipReported, _ACTORS, _ACTORS, since=_OCCURRED),
    st.builds(ActorsMerged, _ACTORS, st.lists(_ACTORS, min_size=1, max_size=2), _SENTENCES),
    st.builds(ActorsDistinguished, _ACTORS, st.lists(_ACTORS, min_size=1, max_size=2), _SENTENCES),
    st.builds(
        _statement,
        _ACTORS,
        _SENTENCES,
        on_behalf_of=_MAYBE_ACTOR,
        about=_ABOUT,
        positions=_POSITIONS,
        terms=_TERMS,
    ),
    st.builds(
        ProposalMade,
        _PROPOSALS,
        _SENTENCES,
        _ACTORS,
        _SENTENCES,
        parties=_SOME_ACTORS,
        terms=_TERMS,
        jointly_with=_SOME_ACTORS,
        place=_PLACES,
    ),
    st.builds(
        RelationNoted,
        _PROPOSALS,
        st.sampled_from(["precedent", "replaces", "carries out", "part of"]),
        _PROPOSALS,
        _SENTENCES,
    ),
    st.builds(
        MilestoneReached,
        _PROPOSALS,
        _SENTENCES,
        _SENTENCES,
        by=_SOME_ACTORS,
        fulfils=st.lists(_PLANS, max_size=2),
        meeting=_MAYBE_MEETING,
        terms=_TERMS,
    ),
    st.builds(ProposalLapsed, _PROPOSALS, st.sampled_from(["lapsed", "dormant"]), _SENTENCES),
    st.builds(
        DocumentSigned,
        st.sampled_from(["treaty", "contract"]),
        _SENTENCES,
        st.lists(st.builds(Signatory, _ACTORS, _MAYBE_ACTOR), min_size=1, max_size=2),
        _SENTENCES,
        adopts=_ABOUT,
        about=_ABOUT,
        terms=_TERMS,
        meeting=_MAYBE_MEETING,
    ),
    st.builds(
        DocumentStatusReported,
        st.sampled_from(["treaty", "contract"]),
        st.sampled_from(["in force", "ended"]),
        _SENTENCES,
        by=_MAYBE_ACTOR,
    ),
    st.builds(PlanPostponed, _PLANS, _SENTENCES, due=_OCCURRED, by=_MAYBE_ACTOR),
    st.builds(ProposalAmended, _PROPOSALS, _ACTORS, _SENTENCES, terms=_TERMS),
    st.builds(
        ProposalAnswered,
        _PROPOSALS,
        _ACTORS,
        st.sampled_from(["accepted", "rejected"]),
        _SENTENCES,
        on_behalf_of=_MAYBE_ACTOR,
    ),
    st.builds(
        ProposalDiscussed, _PROPOSALS, _SOME_ACTORS, _SENTENCES, meeting=st.none() | _MEETINGS
    ),
    st.builds(ConductReported, _ACTORS, _SENTENCES, toward=st.none() | _ACTORS),
    st.builds(ProposalWithdrawn, _PROPOSALS, _ACTORS, _SENTENCES),
    st.builds(ProposalAdopted, _PROPOSALS, _SOME_ACTORS, _SENTENCES),
    st.builds(
        MeetingAnnounced,
        _MEETINGS,
        _SENTENCES,
        planned=_OCCURRED,
        about=_ABOUT,
        attendance=_ATTENDANCE,
        series=_SERIES,
        body=_MAYBE_ACTOR,
    ),
    st.builds(
        MeetingHeld,
        _MEETINGS,
        _SENTENCES,
        about=_ABOUT,
        attendance=_ATTENDANCE,
        place=_PLACES,
        series=_SERIES,
        within=_MAYBE_MEETING,
        body=_MAYBE_ACTOR,
    ),
    st.builds(MeetingRescheduled, _MEETINGS, planned=_OCCURRED),
    st.builds(MeetingCalledOff, _MEETINGS, by=_MAYBE_ACTOR),
    st.builds(AttendanceReported, _MEETINGS, _ATTENDANCE, complete=st.booleans()),
    st.builds(
        PlanAnnounced,
        _PLANS,
        _SENTENCES,
        _ACTORS,
        _SENTENCES,
        due=_OCCURRED,
        about=_ABOUT,
        meeting=_MAYBE_MEETING,
    ),
    st.builds(PlanOutcomeReported, _PLANS, st.sampled_from(["kept", "missed"]), _SENTENCES),
)

# Right values for fields that several classes have, under the name of the field.
_RIGHT_EVIDENCE = st.lists(
    st.fixed_dictionaries({"source": _SOURCES}, optional={"chain": _SOME_ACTORS}),
    min_size=1,
    max_size=2,
)
"""Evidence as a record file gives it."""

_RIGHT: dict[str, st.SearchStrategy[Any]] = {
    "text": _SENTENCES,
    "title": _SENTENCES,
    "speaker": _ACTORS,
    "by": _ACTORS,
    "about": _ABOUT,
    "terms": st.just([]),
    "attendance": st.just([{"actor": "cy", "status": "attended"}]),
    "proposal": _PROPOSALS,
    "meeting": _MEETINGS,
    "series": _SERIES,
    "within": _MAYBE_MEETING,
    "of": _ACTORS,
    "role": _OFFICES,
    "source": st.fixed_dictionaries(
        {"id": _SOURCES, "publisher": _ACTORS, "title": _SENTENCES},
        optional={"published": _DATED, "copies": _SOURCES, "cited_in": _SOURCES},
    ),
}


@attrs.frozen
class Step:
    """Events appended together, and whether the kept rows catch up behind them."""

    events: list[NewEvent]
    catch_up: bool


@st.composite
def histories(draw: st.DrawFn, *, steps: int = 5) -> list[Step]:
    """Steps in which people act, and in which what was recorded is corrected and retracted."""
    found = []
    earlier: list[NewEvent] = []
    for size in draw(st.lists(st.integers(1, 4), min_size=max(1, steps - 4), max_size=steps)):
        events = []
        for _ in range(size):
            made = draw(st.one_of(*_REPORTS, *_amendments(earlier)))
            new = NewEvent(
                made,
                id=f"e{len(earlier) + 1}",
                occurred=draw(_OCCURRED),
                stream="all",
                evidence=draw(_EVIDENCE),
            )
            earlier.append(new)
            events.append(new)
        found.append(Step(events, draw(st.booleans())))
    return found


WORLD: tuple[Any, ...] = (
    *(ActorAdded(Actor(actor, "person", actor)) for actor in ("ann", "bob", "cy")),
    *(SourceAdded(Source(source, "ann", source)) for source in ("paper", "wire")),
    *(ProposalMade(proposal, "Gas", "ann", "Gas.") for proposal in ("union", "pipeline")),
    *(MeetingHeld(meeting, "Summit") for meeting in ("summit-1", "summit-2")),
    *(PlanAnnounced(plan, "Soon", "ann", "Soon.") for plan in ("deliveries", "call")),
    *(
        DocumentSigned(text, "Treaty", [Signatory("ann")], "Yes.")
        for text in ("treaty", "contract")
    ),
)
"""What the reports name, so that they can be recorded."""

_IDENTITIES = (ActorAdded, SourceAdded, ActorsMerged, ActorsDistinguished)


@st.composite
def edits(draw: st.DrawFn) -> tuple[list[NewEvent], list[dict[str, Any] | None]]:
    """Reports that can be recorded in `WORLD`, and what becomes of each in an edited file.

    That is the fields that change, as a record file gives them; None where it is deleted.
    """
    reports = st.one_of(*_REPORTS).filter(lambda event: not isinstance(event, _IDENTITIES))
    evidence = st.lists(st.builds(Evidence, _SOURCES, chain=_CHAINS), min_size=1, max_size=2)
    news, changes = [], []
    for number, event in enumerate(draw(st.lists(reports, min_size=1, max_size=6))):
        new = NewEvent(event, f"world/e{number}", None, draw(_OCCURRED), draw(evidence))
        news.append(new)
        correction = draw(st.none() | _correction(new))
        # What an event is about stays: it would have to move to another stream.
        subject = event_type(type(event)).subject
        edited = {} if correction is None else dict(correction.changes)
        edited.pop(subject, None)
        changes.append(draw(st.sampled_from([edited, edited, None])))
    return news, changes


def _amendments(earlier: list[NewEvent]) -> list[st.SearchStrategy[Any]]:
    if not earlier:
        return []
    ids = st.sampled_from([new.id for new in earlier])
    targets = st.lists(ids, min_size=1, max_size=2).map(lambda some: [*dict.fromkeys(some)])
    retractions = st.builds(EventRetracted, targets, st.just("It was not so."))
    others = [
        st.builds(EventCorroborated, targets),
        st.builds(
            DisagreementNoted,
            _SENTENCES,
            st.lists(st.builds(Side, _SENTENCES, targets), min_size=2, max_size=2),
            proposal=st.none() | _PROPOSALS,
            meeting=_MAYBE_MEETING,
        ),
        st.builds(StatementMade, _ACTORS, _SENTENCES, about=_ABOUT, disputes=targets),
    ]
    reports = [new for new in earlier if not isinstance(new.event, Amendments.CLASSES)]
    corrections = st.sampled_from(reports).flatmap(_correction)
    # Several times each: beside the many kinds of reports they would be rare.
    return [*others, *[retractions, corrections] * 3] if reports else [*others, retractions]


def _correction(new: NewEvent) -> st.SearchStrategy[EventCorrected]:
    fields = {field.name for field in attrs.fields(type(new.event))}
    right = {name: values for name, values in _RIGHT.items() if name in fields}
    if getattr(new.event, "positions", ()):  # each is towards some proposal
        right["about"] = _ABOUT.filter(bool)
    if new.evidence:
        right["evidence"] = _RIGHT_EVIDENCE
    if isinstance(new.event, MilestoneReached):
        right["by"] = st.lists(_ACTORS, max_size=2)
    changes = st.fixed_dictionaries({}, optional={"occurred": _DATED} | right).filter(bool)
    return st.builds(EventCorrected, st.just([new.id]), st.just("It was otherwise."), changes)
