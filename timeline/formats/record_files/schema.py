"""JSON Schema of record files, so that editors complete and check them while they are written.

Draft 2020-12 (https://json-schema.org/draft/2020-12). Made from the event classes: what a field
means is taken from their docstrings. It says what `read_records` takes, as far as one file can
tell: whether what an entry names is recorded, only the record knows. `start` writes it beside the
example that a new record begins with.

To us every scalar of a record file is text; an editor that reads YAML 1.2 takes `1984` for a number
and `true` for a truth value. So what is text here may be these there.
"""

from __future__ import annotations

import calendar
import inspect
import json
import os
import re
import textwrap
from collections.abc import Iterable
from importlib import resources
from pathlib import Path
from typing import Any

import msgspec

from timeline.dates import When
from timeline.errors import InvalidInput
from timeline.events import Actor, Source, event_type
from timeline.events.base import LONGEST_ID, Slug
from timeline.events.encoding import SLUG
from timeline.formats.files import named_path, started
from timeline.formats.record_files.reader import Envelope
from timeline.formats.record_files.resolving import KINDS
from timeline.formats.record_files.short_form import DEFAULTS, VERBS, hints_of

Schema = dict[str, Any]

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_REFERENCE = "#/$defs/{name}"

_DOUBT = "[~?%]?"
_DAY = "(0[1-9]|[12][0-9]|3[01])"
_MONTH = "(0[1-9]|1[0-2])"
_PLAIN = f"{_DOUBT}[0-9]{{4}}(-{_DOUBT}{_MONTH}(-{_DOUBT}{_DAY})?)?"
_DOUBTED = f"[0-9]{{4}}{_DOUBT}(-({_MONTH}|XX){_DOUBT}(-({_DAY}|XX){_DOUBT})?)?"
_UNKNOWN = (
    f"[0-9X]{{4}}(-({_MONTH}|XX)(-({_DAY}|XX))?)?|([0-9]{{3}}X|[0-9]{{2}}XX|[0-9]X{{3}}){_DOUBT}"
)
_DATES = f"({_PLAIN}|{_DOUBTED}|{_UNKNOWN})"
_SEASON = f"[0-9]{{4}}-(2[1-9]|3[0-9]|4[01]){_DOUBT}"
_CLOCK = "([01][0-9]|2[0-3])(:?[0-5][0-9]){1,2}([.,][0-9]+)?(Z|[+-][0-9]{2}(:?[0-9]{2}){0,2})?"
_HALF = f"({_DATES}|{_SEASON})"
_END = f"({_HALF}|[0-9]{{4}}-{_MONTH}-{_DAY}[T ]{_CLOCK})"
_MEMBER = f"{_DATES}(\\.\\.{_DATES})?"
_CHOICE = f"[\\[{{]({_MEMBER}( ?, ?{_MEMBER})+|{_HALF}\\.\\.|\\.\\.{_HALF})[\\]}}]"

_NOT_LEAP = "([02468][1235679]|[13579][013-57-9])"
"""The last two digits of a year that is no multiple of four; before 00, those of a century."""

_REFUSED = (
    "-02-3|-(0[469]|11)-31",
    r"(^|[/\[{,~?%]|\.\.) ?0000",
    f"[0-9]{{2}}{_NOT_LEAP}-02-29|{_NOT_LEAP}00-02-29",
    r"^(\.\.)?/(\.\.)?$",
)
"""What no date has: days that no month has, the year 0, and an interval without ends."""

# Whether an interval ends after it starts is left to the reader.
_EDTF: Schema = {
    "title": "EDTF",
    "description": "A date of EDTF: 2022-11-28, 2022-11, 2022-11~ (about), 2022? (uncertain), "
    "XXXX-12-26 (year unknown), 2022-12-26/2022-12-27, an instant with its zone, or the hour that "
    "a source gives without one.",
    "type": ["string", "integer"],
    "pattern": f"^{''.join(f'(?!.*({part}))' for part in _REFUSED)}"
    f"({_END}|({_END}|\\.\\.)?/({_END}|\\.\\.)?|{_CHOICE})$",
    "maxLength": 80,
    "minimum": 1,
    "maximum": 9999,
}


