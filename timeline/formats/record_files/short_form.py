"""The short form of record files, rows of sheets and calls in Python, made into full entries.

A claim is a verb with what was said or done, `said: Soon.`, and keys such as `by` and `on`.
`VERBS` has the full entry of each. The names in it become ids in `resolving`. Dates as people write
them, such as `late 2022` or `28/11/2022`, become EDTF: what can be meant in two ways is refused.
"""

from __future__ import annotations

import calendar
import functools
import re
import types
import typing
from collections.abc import Callable
from typing import Annotated, Any, Literal

import attrs

from timeline.dates import When
from timeline.errors import InvalidDate
from timeline.events import Attendance, Signatory, Term
from timeline.events.actors import folded
from timeline.events.base import Ref, event_type
from timeline.events.encoding import SLUG
from timeline.events.evidence import Manner
from timeline.formats.record_files.names import slug
from timeline.formats.record_files.tree import Node, not_among, shown


@attrs.frozen
class Verb:
    """What a verb of the short form stands for.

    Attributes:
        type: the type of the event.
        what: the field that the verb's own text fills.
        keys: fields by the short keys that fill them, where the two differ.
        fixed: fields that the verb settles.
    """

    type: str
    what: str
    keys: dict[str, str] = attrs.field(factory=dict)
    fixed: dict[str, str] = attrs.field(factory=dict)


def _verb(type: str, what: str, keys: str = "", **fixed: str) -> Verb:
    return Verb(type, what, dict(pair.split("=") for pair in keys.split()), fixed)


ATTENDANCE: tuple[str, ...] = (
    "attended",
    "invited",
    "expected",
    "confirmed",
    "represented",
    "absent",
)
"""Verbs that report who was at a meeting."""

VERBS: dict[str, Verb] = {
    "said": _verb("StatementMade", "text", "by=speaker for=on_behalf_of stance=positions"),
    "proposed": _verb("ProposalMade", "title", "about=proposal with=parties stance=firmness"),
    "amended": _verb("ProposalAmended", "text", "about=proposal"),
    "answered": _verb("ProposalAnswered", "text", "about=proposal for=on_behalf_of stance=answer"),
    "discussed": _verb(
        "ProposalDiscussed", "text", "about=proposal by=participants with=participants"
    ),
    "withdrew": _verb("ProposalWithdrawn", "text", "about=proposal"),
    "lapsed": _verb("ProposalLapsed", "text", "about=proposal stance=state"),
    "agreed": _verb("ProposalAdopted", "text", "about=proposal by=parties with=parties"),
    "reached": _verb("MilestoneReached", "title", "about=proposal with=by"),
    "met": _verb("MeetingHeld", "title", "by=attendance with=attendance", status="attended"),
    "announced": _verb(
        "MeetingAnnounced",
        "title",
        "with=attendance due=planned stance=firmness",
        status="expected",
    ),
    "moved": _verb("MeetingRescheduled", "text", "due=planned"),
    "called off": _verb("MeetingCalledOff", "text"),
    **{
        status: _verb(
            "AttendanceReported", "attendance", "by=attendance with=attendance", status=status
        )
        for status in ATTENDANCE
    },
    "planned": _verb("PlanAnnounced", "title", "stance=firmness"),
    "postponed": _verb("PlanPostponed", "text"),
    "kept": _verb("PlanOutcomeReported", "text", outcome="kept"),
    "missed": _verb("PlanOutcomeReported", "text", outcome="missed"),
    "signed": _verb("DocumentSigned", "title", "by=signatories with=signatories due=deadline"),
    "did": _verb("ConductReported", "text", "to=toward with=jointly_with"),
    "holds": _verb("RoleReported", "role", "by=actor for=of"),
    "belongs": _verb("MembershipReported", "status", "by=actor for=of"),
    "corroborated": _verb("EventCorroborated", "events"),
}
"""What can be said in the short form."""

_EVERYWHERE = {"on": "occurred", "where": "place"}
_OF_EVIDENCE = {
    "source": "source",
    "at": "at",
    "quote": "excerpt",
    "chain": "chain",
    "dated": "dated",
    "note": "note",
}
ALSO = "also"
"""The key of further support: a list of what each further place in a source, or source, adds."""

UNNAMED = "?"
"""The id of a claim that has none yet: one is made of all that it says."""

