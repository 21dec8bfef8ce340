"""A record as a workbook or as record files, for people to go on with.

An event becomes a row of what fits in columns; the rest stands under `more`, so a row says all of
the event. Ingested again, neither form adds anything.
"""

from __future__ import annotations

import csv
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import msgspec
import yaml

from timeline.dates import encode_time
from timeline.errors import InvalidInput
from timeline.events import ActorAdded, NewEvent, RecordedEvent, SourceAdded, event_type
from timeline.events.encoding import SLUG
from timeline.events.envelope import derived_stream
from timeline.formats.files import named_path, openpyxl, started
from timeline.formats.record_files.names import Names, slug
from timeline.formats.record_files.resolving import KINDS, Expander
from timeline.formats.record_files.sheets import DATES, EVENTS, MOST_ROWS, TABLES, claim_of
from timeline.formats.record_files.short_form import ATTENDANCE, VERBS
from timeline.formats.record_files.tree import Node

if TYPE_CHECKING:
    from openpyxl import Workbook
    from openpyxl.worksheet.worksheet import Worksheet

_LONGEST_CELL = 32_767  # of Excel

Entry = dict[str, Any]
"""An event in the full form, as plain data."""


# --- From events to entries -----------------------------------------------------------------------


@attrs.frozen
class Entries:
    """A record as entries in the full form.

    Attributes:
        record: the name that most ids of events begin with.
        actors: the entries of actors.
        sources: the entries of sources.
        events: all other entries.
    """

    record: str
    actors: list[Entry]
    sources: list[Entry]
    events: list[Entry]


def entries_of(events: Iterable[RecordedEvent[Any] | NewEvent]) -> Entries:
    """The entries that record these events; those whose words were taken down are not theirs."""
    known = list(events)
    prefixes = Counter(event.id.partition("/")[0] for event in known if "/" in event.id)
    names = [name for name, _ in prefixes.most_common() if name not in ("actor", "source")]
    record = next((name for name in names if re.match(SLUG, name)), "record")
    made = Entries(record, [], [], [])
    for event in known:
        body = event.event
        if isinstance(body, ActorAdded) and event.id == f"actor/{body.actor.id}":
            made.actors.append(_plain(body.actor))
        elif isinstance(body, SourceAdded) and event.id == f"source/{body.source.id}":
            made.sources.append(_plain(body.source))
        else:
            made.events.append(_entry(event, record))
    return made


def _entry(event: RecordedEvent[Any] | NewEvent, record: str) -> Entry:
    kind = event_type(event.event)
    own = event.id.removeprefix(f"{record}/")
    made: Entry = {"id": own if own != event.id and re.match(SLUG, own) else f"/{event.id}"}
    made["type"] = kind.name
    if event.stream is not None and event.stream != derived_stream(event.event, event.id):
        made["stream"] = event.stream
    if event.occurred is not None:
        made["occurred"] = event.occurred.text
    if event.evidence:
        evidence = [_short_links(_plain(one)) for one in event.evidence]
        made["evidence"] = evidence[0] if len(evidence) == 1 else evidence
    return made | _plain(event.event)


def _plain(value: Any) -> Entry:
    """A value of a class as a record file has it: text, without what the class takes by itself."""
    fields = attrs.fields(type(value))
    given = {field.name: getattr(value, field.name) for field in fields}
    return {
        field.name: _text(
            msgspec.to_builtins(given[field.name], enc_hook=encode_time),
            whole=field.name == "changes",
        )
        for field in fields
        if field.default is attrs.NOTHING or given[field.name] != _default(field)
    }


def _short_links(evidence: Entry) -> Entry:
    """Evidence with bare ids for links that say no more."""
    if "chain" in evidence:
        evidence["chain"] = [link["who"] if len(link) == 1 else link for link in evidence["chain"]]
    return evidence


def _default(field: Any) -> Any:
    return field.default.factory() if isinstance(field.default, attrs.Factory) else field.default  # type: ignore[arg-type]


