"""Record files of either form made into the full one: with ids for names, and EDTF for dates.

Names are looked up in the record and in the files read with it. What stands once for a file or a
group of entries goes into each of them. Entries in the full form stay as they are, but for names
and dates.
"""

from __future__ import annotations

import re
import typing
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import attrs
import msgspec

from timeline.dates import When
from timeline.errors import InvalidDate, InvalidRecord, UnknownEventType
from timeline.events import Actor, Evidence, Source
from timeline.events.actors import Kind
from timeline.events.base import Ref, event_type
from timeline.events.encoding import SLUG
from timeline.formats.record_files.names import Names, digest, slug
from timeline.formats.record_files.short_form import (
    DEFAULTS,
    UNNAMED,
    VERBS,
    Claim,
    Leaf,
    Order,
    Verb,
    hints_of,
    leaf_of,
    understood,
)
from timeline.formats.record_files.tree import BROKEN, Node, shown

KINDS: tuple[Kind, ...] = typing.get_args(Kind)
_ADDRESS = re.compile(r"https?://(?:www\.)?([^/:?#\s]+)\S*\Z")


@attrs.frozen
class Understood:
    """A date that was written in words, and what it is taken for."""

    words: str
    date: str
    place: str


class Expander:
    """Makes full entries of the entries of record files.

    Names may stand before what they name, within the files that are read together.
    """

    def __init__(
        self,
        classes: Callable[[str], type],
        names: Names | None = None,
        *,
        create: bool = False,
        order: Order | None = None,
    ) -> None:
        """Start with what is on record.

        Args:
            classes: the event class of a type name.
            names: what is on record.
            create: whether to add actors whose names are unknown.
            order: how the dates are ordered, where the file does not say.
        """
        self.classes, self.names, self.create, self.order = classes, names or Names(), create, order
        self.understood: list[Understood] = []
        self.created: list[Actor] = []
        self._unknown: set[tuple[str, str]] = set()

    def register(self, root: Node) -> None:
        """Take in the names of a file's actors and sources."""
        for entry in _entries(root, "actors"):
            for actor in _spread(entry):
                self._register_actor(actor)
        for entry in _entries(root, "sources"):
            self._register_source(entry)

    def expand(self, file: str, root: Node) -> tuple[Node, list[InvalidRecord]]:
        """The file in the full form, and what is wrong with entries: `BROKEN` stands for these."""
        return _File(self, file, root).expand()

    def _register_actor(self, entry: Node) -> None:
        fields = entry.plain
        if isinstance(fields, dict) and isinstance(fields.get("name"), str):
            aliases = fields.get("aliases") or ()
            others = (aliases,) if isinstance(aliases, str) else tuple(map(str, aliases))
            id = fields.get("id") or slug(fields["name"])
            category = "person" if fields.get("kind") == "person" else "actor"
            self.names.add(category, str(id), fields["name"], *others)

    def _register_source(self, entry: Node) -> None:
        fields = entry.plain
        if isinstance(fields, dict) and isinstance(fields.get("id"), str):
            known = [str(fields[key]) for key in ("title", "address") if fields.get(key)]
            self.names.add("source", fields["id"], *known)
            publisher = self.names.find("actor", str(fields.get("publisher")))
            host = host_of(fields.get("address"))
            if host and len(publisher) == 1:
                self.names.add("host", publisher[0], host)

    def is_new(self, category: str, name: str) -> bool:
        """Whether a name, or the whole of a surname, was not met before among unknown ones."""
        known = (named for of, named in self._unknown if of == category)
        new = not any(named == name or named.endswith(f" {name}") for named in known)
        self._unknown.add((category, name))
        return new


