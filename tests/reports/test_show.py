"""One entry in full, by its id, whatever it is."""

from collections.abc import Iterator

import pytest

from timeline import (
    Actor,
    DisagreementNoted,
    DocumentSigned,
    EventCorrected,
    Link,
    MeetingHeld,
    NotFound,
    PlanAnnounced,
    ProposalMade,
    Side,
    Source,
    StatementMade,
    Timeline,
)
from timeline.reports.attendance import AttendanceReport
from timeline.reports.documents import DocumentsReport
from timeline.reports.dossier import DossierReport
from timeline.reports.initiative import InitiativeReport
from timeline.reports.show import ShowReport


@pytest.fixture(scope="module")
def timeline() -> Iterator[Timeline]:
    with Timeline.open("sqlite://", metadata={"recorded_by": "clerk"}) as opened:
        opened.add(
            Actor("gazette", "organisation", "The Gazette"),
            Actor("ann", "person", "Ann Minister"),
            Source("g", publisher="gazette", title="On works", address="https://g.test/1"),
        )
        made = ProposalMade("works", "Works", by="ann", text="Works.", parties=["ann"])
        opened.append(made, id="made", occurred="2023-01", source="g")
        opened.append(MeetingHeld("talks", "Talks"), id="held", occurred="2023-02", source="g")
        opened.append(
            StatementMade("ann", "A great work.", about=["works"]),
            id="said",
            occurred="2023-03-01",
            source="g",
            at="paragraph 2",
            excerpt="It is great.",
            according_to=["gazette", Link("ann", "quoted")],
        )
        opened.append(EventCorrected(["said"], "misheard", {"text": "A good work."}), id="mended")
        denied = StatementMade("gazette", "He said nothing.", disputes=["said"])
        opened.append(denied, id="denied", occurred="2023-03-02", source="g")
        sides = [Side("He spoke.", ["said"]), Side("He did not.", ["denied"])]
        opened.append(DisagreementNoted("Did he speak?", sides), id="noted")
        opened.append(
            PlanAnnounced("stone", "A stone", by="ann", text="A stone."), id="planned", source="g"
        )
        opened.append(DocumentSigned("deal", "Deal", ["ann"], "A deal."), id="signed", source="g")
        opened.append(MeetingHeld("third", "Third", series="rounds"), id="round", source="g")
        yield opened


def test_an_event_shows_its_fields_its_evidence_and_what_amends_it(timeline: Timeline) -> None:
    report = timeline.show("said")

    assert isinstance(report, ShowReport)
    fields = {line.field: line.value for line in report.fields}
    assert (fields["position"], fields["occurred"]) == ("6", "2023-03-01")
    assert (fields["speaker"], fields["text"], fields["about"]) == (
        "Ann Minister",
        "A great work.",
        "works",
    )
    assert "meeting" not in fields
    assert [(line.event, line.what, line.reason) for line in report.amendments] == [
        ("mended", "corrected", "misheard"),
        ("denied", "disputed by The Gazette", "He said nothing."),
        ("noted", "at odds: Did he speak?", None),
    ]
    (row,) = report.to_csv("Evidence").splitlines()[1:]
    for part in ("https://g.test/1", "paragraph 2", "It is great.", "→ Ann Minister (quoted)"):
        assert part in row


def test_a_correction_does_not_correct_itself(timeline: Timeline) -> None:
    assert timeline.show("mended").corrections == ()
    assert [line.event for line in timeline.show("said").corrections] == ["mended"]


def test_a_source_shows_what_it_is(timeline: Timeline) -> None:
    report = timeline.show("g")

    assert isinstance(report, ShowReport)
    *fields, recorded, by = report.fields
    assert [(line.field, line.value) for line in fields] == [
        ("publisher", "The Gazette"),
        ("title", "On works"),
        ("address", "https://g.test/1"),
        ("grade", "ordinary"),
    ]
    assert (recorded.field, by.field, by.value) == ("recorded", "recorded_by", "clerk")


@pytest.mark.parametrize(
    ("id", "kind"),
    [
        ("ann", DossierReport),
        ("talks", AttendanceReport),
        ("works", InitiativeReport),
        ("rounds", AttendanceReport),
        ("deal", DocumentsReport),
    ],
)
def test_other_things_are_shown_by_their_own_report(
    timeline: Timeline, id: str, kind: type
) -> None:
    assert isinstance(timeline.show(id), kind)


def test_a_plan_is_shown_by_the_event_that_announced_it(timeline: Timeline) -> None:
    report = timeline.show("stone")
    assert isinstance(report, ShowReport)
    assert report.id == "planned"


def test_what_a_view_leaves_out_is_not_shown(timeline: Timeline) -> None:
    with pytest.raises(NotFound):
        timeline.as_of(position=5).show("said")


def test_an_id_that_is_nearly_right_is_named(timeline: Timeline) -> None:
    with pytest.raises(NotFound, match=r"'wroks' is in view\. Did you mean works\?"):
        timeline.show("wroks")
