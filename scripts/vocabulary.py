"""Makes `docs/reference/vocabulary.md`, the reference of all event classes, of their schema.

    scripts/docs                # writes it, with all other pages
    python scripts/vocabulary.py > docs/reference/vocabulary.md

A test holds that the page is current.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

from timeline.events import VOCABULARY, event_type
from timeline.formats.record_files.schema import described, record_schema

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


def page() -> str:
    """The page."""
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


if __name__ == "__main__":
    print(page(), end="")
