"""Record files: sources, actors and events as a person writes them, in YAML or JSON.

A file is read in two steps. YAML's events become a tree of nodes that know their lines; whatever a
record file has no use for (anchors, tags, a second document, …) is refused on the way, before it
can cost anything. Then each entry is held against its class and becomes a `NewEvent`.
"""

from __future__ import annotations

import difflib
import functools
import os
import re
import stat
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import attrs
import msgspec
import yaml
from msgspec import inspect

from timeline.clock import When, decode_time
from timeline.errors import InvalidRecord, UnknownEventType
from timeline.events import VOCABULARY, Actor, ActorAdded, Evidence, NewEvent, Source, SourceAdded
from timeline.events import event_type as type_of
from timeline.events.base import Slug, without_patterns

# Each far beyond what a person writes by hand, and small enough to be read in seconds.
_LARGEST_FILE = 16 * 1024 * 1024
_MOST_NODES = 500_000
_DEEPEST = 30
_LONGEST_TEXT = 100_000
_LONGEST_KEY = 200
_MOST_PROBLEMS = 20

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the C one is ten times faster
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})

_UNREADABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff]")
"""Stand in a file only by mistake or malice; YAML's own message would not name the line."""

_UNWANTED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""What an escape could still bring in: controls, bidi overrides and isolates, lone surrogates.

The marks U+200E and U+200F override nothing and stand in many right-to-left titles: they may stay.
"""

_DIRECTIVE = re.compile("(?:^|[\r\u2028\u2029])\ufeff*%", re.MULTILINE)
_SURROGATES = re.compile(
    r"(?<!\\)((?:\\\\)*+)\\u(d[89ab][0-9a-f]{2})\\u(d[c-f][0-9a-f]{2})", re.IGNORECASE
)
_LONGEST_PROBLEM = 1_000
_QUOTED = re.compile("`([A-Za-z0-9_ |]+)`")
_PLACE = re.compile(r"(.*) - at (?:`key` in )?`\$(.*)`\Z", re.DOTALL)
_STEP = re.compile(r"\.([^.\[]+)|\[(\d+|\.\.\.)\]")

_WORDS = {
    "object": "a mapping",
    "array": "a list",
    "str": "text",
    "null": "nothing",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
}
"""What msgspec calls the things of JSON, and what a person who writes YAML does."""

_CLOSED = {inspect.LiteralType, inspect.NoneType}

_Path: TypeAlias = tuple[str | int, ...]
_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


@attrs.define
class _Node:
    """A value of the file and the line it, or the key it stands under, begins on."""

    value: str | list[_Node] | dict[str, _Node] | None
    line: int


@attrs.define
class _Open:
    """A list or mapping that has begun and not ended.

    `step` is where in its parent it stands; `key` and `line` are those of the value to come.
    """

    into: list[_Node] | dict[str, _Node]
    step: str | int | None = None
    key: str | None = None
    line: int = 0


@attrs.frozen
class _Envelope:
    """What stands beside an event's own fields."""

    id: Slug
    type: _Name
    stream: _Name | None = None
    occurred: When | None = None
    evidence: Evidence | tuple[Evidence, ...] = ()


def read_records(path: str | os.PathLike[str], classes: Callable[[str], type]) -> list[NewEvent]:
    """Read a record file: its actors, then its sources, then its events, each as they stand there.

    Every scalar is text, unless the field of the event's class wants something else; a plain `~`,
    `null` or nothing at all is None. Actors get the event id `actor/<id>`, sources `source/<id>`,
    events `<record>/<id>`.

    Args:
        path: a file of YAML or JSON, in UTF-8.
        classes: the event class of a type name; raises UnknownEventType.

    Raises:
        InvalidRecord: the file cannot be read, or holds something that does not belong there. It
            stands for the first problem; its message lists those of other entries too, up to 20.
    """
    file = os.fspath(path)
    return _Reader(file, classes, _tree(file, _text(file))).read()


# --- From bytes to text ---------------------------------------------------------------------------


def _text(file: str) -> str:
    """The file's text, of a size and in an encoding that can be trusted."""
    data = _bytes(file)
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
    if found := _DIRECTIVE.search(text):
        # libyaml compares each %TAG with all before it: a file of them keeps it busy for hours.
        line = text.count("\n", 0, found.end()) + 1
        problem = "expected no line that begins with %. Indent it if it is text, else remove it"
        raise InvalidRecord(file, problem, line=line)
    if Path(file).suffix.lower() == ".json":
        # JSON escapes what lies beyond U+FFFF as two halves, which YAML does not put together.
        text = _SURROGATES.sub(_joined, text)
    return text


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
        raise InvalidRecord(file, f"expected at most {_LARGEST_FILE:,} bytes. Split the file")
    return data


