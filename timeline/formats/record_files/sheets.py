"""Sheets: a claim a row, in a workbook of Excel's format or as CSV or TSV, and back.

A row becomes an entry in the short form, with the cells under their columns. A workbook also has
sheets of actors, of sources and of what holds for the whole record.
"""

from __future__ import annotations

import csv
import io
import re
import stat
import typing
from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import attrs
import msgspec

from timeline.errors import InvalidRecord
from timeline.formats.files import openpyxl
from timeline.formats.record_files.names import slug
from timeline.formats.record_files.resolving import KINDS
from timeline.formats.record_files.short_form import ALSO, ATTENDANCE, DEFAULTS, VERBS
from timeline.formats.record_files.tree import BROKEN, Node, not_among, shown

SUFFIXES = frozenset({".xlsx", ".csv", ".tsv"})
"""How the names of sheets end."""

_LARGEST = 32 * 1024 * 1024
MOST_ROWS = 100_000
_HEAD_ROWS = 10
"""Rows among which that of the headings is looked for; titles may stand above it."""

_FIRST_DAY = date(1899, 12, 30)
"""The day 0 of spreadsheets."""

EVENTS = {
    "date": "When: 2022-11-28, 28 November 2022, late 2022, Q4 2023.",
    "kind": f"What it is: {', '.join(VERBS)}.",
    "who": "Who says or does it: NAME, or NAME, OFFICE. Several with ; between them.",
    "what": "What is said or done, in your own words; the title of a meeting or a plan.",
    "details": "What is said of it beside the title, in your own words.",
    "about": "The initiatives that it concerns, with ; between them.",
    "with": "With whom: parties, participants. NAME for COUNTRY, if you know.",
    "for": "On whose behalf one said or answered, or of what body one holds or belongs.",
    "to": "To whom.",
    "where": "The place.",
    "stance": "favourable, conditional, noncommittal, opposed; NAME: STANCE; NAME: STANCE (WHY); "
    "accepted, … of an answer.",
    "meeting": "The meeting it belongs to.",
    "due": "When a plan or a meeting is to be.",
    "source": "The address of the page, or the id or title of a source in the sheet of sources.",
    "publisher": "Who published it, if it is not in the sheet of sources.",
    "published": "When it was published.",
    "at": "The place in the source: paragraph 3.",
    "quote": "A short passage, as printed.",
    "chain": "From the publisher back to the speaker: A > B, OFFICE (quoted) > C.",
    "note": "Anything a reader should know of this support.",
    "own words": "Short phrases of the speaker's own, with ; between them.",
    "topics": "What else it is about, with ; between them.",
    "form": "Of a meeting: summit, session, bilateral, talks, call, visit, briefing.",
    "series": "Of a meeting: the series that it belongs to.",
    "within": "Of a meeting: the one beside which it is held.",
    "complete": "yes, if the row names all who were there, or all who were invited.",
    "terms": "What is proposed, NAME: WHAT, with ; between them.",
    "since": "Of an office or a membership: when it began.",
    "until": "When it ended.",
    "plan": "The plan it belongs to.",
    "id": "A name for the row, if you expect to correct it. Leave it empty otherwise.",
    "more": "Further fields of the event, as JSON. Exports use it.",
}
"""The columns of events, and what to write in them."""

ACTORS = {
    "id": "Its id; made of the name if empty.",
    "name": "The name to show.",
    "kind": f"{', '.join(KINDS)}.",
    "aliases": "Other names and spellings, with ; between them.",
}
SOURCES = {
    "id": "Its id, by which rows name it.",
    "publisher": "Who published it.",
    "title": "Its title.",
    "address": "Where it can be read.",
    "language": "en, ru, …",
    "published": "When it was published.",
    "retrieved": "When you read it.",
    "copies": "The source whose text it carries.",
    "cited_in": "The source that only mentions it.",
    "grade": "high, ordinary or low: how far it is trusted.",
    "sha256": "Of the bytes read.",
    "note": "Anything a reader should know.",
}
TABLES = {"events": EVENTS, "actors": ACTORS, "sources": SOURCES}
"""The sheets of a workbook and their columns."""

_SETTINGS = ("record", "dates", *DEFAULTS)
_KEYS = {"date": "on", "who": "by", "details": "text", "own words": "quotes"}
"""Keys of the short form, where columns are named otherwise."""

