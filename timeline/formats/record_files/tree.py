"""From the bytes of a record file to nodes that know their lines.

YAML's events become a tree here; whatever a record file has no use for (anchors, tags, a second
document, depth, …) is refused on the way, before it can cost anything.
"""

from __future__ import annotations

import difflib
import os
import re
import stat
import unicodedata
from datetime import date
from numbers import Number
from pathlib import Path
from typing import Any, TypeAlias

import attrs
import yaml

from timeline.dates import When
from timeline.errors import InvalidInput, InvalidRecord

# Each far beyond what a person writes by hand, and small enough to be read in seconds.
_LARGEST_FILE = 16 * 1024 * 1024
_MOST_NODES = 500_000
_DEEPEST = 30
_LONGEST_TEXT = 100_000
_LONGEST_KEY = 200
_TOO_DEEP = f"expected at most {_DEEPEST} levels of nesting"

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the C one is ten times faster
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})

_UNREADABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff]")
"""Stand in a file only by mistake or malice; YAML's own message would not name the line."""

_CONFLICT = re.compile(r"^(?:<{7}|>{7})(?= |$)", re.MULTILINE)
_UNWANTED = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
"""What an escape could still bring in: controls, bidi overrides and isolates, lone surrogates.

The marks U+200E and U+200F override nothing and stand in many right-to-left titles: they may stay.
"""

_DIRECTIVE = re.compile("(?:^|[\r\u2028\u2029])\ufeff*%", re.MULTILINE)
_SURROGATES = re.compile(
    r"(?<!\\)((?:\\\\)*+)\\u(d[89ab][0-9a-f]{2})\\u(d[c-f][0-9a-f]{2})", re.IGNORECASE
)

_CODED = "coded event data goes in with --from icews or gdelt (ingest_coded in Python)"

_PACKED = (b"PK\x03\x04", b"\x1f\x8b")
"""What zipped and gzipped files begin with."""

_TABBED = re.compile(r" *\t")

_SQLITE = b"SQLite format 3\0"

_EXPORTED = re.compile(rb'\s*\{\s*"format"\s*:\s*"timeline-log"')
"""What the first line of an exported log begins with."""

_FIELDS = re.compile(rb'(?:\xef\xbb\xbf)?[^\t\r\n:#{\["]+(?:\t[^\t\r\n:]*){3}')
"""Words between three tabs, before any colon: no first line of YAML or JSON that could be meant."""

Steps: TypeAlias = tuple[str | int, ...]
"""Where in a file a value stands: keys and indexes from the top."""


@attrs.define
class Node:
    """A value of a file and where it stands.

    Attributes:
        value: text, a list, a mapping or nothing.
        line: the line that it, or the key it stands under, begins on.
        key: how the file names the value, where the full form names it otherwise.
        place: where it stands in a workbook, in place of the line.
    """

    value: str | list[Node] | dict[str, Node] | None
    line: int
    key: str | None = None
    place: str | None = None

    @classmethod
    def of(cls, value: Any, like: Node) -> Node:
        """Plain data as nodes that all stand where another does; nodes in it stay as they are."""
        if isinstance(value, Node):
            return value
        if isinstance(value, dict):
            value = {key: cls.of(item, like) for key, item in value.items()}
        elif isinstance(value, list | tuple):
            value = [cls.of(item, like) for item in value]
        elif isinstance(value, bool):
            value = "true" if value else "false"
        elif isinstance(value, str | Number | date | When):
            value = str(value)
        elif value is not None:
            wanted = "text, a number, a date, a list or a mapping"
            raise InvalidInput(f"{like.key}: expected {wanted}; found {value!r:.80}")
        return cls(value, like.line, like.key, like.place)

    @property
    def plain(self) -> Any:
        """The value without lines; ends of lines within a text are as the log has them."""
        if isinstance(self.value, dict):
            return {key: node.plain for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain for node in self.value]
        if self.value is not None and "\r" in self.value:
            return self.value.replace("\r\n", "\n").replace("\r", "\n")
        return self.value

    def place_in(self, file: str) -> str:
        """The file, and where in it the value stands."""
        return f"{file}:{self.line}" if self.place is None else f"{file}: {self.place}"

    def problem(self, file: str, problem: str, field: str | None = None) -> InvalidRecord:
        """An error that names where the value stands."""
        if self.place is not None:
            return InvalidRecord(f"{file}: {self.place}", problem, field=self.key or field)
        return InvalidRecord(file, problem, line=self.line or None, field=self.key or field)


BROKEN = Node(None, 0)
"""Stands in the place of an entry whose fault was noted, while the other entries are read."""


@attrs.define
class _Open:
    """A list or mapping that has begun and not ended.

    `step` is where in its parent it stands; `key` and `line` are those of the value to come.
    """

    into: list[Node] | dict[str, Node]
    step: str | int | None = None
    key: str | None = None
    line: int = 0


def read_tree(file: str) -> Node:
    """The one document of a file.

    Raises:
        InvalidRecord: it is none, or not one that a record file could be.
    """
    return _tree(file, _text(file))