DEFAULTS = ("source", "on", "about", "chain", "by", "for", "to", "where", "meeting")
"""Keys that may stand once for a whole file or a group of entries."""

_MANNERS = typing.get_args(Manner)
_ENVELOPE = ("id", "type", "stream", "occurred", "evidence")
_NO_OFFICE = (
    "{} has no field for the office {}. Write the name alone; the office can stand in the chain, "
    "as in chain: PUBLISHER > NAME, OFFICE"
)
_VOICES = ("speaker", "by", "actor")
"""The fields that an office may stand in: of whoever speaks or acts."""

_LONGEST_TITLE = 300
"""Characters that a title may have."""


class Claim:
    """One short entry on its way to the full form."""

    def __init__(
        self,
        file: str,
        entry: Node,
        given: dict[str, Node],
        defaults: dict[str, Node],
        verb: Verb,
        cls: type,
        is_known: Callable[[str], bool],
        edtf: Callable[[object], str],
    ) -> None:
        self.file, self.entry, self.given, self.verb, self.cls = file, entry, given, verb, cls
        self.is_known, self.edtf, self.fields = is_known, edtf, hints_of(cls)
        self.keys = _EVERYWHERE | verb.keys
        self.made: dict[str, Node] = {}
        self.opened: str | None = None
        """The id of what it opened, where the entry is on record already."""
        for key, node in defaults.items():
            if key not in given and self._takes(key, given):
                self.given = {**self.given, key: node}

    def expand(self) -> Node:
        """The entry in the full form."""
        evidence: dict[str, Node] = {}
        more: dict[str, Node] = {}
        for key, node in self.given.items():
            if VERBS.get(key) is self.verb:
                self._put(self.verb.what, node)
            elif key == "more":
                if not isinstance(node.value, dict):
                    what = "a list" if isinstance(node.value, list) else shown(node.value)
                    raise node.problem(self.file, f"expected a mapping; found {what}")
                more = node.value
            elif self._is_of_evidence(key):
                evidence[_OF_EVIDENCE.get(key, key)] = node
            else:
                self._put(self._field(key, node), node)
        self._add_fixed()
        self._add_evidence(evidence)
        self._add_title()
        # Fields in the full form go before all that follows from the short one.
        self.made |= more
        for field, node in more.items():
            if node.value is None and not self._needs(field):
                del self.made[field]
        if "more" not in self.given:
            self._require()
        self.made.setdefault("id", Node.of(UNNAMED, self.entry))
        return attrs.evolve(self.entry, value=self.made)

    def _takes(self, key: str, given: dict[str, Node]) -> bool:
        """Whether a default is for this event."""
        if key in _OF_EVIDENCE:
            return "evidence" not in given and key not in self.fields
        field = self.keys.get(key, key)
        return field == "occurred" or (field in self.fields and field not in given)

    def _is_of_evidence(self, key: str) -> bool:
        return (key in _OF_EVIDENCE or key == ALSO) and key not in self.fields

    def _field(self, key: str, node: Node) -> str:
        field = self.keys.get(key, key)
        if field in self.fields or field in _ENVELOPE:
            return field
        taken = {*self.keys, *self.fields, *_OF_EVIDENCE, *_ENVELOPE} - {"type", "stream"}
        known = sorted(
            name for name in taken if self.keys.get(name, name) in {*self.fields, *taken}
        )
        verb = next(word for word, verb in VERBS.items() if verb is self.verb)
        raise node.problem(self.file, f"{verb!r}: {not_among(key, known, 'the keys ')}")

    def _put(self, field: str, node: Node) -> None:
        hint = self.fields.get(field)
        leaf = leaf_of(hint) if hint is not None else None
        if field in _ENVELOPE or node.value is None:
            self.made[field] = node
        elif field == "positions":
            self.made[field] = self._positions(node)
        elif isinstance(leaf, list) and leaf[0] in (Attendance, Signatory):
            self._put_people(field, node, leaf[0])
        elif isinstance(leaf, list) and leaf[0] is Term and isinstance(node.value, dict):
            terms = [{"name": name, "value": one} for name, one in node.value.items()]
            self.made[field] = Node.of(terms, node)
        elif isinstance(leaf, list) or _is_list(hint):
            before = typing.cast("list[Node]", self.made[field].value) if field in self.made else []
            one = node.value if isinstance(node.value, list) else [node]
            if isinstance(leaf, list) and isinstance(leaf[0], Ref) and leaf[0].category == "actor":
                one = [*map(self._alone, one)]
            self.made[field] = Node.of([*before, *one], node)
        else:
            self._put_one(field, node, leaf)

    def _put_one(self, field: str, node: Node, leaf: Any) -> None:
        """A field that holds one value; further proposers go beside the first."""
        if isinstance(node.value, list) and node.value:
            whole, (node, *others) = node, node.value
            if others and "jointly_with" in self.fields and field == "by":
                self.made["jointly_with"] = Node.of(others, node)
            elif others:
                raise whole.problem(self.file, f"expected one; found {1 + len(others)}")
        if isinstance(leaf, Ref) and leaf.category == "actor":
            parts = self._voice(node) if field in _VOICES else {"name": self._alone(node)}
            node = parts["name"]
            if "capacity" in parts:
                self.made.setdefault("capacity", parts["capacity"])
        self.made[field] = node

    def _voice(self, node: Node) -> dict[str, Any]:
        """The parts of `NAME, OFFICE`; whom it is for stands in a key of its own."""
        parts = _people(node, self.is_known)
        name, joint, body = str(parts["name"].value).partition(" for ")
        if joint and not self.is_known(str(parts["name"].value)):
            wanted = f"write {name}, and for: {body}" if "for" in self.keys else f"write {name}"
            problem = f"expected a name; found {shown(str(node.value))}. If that is one, add it to"
            raise node.problem(self.file, f"{problem} `actors`; if not, {wanted}")
        return parts

    def _alone(self, node: Node) -> Node:
        """A name where nothing can be said beside it, such as an office or a country."""
        name = _people(node, self.is_known, bodies=True)["name"]
        if name.value != node.value and self.is_known(str(name.value)):
            problem = (
                f"expected the name alone, {shown(name.value)}; found {shown(str(node.value))}"
            )
            raise node.problem(self.file, f"{problem}. Here {self.verb.type} has no room for more")
        return node

    def _put_people(self, field: str, node: Node, cls: type) -> None:
        """Participants or signatories: `NAME, OFFICE for BODY`, or mappings."""
        before = typing.cast("list[Node]", self.made[field].value) if field in self.made else []
        status = self.verb.fixed.get("status")
        made = []
        for one in node.value if isinstance(node.value, list) else [node]:
            if not isinstance(one.value, str):
                made.append(one)
                continue
            parts = _people(one, self.is_known, bodies=True)
            entry: dict[str, Any] = {"actor": attrs.evolve(parts["name"], key=one.key or node.key)}
            if cls is Attendance and status:
                entry["status"] = status
            if "for" in parts:
                entry["represents" if cls is Attendance else "on_behalf_of"] = parts["for"]
            if "capacity" in parts:
                entry["capacity"] = parts["capacity"]
            made.append(Node.of(entry, attrs.evolve(one, key=one.key or node.key)))
        self.made[field] = Node.of([*before, *made], node)

    def _positions(self, node: Node) -> Node:
        """`favourable`, `favourable (WHY)`, `{NAME: favourable}` or the full form."""
        value = node.value
        if isinstance(value, str):
            party = self.given.get("for") or self.given.get("by")
            if party is None:
                raise node.problem(self.file, "expected {NAME: STANCE}, since nobody is named")
            name = party.value[0] if isinstance(party.value, list) and party.value else party
            return Node.of([{"party": _people(name, self.is_known)["name"], **_stance(node)}], node)
        if isinstance(value, dict):
            made = [
                {"party": Node.of(name, stance), **_stance(stance)}
                for name, stance in value.items()
            ]
            return Node.of(made, node)
        return node

    def _add_fixed(self) -> None:
        for field, word in self.verb.fixed.items():
            if field in self.fields:
                self.made[field] = Node.of(word, self.entry)
        self.made["type"] = Node.of(self.verb.type, self.entry)

    def _add_evidence(self, evidence: dict[str, Node]) -> None:
        if "chain" in evidence:
            evidence["chain"] = self._chain(evidence["chain"])
        also = evidence.pop(ALSO, None)
        kept = {key: node for key, node in evidence.items() if node.value is not None}
        if "source" in kept:
            whole = Node.of(kept, kept["source"])
            self.made["evidence"] = whole if also is None else self._with_further(whole, kept, also)
        elif kept and "evidence" not in self.made:
            first = next(iter(kept.values()))
            raise first.problem(self.file, "expected a source, which this says more of")
        self._settle_capacity()

    def _chain(self, node: Node) -> Node:
        value = node.value
        if isinstance(value, str):
            value = [Node.of(part.strip(), node) for part in value.split(">")]
        if not isinstance(value, list):
            return node
        links = [_link(self.file, one, self.is_known) for one in value]
        if links and isinstance(links[0].value, dict):
            publisher = links[0].value["who"] if "who" in links[0].value else links[0]
            publisher.key = f"{node.key or 'chain'} (publisher)"
        return Node.of(links, node)

    def _with_further(self, whole: Node, kept: dict[str, Node], also: Node) -> Node:
        """The evidence with further support. What names no source is of the same, as told there."""
        same = {key: kept[key] for key in ("source", "chain") if key in kept}
        made = [whole]
        for one in also.value if isinstance(also.value, list) else [also]:
            if not isinstance(one.value, dict):
                raise one.problem(self.file, "expected {at: …, quote: …}, or {source: …, …}")
            own = {}
            for key, node in one.value.items():
                if key not in _OF_EVIDENCE:
                    raise node.problem(self.file, not_among(key, list(_OF_EVIDENCE)))
                own[_OF_EVIDENCE[key]] = self._chain(node) if key == "chain" else node
            made.append(Node.of(own if "source" in own else same | own, one))
        return Node.of(made, also)

    def _settle_capacity(self) -> None:
        """Give an office that the event has no field for to the last link of the chain."""
        if "capacity" not in self.made or "capacity" in self.fields:
            return
        office = self.made.pop("capacity")
        whole = self.made.get("evidence")
        first = whole.value[0] if whole and isinstance(whole.value, list) else whole
        chain = first.value.get("chain") if first and isinstance(first.value, dict) else None
        links = chain.value if chain and isinstance(chain.value, list) else []
        fields = _fields_of(links[-1]) if links else {}
        by = self.made.get("by")
        if by is None or not _may_be_one(by.value, getattr(fields.get("who"), "value", None)):
            raise office.problem(
                self.file, _NO_OFFICE.format(self.verb.type, shown(str(office.value)))
            )
        links[-1] = Node.of({"capacity": office, **fields}, links[-1])

    def _add_title(self) -> None:
        """Let a title serve as the text too, and make the id of what is opened of it."""
        kind = event_type(self.cls)
        title = self.made.get("title")
        if title is None or not isinstance(title.value, str):
            return
        if "text" in self.fields and "text" not in self.made and self._needs("text"):
            self.made["text"] = title
        if len(title.value) > _LONGEST_TITLE:
            self.made["title"] = Node.of(f"{title.value[: _LONGEST_TITLE - 1]}…", title)
        subject = kind.subject
        if kind.opens and subject is not None and subject not in self.made:
            id = self.opened or self._new_id(kind.category or "", title.value)
            self.made[subject] = Node.of(id, title)

    def _new_id(self, category: str, title: str) -> str:
        """An id made of a title; meetings recur, so theirs has the date, however it is written."""
        date = self.made.get("occurred")
        day = f" {self.edtf(date.value)}" if category == "meeting" and date is not None else ""
        return slug(f"{title[:60]}{day}")

    def _needs(self, field: str) -> bool:
        return field in self.fields and attrs.fields_dict(self.cls)[field].default is attrs.NOTHING

    def _require(self) -> None:
        """Name what is missing by its short key."""
        if "proposal" in self.made and isinstance(self.made["proposal"].value, list):
            self._put_one("proposal", self.made["proposal"], None)
        for field in self.fields:
            if self._needs(field) and field not in self.made:
                keys = [key for key, name in self.keys.items() if name == field] or [field]
                problem = f"expected the key {keys[0]!r}; it is missing"
                raise self.entry.problem(self.file, problem)
        if event_type(self.cls).evidence and "evidence" not in self.made:
            problem = (
                "expected the key 'source': an address, an id, or {publisher: …}; it is missing"
            )
            raise self.entry.problem(self.file, problem)