_OTHER_HEADINGS = {
    "with whom": "with",
    "source address": "source",
    "address": "source",
    "cited in": "cited_in",
    "when": "date",
    "place": "where",
}
DATES = frozenset({"date", "due", "published", "retrieved", "since", "until"})
"""Columns of dates."""

_LISTS = frozenset({"who", "with", "about", "to", "aliases", "own words", "topics"})


# --- Reading --------------------------------------------------------------------------------------


@attrs.frozen
class _Row:
    """A row of a sheet: its cells by their columns, and where it stands."""

    place: str
    cells: dict[str, str]

    def node(self, column: str, value: Any = None) -> Node:
        return Node.of(
            self.cells[column] if value is None else value,
            Node(None, 1, f"column {column}", self.place),
        )

    def whole(self, value: dict[str, Any]) -> Node:
        return Node.of(value, Node(None, 1, None, self.place))


def read_sheet(file: str) -> tuple[Node, list[InvalidRecord]]:
    """The entries of a sheet or a workbook, in the short form, and what is wrong with rows.

    `BROKEN` stands for a row that cannot be understood.

    Raises:
        InvalidRecord: it cannot be read, or its headings cannot be understood.
        MissingExtra: for a workbook, openpyxl is not installed.
    """
    tables = _workbook(file) if Path(file).suffix.lower() == ".xlsx" else _separated(file)
    root: dict[str, Any] = {"record": Node(slug(Path(file).stem), 1)}
    problems: list[InvalidRecord] = []
    for name, rows in tables.items():
        where = f"sheet {name}, " if len(tables) > 1 or name != "events" else ""
        if name == "record":
            root |= _settings(file, rows, problems)
        elif name == "events":
            root[name] = Node(_claims(file, _table(file, rows, name, where, problems), problems), 1)
        elif name in TABLES:
            make = _actor if name == "actors" else _source
            root[name] = Node([make(row) for row in _table(file, rows, name, where, problems)], 1)
    if "events" not in root:
        problem = f"expected a sheet with the columns kind and what; found {', '.join(tables)}"
        raise InvalidRecord(file, problem)
    return Node(root, 1), problems


def _workbook(file: str) -> dict[str, list[list[Any]]]:
    """The cells of each sheet. Without one of the name, the first is that of the events."""
    if _size(file) > _LARGEST:
        raise InvalidRecord(file, f"expected at most {_LARGEST:,} bytes. Split the workbook")
    try:
        book = openpyxl().load_workbook(file, read_only=True, data_only=True)
        sheets = {
            sheet.title: [list(row) for row in sheet.iter_rows(max_row=MOST_ROWS, values_only=True)]
            for sheet in book.worksheets
        }
        book.close()
    except Exception as error:  # noqa: BLE001  # of many classes, in the library and in what it uses
        problem = f"expected a workbook of Excel's format; it cannot be read: {error}"
        raise InvalidRecord(file, problem) from None
    named = {title.strip().casefold(): rows for title, rows in sheets.items()}
    if "events" not in named and named:
        first = next(iter(named))
        named = {"events" if title == first else title: rows for title, rows in named.items()}
    return named


def _separated(file: str) -> dict[str, list[list[Any]]]:
    """The cells of a file of CSV or TSV, as Excel, LibreOffice and Google Sheets write it."""
    try:
        data = Path(file).read_bytes() if _size(file) <= _LARGEST else b""
    except OSError as error:
        raise InvalidRecord(file, f"cannot be read: {error.strerror}") from None
    try:
        marked = data.startswith((b"\xff\xfe", b"\xfe\xff"))
        text = data.decode("utf-16" if marked else "utf-8-sig")
    except UnicodeDecodeError as error:
        problem = f"expected UTF-8; found the byte 0x{data[error.start]:02x}. Save it as CSV UTF-8"
        raise InvalidRecord(file, problem) from None
    text = re.sub(r"\Asep=(.)\r?\n", "", text)
    if not text.strip():
        problem = "expected a row of headings, among them kind and what; found an empty file"
        raise InvalidRecord(file, f"{problem}. `timeline new --sheet FILE.xlsx` writes an example")
    # The separator is the one that stands most often between headings.
    head = max(text.splitlines()[:_HEAD_ROWS], key=len, default="")
    separator = max(",;\t", key=head.count)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    return {"events": [list(row) for row in rows][:MOST_ROWS]}