_MONTHS = "|".join(name for name in calendar.month_name if name)
_WORDS: Schema = {
    "title": "date in words",
    "description": "A date as people write it: late 2022, Q4 2023, end of October, 28 November "
    "2022, 28/11/2022. What is understood is shown, and the words are kept.",
    "type": "string",
    "pattern": f"^(?=.*([0-9]{{4}}|{_MONTHS}))"
    "(?=.*([A-Za-z]{3}|[QHqh][1-4]|[0-9][./-][0-9]+[./-][0-9]{4}))(?!.*([a-z]day$|XX|T[0-9]))",
    "maxLength": 80,
}
_DATE: Schema = {
    "title": "date",
    "description": "A date of EDTF, or in words.",
    "anyOf": [{"$ref": "#/$defs/EDTF"}, {"$ref": "#/$defs/DateInWords"}],
}

_CLAIM_KEYS = {
    "id": "the entry's own name within the record; made of what it says where it has none.",
    "on": "when, as the source has it.",
    "by": "who: NAME, or NAME, OFFICE where the event or its chain can hold that.",
    "with": "with whom.",
    "for": "on whose behalf one said or answered, or of what body one holds or belongs.",
    "to": "to whom.",
    "about": "the proposals it concerns.",
    "where": "the place.",
    "meeting": "the meeting it belongs to.",
    "due": "when it is to happen.",
    "stance": "favourable, accepted, possible, …: the words that go with the verb.",
    "source": "an address, an id, a title, or {publisher: …, address: …, published: …}.",
    "at": "the place in the source, such as paragraph 3.",
    "quote": "a short passage as printed there.",
    "chain": "from the publisher back to the speaker: `A > B, OFFICE (quoted) > C`.",
    "dated": "the source's own words for the date; else those that it is written in here.",
    "also": "Further support: a list of {at, quote, chain, …}; source and chain as above if not "
    "said.",
    "note": "anything a reader should know of this support.",
    "evidence": "the evidence in full, in place of source, at, quote and chain.",
}
"""What the keys of a claim mean."""


def record_schema(classes: Iterable[type]) -> Schema:
    """The schema of a record file whose events may be of these classes."""
    known = {event_type(cls).name: cls for cls in classes}
    found, definitions = _definitions([Actor, Source, Envelope, *known.values()])
    actor, source, envelope, *events = found
    beside = _with_whole_ids(definitions.pop(_name(envelope)))
    for cls, at in zip(known.values(), events, strict=True):
        definitions[_name(at)] = _entry(cls, definitions[_name(at)], beside)
    cases = [
        {"if": {"properties": {"type": {"const": name}}, "required": ["type"]}, "then": at}
        for name, at in zip(known, events, strict=True)
    ]
    kinds = {"type": "string", "enum": list(known), "title": "type of event"}
    properties = {"id": beside["properties"]["id"], "type": kinds}
    full = {"type": "object", "required": ["id", "type"], "properties": properties}
    definitions |= {"Claim": _claim(known), "Group": _group()}
    claims = {"$ref": _REFERENCE.format(name="Claim")}
    groups = {"$ref": _REFERENCE.format(name="Group")}
    entry = {
        "if": {"required": ["type"]},
        "then": full | {"allOf": cases},
        "else": {"if": {"required": ["events"]}, "then": groups, "else": claims},
    }
    record = _made(Slug) | {
        "not": {"enum": ["actor", "source"]},
        "description": "A name for the record; the ids of its events are `<record>/<id>`.",
    }
    return {
        "$schema": _DIALECT,
        "title": "Record file",
        "description": "What sources report, for `timeline ingest`.",
        "type": "object",
        "required": ["record"],
        "additionalProperties": False,
        "properties": {
            "record": record,
            "actors": _section(
                _actors(definitions[_name(actor)]), "People, states, organisations, offices."
            ),
            "sources": _section(source, "What was read."),
            "events": _section(entry, "What was reported, an entry an event."),
            "dates": {
                "description": "What comes first in dates such as 05/06/2022.",
                "enum": ["day first", "month first"],
            },
            **_defaults(),
        },
        "$defs": definitions,
    }


def entry_schema(cls: type) -> Schema:
    """The schema of one entry of a record file that is an event of this class."""
    (envelope, event), definitions = _definitions([Envelope, cls])
    beside = _with_whole_ids(definitions.pop(_name(envelope)))
    entry = _entry(cls, definitions.pop(_name(event)), beside)
    return {"$schema": _DIALECT, **entry, "$defs": definitions}