def _text(value: Any, *, whole: bool = False) -> Any:
    """Plain data as record files read it, where all scalars are text.

    Empty fields say nothing and are left out, unless it is to be `whole`: a correction may make
    one empty.
    """
    if isinstance(value, dict):
        kept = value if whole else {k: v for k, v in value.items() if v not in (None, [], ())}
        return {key: _text(item, whole=whole) for key, item in kept.items()}
    if isinstance(value, list | tuple):
        return [_text(item, whole=whole) for item in value]
    return value if value is None else Node.of(value, Node(None, 1)).value


def record_file(entries: Entries) -> str:
    """A record file in YAML of all entries."""
    sections = {"actors": entries.actors, "sources": entries.sources, "events": entries.events}
    made = {"record": entries.record, **{name: rows for name, rows in sections.items() if rows}}
    text: str = yaml.dump(made, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=100)
    return text


class _Dumper(yaml.SafeDumper):
    """Writes what stands twice twice: record files take no aliases."""

    def ignore_aliases(self, data: Any) -> bool:
        """Whether to make no alias of it."""
        return True


def rows_of(entries: Entries, classes: Callable[[str], type]) -> dict[str, list[dict[str, str]]]:
    """The rows of all entries, for `workbook_of`."""
    rows = [row_of(entry) for entry in entries.events]
    nodes = [claim_of("export", f"row {at}", {"more": "{}"} | row) for at, row in enumerate(rows)]
    root = Node({"record": Node(entries.record, 1), "events": Node(nodes, 1)}, 1)
    full, _ = Expander(classes, _AllIds()).expand("export", root)
    says = full.plain["events"]
    events = [
        with_more(row, one, entry)
        for row, one, entry in zip(rows, says, entries.events, strict=True)
    ]
    return {
        "events": events,
        "actors": [_flat(actor) for actor in entries.actors],
        "sources": [_flat(source) for source in entries.sources],
    }


def _flat(entry: Entry) -> dict[str, str]:
    return {key: "; ".join(one) if isinstance(one, list) else one for key, one in entry.items()}


class _AllIds(Names):
    """Takes everything for an id: an export names nothing by its name."""

    def find(self, category: str, text: str) -> list[str]:
        return [text] if re.match(SLUG, text) or category != "actor" else []


# --- Writing --------------------------------------------------------------------------------------


def new_workbook(record: str) -> Workbook:
    """A workbook to write over, with an example that can be ingested as it stands."""
    text = resources.files(__package__).joinpath("example.csv").read_text(encoding="utf-8")
    rows: dict[str, list[dict[str, str]]] = {name: [] for name in TABLES}
    for part in text.split("\n\n"):
        name, _, table = part.partition("\n")
        rows[name] = list(csv.DictReader(table.splitlines()))
    return workbook_of(record, rows)


def start_workbook(place: str | os.PathLike[str]) -> Path:
    """Write a workbook with an example; it must not be there yet.

    Raises:
        InvalidInput: there is such a file, none can be written, or its name is no workbook's.
        MissingExtra: openpyxl is not installed.
    """
    file = named_path(place, "workbook")
    if file.suffix.lower() != ".xlsx":
        raise InvalidInput(f"{file}: expected a name that ends in .xlsx")
    book = new_workbook(slug(file.stem))
    with started(file) as out:
        book.save(out)
    return file


def workbook_of(record: str, rows: dict[str, list[dict[str, str]]]) -> Workbook:
    """A workbook of rows; each has text by columns, and stands in the sheet that it goes by."""
    book: Workbook = openpyxl().Workbook()
    del book[book.sheetnames[0]]
    for name, columns in TABLES.items():
        _fill(book.create_sheet(name), columns, rows.get(name, ()))
    settings = book.create_sheet("record")
    settings.append(["record", record])
    settings.column_dimensions["B"].width = 40
    _explain(book.create_sheet("how to"))
    return book