def _open_at_once(file: str, flags: int) -> int:
    # Opening a pipe waits for a writer, unless told not to.
    return os.open(file, flags | getattr(os, "O_NONBLOCK", 0))


def _joined(match: re.Match[str]) -> str:
    high, low = int(match[2], 16) - 0xD800, int(match[3], 16) - 0xDC00
    return f"{match[1]}\\U{0x10000 + (high << 10) + low:08x}"


# --- From text to nodes ---------------------------------------------------------------------------


def _tree(file: str, text: str) -> _Node:
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
        hint = "Text that holds ': ' or ' #', or begins with a sign such as [ or *, needs quotes"
        line = mark.line + 1 if mark else None
        raise InvalidRecord(file, f"expected YAML: {problem}. {hint}", line=line) from None
    if builder.root is None:
        raise InvalidRecord(file, "expected a mapping with the key 'record'; found an empty file")
    return builder.root


class _Builder:
    """Makes nodes of YAML's events, and refuses what a record file has no use for."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.root: _Node | None = None
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
            found = _shown(sign + event.anchor)
            problem = f"expected no anchors and aliases; found {found}. Write it out"
        elif event.tag is not None:
            found = _shown(event.tag.replace("tag:yaml.org,2002:", "!!"))
            problem = f"expected no tags: all values are text; found {found}. Remove it"
        else:
            return
        raise self._problem(event, problem)

    def _key(self, event: yaml.NodeEvent, into: dict[str, _Node]) -> str:
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

    def _begin(self, into: list[_Node] | dict[str, _Node], event: yaml.NodeEvent) -> None:
        if len(self.open) >= _DEEPEST:
            raise self._problem(event, f"expected at most {_DEEPEST} levels of nesting")
        step = self._step()
        self._add(into, event)
        self.open.append(_Open(into, step))

    def _add(self, value: Any, event: yaml.NodeEvent) -> None:
        if not self.open:
            self.root = _Node(value, _line(event))
            return
        top = self.open[-1]
        if isinstance(top.into, list):
            top.into.append(_Node(value, _line(event)))
        elif top.key is not None:
            top.into[top.key] = _Node(value, top.line)
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
        return InvalidRecord(self.file, problem, line=_line(event), field=_dotted(path))


# --- From nodes to events -------------------------------------------------------------------------


class _Reader:
    """Holds the entries of one file against their classes."""

    def __init__(self, file: str, classes: Callable[[str], type], root: _Node) -> None:
        self.file, self.classes, self.root = file, classes, root
        self.record = ""
        self.lines: dict[str, int] = {}

    def read(self) -> list[NewEvent]:
        """The file's events, or its problems."""
        makers = {"actors": self._actor, "sources": self._source, "events": self._event}
        if not isinstance(self.root.value, dict):
            found = "a list" if isinstance(self.root.value, list) else _shown(self.root.value)
            raise self._problem((), f"expected a mapping with the key 'record'; found {found}")
        self._check_keys(self.root.value, ("record", *makers), ())
        self.record = self._record(self.root.value)
        news: list[NewEvent] = []
        problems: list[InvalidRecord] = []
        for section, make in makers.items():
            for index, node in enumerate(self._entries(self.root.value, section)):
                try:
                    news.append(make(node, (section, index)))
                except InvalidRecord as problem:
                    problems.append(problem)
                if len(problems) == _MOST_PROBLEMS:
                    raise _together(problems)
        if problems:
            raise _together(problems)
        return news

    def _record(self, root: dict[str, _Node]) -> str:
        if "record" not in root:
            problem = (
                "expected the key 'record': a name for the record, which its event ids begin with"
            )
            raise self._problem((), problem)
        record: str = self._convert(root["record"].value, Slug, ("record",))
        if record in {"actor", "source"}:
            problem = f"expected another name than {record!r}, which ids of {record}s begin with"
            raise self._problem(("record",), problem)
        return record

    def _entries(self, root: dict[str, _Node], section: str) -> list[_Node]:
        entries = root[section].value if section in root else None
        if entries is not None and not isinstance(entries, list):
            raise self._problem((section,), "expected a list, each entry beginning with '- '")
        return entries or []

    def _actor(self, node: _Node, path: _Path) -> NewEvent:
        actor: Actor = self._whole(node, Actor, path)
        return NewEvent(ActorAdded(actor), id=self._claim(f"actor/{actor.id}", path))

    def _source(self, node: _Node, path: _Path) -> NewEvent:
        source: Source = self._whole(node, Source, path)
        return NewEvent(SourceAdded(source), id=self._claim(f"source/{source.id}", path))

    def _whole(self, node: _Node, cls: type, path: _Path) -> Any:
        self._check(node, (inspect.type_info(cls),), path)
        return self._convert(_plain(node), cls, path)

    def _event(self, node: _Node, path: _Path) -> NewEvent:
        entry = node.value
        if not isinstance(entry, dict) or "type" not in entry:
            raise self._problem(path, "expected a mapping with the key 'type'; found none")
        cls = self._class(entry["type"], (*path, "type"))
        of_envelope, of_event = _fields(_Envelope), _fields(cls)
        self._check_fields(entry, of_envelope | of_event, path)
        data = {key: _plain(value) for key, value in entry.items()}
        if "evidence" in data:
            _spell_out_links(data["evidence"])
        beside = {key: data.pop(key) for key in of_envelope if key in data}
        envelope: _Envelope = self._convert(beside, _Envelope, path)
        event = self._convert(data, cls, path)
        self._check_needs(cls, envelope, path)
        evidence = envelope.evidence
        return NewEvent(
            event,
            id=self._claim(f"{self.record}/{envelope.id}", path),
            stream=envelope.stream,
            occurred=envelope.occurred,
            evidence=(evidence,) if isinstance(evidence, Evidence) else evidence,
        )

    def _class(self, node: _Node, path: _Path) -> type:
        name: str = self._convert(_plain(node), _Name, path)
        try:
            return self.classes(name)
        except UnknownEventType as error:
            guess = _guess(name, [type_of(cls).name for cls in VOCABULARY])
            raise self._problem(path, f"{error}{guess}") from None

    def _check_needs(self, cls: type, envelope: _Envelope, path: _Path) -> None:
        kind = type_of(cls)
        if kind.evidence and not envelope.evidence:
            problem = f"expected evidence for a {kind.name}: at least {{source: ID}}; found none"
            raise self._problem((*path, "evidence"), problem)
        if kind.category is None and envelope.stream is None:
            problem = f"expected the stream's name: a {kind.name} belongs to none by itself"
            raise self._problem((*path, "stream"), problem)

    def _claim(self, id: str, path: _Path) -> str:
        if id in self.lines:
            problem = f"expected an id of its own; {id!r} is on line {self.lines[id]} already"
            raise self._problem((*path, "id"), problem)
        self.lines[id] = self._nearest((*path, "id")).line
        return id

    # What follows holds values against types, and says what does not fit where.

    def _check(self, node: _Node, kinds: Iterable[inspect.Type], path: _Path) -> None:
        """Refuse keys and words that the types do not know.

        msgspec ignores unknown keys for such classes, and does not say which words it knows.
        """
        options = [option for kind in kinds for option in _options(kind)]
        if isinstance(node.value, dict):
            free = [option.value_type for option in options if isinstance(option, inspect.DictType)]
            fields = {name: kind for option in options for name, kind in _members(option).items()}
            for key, value in node.value.items() if free else ():
                self._check(value, free, (*path, key))
            if fields and not free:
                self._check_fields(node.value, fields, path)
        elif isinstance(node.value, list):
            items = [option.item_type for option in options if hasattr(option, "item_type")]
            for index, item in enumerate(node.value):
                self._check(item, items, (*path, index))
        elif node.value is not None and {type(option) for option in options} <= _CLOSED:
            words = [str(word) for option in options for word in getattr(option, "values", ())]
            if words and node.value not in words:
                raise self._problem(path, _not_among(node.value, words))

    def _check_fields(
        self, values: dict[str, _Node], fields: Mapping[str, inspect.Type], path: _Path
    ) -> None:
        self._check_keys(values, fields, path)
        for key, value in values.items():
            self._check(value, (fields[key],), (*path, key))

    def _check_keys(self, values: dict[str, _Node], known: Iterable[str], path: _Path) -> None:
        for key in values:
            if key not in known:
                raise self._problem((*path, key), _not_among(key, list(known), "the keys "))

    def _convert(self, data: Any, kind: Any, path: _Path) -> Any:
        try:
            return msgspec.convert(data, kind, strict=False, dec_hook=decode_time)
        except msgspec.ValidationError as error:
            found = _PLACE.match(str(error))
            problem, inner = (found[1], found[2]) if found else (str(error), "")
            steps = [int(at) if at.isdigit() else name or at for name, at in _STEP.findall(inner)]
            full = (*path, *steps)
            raise self._problem(full, self._reworded(problem, full)) from None

    def _reworded(self, problem: str, path: _Path) -> str:
        """A message of msgspec's, in the words of a person who writes YAML."""
        problem = _QUOTED.sub(_in_words, without_patterns(problem))
        problem = problem.replace("Object missing required field", "expected the key")
        problem = problem.replace(", got ", "; found ").replace("Expected ", "expected ", 1)
        value = self._nearest(path).value
        if "expected the key" in problem:
            problem += "; it is missing"
        elif isinstance(value, str) and "; found '" not in problem:
            problem = f"{problem.partition('; found ')[0]}; found {_shown(value)}"
        return problem if len(problem) < _LONGEST_PROBLEM else f"{problem[:_LONGEST_PROBLEM]}…"

    def _nearest(self, path: _Path) -> _Node:
        """The node at the path, or the last on the way there."""
        node = self.root
        for step in path:
            value: Any = node.value
            steps = range(len(value)) if isinstance(value, list) else value
            if value is None or isinstance(value, str) or step not in steps:
                break
            node = value[step]
        return node

    def _problem(self, path: _Path, problem: str) -> InvalidRecord:
        line = self._nearest(path).line
        return InvalidRecord(self.file, problem, line=line, field=_dotted(path))