class _File:
    """One file on its way to the full form."""

    def __init__(self, expander: Expander, file: str, root: Node) -> None:
        self.expander, self.names, self.file, self.root = expander, expander.names, file, root
        self.actors: list[Node] = []
        self.sources: list[Node] = []
        self.order = expander.order
        self.problems: list[InvalidRecord] = []
        self._is_broken = False

    def expand(self) -> tuple[Node, list[InvalidRecord]]:
        root = self.root.value
        if not isinstance(root, dict) or any(
            not isinstance(root[name].value, list | None) for name in _SECTIONS if name in root
        ):
            return self.root, []  # the reader says what is wrong with it
        self._take_order(root)
        self.actors = [actor for entry in _entries(self.root, "actors") for actor in _spread(entry)]
        self.sources = list(_entries(self.root, "sources"))
        defaults = {key: root[key] for key in DEFAULTS if key in root}
        events = [
            self._unless_broken(self._event, entry, given, path)
            for path, entry, given in _grouped(_entries(self.root, "events"), defaults, "events")
        ]
        self._name_all(events)
        kept = {key: node for key, node in root.items() if key not in (*DEFAULTS, "dates")}
        sections = {"actors": self.actors, "sources": self.sources, "events": events}
        made = {
            key: Node.of(nodes, root.get(key, self.root))
            for key, nodes in sections.items()
            if nodes
        }
        return attrs.evolve(self.root, value=kept | made), self.problems

    def _unless_broken(self, make: Callable[..., Node], *given: Any) -> Node:
        """What is made of an entry; what is wrong with it is noted, to list all of it."""
        self._is_broken = False
        try:
            made = make(*given)
        except InvalidRecord as problem:
            self._note(problem)
        return BROKEN if self._is_broken else made

    def _note(self, problem: InvalidRecord) -> None:
        self.problems.append(problem)
        self._is_broken = True

    def _take_order(self, root: dict[str, Node]) -> None:
        if "dates" in root:
            if root["dates"].value not in typing.get_args(Order):
                choices = " or ".join(typing.get_args(Order))
                problem = f"expected {choices}; found {shown(str(root['dates'].value))}"
                self._note(root["dates"].problem(self.file, problem, "dates"))
            else:
                self.order = typing.cast("Order", root["dates"].value)

    # --- From a short entry to a full one ---------------------------------------------------------

    def _event(self, entry: Node, defaults: dict[str, Node], path: str) -> Node:
        """The entry in the full form, with names where ids will be."""
        if not isinstance(entry.value, dict):
            return entry
        given = {
            key: attrs.evolve(node, key=node.key or f"{path}.{key}")
            for key, node in entry.value.items()
        }
        verb = self._verb_of(entry, given, path)
        if verb is None:
            return entry
        cls = self._class(verb.type)
        if cls is None:
            return entry
        place = attrs.evolve(entry, key=entry.key or path)
        claim = Claim(self.file, place, given, defaults, verb, cls, self._is_known, self._edtf)
        claim.opened = self._opened(given.get("id"), event_type(cls).category)
        return claim.expand()

    def _opened(self, id: Node | None, category: str | None) -> str | None:
        """What the entry opened when it was recorded under its id."""
        if id is None or category is None or not isinstance(id.value, str):
            return None
        record = typing.cast("dict[str, Node]", self.root.value).get("record")
        whole = f"{record.value}/{id.value}" if record is not None else id.value
        whole = id.value[1:] if id.value.startswith("/") else whole
        return self.names.opened(category, whole)

    def _verb_of(self, entry: Node, given: dict[str, Node], path: str) -> Verb | None:
        if "type" in given:
            return None
        verbs = [key for key in given if key in VERBS]
        if len(verbs) == 1:
            return VERBS[verbs[0]]
        problem = (
            f"expected one verb; found {' and '.join(verbs)}. Make an entry of each"
            if verbs
            else f"expected the key 'type', or a verb: {', '.join(VERBS)}"
        )
        raise entry.problem(self.file, problem, path)

    def _class(self, type: object) -> type | None:
        try:
            return self.expander.classes(type) if isinstance(type, str) else None
        except UnknownEventType:
            return None  # the reader says so, and where

    def _is_known(self, text: str) -> bool:
        return bool(self.names.find("actor", text))

    # --- From names to ids ------------------------------------------------------------------------

    def _name_all(self, events: list[Node]) -> None:
        """Put ids for names and EDTF for words, in all entries."""
        for event in events:
            self._register_opened(event)
        for index, event in enumerate(events):
            cls = self._class_of(event)
            if cls is not None:
                path = f"events[{index}]"
                events[index] = self._unless_broken(self._named_event, event, cls, path)
        # Actors and sources that stand where they are first used have joined the sections by now.
        self.sources = [
            self._unless_broken(self._source, source, f"sources[{at}]")
            for at, source in enumerate(self.sources)
        ]
        self.actors = [self._unless_broken(self._actor, actor) for actor in self.actors]

    def _class_of(self, event: Node) -> type | None:
        fields = event.value
        return (
            self._class(fields["type"].value)
            if isinstance(fields, dict) and "type" in fields
            else None
        )

    def _register_opened(self, event: Node) -> None:
        """Take in the title of a proposal, a meeting, a plan or a document."""
        cls = self._class_of(event)
        kind = event_type(cls) if cls is not None else None
        if kind is None or not kind.opens or kind.subject is None or kind.category is None:
            return
        fields = event.plain
        id, title = fields.get(kind.subject), fields.get("title")
        if isinstance(id, str) and re.match(SLUG, id):
            self.names.add(kind.category, id, *([title] if isinstance(title, str) else []))

    def _named_event(self, event: Node, cls: type, path: str) -> Node:
        fields = typing.cast("dict[str, Node]", event.value)
        made = dict(fields)
        kind = event_type(cls)
        for name, hint in hints_of(cls).items():
            if name in made and not (kind.opens and name == kind.subject):
                made[name] = self._named(made[name], hint, f"{path}.{name}")
        if "evidence" in made:
            made["evidence"] = self._named(made["evidence"], _SOURCES, f"{path}.evidence")
        if "occurred" in made:
            date = self._date(made["occurred"], f"{path}.occurred")
            if date is not made["occurred"] and isinstance(made.get("evidence"), Node):
                made["evidence"] = _dated(made["evidence"], str(made["occurred"].value))
            made["occurred"] = date
        if "id" in made and made["id"].value == UNNAMED:
            made["id"] = Node.of(_id_of(made), event)
        return attrs.evolve(event, value=made)

    def _named(self, node: Node, hint: Any, path: str) -> Node:
        """A value with ids for names and EDTF for dates, wherever its type has them."""
        return self._settled(node, leaf_of(hint), path)

    def _settled(self, node: Node, leaf: Leaf | None, path: str) -> Node:
        if leaf is When:
            return self._date(node, path)
        if isinstance(leaf, Ref):
            return self._id(node, leaf.category, path)
        if isinstance(leaf, list):
            if not isinstance(node.value, list):
                return self._settled(node, leaf[0], path)
            items = enumerate(node.value)
            settled = [self._settled(one, leaf[0], f"{path}[{at}]") for at, one in items]
            return attrs.evolve(node, value=settled)
        return node if leaf is None else self._named_fields(node, hints_of(leaf), path)

    def _named_fields(self, node: Node, hints: dict[str, Any], path: str) -> Node:
        if isinstance(node.value, dict):
            value = {
                key: self._named(one, hints[key], f"{path}.{key}") if key in hints else one
                for key, one in node.value.items()
            }
            return attrs.evolve(node, value=value)
        # A bare id or name stands for a link that says no more.
        return self._id(node, "actor", path) if "who" in hints else node

    def _date(self, node: Node, path: str) -> Node:
        if not isinstance(node.value, str):
            return node
        try:
            text = understood(node.value, self.order)
        except InvalidDate as error:
            if node.key is None and node.place is None:
                return node  # the reader says so
            raise node.problem(self.file, str(error), path) from None
        if text == node.value:
            return node
        place = node.place_in(self.file)
        self.expander.understood.append(Understood(node.value, text, place))
        return Node.of(text, node)

    def _edtf(self, date: object) -> str:
        """The date as EDTF; what is none stays as it is, for the reader to refuse."""
        try:
            return understood(str(date), self.order)
        except InvalidDate:
            return str(date)

    def _id(self, node: Node, category: str, path: str) -> Node:
        """The id of what a name, an entry that stands in place, or an id stands for."""
        text = node.value
        if isinstance(text, dict) and category in ("actor", "source"):
            return self._new_actor(node, path) if category == "actor" else self._new_source(node)
        if not isinstance(text, str) or category in ("event", "series", "statement"):
            return node
        ids = self.names.find(category, text)
        if len(ids) == 1:
            return node if ids[0] == text else Node.of(ids[0], node)
        if ids:
            problem = f"{shown(text)} may be {' or '.join(ids)}. Name it by its id"
            self._note(node.problem(self.file, problem, path))
            return node
        return self._unknown(node, category, text, path)

    def _unknown(self, node: Node, category: str, text: str, path: str) -> Node:
        if category == "source" and _ADDRESS.match(text):
            return self._new_source(Node.of({"address": text}, node))
        if category == "actor" and self.expander.create:
            return self._new_actor(Node.of({"name": text}, node), path)
        if not re.match(SLUG, text):
            self._is_broken = True  # also where the name was noted before
            if self.expander.is_new(category, text):
                problem = self._no_such(category, text)
                self._note(node.problem(self.file, problem, path))
        return node

    def _no_such(self, category: str, text: str) -> str:
        near = self.names.near(category, text)
        guess = f" Did you mean {' or '.join(near)}?" if near else ""
        advice = (
            "Add it to `actors`, or let --create (create=True) add it."
            if category == "actor"
            else ""
        )
        return f"no {category} is named {shown(text)}.{guess} {advice}".rstrip()

    def _new_actor(self, node: Node, path: str) -> Node:
        fields = typing.cast("dict[str, Node]", node.value)
        name = fields["name"].value if "name" in fields else None
        if not isinstance(name, str):
            raise node.problem(self.file, "expected a name, or {name: …, kind: …} of a new actor")
        ids = self.names.find("actor", name)
        if len(ids) == 1 and "id" not in fields:
            return Node.of(ids[0], node)
        kind = fields["kind"].value if "kind" in fields else _kind_of(path, node.key)
        id = fields["id"].value if "id" in fields else self.names.free_id("actor", name)
        entry = Node.of({**fields, "id": id, "kind": kind}, node)
        self.actors.append(entry)
        self.expander.register(Node.of({"actors": [entry]}, node))
        if "kind" not in fields and not self.names.is_gone("actor", str(id)):
            self.expander.created.append(Actor(str(id), typing.cast("Kind", kind), name))
        return Node.of(id, node)

    def _new_source(self, node: Node) -> Node:
        """The id of a source that stands where it is used; a known address is a known source."""
        fields = dict(typing.cast("dict[str, Node]", node.value))
        if "address" in fields and "publisher" not in fields:
            host = host_of(fields["address"].value) or ""
            # The one publisher at that host is meant, if there is one.
            ids = self.names.find("host", host)
            fields["publisher"] = Node.of(ids[0] if len(ids) == 1 else host, fields["address"])
        if "publisher" in fields:
            publisher = fields["publisher"]
            key = publisher.key or f"{node.key or 'source'}.publisher"
            publisher = attrs.evolve(publisher, key=key)
            fields["publisher"] = self._id(publisher, "actor", "publisher")
        plain = {key: value.plain for key, value in fields.items()}
        known = self.names.find("source", str(plain["address"])) if plain.get("address") else []
        title = plain.get("title") or plain.get("address") or "untitled"
        # However its date is written, an article is one source.
        words = f"{plain.get('publisher')} {self._edtf(plain.get('published') or '')}"
        id = plain.get("id") or f"{slug(words)[:50]}-{digest(f'{words} {title}', 6)}"
        if known or self.names.is_id("source", str(id)):
            return Node.of(known[0] if known else id, node)
        entry = Node.of({"id": id, "title": title, **fields}, node)
        self.sources.append(entry)
        self.expander.register(Node.of({"sources": [entry]}, node))
        return Node.of(id, node)

    def _source(self, node: Node, path: str) -> Node:
        """A source with ids for names."""
        if isinstance(node.value, dict) and "publisher" in node.value:
            publisher = node.value["publisher"]
            key = publisher.key or "publisher"
            value = node.value | {"publisher": attrs.evolve(publisher, key=key)}
            named = self._named(attrs.evolve(node, value=value), Source, path)
            made = typing.cast("dict[str, Node]", named.value)
            back = attrs.evolve(made["publisher"], key=publisher.key)
            return attrs.evolve(named, value=made | {"publisher": back})
        return node

    def _actor(self, node: Node) -> Node:
        if isinstance(node.value, dict) and "id" not in node.value and "name" in node.value:
            return attrs.evolve(
                node, value={"id": Node.of(slug(str(node.value["name"].value)), node), **node.value}
            )
        return node