def _size(file: str) -> int:
    try:
        state = Path(file).stat()
    except (OSError, ValueError) as error:
        problem = getattr(error, "strerror", None) or error
        raise InvalidRecord(file, f"cannot be read: {problem}") from None
    if stat.S_ISDIR(state.st_mode):
        raise InvalidRecord(file, "expected a file; found a folder")
    return state.st_size


def _table(
    file: str, rows: list[list[Any]], name: str, where: str, problems: list[InvalidRecord]
) -> Iterator[_Row]:
    """The rows below the headings, but for empty ones."""
    columns = TABLES[name]
    start, headings = _headings(file, rows, columns, where)
    for number, row in enumerate(rows[start:], start + 1):
        place = f"{where}row {number}"
        cells = {}
        for heading, value in zip(headings, row, strict=False):
            text = _text(value, is_date=heading in DATES)
            if text and heading is None:
                problem = f"expected a heading above {text!r:.60}; found none"
                problems.append(InvalidRecord(f"{file}: {place}", problem))
            elif text:
                cells[str(heading)] = text
        if cells:
            yield _Row(place, cells)


def _headings(
    file: str, rows: list[list[Any]], columns: dict[str, str], where: str
) -> tuple[int, list[str | None]]:
    """The number of the first row below the headings, and the column of each."""
    needed = {"kind", "what"} if columns is EVENTS else set(list(columns)[1:3])
    for number, row in enumerate(rows[:_HEAD_ROWS]):
        titles = [_text(value).casefold().rstrip("*: ") for value in row]
        named = [
            title if title in columns else _OTHER_HEADINGS.get(title, title) for title in titles
        ]
        if needed <= set(named):
            for title in filter(None, named):
                if title not in columns:
                    problem = not_among(title, list(columns), "the columns ")
                    raise InvalidRecord(f"{file}: {where}row {number + 1}", problem)
            return number + 1, [title or None for title in named]
    if not any(any(row) for row in rows):
        return len(rows), []
    first = ", ".join(filter(None, map(_text, next(filter(any, rows)))))
    wanted = " and ".join(sorted(needed))
    problem = f"expected a row of headings, among them {wanted}; found {shown(first)}"
    raise InvalidRecord(f"{file}: {where}row 1" if where else file, problem)


def _text(value: Any, *, is_date: bool = False) -> str:
    """What stands in a cell, as text."""
    if isinstance(value, datetime):
        whole_day = (value.hour, value.minute, value.second) == (0, 0, 0)
        return value.date().isoformat() if whole_day else value.isoformat(timespec="minutes")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = "" if value is None else str(value).strip()
    if is_date and re.fullmatch(r"[2-7]\d{4}", text):  # the number of a day, from 1954 on
        return (_FIRST_DAY + timedelta(days=int(text))).isoformat()
    return text


def _settings(file: str, rows: list[list[Any]], problems: list[InvalidRecord]) -> dict[str, Node]:
    """What holds for the whole record: a key and its value a row."""
    made = {}
    for number, row in enumerate(rows, 1):
        key, value = [*map(_text, row), "", ""][:2]
        if key and value:
            place = f"sheet record, row {number}"
            if key not in _SETTINGS:
                problem = not_among(key, list(_SETTINGS))
                problems.append(InvalidRecord(f"{file}: {place}", problem))
                continue
            made[key] = Node(value, 1, f"column {key}", place)
    return made


def _claims(file: str, rows: Iterable[_Row], problems: list[InvalidRecord]) -> list[Node]:
    """The claims of rows. A row with a source, and no claim, supports the claim above it."""
    made: list[Node] = []
    for row in rows:
        if not made or not row.cells.keys() <= _OF_SUPPORT:
            try:
                made.append(_event(file, row))
            except InvalidRecord as problem:
                problems.append(problem)
                made.append(BROKEN)
        elif made[-1] is not BROKEN:
            claim = typing.cast("dict[str, Node]", made[-1].value)
            further = row.whole(_cells(row) | _source_of(row))
            claim.setdefault(ALSO, Node([], 1)).value.append(further)  # type: ignore[union-attr]
    return made


