"""Makes the pages of docs/reference that are tables: vocabulary, record files, views and codes.

`scripts/docs` writes them; a test holds that they are current.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from timeline.dates import When
from timeline.engine.projection import shape_of
from timeline.events import VOCABULARY, event_type
from timeline.formats.coded.fields import CODES
from timeline.formats.record_files.schema import described, record_schema
from timeline.formats.record_files.sheets import TABLES
from timeline.formats.record_files.short_form import VERBS
from timeline.log.schema import Stored
from timeline.projections import BUILT_IN

FOLDER = Path(__file__).parents[1] / "docs/reference"

HEAD = """\
# The vocabulary

What a record file and the Python API can say, one table a type: its fields, in the order in which
Python takes them. Those in **bold** must be given. This page is made from the classes in
`timeline/events/` by `scripts/docs`; `timeline schema` prints the same as JSON Schema.

In a record file each event has, beside these, an `id`, its `type`, and `occurred` and `evidence`:
see [record files](../howto/records.md). Dates are EDTF: `2022-11-28`, `2022-11~`, `XXXX-12-26`. An
id is of lower-case letters and digits, joined by hyphens.
"""

SCHEMA = record_schema(VOCABULARY)["$defs"]

BESIDE = ("id", "type", "stream", "occurred", "evidence")
"""The keys of the envelope."""

FAMILIES = list(dict.fromkeys(cls.__module__ for cls in VOCABULARY))
"""The modules of `timeline.events`, a family of types each."""


def vocabulary() -> str:
    """The page of the event classes."""
    shown = {"Date", *(cls.__name__ for cls in VOCABULARY)}
    evidence = {"$ref": "#/$defs/Evidence"}
    beside = _parts({"evidence": evidence}, shown)
    shown.update(beside)
    lines = [HEAD, *(line for module in FAMILIES for line in _family(module, shown))]
    lines += ["## Evidence\n", *(line for name in beside for line in _part(name))]
    return "\n".join(lines)


def _family(module: str, shown: set[str]) -> Iterator[str]:
    """The types of a family, and what they are made of that was not shown before."""
    name = module.rpartition(".")[2]
    # Evidence itself comes last, since every type has it.
    yield f"## {'Sources' if name == 'evidence' else name.capitalize()}\n"
    types = [cls for cls in VOCABULARY if cls.__module__ == module]
    for cls in types:
        yield from _type(cls)
    for cls in types:
        parts = _parts(SCHEMA[cls.__name__]["properties"], shown)
        shown.update(parts)
        for name in parts:
            yield from _part(name)


def _parts(schema: Any, shown: set[str]) -> dict[str, None]:
    """What a schema refers to, and that in turn, in order, but for what was shown."""
    found: dict[str, None] = {}
    if isinstance(schema, list):
        schema = dict(enumerate(schema))
    for key, value in schema.items() if isinstance(schema, dict) else ():
        if key == "$ref" and (name := value.rpartition("/")[2]) not in shown:
            found |= {name: None} | _parts(SCHEMA[name], shown | {name})
        found |= _parts(value, shown)
    return found


def _type(cls: type) -> Iterator[str]:
    kind = event_type(cls)
    yield f"### {kind.name}\n"
    yield f"{described(inspect.getdoc(cls) or '')[0]}\n"
    stream = f"`{kind.category}-` and {_subject(kind.subject)}"
    needs = "; needs evidence" if kind.evidence else ""
    yield f"Stream: {stream}{needs}.\n"
    yield from _fields(SCHEMA[cls.__name__])


def _subject(subject: str | None) -> str:
    return f"its `{subject}`" if subject else "its id"


def _part(name: str) -> Iterator[str]:
    yield f"### {name}\n"
    yield f"{SCHEMA[name]['description']}\n"
    yield from _fields(SCHEMA[name])


def _fields(schema: dict[str, Any]) -> Iterator[str]:
    yield "| field | what it holds | meaning |"
    yield "| --- | --- | --- |"
    required = schema.get("required", ())
    for name, field in schema["properties"].items():
        if "type" in schema["properties"] and name in BESIDE:
            continue
        shown = f"**`{name}`**" if name in required else f"`{name}`"
        yield f"| {shown} | {_kind(field)} | {field['description']} |"
    yield ""


def _kind(field: dict[str, Any]) -> str:
    """What a field holds, in words."""
    if str(field.get("title")).startswith("id of a"):
        return str(field["title"])
    if "anyOf" in field:
        return _kind(next(kind for kind in field["anyOf"] if kind.get("type") != "null"))
    if "$ref" in field:
        name = field["$ref"].rpartition("/")[2]
        return "date" if name == "Date" else f"[{name}](#{name.lower()})"
    if "enum" in field:
        default = f"; if not said, `{field['default']}`" if "default" in field else ""
        return "one of " + ", ".join(f"`{word}`" for word in field["enum"]) + default
    if field["type"] == "array":
        return f"list of: {_kind(field['items'])}{_least(field)}"
    plain = {"object": "mapping", "boolean": "`true` or `false`; if not said, `false`"}
    return plain.get(str(field["type"])) or str(field.get("title") or _text(field))


def _least(field: dict[str, Any]) -> str:
    return f"; at least {field['minItems']}" if "minItems" in field else ""


def _text(field: dict[str, Any]) -> str:
    if "https" in field.get("pattern", ""):
        return "address, `https://…` or `http://…`"
    if "{64}" in field.get("pattern", ""):
        return "64 hexadecimal digits"
    return f"text of up to {field['maxLength']:,} characters" if "maxLength" in field else "text"


# The views

VIEWS = """\
# The SQL views