def _fill(sheet: Worksheet, columns: dict[str, str], rows: Iterable[dict[str, str]]) -> None:
    from openpyxl.comments import Comment
    from openpyxl.styles import Font, PatternFill
    from openpyxl.utils import get_column_letter

    sheet.append(list(columns))
    for cell, meaning in zip(sheet[1], columns.values(), strict=True):
        cell.font, cell.fill = Font(bold=True), PatternFill("solid", fgColor="DDE6F0")
        cell.comment = Comment(meaning, "timeline")
    for number, row in enumerate(rows, 2):
        for at, column in enumerate(columns, 1):
            if row.get(column):
                cell = sheet.cell(number, at, row[column])
                cell.data_type = "s"  # text that begins with = is no formula
                if column in DATES:
                    cell.number_format = "@"
    sheet.freeze_panes = "A2"
    sheet.auto_filter.ref = sheet.dimensions
    for at, column in enumerate(columns):
        letter = get_column_letter(at + 1)
        sheet.column_dimensions[letter].width = _WIDTHS.get(column, 16)
        # Dates stay as they are typed: a program would make 2022-11 the first of November.
        if column in DATES:
            sheet.column_dimensions[letter].number_format = "@"
    _offer(sheet, columns)


_WIDTHS = {"what": 60, "quote": 40, "chain": 40, "source": 40, "title": 40, "note": 40, "date": 12}


def _offer(sheet: Worksheet, columns: dict[str, str]) -> None:
    """Give the columns of words their drop-downs."""
    from openpyxl.utils import get_column_letter
    from openpyxl.worksheet.datavalidation import DataValidation

    verbs = [verb for verb in VERBS if verb not in ATTENDANCE[3:]]
    words = verbs if columns is EVENTS else list(KINDS)
    choices = {"kind": words, "grade": ["high", "ordinary", "low"]}
    for at, column in enumerate(columns, 1):
        if column in choices:
            # Others may be typed: a type of event, say.
            offered = DataValidation("list", formula1=f'"{",".join(choices[column])}"')
            offered.showErrorMessage = False
            letter = get_column_letter(at)
            offered.add(f"{letter}2:{letter}{MOST_ROWS}")
            sheet.add_data_validation(offered)


def _explain(sheet: Worksheet) -> None:
    from openpyxl.styles import Alignment, Font

    for line in _HOW_TO.splitlines():
        sheet.append([line])
    for name, columns in TABLES.items():
        sheet.append([])
        sheet.append([f"The sheet {name}"])
        sheet.cell(sheet.max_row, 1).font = Font(bold=True)
        for column, meaning in columns.items():
            sheet.append([column, meaning])
            sheet.cell(sheet.max_row, 2).alignment = Alignment(wrap_text=True, vertical="top")
    sheet.column_dimensions["A"].width, sheet.column_dimensions["B"].width = 18, 100


_HOW_TO = """\
One row of the sheet events is one claim: who said or did what, when, and according to whom.
A row with a source, and no kind, who or what, is further support for the claim above it.
Write over the example. Names may stand wherever somebody is asked for.
The sheets actors and sources say who is who, and what was read.
timeline ingest FILE.xlsx takes the workbook, all of it or nothing.
Ingested again it adds only what is new.
With --create it adds actors that the sheet of actors lacks.
"""

# --- From full entries to rows --------------------------------------------------------------------


def row_of(entry: Entry) -> dict[str, str]:
    """The row that says most of what an entry says; what it leaves out goes under `more`."""
    verb = _verb_for(entry)
    if verb is None:
        return _whole_row(entry)
    made, spec = {"kind": verb}, VERBS[verb]
    used: set[str] = set()
    columns = {**{column: column for column in EVENTS}, **_PLAIN, **_reversed(spec.keys)}
    for column, field in columns.items():
        is_title = field == spec.what and field != "attendance"
        if column in EVENTS and field in entry and not is_title and field not in used:
            used.add(field)
            text = _cell(entry[field], spec.fixed.get("status"))
            made |= {column: text} if text else {}
    if "capacity" in entry and "who" in made and _is_plain(entry):
        made["who"] += f", {entry['capacity']}"
    if spec.what != "attendance" and isinstance(entry.get(spec.what), str):
        made["what"] = entry[spec.what]
    elif spec.what != "attendance":
        return _whole_row(entry)
    made |= _evidence_cells(entry.get("evidence"))
    made["id"] = entry["id"]
    return {column: text for column, text in made.items() if _fits(text)}


_PLAIN = {
    "date": "occurred",
    "who": "by",
    "where": "place",
    "details": "text",
    "own words": "quotes",
    "at": "",
    "note": "",
    "source": "",
    "id": "",
    "kind": "",
    "what": "",
}