# --- Trees and types ------------------------------------------------------------------------------

_SECTIONS = ("actors", "sources", "events")
_SOURCES = tuple[Evidence, ...]


def host_of(address: object) -> str | None:
    """The host of an address on the web.

    >>> host_of("https://www.gazette.example/harbour")
    'gazette.example'
    """
    match = _ADDRESS.match(str(address))
    return match[1] if match else None


def _entries(root: Node, section: str) -> list[Node]:
    node = root.value.get(section) if isinstance(root.value, dict) else None
    return node.value if node is not None and isinstance(node.value, list) else []


def _spread(entry: Node) -> list[Node]:
    """The actors of an entry: `{person: NAME}` and `{state: [NAME, …]}` are short for them."""
    fields = entry.value
    kinds = [kind for kind in KINDS if isinstance(fields, dict) and kind in fields]
    if not isinstance(fields, dict) or len(kinds) != 1 or "kind" in fields or "name" in fields:
        return [entry]
    kind = kinds[0]
    named = fields[kind].value if isinstance(fields[kind].value, list) else [fields[kind]]
    rest = {key: node for key, node in fields.items() if key != kind}
    return [
        Node.of({"id": slug(str(name.value)), "kind": kind, "name": name, **rest}, entry)
        for name in typing.cast("list[Node]", named)
    ]