def _fields_of(link: Node) -> dict[str, Node]:
    return link.value if isinstance(link.value, dict) else {"who": link}


def _may_be_one(name: Any, other: Any) -> bool:
    """Whether one of two names has all the words of the other, as a surname has."""
    if not isinstance(name, str) or not isinstance(other, str):
        return False
    words, others = set(re.split(r"[\W_]+", folded(name))), set(re.split(r"[\W_]+", folded(other)))
    return words <= others or others <= words


def _stance(node: Node) -> dict[str, Node]:
    """A stance, and in brackets what it comes to: `favourable (It serves all three.)`."""
    match = re.fullmatch(r"(\S+)\s+\((.+)\)", str(node.value), re.DOTALL)
    if match is None:
        return {"stance": node}
    return {"stance": Node.of(match[1], node), "summary": Node.of(match[2], node)}


def _people(node: Node, is_known: Callable[[str], bool], *, bodies: bool = False) -> dict[str, Any]:
    """The parts of `NAME, OFFICE`, or of `NAME, OFFICE for BODY`."""
    text = node.value
    if not isinstance(text, str) or is_known(text):
        return {"name": node}
    parts: dict[str, Any] = {}
    if bodies and " for " in text:
        text, _, body = text.rpartition(" for ")
        parts["for"] = Node.of(body.strip(), node)
    if "," in text and not is_known(text):
        text, _, capacity = text.partition(",")
        parts["capacity"] = Node.of(capacity.strip(), node)
    return {"name": Node.of(text.strip(), node), **parts}