def _reversed(keys: dict[str, str]) -> dict[str, str]:
    """Columns by their fields; of two columns that fill one field, the first."""
    made: dict[str, str] = {}
    for key, field in keys.items():
        if field not in made.values():
            made["who" if key == "by" else key] = field
        else:
            made[key] = ""
    return made


def _verb_for(entry: Entry) -> str | None:
    """The verb of an entry's type, of an attendance by its first participant."""
    verbs = [name for name, verb in VERBS.items() if verb.type == entry["type"]]
    words = [name for name in verbs if entry.get("outcome") == name]
    attendance = entry.get("attendance") or [{}]
    words += [name for name in verbs if attendance[0].get("status") == name]
    return next(iter([*words, *verbs]), None)


def _whole_row(entry: Entry) -> dict[str, str]:
    beside = {"id": "id", "type": "kind", "occurred": "date"}
    more = {key: value for key, value in entry.items() if key not in beside}
    made = {column: entry[key] for key, column in beside.items() if key in entry}
    return made | {"more": msgspec.json.encode(more).decode()}


def _cell(value: Any, status: str | None) -> str | None:
    """What stands for a value in a cell; None where no cell can say it."""
    if isinstance(value, str) or value is True:
        return "yes" if value is True else value
    if not isinstance(value, list) or not value:
        return None
    parts = [_part(item, status) for item in value]
    return None if None in parts or any(";" in str(part) for part in parts) else "; ".join(parts)  # type: ignore[arg-type]


def _part(item: Any, status: str | None) -> str | None:
    if isinstance(item, str):
        return item
    if item.keys() - {"summary"} == {"party", "stance"}:
        why = f" ({item['summary']})" if "summary" in item else ""
        return f"{item['party']}: {item['stance']}{why}"
    if set(item) == {"name", "value"}:
        return f"{item['name']}: {item['value']}"
    if item.keys() - _SAID_OF_PEOPLE or item.get("status") != status or not _is_plain(item):
        return None
    office = f", {item['capacity']}" if "capacity" in item else ""
    body = item.get("represents") or item.get("on_behalf_of")
    return f"{item['actor']}{office}{f' for {body}' if body else ''}"


_SAID_OF_PEOPLE = {"actor", "status", "capacity", "represents", "on_behalf_of"}


def _is_plain(item: Entry) -> bool:
    """Whether an office can be told from what stands around it."""
    return not re.search(r"[,;>()]| for ", item.get("capacity", ""))


def _evidence_cells(one: Any) -> dict[str, str]:
    """The cells of one piece of evidence; several stand under `more`."""
    if not isinstance(one, dict):
        return {}
    columns = {"source": "source", "at": "at", "excerpt": "quote", "note": "note"}
    made = {column: one[key] for key, column in columns.items() if key in one}
    links = [{"who": link} if isinstance(link, str) else link for link in one.get("chain", ())]
    if links and all(map(_is_plain, links)):
        made["chain"] = " > ".join(map(_link_text, links))
    return made


def _link_text(link: Entry) -> str:
    notes = [link["manner"]] if "manner" in link else []
    notes += [f"{key} {link[key]}" for key in ("to", "said") if key in link]
    office = f", {link['capacity']}" if "capacity" in link else ""
    how = f" ({', '.join(notes)})" if notes else ""
    return f"{link['who']}{office}{how}"


def _fits(text: str) -> bool:
    """Whether a cell can hold it as it is."""
    unprintable = re.search("[\x00-\x08\x0b-\x1f]", text)
    return len(text) <= _LONGEST_CELL and unprintable is None and text == text.strip()


def with_more(row: dict[str, str], says: Entry, entry: Entry) -> dict[str, str]:
    """A row with all that it does not say yet under `more`.

    Args:
        row: the row.
        says: the entry that the row makes.
        entry: the entry that it should make.

    Raises:
        InvalidInput: no cell can hold it.
    """
    differ = {key for key in says.keys() | entry.keys() if says.get(key) != entry.get(key)}
    more = {key: entry.get(key) for key in sorted(differ)}
    if not more:
        return row
    text = msgspec.json.encode(more).decode()
    if len(text) > _LONGEST_CELL:
        problem = f"event {entry['id']!r} is longer than a cell may be. Use `export records`"
        raise InvalidInput(problem)
    return row | {"more": text}