One table a view, made from the row classes in `timeline/projections/` by `scripts/docs`.
[Plain SQL](../howto/sql.md) explains how to use them, and what a column of each kind is.
"""


def views() -> str:
    """The page of the views."""
    meanings = yaml.safe_load((FOLDER / "views.yaml").read_text(encoding="utf-8"))
    shapes = [shape_of(cls) for projection in BUILT_IN for cls in projection.rows]
    columns = {s.name: {c.name: _view_kind(c) for c in s.columns} for s in shapes}
    columns["log"] = dict.fromkeys(Stored._fields, "text") | LOG_KINDS
    lines = [VIEWS]
    for name, kinds in columns.items():
        means = meanings["every view"] | meanings[name]
        lines += [f"## `{name}`\n", f"{meanings[name]['view']}\n"]
        lines += ["| column | kind | what it holds |", "| --- | --- | --- |"]
        lines += [f"| `{column}` | {kind} | {means[column]} |" for column, kind in kinds.items()]
        lines.append("")
    return "\n".join(lines)


LOG_KINDS = (
    dict.fromkeys(["position", "version", "type_version"], "number")
    | {"occurred": "date", "evidence": "list"}
    | dict.fromkeys(["salt", "redacted", "digest"], "bytes")
)


def _view_kind(column: Any) -> str:
    if column.kind is When:
        return "date"
    if not column.plain:
        return "list"
    cls = (*typing.get_args(column.kind), column.kind)[0]
    return {int: "number", float: "number", bool: "yes/no"}.get(cls, "text")


# The codes

CODED = """\
# The codes of coded event data

What becomes of each code of CAMEO, made from `timeline/formats/coded/cameo.txt` by `scripts/docs`.
A star marks what coders write once from either side: such rows are folded into one event.
[Coded event data](../howto/coded-data.md) explains the rest.

| code | what | becomes |
| --- | --- | --- |
"""


def codes() -> str:
    """The page of the codes."""
    stars = {True: " *", False: ""}
    return CODED + "".join(
        f"| {code.code} | {code.label} | {code.becomes}{stars[code.mutual]} |\n"
        for code in CODES.values()
    )


# Record files

FILES = """\
# Record files and sheets

All keys of the short form, of a file and of a sheet, made from the code by `scripts/docs`.
[Record files](../howto/records.md) shows how to use them; [the vocabulary](vocabulary.md) has the
full form.
"""


def record_files() -> str:
    """The page of record files and sheets."""
    claim = SCHEMA["Claim"]["properties"]
    keys = {
        key: value
        for key, value in claim.items()
        if key not in VERBS and not value.get("description", "The field").startswith("The field")
    }
    file = record_schema(VOCABULARY)["properties"]
    lines = [FILES, "## A file\n", *_meanings("key", file)]
    lines += ["## An entry in the short form\n"]
    lines += _meanings("key", keys)
    lines += ["## The verbs\n", "| verb | what it makes | its text is | other keys are |"]
    lines += ["| --- | --- | --- | --- |", *(_verb(name) for name in VERBS), ""]
    for name, columns in TABLES.items():
        lines += [f"## The sheet `{name}`\n"]
        lines += _meanings("column", {key: {"description": text} for key, text in columns.items()})
    return "\n".join(lines)


def _meanings(what: str, described: dict[str, Any]) -> Iterator[str]:
    yield f"| {what} | what it holds |"
    yield "| --- | --- |"
    for key, value in described.items():
        text = value["description"]
        yield f"| `{key}` | {text[0].lower()}{text[1:].rstrip('.')} |"
    yield ""


def _verb(name: str) -> str:
    verb = VERBS[name]
    keys = ", ".join(f"`{key}`: `{field}`" for key, field in verb.keys.items())
    made = "".join(f", {field} `{value}`" for field, value in verb.fixed.items())
    return f"| `{name}` | `{verb.type}`{made} | `{verb.what}` | {keys or '–'} |"


PAGES = {
    "vocabulary.md": vocabulary,
    "record-files.md": record_files,
    "views.md": views,
    "codes.md": codes,
}

if __name__ == "__main__":
    for name, page in PAGES.items():
        (FOLDER / name).write_text(page(), encoding="utf-8")