def _plain(node: _Node) -> Any:
    """The node's value, without lines."""
    if isinstance(node.value, dict):
        return {key: _plain(value) for key, value in node.value.items()}
    return [_plain(item) for item in node.value] if isinstance(node.value, list) else node.value


def _spell_out_links(evidence: Any) -> None:
    """Make mappings of the bare ids in chains."""
    for item in evidence if isinstance(evidence, list) else [evidence]:
        if isinstance(item, dict) and isinstance(item.get("chain"), list):
            chain = item["chain"]
            item["chain"] = [{"who": link} if isinstance(link, str) else link for link in chain]


@functools.lru_cache(maxsize=256)
def _fields(cls: type) -> dict[str, inspect.Type]:
    return _members(inspect.type_info(cls))


def _members(kind: inspect.Type) -> dict[str, inspect.Type]:
    """The keys a mapping of that type may have; none where it is not of fixed keys."""
    members = {field.encode_name: field.type for field in getattr(kind, "fields", ())}
    tag = getattr(kind, "tag_field", None)
    return members | {tag: inspect.AnyType()} if tag else members


def _options(kind: inspect.Type) -> Iterable[inspect.Type]:
    if isinstance(kind, inspect.Metadata):
        return _options(kind.type)
    if isinstance(kind, inspect.UnionType):
        return [option for member in kind.types for option in _options(member)]
    # What a mapping's values may be is told by its type too, but nothing there has fixed keys.
    return (kind,)