def _defaults() -> Schema:
    """What may stand once for a file or a group."""
    return {key: _claimed(key) for key in DEFAULTS}


def _claimed(key: str) -> Schema:
    """The schema of a key of a claim."""
    described = {"description": _CLAIM_KEYS[key]}
    return described | ({"$ref": _REFERENCE.format(name="Date")} if key in ("on", "due") else {})


def _claim(known: dict[str, type]) -> Schema:
    """The schema of an entry in the short form."""
    verbs = {name: verb for name, verb in VERBS.items() if verb.type in known}
    fields = {name for verb in verbs.values() for name in hints_of(known[verb.type])}
    says = {
        name: {"description": f"What is said of it; the entry is a {verb.type}."}
        for name, verb in verbs.items()
    }
    own = {name: {"description": f"The field {name} of the event."} for name in sorted(fields)}
    return {
        "title": "Claim",
        "description": "A claim in the short form: a verb, and what goes with it.",
        "type": "object",
        "anyOf": [{"required": [name]} for name in verbs],
        "properties": own | says | {key: _claimed(key) for key in _CLAIM_KEYS},
        "additionalProperties": False,
    }


def _group() -> Schema:
    """The schema of entries that share what stands beside them."""
    events = {"description": "The entries that share it.", "type": "array"}
    return {
        "title": "Group",
        "description": "Entries that share a source, a date or the like.",
        "type": "object",
        "properties": {"events": events, **_defaults()},
        "additionalProperties": False,
    }


def _actors(full: Schema) -> Schema:
    """The schema of an actor, or of several under their kind."""
    named = {kind: {"description": f"The name of a {kind}, or several."} for kind in KINDS}
    aliases = {"description": "Other names and spellings.", "type": ["array", "string"]}
    short = {
        "type": "object",
        "anyOf": [{"required": [kind]} for kind in KINDS],
        "properties": named | {"aliases": aliases, "id": {"description": "Its id."}},
        "additionalProperties": False,
    }
    # An id is made of the name where there is none.
    required = [name for name in full["required"] if name != "id"]
    return {"if": {"required": ["kind"]}, "then": full | {"required": required}, "else": short}


def _with_whole_ids(envelope: Schema) -> Schema:
    """The envelope, whose id may also be a whole one, after a slash."""
    own = envelope["properties"]["id"]
    id = own | {"pattern": f"{own['pattern']}|^/.", "maxLength": LONGEST_ID + 1}
    return envelope | {"properties": envelope["properties"] | {"id": id}}


def _section(items: Schema, description: str) -> Schema:
    return {"description": description, "type": ["array", "null"], "items": items}


def _entry(cls: type, fields: Schema, beside: Schema) -> Schema:
    """The schema of an entry: the event's own fields, and those of its envelope."""
    kind = event_type(cls)
    envelope = dict(beside["properties"])
    envelope["type"] = envelope["type"] | {"const": kind.name}
    required = ["id", "type", *fields.get("required", ())]
    if kind.evidence:
        required.append("evidence")
        one, several = envelope["evidence"]["anyOf"]
        envelope["evidence"] = envelope["evidence"] | {"anyOf": [one, several | {"minItems": 1}]}
    if kind.category is None:
        required.append("stream")
    properties = envelope | fields["properties"]
    if kind.opens and kind.subject in properties:
        # The id of what the event brings into being has no name yet.
        own = properties[kind.subject]
        strict = _text(SLUG) if "string" in own.get("type", ()) else {}
        properties[kind.subject] = own | strict
    return fields | {"required": required, "properties": properties}


def _definitions(classes: list[type]) -> tuple[list[Schema], dict[str, Schema]]:
    """References to the schemas of classes, and all that these need."""
    found, components = msgspec.json.schema_components(
        classes, schema_hook=_of_time, ref_template=_REFERENCE
    )
    definitions = {name: _described(_refined(schema)) for name, schema in components.items()}
    definitions |= {"Date": _DATE, "EDTF": _EDTF, "DateInWords": _WORDS}
    for definition in definitions.values():
        chain = definition.get("properties", {}).get("chain")
        if chain is not None and definition["title"] == "Evidence":
            # A bare id stands for a link that says no more.
            chain["items"] = {"anyOf": [chain["items"], _made(Slug)]}
    return list(found), definitions


