"""Sources as references: CSL-JSON and BibTeX, for reference managers and word processors.

CSL-JSON (https://docs.citationstyles.org/, schema `csl-data.json`) knows dates in parts, about, and
in ranges. BibTeX gets `date` in EDTF, which biblatex reads, beside the `year` and `month` of old.
What neither can say of a date stands in the note, as does that a source was not read itself.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from typing import Any, Literal

from timeline.dates import When
from timeline.engine.projection import View
from timeline.projections.directory import SourceRow
from timeline.reports.citations import Citer
from timeline.reports.render.notes import inert

Form = Literal["csl", "bibtex"]

_PART = r"\d{4}(?:-\d\d(?:-\d\d)?)?"
_DATE = re.compile(rf"({_PART})([~?%]?)(?:/({_PART})([~?%]?))?\Z", re.ASCII)
_CLOCK = re.compile(r"(\d{4}-\d\d-\d\d)[T ]\d[^/]*\Z", re.ASCII)
"""A day with an hour: references give days."""

_SEASONS = range(21, 25)  # spring, summer, autumn and winter, as months of EDTF

_LATEX = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        # Escaped by a backslash they would still be counted by BibTeX, and end the field.
        "{": r"\textbraceleft{}",
        "}": r"\textbraceright{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        **{sign: f"\\{sign}" for sign in "#$%&_"},
    }
)
_ENCODED = str.maketrans({sign: f"%{ord(sign):02X}" for sign in "{}\\"})


def bibliography(view: View, form: Form, only: Collection[str] | None = None) -> str:
    """The sources of a view in order of their ids, which are the keys.

    Args:
        view: what is in view.
        form: `csl` for CSL-JSON, `bibtex` for BibTeX.
        only: the ids of those wanted; all unless given.
    """
    citer = Citer(view)
    rows = [row for row in view.all(SourceRow) if only is None or row.source in only]
    named = [(row, inert(citer.name(row.publisher).name)) for row in rows]
    if form == "bibtex":
        return "\n".join(_entry(row, publisher) for row, publisher in named)
    return json.dumps([_item(*entry) for entry in named], ensure_ascii=False, indent=2) + "\n"


# --- CSL-JSON -------------------------------------------------------------------------------------


def _item(row: SourceRow, publisher: str) -> dict[str, Any]:
    made = {
        "id": row.source,
        "type": "webpage" if row.address else "document",
        "title": _line(row.title),
        "container-title": publisher if row.address else None,
        "publisher": publisher,
        "issued": _csl_date(row.published),
        "accessed": _csl_date(row.retrieved),
        "URL": row.address,
        "language": row.language,
        "note": " ".join(_notes(row)),
    }
    return {name: value for name, value in made.items() if value}


def _csl_date(when: When | None) -> dict[str, Any] | None:
    if when is None:
        return None
    match = _DATE.match(_day(when))
    if match is None:
        return {"literal": when.words}
    first, doubt, last, other = match.groups()
    begins, season = _parts(first)
    ends, late_season = _parts(last) if last else (None, None)
    if late_season or (season and last):
        return {"literal": when.words}
    made: dict[str, Any] = {"date-parts": [begins, ends] if ends else [begins]}
    made |= {"season": season} if season else {}
    return made | ({"circa": True} if doubt or other else {})


def _day(when: When) -> str:
    """The date as EDTF, without an hour."""
    return _CLOCK.sub(r"\1", when.text)


def _parts(date: str) -> tuple[list[int], int | None]:
    """Year, month and day as far as they are known; and the season, from 1 for spring."""
    parts = [int(part) for part in date.split("-")]
    if len(parts) == 2 and parts[1] in _SEASONS:
        return parts[:1], parts[1] - _SEASONS[0] + 1
    return parts, None


# --- BibTeX ---------------------------------------------------------------------------------------


def _entry(row: SourceRow, publisher: str) -> str:
    fields = {
        # In braces of their own, so that no style changes capitals or takes a name apart.
        "author": f"{{{_latex(publisher)}}}",
        "title": f"{{{_latex(row.title)}}}",
        **dict(_bibtex_dates(row)),
        "url": row.address and row.address.translate(_ENCODED),
        "language": row.language and _latex(row.language),
        "note": _latex(" ".join(_notes(row))),
    }
    lines = [f"  {name} = {{{value}}}," for name, value in fields.items() if value]
    return "\n".join([f"@misc{{{row.source},", *lines, "}", ""])


def _bibtex_dates(row: SourceRow) -> Iterator[tuple[str, str]]:
    if row.published is not None and (found := _DATE.match(_day(row.published))):
        yield "date", _day(row.published)
        parts, season = _parts(found[1])
        yield "year", f"{parts[0]:04}"
        if len(parts) > 1 and not season:
            yield "month", str(parts[1])
    if row.retrieved is not None and re.match(rf"{_PART}\Z", _day(row.retrieved)):
        yield "urldate", _day(row.retrieved)


def _latex(text: str) -> str:
    return _line(text).translate(_LATEX)


# --- Both -----------------------------------------------------------------------------------------


def _line(text: str) -> str:
    return " ".join(inert(text).split())


def _notes(row: SourceRow) -> Iterator[str]:
    """What a reader must know who follows the reference."""
    if row.withdrawn:
        yield f"Withdrawn: {_line(row.withdrawn).rstrip('.')}."
    if row.cited_in:
        yield f"Not read; cited in {row.cited_in}."
    if row.copies:
        yield f"Carries the text of {row.copies}."
    if row.published is None:
        yield "Undated."
    elif _CLOCK.match(row.published.text):
        yield f"Published {row.published.words}."
    elif not re.match(rf"{_PART}\Z", row.published.text):
        yield f"Date uncertain: {row.published.words}."
    if row.grade == "low":
        yield "Trusted little."
    if row.note:
        yield _line(row.note)