def _link(file: str, node: Node, is_known: Callable[[str], bool]) -> Node:
    """A link of a chain: `NAME, OFFICE (quoted, to NAME, said DATE)`."""
    if not isinstance(node.value, str) or re.match(SLUG, node.value):
        return node
    text, notes = node.value.strip(), ""
    if text.endswith(")") and "(" in text and not is_known(text):
        text, _, notes = text[:-1].rpartition("(")
    parts = _people(Node.of(text.strip(), node), is_known)
    made: dict[str, Any] = {"who": parts["name"]}
    if "capacity" in parts:
        made["capacity"] = parts["capacity"]
    for note in filter(None, map(str.strip, notes.split(","))):
        word, _, rest = note.partition(" ")
        if note in _MANNERS:
            made["manner"] = note
        elif word in ("to", "said") and rest:
            made[word] = rest.strip()
        else:
            problem = f"expected {', '.join(_MANNERS)}, to NAME or said DATE; found {shown(note)}"
            raise node.problem(file, problem)
    return Node.of(made, node)


# --- Types ----------------------------------------------------------------------------------------

Leaf = Any
"""What a type holds at its end: an id, a date, a list of such, or a class with such fields."""


@functools.cache
def hints_of(cls: type) -> dict[str, Any]:
    """The types of the fields of a class."""
    hints = typing.get_type_hints(cls, include_extras=True)
    return {field.name: hints[field.name] for field in attrs.fields(cls)}


