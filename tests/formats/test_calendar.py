"""Meetings as iCalendar, read back by the library that others read it with."""

import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from icalendar import Calendar, Event
from strategies import WHENS

from timeline import (
    Actor,
    Attendance,
    EventRetracted,
    MeetingAnnounced,
    MeetingCalledOff,
    MeetingHeld,
    MeetingRescheduled,
    NotFound,
    Source,
    Timeline,
)
from timeline.cli import cli
from timeline.dates import When
from timeline.errors import MissingExtra
from timeline.formats.calendar import _span

NASTY = "Talks; on \\ports, and\nBEGIN:VEVENT <script>"


@pytest.fixture(scope="module")
def record() -> Iterator[Timeline]:
    with Timeline.open("sqlite://") as timeline:
        timeline.add(
            Actor("gazette", "organisation", "The Gazette"),
            Actor("north", "state", "Northland"),
            Actor("south", "state", "Südland"),
            Actor("ann", "person", "Ann Ämter"),
            Source(
                "article",
                publisher="gazette",
                title="Talks at last",
                address="https://gazette.example/a,b;c",
                published="2024-06-03",
            ),
            Source("note", publisher="gazette", title="A note"),
        )
        held = {
            "day": "2024-06-01",
            "days": "2024-06-01/2024-06-02",
            "hour": "2024-06-01T14:40+03:00",
            "minute": "2024-06-01 14:40+03:00",
            "hours": "2024-06-01T14:40+03:00/2024-06-01T16:00+03:00",
            "month": "2024-06",
            "about": "2023-10~",
            "season": "2024-21",
            "open": "2024-06-01/..",
            "yearless": "XXXX-06-01",
            "undated": None,
        }
        for name, when in held.items():
            timeline.append(
                MeetingHeld(f"on-{name}", f"A meeting on {name}", series="all"),
                occurred=when,
                source="article",
            )
        timeline.append(
            MeetingHeld(
                "nasty",
                NASTY,
                place="Hall; 2, south",
                text="They " + "talked and " * 40,
                attendance=[
                    Attendance("ann", "attended", represents="north"),
                    Attendance("south", "absent"),
                ],
            ),
            occurred="2024-06-05",
            source="article",
            at="paragraph 3",
        )
        timeline.append(
            MeetingAnnounced("to-come", "A meeting to come", planned="2030-01"), source="note"
        )
        timeline.append(MeetingAnnounced("off", "Not to be", planned="2030-02-01"), source="note")
        timeline.append(MeetingCalledOff("off"), source="note", occurred="2024-06-01")
        timeline.append(MeetingHeld("two", "Two dates"), occurred="2024-06-01", source="note")
        timeline.append(MeetingHeld("two", "Two dates"), occurred="2024-06-09", source="article")
        yield timeline


@pytest.fixture(scope="module")
def events(record: Timeline) -> dict[str, Any]:
    read = Calendar.from_ical(record.calendar())
    return {str(event["uid"]): event for event in read.walk("VEVENT")}


def of(events: dict[str, Any], meeting: str) -> Any:
    return events[f"meeting-{meeting}@timeline"]


# The end of a day is the next day, as calendars have it.
SPANS: dict[str, tuple[Any, Any]] = {
    "on-day": (date(2024, 6, 1), date(2024, 6, 2)),
    "on-days": (date(2024, 6, 1), date(2024, 6, 3)),
    "on-hour": (datetime(2024, 6, 1, 11, 40, tzinfo=UTC), None),
    "on-minute": (datetime(2024, 6, 1, 11, 40, tzinfo=UTC), None),
    "on-hours": (
        datetime(2024, 6, 1, 11, 40, tzinfo=UTC),
        datetime(2024, 6, 1, 13, 0, tzinfo=UTC),
    ),
    "on-month": (date(2024, 6, 1), date(2024, 7, 1)),
    "on-about": (date(2023, 10, 1), date(2023, 11, 1)),
    "on-season": (date(2024, 3, 1), date(2024, 6, 1)),
    "on-open": (date(2024, 6, 1), date(2024, 6, 2)),
    "to-come": (date(2030, 1, 1), date(2030, 2, 1)),
    "two": (date(2024, 6, 1), date(2024, 6, 10)),
}


@pytest.mark.parametrize("meeting", SPANS)
def test_an_event_spans_the_days_that_are_known(events: dict[str, Any], meeting: str) -> None:
    event = of(events, meeting)
    begins, ends = SPANS[meeting]

    assert event["dtstart"].dt == begins
    assert ("dtend" in event and event["dtend"].dt) == (ends or False)


@pytest.mark.parametrize(
    ("meeting", "doubt"),
    [
        ("on-day", None),
        ("on-days", None),
        ("on-hour", None),
        ("on-minute", None),
        ("on-month", "June 2024"),
        ("on-about", "about October 2023"),
        ("on-season", "spring 2024"),
        ("on-open", "from 1 June 2024"),
        ("to-come", "January 2030"),
        ("two", "1 June 2024 or 9 June 2024"),
    ],
)
def test_a_date_that_is_uncertain_says_so(
    events: dict[str, Any], meeting: str, doubt: str | None
) -> None:
    summary = of(events, meeting)["summary"]

    if doubt is None:
        assert "uncertain" not in summary
    else:
        assert summary.endswith(f" (date uncertain: {doubt})")
    assert f"Date: {doubt or ''}" in of(events, meeting)["description"]


def test_what_cannot_stand_in_a_calendar_is_named(record: Timeline, events: Any) -> None:
    told = str(Calendar.from_ical(record.calendar())["description"])

    assert "Left out, since no year is known:" in told
    assert "- A meeting on yearless (1 June of an unknown year)" in told
    assert "- A meeting on undated (undated)" in told
    assert record.store.head().digest.hex() in told
    assert not {"meeting-on-yearless@timeline", "meeting-on-undated@timeline"} & events.keys()


