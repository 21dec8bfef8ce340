"""Record files: sources, actors and events as a person writes them, in YAML or JSON.

`tree` makes nodes of the file that know their lines; here each entry is held against its class and
becomes a `NewEvent`.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

import attrs
import msgspec
from msgspec import inspect

from timeline.dates import When, decode_time
from timeline.errors import InvalidRecord, UnknownEventType
from timeline.events import Actor, ActorAdded, Evidence, NewEvent, Source, SourceAdded
from timeline.events import event_type as type_of
from timeline.events.base import Slug
from timeline.events.encoding import in_words
from timeline.events.evidence import spelled_out
from timeline.formats.files import path_text
from timeline.formats.record_files.resolving import Expander, together
from timeline.formats.record_files.sheets import SUFFIXES, read_sheet
from timeline.formats.record_files.short_form import DEFAULTS
from timeline.formats.record_files.tree import (
    BROKEN,
    Node,
    Steps,
    dotted,
    not_among,
    read_tree,
    shown,
)

_MOST_PROBLEMS = 20
_LONGEST_PROBLEM = 1_000
_PLACE = re.compile(r"(.*) - at (?:`key` in )?`\$(.*)`\Z", re.DOTALL)
_STEP = re.compile(r"\.([^.\[]+)|\[(\d+|\.\.\.)\]")

_CLOSED = {inspect.LiteralType, inspect.NoneType}

_T = TypeVar("_T")
_R = TypeVar("_R")

_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


@attrs.frozen
class Envelope:
    """What stands beside an event's own fields.

    Attributes:
        id: the entry's own name within the record; the event's id is `<record>/<id>`. One that
            begins with `/` is the whole id: `/other-record/said`.
        type: the type of the event.
        stream: the stream it belongs to, where its type does not say.
        occurred: when it happened in the world, as precisely as the source has it; see the type.
        evidence: where it is known from: one source or a list of them.
    """

    id: Slug
    type: _Name
    stream: _Name | None = None
    occurred: When | None = None
    evidence: Evidence | tuple[Evidence, ...] = ()


class RecordFile:
    """The events of a record file, and where in it they stand.

    Attributes:
        file: the file as the caller named it.
        events: its actors, then its sources, then its events, each as they stand there.
    """

    def __init__(self, reader: _Reader) -> None:
        self._reader, self.file, self.events = reader, reader.file, reader.read()

    def place(self, event: str, field: str) -> str:
        """The file and the line of a field of an event, by the event's id and the field's path."""
        path = self._reader.paths[event]
        steps = _steps(f".{field}")
        # An actor or a source is the entry; its event has it as a field.
        inner = steps if path[0] == "events" else steps[1:]
        return self._reader.nearest((*path, *inner)).place_in(self.file)


def read_records(path: str | os.PathLike[str], classes: Callable[[str], type]) -> list[NewEvent]:
    """The events of a record file; see `read_files`."""
    return read_files([path], Expander(classes))[0].events


def read_files(paths: Iterable[str | os.PathLike[str]], expander: Expander) -> list[RecordFile]:
    """Read record files: of each its actors, its sources and its events, as they stand there.

    Every scalar is text, unless the field of the event's class wants something else; a plain `~`,
    `null` or nothing at all is None. Actors get the event id `actor/<id>`, sources `source/<id>`,
    events `<record>/<id>`.

    Args:
        paths: files of YAML or JSON, in UTF-8. Names in one may be of entries in another.
        expander: knows the event classes and the names on record.

    Raises:
        InvalidRecord: a file cannot be read, or holds something that does not belong there. It
            stands for the first problem; its message lists those of other entries too, up to 20
            of a file.
    """
    files = [path_text(path, "record file (of several, each by itself)") for path in paths]
    trees = _each(files, lambda file: (file, *_root(file)))
    # Before all names are known, it is not known which are missing.
    for _, root, _ in trees:
        expander.register(root)
    return _each(trees, lambda tree: RecordFile(_reader(tree[0], expander, *tree[1:])))


def _each(things: Iterable[_T], read: Callable[[_T], _R]) -> list[_R]:
    """What is read of each; the problems of all are raised together."""
    done, problems = [], []
    for thing in things:
        try:
            done.append(read(thing))
        except InvalidRecord as error:
            problems.append(error)
    if problems:
        raise together(problems)
    return done


def _reader(
    file: str, expander: Expander, root: Node, problems: Iterable[InvalidRecord] = ()
) -> _Reader:
    """A reader of the file in the full form, with what is known to be wrong with it."""
    expanded, more = expander.expand(file, root)
    return _Reader(file, expander.classes, expanded, [*problems, *more])


def read_claim(
    name: str, entry: Mapping[str, Any], record: str, expander: Expander
) -> list[NewEvent]:
    """The events of one claim in the short form, given as plain data: what it adds, and itself.

    Raises:
        InvalidRecord: it does not fit; names the key, after `name`.
    """
    nodes = {key: Node.of(value, Node(None, 0, key)) for key, value in entry.items()}
    root = Node({"record": Node(record, 0), "events": Node([Node(nodes, 0)], 0)}, 0)
    return _reader(name, expander, root).read()


def _root(file: str) -> tuple[Node, list[InvalidRecord]]:
    """The file as nodes, whatever it is written in, and what is wrong with rows of a sheet."""
    is_sheet = Path(file).suffix.lower() in SUFFIXES
    return read_sheet(file) if is_sheet else (read_tree(file), [])


# --- From nodes to events -------------------------------------------------------------------------


class _Reader:
    """Holds the entries of one file against their classes."""

    def __init__(
        self,
        file: str,
        classes: Callable[[str], type],
        root: Node,
        problems: list[InvalidRecord],
    ) -> None:
        self.file, self.classes, self.root, self.problems = file, classes, root, problems
        self.record = ""
        self.paths: dict[str, Steps] = {}

    def read(self) -> list[NewEvent]:
        """The file's events, or its problems."""
        makers = {"actors": self._actor, "sources": self._source, "events": self._event}
        if not isinstance(self.root.value, dict):
            given = "a list" if isinstance(self.root.value, list) else shown(self.root.value)
            raise self._problem((), f"expected a mapping with the key 'record'; found {given}")
        with self._noting():
            self._check_keys(self.root.value, ("record", *makers, "dates", *DEFAULTS), ())
        with self._noting():
            self.record = self._record(self.root.value)
        news: list[NewEvent] = []
        for section, make in makers.items():
            for index, node in enumerate(self._entries(self.root.value, section)):
                if node is not BROKEN:
                    with self._noting():
                        news.append(make(node, (section, index)))
                if len(self.problems) >= _MOST_PROBLEMS:
                    raise together(self.problems, stopped=True)
        if self.problems:
            raise together(self.problems)
        return news

    @contextlib.contextmanager
    def _noting(self) -> Iterator[None]:
        """Go on after what is wrong with an entry, to list all of it."""
        try:
            yield
        except InvalidRecord as problem:
            self.problems.append(problem)

    def _record(self, root: dict[str, Node]) -> str:
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

    def _entries(self, root: dict[str, Node], section: str) -> list[Node]:
        entries = root[section].value if section in root else None
        if isinstance(entries, list):
            return entries
        if entries is not None:
            problem = self._problem((section,), "expected a list, each entry beginning with '- '")
            self.problems.append(problem)
        return []

    def _actor(self, node: Node, path: Steps) -> NewEvent:
        actor: Actor = self._whole(node, Actor, path)
        return NewEvent(ActorAdded(actor), id=self._claim(f"actor/{actor.id}", path))

    def _source(self, node: Node, path: Steps) -> NewEvent:
        source: Source = self._whole(node, Source, path)
        return NewEvent(SourceAdded(source), id=self._claim(f"source/{source.id}", path))

    def _whole(self, node: Node, cls: type, path: Steps) -> Any:
        self._check(node, (_kind_of(cls),), path)
        return self._convert(node.plain, cls, path)

    def _event(self, node: Node, path: Steps) -> NewEvent:
        entry = node.value
        if not isinstance(entry, dict) or "type" not in entry:
            raise self._problem(path, "expected a mapping with the key 'type'; found none")
        cls = self._class(entry["type"], (*path, "type"))
        of_envelope, of_event = _fields(Envelope), _fields(cls)
        self._check_fields(entry, of_envelope | of_event, path)
        data = {key: value.plain for key, value in entry.items()}
        whole = str(data["id"])[1:] if str(data.get("id")).startswith("/") else None
        data |= {"id": "whole"} if whole else {}
        if "evidence" in data:
            data["evidence"] = spelled_out(data["evidence"])
        beside = {key: data.pop(key) for key in of_envelope if key in data}
        envelope: Envelope = self._convert(beside, Envelope, path)
        event = self._convert(data, cls, path)
        self._check_needs(cls, envelope, path)
        evidence = envelope.evidence
        return NewEvent(
            event,
            id=self._claim(whole or f"{self.record}/{envelope.id}", path),
            stream=envelope.stream,
            occurred=envelope.occurred,
            evidence=(evidence,) if isinstance(evidence, Evidence) else evidence,
        )

    def _class(self, node: Node, path: Steps) -> type:
        name: str = self._convert(node.plain, _Name, path)
        try:
            return self.classes(name)
        except UnknownEventType as error:
            known = f"{error.known[0].upper()}{error.known[1:]}"
            problem = f"expected the type of an event; found {shown(name)}. {known}"
            problem += " One of your own is passed with events=[…] or --events MODULE."
            raise self._problem(path, problem) from None

    def _check_needs(self, cls: type, envelope: Envelope, path: Steps) -> None:
        kind = type_of(cls)
        if kind.evidence and not envelope.evidence:
            problem = f"expected evidence for a {kind.name}: at least {{source: ID}}; found none"
            raise self._problem((*path, "evidence"), problem)
        if kind.category is None and envelope.stream is None:
            problem = f"expected the stream's name: a {kind.name} belongs to none by itself"
            raise self._problem((*path, "stream"), problem)

    def _claim(self, id: str, path: Steps) -> str:
        if id in self.paths:
            first = self.nearest((*self.paths[id], "id"))
            place = f"in {first.place}" if first.place else f"on line {first.line}"
            problem = f"expected an id of its own; {id!r} is {place} already"
            raise self._problem((*path, "id"), problem)
        self.paths[id] = path
        return id

    # What follows holds values against types, and says what does not fit where.

    def _check(self, node: Node, kinds: Iterable[inspect.Type], path: Steps) -> None:
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
                raise self._problem(path, not_among(node.value, words))

    def _check_fields(
        self, values: dict[str, Node], fields: Mapping[str, inspect.Type], path: Steps
    ) -> None:
        self._check_keys(values, fields, path)
        for key, value in values.items():
            self._check(value, (fields[key],), (*path, key))

    def _check_keys(self, values: dict[str, Node], known: Iterable[str], path: Steps) -> None:
        for key in values:
            if key not in known:
                raise self._problem((*path, key), not_among(key, list(known), "the keys "))

    def _convert(self, data: Any, kind: Any, path: Steps) -> Any:
        try:
            return msgspec.convert(data, kind, strict=False, dec_hook=decode_time)
        except msgspec.ValidationError as error:
            place = _PLACE.match(str(error))
            problem, inner = (place[1], place[2]) if place else (str(error), "")
            full = (*path, *_steps(inner))
            raise self._problem(full, self._reworded(problem, full)) from None

    def _reworded(self, problem: str, path: Steps) -> str:
        """A message of msgspec in plain words."""
        problem = in_words(problem).replace("Object missing required field", "expected the key")
        value = self.nearest(path).value
        if "expected the key" in problem:
            problem += "; it is missing"
        elif isinstance(value, str) and "; found '" not in problem:
            problem = f"{problem.partition('; found ')[0]}; found {shown(value)}"
        return problem if len(problem) < _LONGEST_PROBLEM else f"{problem[:_LONGEST_PROBLEM]}…"

    def nearest(self, path: Steps) -> Node:
        """The node at the path, or the last on the way there."""
        node = self.root
        for step in path:
            value: Any = node.value
            if step == 0 and isinstance(value, dict):
                continue  # a list of one thing may be written as that thing
            steps = range(len(value)) if isinstance(value, list) else value
            if value is None or isinstance(value, str) or step not in steps:
                break
            node = value[step]
        return node

    def _problem(self, path: Steps, problem: str) -> InvalidRecord:
        return self.nearest(path).problem(self.file, problem, dotted(path))


def _steps(path: str) -> Steps:
    """A path as msgspec and the vocabulary write it, such as `.evidence[0].source`, in steps."""
    return tuple(int(at) if at.isdigit() else name or at for name, at in _STEP.findall(path))


@functools.lru_cache(maxsize=256)
def _kind_of(cls: type) -> inspect.Type:
    # msgspec finds out again each time, which takes longer than to read an entry.
    return inspect.type_info(cls)


def _fields(cls: type) -> dict[str, inspect.Type]:
    return _members(_kind_of(cls))


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
    # The values of a mapping have a type too, but none of them has fixed keys.
    return (kind,)