def _is_list(hint: Any) -> bool:
    while typing.get_origin(hint) is Annotated:
        hint = hint.__origin__
    return typing.get_origin(hint) in (tuple, list)


@functools.cache
def leaf_of(hint: Any) -> Leaf | None:
    """What a type has in it that names or dates can stand for; None where it has nothing."""
    origin = typing.get_origin(hint)
    if origin is Annotated:
        marks = [mark for mark in hint.__metadata__ if isinstance(mark, Ref)]
        return marks[0] if marks else leaf_of(hint.__origin__)
    if origin in (typing.Union, types.UnionType):
        leaves = [leaf_of(kind) for kind in typing.get_args(hint)]
        return next((leaf for leaf in leaves if leaf is not None), None)
    if origin in (tuple, list):
        inner = leaf_of(typing.get_args(hint)[0])
        return None if inner is None else [inner]
    if hint is When:
        return When
    return hint if isinstance(hint, type) and attrs.has(hint) else None


Order = Literal["day first", "month first"]
"""How a file orders the parts of a date such as 05/06/2022."""

_MONTHS = {
    name.casefold(): number
    for names in (calendar.month_name, calendar.month_abbr, [*[""] * 9, "sept"])
    for number, name in enumerate(names)
    if name
}
_MONTH = "(?P<month>" + "|".join(sorted(_MONTHS, key=len, reverse=True)) + r")\.?"
_YEAR = r"(?P<year>\d{4})"
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_PART = (
    r"(?:(?P<part>early|mid|late)[ -]|(?:the )?(?P<bit>beginning|start|middle|end) of )(?:the )?"
)
_PARTS = {"beginning": "early", "start": "early", "middle": "mid", "end": "late"}