def test_status_tells_what_came_of_it(events: dict[str, Any]) -> None:
    found = {meeting: str(of(events, meeting)["status"]) for meeting in ("nasty", "to-come", "off")}

    assert found == {"nasty": "CONFIRMED", "to-come": "TENTATIVE", "off": "CANCELLED"}
    assert all(event["transp"] == "TRANSPARENT" for event in events.values())


def test_attendance_and_evidence_stand_in_the_description(events: dict[str, Any]) -> None:
    event = of(events, "nasty")
    told = str(event["description"])

    assert "- Northland: attended (Ann Ämter)\n" in told
    assert "- Südland: absent\n" in told
    assert "The Gazette: “Talks at last”, 3 June 2024, paragraph 3, https://gazette" in told
    assert "attendee" not in event
    assert event["url"] == "https://gazette.example/a,b;c"
    assert "url" not in of(events, "off")


def test_text_stays_text(record: Timeline, events: dict[str, Any]) -> None:
    event = of(events, "nasty")

    assert event["summary"] == "Talks; on \\ports, and\nBEGIN:VEVENT <script>"
    assert event["location"] == "Hall; 2, south"
    lines = record.calendar().split(b"\r\n")
    assert max(map(len, lines)) <= 75
    assert sum(line == b"BEGIN:VEVENT" for line in lines) == len(events)
    assert b"\x1b" not in record.calendar()
    assert "\u202e".encode() not in record.calendar()


def test_the_sequence_rises_with_whatever_is_said_of_a_meeting() -> None:
    with Timeline.open("sqlite://") as timeline:
        timeline.add(
            Actor("gazette", "organisation", "The Gazette"),
            Source("article", publisher="gazette", title="Talks"),
        )

        def sequence() -> int:
            calendar: Any = Calendar.from_ical(timeline.calendar(meeting="m"))
            (event,) = calendar.walk("VEVENT")
            assert event["UID"] == "meeting-m@timeline"
            return int(event["SEQUENCE"])

        timeline.append(
            MeetingAnnounced("m", "Talks", planned=When("2031-03-01")), source="article"
        )
        first = sequence()
        timeline.append(MeetingRescheduled("m", When("2031-03-05")), source="article", id="moved")
        moved = sequence()
        timeline.add(Actor("north", "state", "Northland"))
        unmoved = sequence()
        timeline.append(EventRetracted(("moved",), "a mistake"))
        retracted = sequence()

    assert first < moved == unmoved < retracted


def test_an_hour_without_a_zone_is_a_day() -> None:
    assert _span(["2031-03-01T17:39"]) == (date(2031, 3, 1), date(2031, 3, 2))
    assert _span(["2031-03-01T01:00+06:00", "2031-03-02"]) == (
        date(2031, 3, 1),
        date(2031, 3, 3),
    )


def test_made_again_it_is_the_same_to_the_byte(record: Timeline) -> None:
    position = record.store.head().position

    first = record.calendar()
    assert record.calendar() == first
    assert record.as_of(position=position).calendar() == first
    stamps = {event["dtstamp"].dt for event in Calendar.from_ical(first).walk("VEVENT")}
    recorded = {each.recorded_at.replace(microsecond=0) for each in record.log()}
    assert stamps <= recorded


def test_a_calendar_as_of_a_moment_and_of_a_series(record: Timeline) -> None:
    earlier = Calendar.from_ical(record.as_of(position=8).calendar()).walk("VEVENT")
    assert {str(event["uid"]) for event in earlier} == {
        "meeting-on-day@timeline",
        "meeting-on-days@timeline",
    }
    series = Calendar.from_ical(record.calendar(series="all"))
    assert len(series.walk("VEVENT")) == 9
    assert series["name"] == "Meetings: all"
    with pytest.raises(NotFound):
        record.calendar(meeting="nowhere")


@given(WHENS)
def test_every_date_gives_an_event_or_none(when: When) -> None:
    span = _span([when.text])

    if span is None:
        assert when.earliest is None
        assert when.latest is None
        return
    event = Event()
    event.add("dtstart", span[0])
    if span[1] is not None:
        event.add("dtend", span[1])
        assert span[0] <= span[1]  # type: ignore[operator]  # both days, or both instants
    read = Event.from_ical(event.to_ical())
    assert read["dtstart"].dt == span[0]


def test_without_the_library_the_extra_is_named(
    record: Timeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "icalendar", None)

    with pytest.raises(MissingExtra, match="pip install 'icalendar>="):
        record.calendar()


def test_from_the_command_line(tmp_path: Path) -> None:
    fixture = next((Path(__file__).parents[2] / "fixtures/strait-ferry").glob("*.yaml"))
    url, file = f"sqlite:///{tmp_path / 'ferry.db'}", tmp_path / "ferry.ics"

    def run(*args: Any, code: int = 0) -> Any:
        result = CliRunner().invoke(cli, ["--db", url, *map(str, args)])
        assert result.exit_code == code, result.output
        return result

    run("ingest", fixture)
    run("export", "calendar", "--series", "strait-council", "-o", file)
    read = Calendar.from_ical(file.read_bytes())
    assert len(read.walk("VEVENT")) == 2
    spring = run("export", "calendar", "--published-by", "1994-05").stdout_bytes
    assert [str(event["uid"]) for event in Calendar.from_ical(spring).walk("VEVENT")] == [
        "meeting-strait-council-1994-spring@timeline"
    ]
    assert "no meeting 'x'" in run("export", "calendar", "--meeting", "x", code=1).stderr