def _of_time(kind: type) -> Schema:
    if kind is When:
        return {"$ref": _REFERENCE.format(name="Date")}
    raise TypeError(f"no JSON Schema is known for {kind.__name__}")


def _made(kind: Any) -> Schema:
    (schema,), _ = msgspec.json.schema_components([kind], schema_hook=_of_time)
    made: Schema = _refined(schema)
    return made


def _name(reference: Schema) -> str:
    return str(reference["$ref"]).rpartition("/")[2]


def _refined(schema: Any) -> Any:
    """What msgspec says of JSON, said of YAML as an editor reads it."""
    if isinstance(schema, list):
        return [_refined(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: _refined(value) for key, value in schema.items() if not _is_empty(key, value)}
    if made.get("type") == "object" and "properties" in made:
        made["additionalProperties"] = False
    if made.get("type") == "string" and "enum" not in made:
        made |= _text(made.get("pattern"))
    if (title := str(made.get("title"))).startswith("id of a") and title != "id of an event":
        return _or_name(made, title)
    return made


def _or_name(id: Schema, title: str) -> Schema:
    """The schema of an id, or of a name or an entry that stands in its place."""
    kinds = ["string", "integer", "boolean"]
    beside = {key: id[key] for key in ("title", "description", "default") if key in id}
    made = beside | {"type": kinds, "minLength": 1, "minimum": 0}
    if title == "id of an actor":
        made |= {"type": [*kinds, "object"], "required": ["name"]}
    elif title == "id of a source":
        made |= {"type": [*kinds, "object"]}
        made["anyOf"] = [{"required": ["publisher"]}, {"required": ["address"]}]
    return made


def _is_empty(key: str, value: Any) -> bool:
    return key == "default" and value in (None, [], (), {})


def _text(pattern: str | None) -> Schema:
    if pattern is None:
        return {"type": ["string", "number", "boolean"]}
    # The ends of the text are spelled otherwise in ECMA-262, whose patterns schemas use.
    translated = re.sub(r"\\Z\Z", "$", re.sub(r"\A\\A", "^", pattern))
    return {"type": ["string", "integer", "boolean"], "pattern": translated, "minimum": 0}


def _described(schema: Schema) -> Schema:
    """The schema with what the docstring says of each field where an editor looks for it."""
    if "properties" not in schema:
        return schema
    summary, fields = described(schema.get("description", ""))
    properties = {
        name: each | {"description": fields[name]} if name in fields else each
        for name, each in schema["properties"].items()
    }
    return schema | {"description": summary, "properties": properties}


def described(docstring: str) -> tuple[str, dict[str, str]]:
    """A docstring's text, and what its section `Attributes` says of each name."""
    text, _, section = inspect.cleandoc(docstring).partition("Attributes:\n")
    fields: dict[str, str] = {}
    for entry in re.split(r"\n(?=\S)", textwrap.dedent(section).strip()):
        name, _, meaning = entry.partition(": ")
        fields[name] = " ".join(meaning.split())
    return text.strip(), fields


# --- A new record ---------------------------------------------------------------------------------


SCHEMA = "timeline.schema.json"

_LONGEST_NAME = 80
"""Ids of the example begin with it, and may be longer by some words."""


def start(name: str, folder: str | os.PathLike[str], schema: dict[str, Any]) -> Path:
    """Write `NAME.yaml` into a folder, which is made if need be, and the schema beside it.

    Raises:
        InvalidInput: the name cannot be a record's, there is such a file, or none can be written.
    """
    if not re.match(SLUG, name) or len(name) > _LONGEST_NAME or name in {"actor", "source"}:
        raise InvalidInput(
            f"expected a name of lower-case letters and digits joined by hyphens, such as harbour; "
            f"found {name!r:.100}"
        )
    file = named_path(folder, "folder") / f"{name}.yaml"
    example = resources.files(__package__).joinpath("example.yaml").read_text(encoding="utf-8")
    with started(file) as out:
        out.write(example.replace("NAME", name).replace("SCHEMA", SCHEMA).encode())
        if not (file.parent / SCHEMA).exists():
            text = json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
            (file.parent / SCHEMA).write_text(text, encoding="utf-8")
    return file