_OF_YEAR = {"early": ("01", "04"), "mid": ("05", "08"), "late": ("09", "12")}
"""The months that a part of a year may be meant to have."""

_NUMBERED = {"1": 1, "2": 2, "3": 3, "4": 4, "first": 1, "second": 2, "third": 3, "fourth": 4}
_NUMBER = r"(?P<number>[1-4]|first|second|third|fourth)(?:st|nd|rd|th)?"
_LEAD = re.compile(r"(?:on |in )?(?:(?:mon|tues|wednes|thurs|fri|satur|sun)day (?=.*\d))?")
_SEASONS = {"spring": 21, "summer": 22, "autumn": 23, "fall": 23, "winter": 24}


def understood(text: str, order: Order | None = None) -> str:
    """The date as EDTF; EDTF itself stays as it is.

    >>> understood("late 2022"), understood("Q4 2023"), understood("end of October 2023")
    ('2022-09~/2022-12', '2023-36', '2023-10-21/2023-10-31')
    >>> understood("early spring 2024")
    '2024-03~'
    >>> understood("28/11/2022"), understood("5/6/2022", "day first")
    ('2022-11-28', '2022-06-05')

    Args:
        text: the date.
        order: whether the day or the month comes first where both are numbers.

    Raises:
        InvalidDate: it is not understood, or can be meant in two ways.
    """
    try:
        return When(text).text
    except InvalidDate as error:
        words = _LEAD.sub("", " ".join(text.replace(",", " ").casefold().split()))
        made = _ended(words, order)
        if made is None:
            raise _refused(text, error) from None
        return When(made).text


def _refused(text: str, error: InvalidDate) -> InvalidDate:
    if re.search(r"\b(yesterday|today|tomorrow|ago|last|next|now|\w+day)\b", text.casefold()):
        return InvalidDate(f"{text!r:.80} counts from a day that stands elsewhere. Write the date")
    return InvalidDate(f"{error}. In words: late 2022, early May 2024, about 5 May 2023, …")


def _ended(words: str, order: Order | None) -> str | None:
    """A date, or a stretch of time from one date to another."""
    if match := re.fullmatch(r"(?:by|until|till|not later than) (.+)", words):
        last = _doubted(match[1], order)
        return last and f"../{last.rpartition('/')[2]}"
    if match := re.fullmatch(r"(?:since|from) ((?:(?! to ).)+)", words):
        first = _doubted(match[1], order)
        return first and f"{first.partition('/')[0]}/.."
    for pattern in (r"between (.+) and (.+)", r"(?:from )?(.+?)(?: to | – | - |–)(.+)"):
        if match := re.fullmatch(pattern, words):
            return _stretch(match[1], match[2], order)
    return _doubted(words, order)


def _stretch(start: str, end: str, order: Order | None) -> str | None:
    last = _doubted(end, order)
    if last is None:
        return None
    whole = re.sub(r"^\D*\d{1,2}(?:st|nd|rd|th)?(?=\D|$)", "", end).strip()
    first = _doubted(start, order)
    if first is None or re.match(r"XXXX|\d{1,2}\Z", first):
        # "26 to 27 December 2022" names the month and the year once.
        year = re.search(r"\d{4}", end)
        named = year[0] if year else ""
        first = _doubted(f"{start} {named if re.search(_MONTH, start) else whole}".strip(), order)
    if first is None:
        return None
    return f"{first.partition('/')[0]}/{last.rpartition('/')[2]}"


def _doubted(words: str, order: Order | None) -> str | None:
    """A date that is perhaps marked as approximate or uncertain."""
    for pattern, sign in (
        (r"(?:about|around|approximately|circa|ca\.?|c\.) (.+)", "~"),
        (r"(?:probably|perhaps|possibly|maybe) (.+)|(.+) \(\?\)", "?"),
    ):
        if match := re.fullmatch(pattern, words):
            date = _dated(match[1] or match[2], order)
            return date and "/".join(f"{end.rstrip('~')}{sign}" for end in date.split("/"))
    return _dated(words, order)