# --- From bytes to text ---------------------------------------------------------------------------


def _text(file: str) -> str:
    """The file's text, of a size and in an encoding that can be trusted."""
    data = _bytes(file)
    if (sort := _of_another_sort(data)) is not None:
        raise InvalidRecord(file, f"expected a record file; found {sort}")
    if data.startswith((b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")):
        raise InvalidRecord(
            file, "expected UTF-8; found the mark of UTF-16 or UTF-32. Save it as UTF-8", line=1
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # Without the mark of UTF-8, since that is not in what the error counts from.
        start = error.start + len(data) - len(error.object)
        problem = f"expected UTF-8; found the byte 0x{data[start]:02x} at offset {start}"
        line = data.count(b"\n", 0, start) + 1
        raise InvalidRecord(file, f"{problem}. Save it as UTF-8", line=line) from None
    if found := _UNREADABLE.search(text):
        line = text.count("\n", 0, found.start()) + 1
        raise InvalidRecord(file, f"expected text; found {_named(found[0])}. Remove it", line=line)
    if found := _CONFLICT.search(text):
        line = text.count("\n", 0, found.start()) + 1
        problem = (
            f"expected a merged file; found git's conflict marker {found[0]!r}. Keep one of the "
            "versions, or both, and remove the markers"
        )
        raise InvalidRecord(file, problem, line=line)
    if found := _DIRECTIVE.search(text):
        # libyaml compares each %TAG with all before it: a file of them keeps it busy for hours.
        line = text.count("\n", 0, found.end()) + 1
        problem = "expected no line that begins with %. Indent it if it is text, else remove it"
        raise InvalidRecord(file, problem, line=line)
    if Path(file).suffix.lower() == ".json":
        # JSON escapes what lies beyond U+FFFF as two halves, which YAML does not put together.
        text = _SURROGATES.sub(_joined, text)
    return text


def _of_another_sort(data: bytes) -> str | None:
    """What a file is that people have beside record files, and where it goes; None for others."""
    if data.startswith(_SQLITE):
        return "an SQLite database. A record is named by --db"
    if data.startswith(_PACKED):
        return f"a packed one. Unpack it; {_CODED}, packed or not"
    if _EXPORTED.match(data):
        return "an exported log: `timeline import` takes it"
    if _FIELDS.match(data):
        return f"fields between tabs: {_CODED}"
    return None


def _bytes(file: str) -> bytes:
    try:
        with open(file, "rb", opener=_open_at_once) as stream:
            state = os.fstat(stream.fileno())
            regular = stat.S_ISREG(state.st_mode)
            # Read with a limit even so: some files are longer than they say, and others grow.
            readable = regular and state.st_size <= _LARGEST_FILE
            data = stream.read(_LARGEST_FILE + 1) if readable else b""
    except (OSError, ValueError) as error:
        # A ValueError is about the name: a null character in it, say.
        problem = getattr(error, "strerror", None) or error
        raise InvalidRecord(file, f"cannot be read: {problem}") from None
    if not regular:
        raise InvalidRecord(file, "expected a regular file; found a device or a pipe")
    if max(state.st_size, len(data)) > _LARGEST_FILE:
        raise InvalidRecord(
            file, f"expected at most {_LARGEST_FILE:,} bytes. Split the file; {_CODED}"
        )
    return data


def _open_at_once(file: str, flags: int) -> int:
    # Opening a pipe waits for a writer, unless told not to.
    return os.open(file, flags | getattr(os, "O_NONBLOCK", 0))


def _joined(match: re.Match[str]) -> str:
    high, low = int(match[2], 16) - 0xD800, int(match[3], 16) - 0xDC00
    return f"{match[1]}\\U{0x10000 + (high << 10) + low:08x}"


# --- From text to nodes ---------------------------------------------------------------------------


def _tree(file: str, text: str) -> Node:
    """The file's one document.

    YAML's events are put together here, not by its composer: that one recurses in C, expands
    aliases, and lets duplicate keys pass.
    """
    builder = _Builder(file)
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            builder.take(event)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        parts = [getattr(error, name, None) for name in ("context", "problem")]
        problem = ", ".join(part for part in parts if part) or str(error)
        line = mark.line + 1 if mark else None
        hint = "Text that holds ': ' or ' #', or begins with a sign such as [ or *, needs quotes"
        if any(map(_TABBED.match, text.split("\n")[mark.line : line] if mark else ())):
            hint = "The line begins with a tab. Indent it with spaces"
        # libyaml reads ahead of the event that it gives, and some releases stop at 1,000 levels.
        deep = "maximum nesting depth" in problem
        message = _TOO_DEEP if deep else f"expected YAML: {problem}. {hint}"
        raise InvalidRecord(file, message, line=line) from None
    if builder.root is None:
        raise InvalidRecord(file, "expected a mapping with the key 'record'; found an empty file")
    return builder.root


class _Builder:
    """Makes nodes of YAML's events, and refuses what a record file has no use for."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.root: Node | None = None
        self.open: list[_Open] = []
        self.nodes = 0

    def take(self, event: yaml.Event) -> None:
        if isinstance(event, yaml.NodeEvent):
            self._refuse(event)
            top = self.open[-1] if self.open else None
            if top and isinstance(top.into, dict) and top.key is None:
                top.key, top.line = self._key(event, top.into), _line(event)
            elif isinstance(event, yaml.ScalarEvent):
                self._add(self._scalar(event), event)
            else:
                self._begin([] if isinstance(event, yaml.SequenceStartEvent) else {}, event)
        elif isinstance(event, yaml.CollectionEndEvent):
            self.open.pop()
        elif isinstance(event, yaml.DocumentStartEvent) and self.root is not None:
            raise self._problem(event, "expected one document; found a second. Use a file for each")

    def _refuse(self, event: Any) -> None:
        self.nodes += 1
        if self.nodes > _MOST_NODES:
            problem = f"expected at most {_MOST_NODES:,} values. Split the file"
        elif event.anchor is not None:
            sign = "*" if isinstance(event, yaml.AliasEvent) else "&"
            name = shown(sign + event.anchor)
            problem = f"expected no anchors and aliases; found {name}. Write it out"
        elif event.tag is not None:
            tag = shown(event.tag.replace("tag:yaml.org,2002:", "!!"))
            problem = f"expected no tags: all values are text; found {tag}. Remove it"
        else:
            return
        raise self._problem(event, problem)

    def _key(self, event: yaml.NodeEvent, into: dict[str, Node]) -> str:
        if not isinstance(event, yaml.ScalarEvent):
            raise self._problem(event, "expected a name as key; found a list or a mapping")
        key = self._scalar(event, _LONGEST_KEY)
        if key is None:
            raise self._problem(event, "expected a name as key; found nothing. Quote it if meant")
        if key == "<<" and event.implicit[0]:
            raise self._problem(event, "expected no merge key '<<'. Write its keys out")
        if key in into:
            problem = f"expected each key once; {key!r} is on line {into[key].line} already"
            raise self._problem(event, problem, key)
        return key

    def _scalar(self, event: yaml.ScalarEvent, longest: int = _LONGEST_TEXT) -> str | None:
        text: str = event.value
        if event.implicit[0] and text in _NULLS:
            return None
        if len(text) > longest:
            problem = f"expected at most {longest:,} characters; found {len(text):,}. Shorten it"
            raise self._problem(event, problem)
        if unwanted := _UNWANTED.search(text):
            problem = f"expected plain text; found {_named(unwanted[0])}. Remove it"
            raise self._problem(event, problem)
        return text

    def _begin(self, into: list[Node] | dict[str, Node], event: yaml.NodeEvent) -> None:
        if len(self.open) >= _DEEPEST:
            raise self._problem(event, _TOO_DEEP)
        step = self._step()
        self._add(into, event)
        self.open.append(_Open(into, step))

    def _add(self, value: Any, event: yaml.NodeEvent) -> None:
        if not self.open:
            self.root = Node(value, _line(event))
            return
        top = self.open[-1]
        if isinstance(top.into, list):
            top.into.append(Node(value, _line(event)))
        elif top.key is not None:
            top.into[top.key] = Node(value, top.line)
            top.key = None

    def _step(self) -> str | int | None:
        """Where in the innermost open collection the next value goes."""
        if not self.open:
            return None
        top = self.open[-1]
        return len(top.into) if isinstance(top.into, list) else top.key

    def _problem(self, event: yaml.Event, problem: str, key: str | None = None) -> InvalidRecord:
        steps = (*(level.step for level in self.open), key or self._step())
        path = tuple(step for step in steps if step is not None)
        return InvalidRecord(self.file, problem, line=_line(event), field=dotted(path))


# --- Words ----------------------------------------------------------------------------------------


def dotted(path: Steps) -> str | None:
    """The path as people write it: `events[3].evidence.chain[1].who`; None for the whole file."""
    steps = [f"[{step}]" if isinstance(step, int) else f".{step}" for step in path]
    return "".join(steps).lstrip(".") or None


def shown(value: str | None) -> str:
    """A value as messages show it, however long it is."""
    if value is None:
        return "nothing"
    return repr(value) if len(value) <= 80 else f"{value[:60]!r}… of {len(value):,} characters"


def not_among(word: str, known: list[str], what: str = "") -> str:
    """That a word is none of those known, with the nearest of them."""
    return f"expected one of {what}{', '.join(known)}; found {shown(word)}.{guess(word, known)}"


def guess(word: str, known: list[str]) -> str:
    """A question after the nearest of the words known; nothing where none is near."""
    close = difflib.get_close_matches(word, known, n=1)
    return f" Did you mean {close[0]}?" if close else ""


def _named(character: str) -> str:
    name = unicodedata.name(character, "a control character")
    return f"U+{ord(character):04X} ({name})"


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 1
