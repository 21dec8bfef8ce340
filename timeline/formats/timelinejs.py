"""Initiatives as JSON for Knight Lab's TimelineJS (https://timeline.knightlab.com/docs/json-format).

A slide an event, or a meeting, with its sources. TimelineJS shows `text` as HTML, so all that comes
from the record is escaped; and it decodes groups and dates before it shows them, so these have
no character that could begin a tag. It needs a year: what has none is named on the first slide.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from html import escape
from typing import Any

import attrs

from timeline.dates import When
from timeline.errors import NotFound
from timeline.reports.citations import Citation, Named, Support
from timeline.reports.initiative import InitiativeReport
from timeline.reports.layout import in_words
from timeline.reports.render.notes import inert

_Object = dict[str, Any]

_PLAIN = re.compile(r"\d{4}(-(0\d|1[0-2])(-\d\d)?)?\Z", re.ASCII)
_INSTANT = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d)[:.\d]*(Z|[+-][\d:]+)\Z", re.ASCII)
_WEB = re.compile(r"https?://[!-~]+\Z", re.ASCII)


def timelinejs(reports: Sequence[InitiativeReport]) -> str:
    """The JSON of one or several initiatives; the same reports give the same text.

    With one, slides are grouped by the party that speaks or acts; with several, by initiative.

    Raises:
        NotFound: none of it has a date with a year.
    """
    grouped = len(reports) > 1
    all_slides = [slide for report in reports for slide in _slides(report, grouped=grouped)]
    unique = {slide.id: slide for slide in reversed(all_slides)}
    slides = sorted(unique.values(), key=lambda slide: (slide.sort_key, slide.id))
    shown = [slide for slide in slides if slide.start is not None]
    if not shown:
        raise NotFound("nothing is in view that has a date with a year, which TimelineJS needs")
    ids = _ids(shown)
    title = _title(reports, [slide for slide in slides if slide.start is None])
    events = [_event(slide, ids[slide.id]) for slide in shown]
    made = {"title": title, "events": events, "scale": "human"}
    # So that it can stand within a page's <script> as it is.
    return json.dumps(made, ensure_ascii=False, indent=2).replace("</", "<\\/")


@attrs.frozen
class _Slide:
    """What a slide shows, before it is HTML."""

    id: str
    dates: tuple[str, ...]
    headline: str
    group: str
    evidence: tuple[Citation, ...]
    texts: tuple[str, ...] = ()
    quotes: tuple[str, ...] = ()

    @property
    def times(self) -> list[When]:
        return [When(date) for date in self.dates]

    @property
    def start(self) -> datetime | None:
        starts = [time.earliest or time.latest for time in self.times]
        return min((start for start in starts if start is not None), default=None)

    @property
    def end(self) -> datetime | None:
        ends = [time.latest or time.earliest for time in self.times]
        return max((end for end in ends if end is not None), default=None)

    @property
    def sort_key(self) -> tuple[bool, str]:
        return self.start is None, self.start.isoformat() if self.start else ""


# --- From a report to slides ----------------------------------------------------------------------


def _slides(report: InitiativeReport, *, grouped: bool) -> Iterator[_Slide]:
    """A slide for each event and meeting of an initiative, by the fullest account of each."""
    seen: set[str] = set()
    for slide in (*_said(report), *_meetings_and_plans(report), *_others(report)):
        if slide.id not in seen:
            seen.add(slide.id)
            yield attrs.evolve(slide, group=report.title) if grouped else slide


def _said(report: InitiativeReport) -> Iterator[_Slide]:
    for made in report.proposals:
        by = _together((made.by, *made.jointly_with))
        texts = (made.text, *_place(made.place))
        yield _of_event(made, f"Proposed by {by}", by, texts, made.quotes)
    for said in report.statements:
        whom = f", for {said.spoke_for}" if said.spoke_for else ""
        group = str(said.spoke_for or said.speaker)
        texts = (said.text, *_place(said.place))
        yield _of_event(said, f"{said.speaker}{whom}", group, texts, said.quotes)
    for talks in report.talks:
        who = _together(talks.participants)
        yield _of_event(talks, f"Talks: {who}" if who else "Talks", "Talks", (talks.text,))


def _meetings_and_plans(report: InitiativeReport) -> Iterator[_Slide]:
    for meeting in report.meetings:
        state = "" if meeting.state == "held" else f" ({meeting.state})"
        yield _Slide(
            id=f"meeting-{meeting.meeting}",
            dates=meeting.held_on,
            headline=f"{meeting.shown_title}{state}",
            texts=(*meeting.notes, *_place(" or ".join(meeting.place))),
            group="Meetings",
            evidence=meeting.evidence,
        )
    for plan in report.plans:
        if plan.kind != "meeting":
            when = plan.due or plan.announced
            yield _Slide(
                id=f"plan-{plan.id}",
                dates=(when,) if when else (),
                headline=f"{plan.title} ({plan.state})",
                texts=(plan.text,) if plan.text else (),
                group="Plans",
                evidence=plan.evidence,
            )


def _others(report: InitiativeReport) -> Iterator[_Slide]:
    """What has no table of its own in the report: answers, amendments, adoptions, withdrawals."""
    for stage in report.stages:
        yield _of_event(stage, f"{stage.stage.capitalize()}: {report.title}", "", (stage.text,))
    for taken in report.positions:
        group = str(taken.spoke_for or taken.speaker)
        yield _of_event(taken, f"{taken.speaker}: {taken.stance}", group, (taken.text,))
    for term in report.terms:
        yield _of_event(term, f"{term.by}: {term.name}", str(term.by), (term.value,))


def _of_event(
    line: Any, headline: str, group: str, texts: tuple[str, ...], quotes: tuple[str, ...] = ()
) -> _Slide:
    evidence: tuple[Citation, ...] = line.evidence
    dates = (line.occurred,) if line.occurred else ()
    return _Slide(evidence[0].event, dates, headline, group, evidence, texts, quotes)


def _together(who: Iterable[Named]) -> str:
    return ", ".join(map(str, who))


def _place(place: str | None) -> tuple[str, ...]:
    return (f"Place: {place}.",) if place else ()


# --- From slides to JSON --------------------------------------------------------------------------


def _event(slide: _Slide, id: str) -> _Object:
    made: _Object = {"unique_id": id, **_dates(slide)}
    if slide.group:
        made["group"] = _label(slide.group)
    made["text"] = {"headline": _safe(slide.headline), "text": _html(slide)}
    # Addresses in a source's own words stay words.
    return made | {"autolink": False}


def _dates(slide: _Slide) -> _Object:
    start, end = slide.start, slide.end
    assert start is not None
    text = " or ".join(slide.dates)
    if _PLAIN.match(text):
        # Said as precisely as it is known, TimelineJS shows it in the reader's language.
        names = ("year", "month", "day")
        return {"start_date": dict(zip(names, map(int, text.split("-")), strict=False))}
    made: _Object = {"start_date": _day(start)}
    if instant := _INSTANT.match(text):
        day, clock, zone = instant.groups()
        made["start_date"] = _day(datetime.fromisoformat(day)) | _clock(clock)
        return made | {"display_date": f"{day}, {clock} ({'UTC' if zone == 'Z' else zone})"}
    if end is not None and end - start > timedelta(days=1):
        made["end_date"] = _day(end)
    return made | {"display_date": _label(" or ".join(When(date).words for date in slide.dates))}


def _day(moment: datetime) -> _Object:
    return {"year": moment.year, "month": moment.month, "day": moment.day}


def _clock(text: str) -> _Object:
    hour, minute = map(int, text.split(":"))
    return {"hour": hour, "minute": minute}


def _html(slide: _Slide) -> str:
    parts = [f"<p>{_safe(text)}</p>" for text in slide.texts]
    parts += [f"<blockquote>{_safe(quote)}</blockquote>" for quote in slide.quotes]
    sources = dict.fromkeys(
        _source(support) for cited in slide.evidence for support in cited.sources
    )
    if sources:
        items = "".join(f"<li>{source}</li>" for source in sources)
        parts.append(f"<p>Sources:</p><ul>{items}</ul>")
    return "".join(parts)


def _source(support: Support) -> str:
    title = _safe(f"“{support.title}”")
    if support.address and _WEB.match(support.address):
        title = f'<a href="{escape(support.address)}">{title}</a>'
    after = [in_words(support.published), *([support.at] if support.at else [])]
    return f"{_safe(str(support.publisher))}: {title}, {_safe(', '.join(after))}"


def _title(reports: Sequence[InitiativeReport], undated: Sequence[_Slide]) -> _Object:
    text = [f"<p>{_safe(f'{report.title}: {report.stage.stage}')}</p>" for report in reports]
    if undated:
        items = "".join(f"<li>{_safe(_in_a_line(slide))}</li>" for slide in undated)
        text.append(f"<p>Not shown, since no year is known:</p><ul>{items}</ul>")
    text.append(f"<p>{_safe(str(reports[0].standing))}</p>")
    headline = reports[0].title if len(reports) == 1 else "Initiatives"
    return {
        "unique_id": "title",
        "text": {"headline": _safe(headline), "text": "".join(text)},
        "autolink": False,
    }


def _in_a_line(slide: _Slide) -> str:
    dates = f" ({' or '.join(time.words for time in slide.times)})" if slide.dates else ""
    return ": ".join((f"{slide.headline}{dates}", *slide.texts[:1]))


def _ids(slides: Iterable[_Slide]) -> dict[str, str]:
    """Ids that can stand in addresses as they are: TimelineJS links to slides by them."""
    taken: dict[str, str] = {}
    found: dict[str, str] = {}
    for slide in slides:
        plain = re.sub(r"[^A-Za-z0-9-]", "_", slide.id)
        id, number = plain, 1
        while id in taken:
            number += 1
            id = f"{plain}_{number}"
        taken[id] = found[slide.id] = id
    return found


def _safe(text: str) -> str:
    return escape(inert(text))


def _label(text: str) -> str:
    """Text for where TimelineJS decodes entities, and shows what it finds there as HTML."""
    return inert(text).translate({ord("<"): "‹", ord(">"): "›", ord("&"): "+"})