def _event(file: str, row: _Row) -> Node:
    """A claim in the short form."""
    kind = row.cells.get("kind", "")
    if kind.casefold() not in VERBS and not re.fullmatch("[A-Z]+[a-z]+[A-Z][A-Za-z]*", kind):
        problem = not_among(kind, list(VERBS))
        raise InvalidRecord(f"{file}: {row.place}", problem, field="column kind")
    made = _cells(row) | _source_of(row)
    if "stance" in made and ":" in row.cells["stance"]:
        made["stance"] = row.node("stance", _pairs(row.cells["stance"]))
    if "terms" in made:
        made["terms"] = row.node("terms", _pairs(row.cells["terms"]))
    if row.cells.get("complete", "").casefold() in _YES:
        made["complete"] = row.node("complete", True)
    if "more" in row.cells:
        made["more"] = row.node("more", _further(file, row))
    if kind.casefold() not in VERBS:
        return _full(row, kind, made)
    return _claim(file, row, kind.casefold(), made)


def _cells(row: _Row) -> dict[str, Any]:
    """The cells that stand for themselves, by the keys of the short form."""
    made: dict[str, Any] = {}
    for column, text in row.cells.items():
        if column not in ("kind", "what", "more", *_OF_SOURCE):
            parts = _parts(text) if column in _LISTS else []
            made[_KEYS.get(column, column)] = row.node(column, parts if len(parts) > 1 else text)
    return made


def _pairs(text: str) -> dict[str, str]:
    pairs = (part.partition(":") for part in _parts(text))
    return {name.strip(): value.strip() for name, _, value in pairs}


def claim_of(file: str, place: str, cells: dict[str, str]) -> Node:
    """The claim of a row whose cells are given by their columns."""
    return _event(file, _Row(place, cells))


def _claim(file: str, row: _Row, verb: str, made: dict[str, Any]) -> Node:
    if verb in ATTENDANCE and "who" in row.cells:
        del made["by"]
        made[verb] = row.node("who", _parts(row.cells["who"]))
        if "what" in row.cells:
            made.setdefault("meeting", row.node("what"))
    elif "what" in row.cells:
        made[verb] = row.node("what")
    elif "more" not in row.cells:
        problem = "expected what was said or done; found nothing"
        raise InvalidRecord(f"{file}: {row.place}", problem, field="column what")
    else:
        made[verb] = Node(None, 1, "column what", row.place)
    return row.whole(made)


def _full(row: _Row, kind: str, made: dict[str, Any]) -> Node:
    """An entry in the full form, whose fields are in the column `more`."""
    more = made.pop("more").value if "more" in made else {}
    beside = {"occurred": made["on"]} if "on" in made else {}
    return row.whole({"id": made.get("id", ""), "type": kind, **beside, **more})


_OF_SOURCE = ("source", "publisher", "published")
_OF_SUPPORT = frozenset({*_OF_SOURCE, "at", "quote", "chain", "note"})
_YES = ("yes", "true", "x")


def _source_of(row: _Row) -> dict[str, Node]:
    """A source: an address, an id or a title; or what is said of it in the row."""
    cells = row.cells
    if "publisher" not in cells and "published" not in cells:
        return {"source": row.node("source")} if "source" in cells else {}
    made: dict[str, Any] = {
        key: row.node(key) for key in ("publisher", "published") if key in cells
    }
    if "source" in cells:
        is_address = cells["source"].startswith(("https://", "http://"))
        made["address" if is_address else "title"] = row.node("source")
    return {"source": row.whole(made)}


def _further(file: str, row: _Row) -> Any:
    try:
        return msgspec.json.decode(row.cells["more"], type=dict[str, Any])
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        problem = f"expected a mapping in JSON; {error}"
        raise InvalidRecord(f"{file}: {row.place}", problem, field="column more") from None


def _actor(row: _Row) -> Node:
    made: dict[str, Any] = {key: row.node(key) for key in row.cells}
    if "aliases" in made:
        made["aliases"] = row.node("aliases", _parts(row.cells["aliases"]))
    return row.whole(made)


def _source(row: _Row) -> Node:
    return row.whole({key: row.node(key) for key in row.cells})


def _parts(text: str) -> list[str]:
    return [part.strip() for part in re.split(r"[;\n]", text) if part.strip()]