def _dated(words: str, order: Order | None) -> str | None:
    if match := re.fullmatch(r"(\d{1,2})([./-])(\d{1,2})\2(\d{4})", words):
        return _numbers(match, order)
    for pattern, make in _FORMS.items():
        if match := re.fullmatch(pattern, words):
            return make(match)
    return None


def _numbers(match: re.Match[str], order: Order | None) -> str:
    one, sign, two, year = int(match[1]), match[2], int(match[3]), match[4]
    # With dots the day comes first wherever they are used.
    if order is None and sign != "." and one <= 12 and two <= 12 and one != two:
        raise InvalidDate(
            f"{match[0]!r} may be {year}-{two:02}-{one:02} or {year}-{one:02}-{two:02}. Say which "
            "comes first in the whole file, by `dates: day first` in YAML, or by `--dates "
            "day-first` for a sheet; month first likewise. Or write one of the two"
        )
    month_first = two > 12 if max(one, two) > 12 else order == "month first" and sign != "."
    month, day = (one, two) if month_first else (two, one)
    return f"{year}-{month:02}-{day:02}"


def _month(match: re.Match[str]) -> str:
    return f"{match['year'] or 'XXXX'}-{_MONTHS[match['month']]:02}"


def _day(match: re.Match[str]) -> str:
    return f"{_month(match)}-{int(match['day']):02}"


def _part_of_month(match: re.Match[str]) -> str:
    month = _month(match)
    if match["year"] is None:
        return month
    last = calendar.monthrange(int(match["year"]), _MONTHS[match["month"]])[1]
    ends = {"early": (1, 10), "mid": (11, 20), "late": (21, last)}
    first, end = ends[match["part"] or _PARTS[match["bit"]]]
    return f"{month}-{first:02}/{month}-{end:02}"


def _part_of_year(match: re.Match[str]) -> str:
    first, last = _OF_YEAR[match["part"] or _PARTS[match["bit"]]]
    return f"{match['year']}-{first}~/{match['year']}-{last}"


def _part_of_season(match: re.Match[str]) -> str:
    """The month of a season that its beginning, middle or end is about."""
    part = match["part"] or _PARTS[match["bit"]]
    month = 3 * (_SEASONS[match["season"]] - 20) + ("early", "mid", "late").index(part)
    return f"{match['year']}-{month:02}~"


def _numbered(start: int) -> Callable[[re.Match[str]], str]:
    return lambda match: f"{match['year']}-{start + _NUMBERED[match['number']]}"


_FORMS: dict[str, Callable[[re.Match[str]], str]] = {
    _YEAR: lambda match: match["year"],
    rf"{_DAY}(?: of)? {_MONTH}(?: {_YEAR})?": _day,
    rf"{_MONTH} {_DAY}(?: {_YEAR})?": _day,
    rf"{_MONTH}(?: of)?(?: {_YEAR})?": _month,
    rf"{_PART}{_MONTH}(?: {_YEAR})?": _part_of_month,
    rf"{_PART}(?:year )?{_YEAR}": _part_of_year,
    rf"q{_NUMBER} {_YEAR}": _numbered(32),
    rf"{_YEAR} q{_NUMBER}": _numbered(32),
    rf"(?:the )?{_NUMBER} quarter(?: of)? {_YEAR}": _numbered(32),
    rf"h(?P<number>[12]) {_YEAR}": _numbered(39),
    rf"(?:the )?(?P<number>first|second) half(?: of)? {_YEAR}": _numbered(39),
    rf"(?P<season>{'|'.join(_SEASONS)})(?: of)? {_YEAR}": (
        lambda match: f"{match['year']}-{_SEASONS[match['season']]}"
    ),
    # Winter has two years, and nothing says which of them is meant.
    rf"{_PART}(?P<season>spring|summer|autumn|fall)(?: of)? {_YEAR}": _part_of_season,
    r"(?:the )?(?P<decade>\d{3})0s": lambda match: f"{match['decade']}X",
}
"""What is understood, and what becomes of it."""