def _grouped(
    entries: list[Node], defaults: dict[str, Node], path: str
) -> Iterator[tuple[str, Node, dict[str, Node]]]:
    """All entries with their defaults, those of groups included."""
    for index, entry in enumerate(entries):
        at = f"{path}[{index}]"
        fields = entry.value
        if isinstance(fields, dict) and "events" in fields and "type" not in fields:
            own = {key: node for key, node in fields.items() if key in DEFAULTS}
            if fields.keys() <= {*DEFAULTS, "events"} and isinstance(fields["events"].value, list):
                yield from _grouped(fields["events"].value, defaults | own, f"{at}.events")
                continue
        yield at, entry, defaults


def _dated(evidence: Node, words: str) -> Node:
    """Evidence that keeps the recorder's words for the date: the first of several has them."""
    if isinstance(evidence.value, list) and evidence.value:
        first, *others = evidence.value
        return attrs.evolve(evidence, value=[_dated(first, words), *others])
    if isinstance(evidence.value, dict) and "dated" not in evidence.value:
        value = evidence.value | {"dated": Node.of(words[:100], evidence)}
        return attrs.evolve(evidence, value=value)
    return evidence


def _id_of(entry: dict[str, Node]) -> str:
    """An id for a claim without one, of all that it says: the same claim has the same id."""
    plain = {key: node.plain for key, node in sorted(entry.items()) if key != "id"}
    voice = next((plain[key] for key in ("speaker", "by", "actor") if key in plain), None)
    text = msgspec.json.encode(plain, order="sorted").decode()
    kind = re.sub("(?<!^)([A-Z])", r" \1", str(plain["type"]))
    named = f"{kind} {voice}" if isinstance(voice, str) else kind
    return f"{slug(named)}-{digest(text, 8)}"


def _kind_of(path: str, key: str | None) -> Kind:
    """What an actor is taken for that is known by name only: by the field that names it."""
    field = re.sub(r"\[\d+\]", "", path).rpartition(".")[2]
    if field == "publisher" or (key or "").endswith("(publisher)"):
        return "organisation"
    bodies = ("parties", "party", "on_behalf_of", "represents", "of")
    return "state" if field in bodies else "person"


def together(problems: Iterable[InvalidRecord], *, stopped: bool = False) -> InvalidRecord:
    """The first problem as the file has them, with the others beneath it.

    Args:
        problems: one or more.
        stopped: whether reading stopped at the last of them.
    """
    first, *others = sorted(problems, key=_place)
    if stopped:
        others.append(InvalidRecord(first.file, "reading stopped here; there may be more"))
    text = "\n".join([first.problem, *map(str, others)])
    return InvalidRecord(first.file, text, line=first.line, field=first.field)


def _place(problem: InvalidRecord) -> tuple[str, int]:
    """Where a problem stands, to sort by: by line, and in workbooks by sheet and row."""
    sheet, _, row = problem.file.rpartition("row ")
    return (sheet, int(row)) if row.isdecimal() else (problem.file, problem.line or 0)