# --- Words ----------------------------------------------------------------------------------------


def _together(problems: list[InvalidRecord]) -> InvalidRecord:
    """The first problem as the file has them, with the others beneath it."""
    first, *others = sorted(problems, key=lambda problem: problem.line or 0)
    if len(problems) == _MOST_PROBLEMS:
        others.append(InvalidRecord(first.file, "reading stopped here; there may be more"))
    text = "\n".join([first.problem, *map(str, others)])
    return InvalidRecord(first.file, text, line=first.line, field=first.field)


def _not_among(word: str, known: list[str], what: str = "") -> str:
    return f"expected one of {what}{', '.join(known)}; found {_shown(word)}.{_guess(word, known)}"


def _guess(word: str, known: list[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1)
    return f" Did you mean {close[0]}?" if close else ""


def _in_words(match: re.Match[str]) -> str:
    return " or ".join(_WORDS.get(word, f"'{word}'") for word in match[1].split(" | "))


def _dotted(path: _Path) -> str | None:
    """The path as people write it: `events[3].evidence.chain[1].who`; None for the whole file."""
    steps = [f"[{step}]" if isinstance(step, int) else f".{step}" for step in path]
    return "".join(steps).lstrip(".") or None


def _shown(value: str | None) -> str:
    if value is None:
        return "nothing"
    return repr(value) if len(value) <= 80 else f"{value[:60]!r}… of {len(value):,} characters"


def _named(character: str) -> str:
    name = unicodedata.name(character, "a control character")
    return f"U+{ord(character):04X} ({name})"


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 1
