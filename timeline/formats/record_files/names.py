"""What goes by which name in a record and in its files: actors, sources, proposals and the like."""

from __future__ import annotations

import difflib
import hashlib
import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable

from timeline.events.actors import folded, of_surname
from timeline.events.encoding import SLUG

Entry = tuple[str, str, tuple[str, ...]]
"""The category, the id and the names of a thing: `("person", "ann", ("Ann Author",))`.

The category of a person is `person`; that of all other actors is `actor`.
"""

_LONGEST_ID = 60


class Names:
    """Finds ids by names, whatever their case and accents.

    >>> names = Names()
    >>> names.add("actor", "mueller", "Anna Müller")
    >>> names.find("actor", "anna muller")
    ['mueller']
    """

    def __init__(
        self,
        load: Callable[[], Iterable[Entry]] = tuple,
        exists: Callable[[str, str], bool] = lambda _category, _id: False,
        stream: Callable[[str], str] = lambda _event: "",
        is_gone: Callable[[str, str], bool] = lambda _category, _id: False,
    ) -> None:
        """Make an index.

        Args:
            load: the entries on record; called once, and only if a name needs them.
            exists: whether an id of a category is on record.
            stream: the stream of an event on record; nothing where it is not.
            is_gone: whether what an id of a category stood for was taken down.
        """
        self._load: Callable[[], Iterable[Entry]] | None = load
        self._exists, self._stream, self.is_gone = exists, stream, is_gone
        self._ids: set[tuple[str, str]] = set()
        self._people: set[str] = set()
        self._shown: dict[str, str] = {}
        self._named: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))

    def add(self, category: str, id: str, *names: str) -> None:
        """Take an entry in."""
        if category == "person":
            category = "actor"
            self._people.add(id)
        self._ids.add((category, id))
        for name in (id, *names):
            self._shown[folded(name)] = name
            ids = self._named[category][folded(name)]
            if id not in ids:
                ids.append(id)

    def is_id(self, category: str, text: str) -> bool:
        """Whether it is the id of an entry."""
        if (category, text) in self._ids:
            return True
        if not re.match(SLUG, text) or not self._exists(category, text):
            return False
        self._ids.add((category, text))
        return True

    def opened(self, category: str, event: str) -> str | None:
        """The id of what an event on record opened, which stays when its title or date changes."""
        stream = self._stream(event)
        return stream.removeprefix(f"{category}-") if stream.startswith(f"{category}-") else None

    def find(self, category: str, text: str) -> list[str]:
        """The ids of all entries of that name. A person's surname alone is a name, too."""
        if self.is_id(category, text):
            return [text]
        named, name = self._all(category), folded(text)
        if name in named or category != "actor":
            return list(named.get(name, ()))
        bearers = (id for known in of_surname(text, named) for id in named[known])
        return list(dict.fromkeys(id for id in bearers if id in self._people))

    def near(self, category: str, text: str) -> list[str]:
        """The nearest names to one that is unknown, also of those in another script.

        >>> names = Names()
        >>> names.add("actor", "mueller", "Anna Müller")
        >>> names.near("actor", "Анна Мюллер")[0]
        'Anna Müller'
        """
        known: dict[str, str] = {}
        for name in self._all(category):
            shown = self._shown.get(name, name)
            known.setdefault(_in_latin(name.rpartition(" ")[2]), shown)
            known[_in_latin(name)] = shown
        close = difflib.get_close_matches(_in_latin(folded(text)), known, n=3, cutoff=0.6)
        return list(dict.fromkeys(known[name] for name in close))[:2]

    def free_id(self, category: str, name: str) -> str:
        """An id for something new of that name; what was taken down keeps the id of its name."""
        id = slug(name)
        is_free = not self.is_id(category, id) or self.is_gone(category, id)
        return id if is_free else f"{id}-{digest(name, 6)}"

    def _all(self, category: str) -> dict[str, list[str]]:
        if self._load is not None:
            load, self._load = self._load, None
            for entry in load():
                self.add(entry[0], entry[1], *entry[2])
        return self._named[category]


def _in_latin(name: str) -> str:
    """A name in Latin letters, as far as sounds go: good enough to suggest one, not to decide."""
    from anyascii import anyascii

    return str(anyascii(name)).casefold()


def slug(name: str) -> str:
    """An id made of a name; a digest stands in where the name has no Latin letters.

    >>> slug("Talks on the Harbour, 2024")
    'talks-on-the-harbour-2024'
    """
    letters = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().casefold()
    made = re.sub(r"[^a-z0-9]+", "-", re.sub(r"['`]", "", letters)).strip("-")
    lost = sum(letter.isalpha() for letter in name) - sum(letter.isalpha() for letter in made)
    if lost > 2 or not made:
        return f"{made[:20]}-{digest(name, 8)}".strip("-")
    return made if len(made) <= _LONGEST_ID else f"{made[:40].strip('-')}-{digest(name, 8)}"


def digest(text: str, length: int) -> str:
    """So many hexadecimal digits of the SHA-256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:length]
