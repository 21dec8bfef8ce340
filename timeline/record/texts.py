"""The texts of sources, kept beside the log, and whether what is quoted stands in them.

A text is no part of the log or of its digests: a takedown, or a licence, removes it whole. It is
known by its source and by the SHA-256 of the bytes that were read. Other bytes of the same source
are another version of it.
"""

from __future__ import annotations

import difflib
import hashlib
import http.client
import importlib
import io
import ipaddress
import logging
import os
import re
import socket
import ssl
import time
import unicodedata
import urllib.parse
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import attrs
import sqlalchemy as sa

from timeline.dates import Instant, instant, now, stamp, stamp_text
from timeline.errors import InvalidInput, MissingExtra, NotFound
from timeline.events import NewEvent, RecordedEvent, Redacted
from timeline.formats.files import named_path, path_text
from timeline.log import database
from timeline.log.read import guess
from timeline.log.redact import scrub
from timeline.log.schema import texts as kept_texts
from timeline.projections.directory import SourceRow
from timeline.record.maintenance import Maintenance

LARGEST = 20 * 1024 * 1024
"""Bytes that a text may have as it is fetched."""

SECONDS = 60.0
"""How long a text may take to come, in all."""

_REDIRECTS = 5
_NEAR = 0.8
"""From which likeness on a passage is nearly the one that is quoted."""

Standing = Literal["verbatim", "nearly", "not there"]
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@attrs.frozen
class SourceText:
    """One version of the text of a source.

    Attributes:
        source: the id of the source.
        sha256: of the bytes that were read.
        place: the address or the name of the file that it was read from.
        archive: the address of a copy in an archive.
        retrieved: when it was read.
        text: the text.
    """

    source: str
    sha256: str
    place: str
    archive: str | None
    retrieved: Instant
    text: str = attrs.field(repr=False)


@attrs.frozen
class KeptText:
    """What `add_text` did.

    Attributes:
        text: the text.
        added: whether it is new; otherwise this very version was kept before.
        difference: how it differs from the version before, as lines of a unified diff.
    """

    text: SourceText
    added: bool
    difference: tuple[str, ...] = ()


@attrs.frozen
class Quotation:
    """What an event quotes of a source whose text is kept.

    Attributes:
        event: the id of the event.
        field: where in the event, such as `evidence[0].excerpt`.
        words: what it quotes.
        standing: whether the text has it verbatim, but for the form of quotes, dashes and spaces;
            nearly; or not.
        near: the passage that is most like it, where it is nearly so.
    """

    event: str
    field: str
    words: str
    standing: Standing
    near: str | None = None

    def problem(self) -> str:
        """What is wrong, in a sentence."""
        if self.near is not None:
            return f"the text of the source has {self.near!r}, not {self.words!r:.200}"
        return f"the text of the source does not have {self.words!r:.200}"


class Texts(Maintenance):
    """A record that keeps the texts of its sources."""

    def add_text(
        self,
        place: str | os.PathLike[str],
        *,
        source: str | None = None,
        archive: str | None = None,
    ) -> KeptText:
        """Keep the text of a source: of a page, a PDF or a text, at an address or in a file.

        Args:
            place: an address of http or https, or a file.
            source: the id of the source; else it is the one with that address, or that SHA-256.
            archive: the address of a copy in an archive.

        Raises:
            InvalidInput: it cannot be read, is too large, or has no text in it.
            NotFound: no such source is on record.
            MissingExtra: the libraries for pages or PDFs are not installed.
            DatabaseReadOnly: on PostgreSQL, another role owns the tables.
            DatabaseError: the database could not do it.
        """
        name = path_text(place, "file, or its address")
        data, media = fetched(name) if _is_address(name) else _read(named_path(name, "file"))
        sha256 = hashlib.sha256(data).hexdigest()
        known = self._source_of(name, sha256) if source is None else source
        self._require_source(known)
        place = name if _is_address(name) else Path(name).name
        text = text_of(data, media, name)
        made = SourceText(known, sha256, place, archive, instant(stamp_text(stamp(now()))), text)
        before = self.texts(known)
        if any(version.sha256 == sha256 for version in before):
            return KeptText(made, added=False)
        row = attrs.asdict(made) | {"retrieved_at": stamp(made.retrieved)}
        del row["retrieved"]
        with database.writing(self.store.engine) as connection:
            connection.execute(sa.insert(kept_texts).values(row))
        return KeptText(made, added=True, difference=_difference([*before, made]))

    def texts(self, source: str | None = None) -> list[SourceText]:
        """The texts that are kept, of one source or of all, oldest first.

        Raises:
            NotFound: no such source is on record.
            DatabaseError: the database could not do it.
        """
        if source is not None:
            self._require_source(source)
        query = sa.select(kept_texts).order_by(kept_texts.c.retrieved_at, kept_texts.c.source)
        if source is not None:
            query = query.where(kept_texts.c.source == source)
        with database.reading(self.store.engine) as connection:
            return [_text_of_row(row) for row in connection.execute(query)]

    def remove_text(self, source: str, sha256: str | None = None) -> int:
        """Remove the texts of a source for good, or one version; gives how many there were.

        Raises:
            NotFound: no such source is on record.
            DatabaseReadOnly: on PostgreSQL, another role owns the tables.
            DatabaseError: the database could not do it.
        """
        self._require_source(source)
        gone = sa.delete(kept_texts).where(kept_texts.c.source == source)
        if sha256 is not None:
            gone = gone.where(kept_texts.c.sha256 == sha256)
        with database.writing(self.store.engine) as connection:
            removed = connection.execute(gone).rowcount
        if removed:
            scrub(self.store.engine, [kept_texts.name])
        return removed

    def redact(self, event_id: str, *, reason: str) -> bool:
        """As in a record without texts; with the event that adds a source, its texts go, too."""
        done = super().redact(event_id, reason=reason)
        # Afterwards: what does not fit its class can be read only when its words are gone.
        for event in self.store.existing([event_id]).values():
            if event.stream.startswith("source-"):
                self.remove_text(event.stream.removeprefix("source-"))
        return done

    def quotations(
        self, events: Iterable[NewEvent | RecordedEvent[Any]] | None = None
    ) -> list[Quotation]:
        """Whether what events quote stands in the newest texts of their sources that are kept.

        Args:
            events: the events; all that are on record if none are given.

        Raises:
            DatabaseError: the database could not do it.
        """
        # Oldest first: of several texts of a source the newest stays.
        texts = {text.source: text.text for text in self.texts()}
        if not texts:
            return []
        texts = {source: plain(text) for source, text in texts.items()}
        chosen = self.store.read_all() if events is None else events
        return [quotation for event in chosen for quotation in _quotations(event, texts)]

    def _require_source(self, id: str) -> None:
        if not self.store.existing_streams([f"source-{id}"]):
            with self.view() as view:
                near = guess(id, (row.source for row in view.all(SourceRow)))
            raise NotFound(f"no source {id!r} is on record.{near}")

    def _source_of(self, place: str, sha256: str) -> str:
        with self.view() as view:
            rows = list(view.all(SourceRow))
        fitting = [row.source for row in rows if place == row.address or sha256 == row.sha256]
        if len(fitting) == 1:
            return fitting[0]
        what = (
            f"may be {' or '.join(fitting)}" if fitting else "is the address of no source on record"
        )
        raise NotFound(f"{place} {what}. Name the source by its id: --source ID")


def _text_of_row(row: Any) -> SourceText:
    retrieved = instant(stamp_text(row.retrieved_at))
    return SourceText(row.source, row.sha256, row.place, row.archive, retrieved, row.text)


def _difference(versions: Sequence[SourceText]) -> tuple[str, ...]:
    """How the last version differs from the one before it."""
    if len(versions) < 2:
        return ()
    old, new = (version.text.splitlines() for version in versions[-2:])
    lines = difflib.unified_diff(old, new, lineterm="", n=0)
    return tuple(line for line in lines if not line.startswith(("---", "+++", "@@")))


# --- Quotations -----------------------------------------------------------------------------------


def _quotations(event: NewEvent | RecordedEvent[Any], texts: dict[str, str]) -> Iterator[Quotation]:
    if isinstance(event.event, Redacted):
        return
    for number, evidence in enumerate(event.evidence):
        if evidence.excerpt and evidence.source in texts:
            field = f"evidence[{number}].excerpt"
            yield _looked_up(event.id, field, evidence.excerpt, [texts[evidence.source]])
    there = [texts[one.source] for one in event.evidence if one.source in texts]
    for number, words in enumerate(getattr(event.event, "quotes", ()) if there else ()):
        yield _looked_up(event.id, f"quotes[{number}]", words, there)


def _looked_up(event: str, field: str, words: str, texts: Sequence[str]) -> Quotation:
    standings = [standing_of(words, text) for text in texts]
    best = min(standings, key=lambda one: ("verbatim", "nearly", "not there").index(one[0]))
    return Quotation(event, field, words, *best)


def standing_of(words: str, text: str) -> tuple[Standing, str | None]:
    """Whether a text has words verbatim, nearly or not; and what it has where it is nearly so.

    Parts on both sides of an ellipsis are looked up one by one.

    >>> standing_of("“a certain … entity”", plain("He spoke of a certain legal entity."))
    ('verbatim', None)
    >>> standing_of("a certain legal entities", plain("He spoke of a certain legal entity."))
    ('nearly', 'a certain legal entity')
    """
    parts = [part.strip(' "') for part in re.split(r"…|\.\.\.|\[[^\]]*\]", plain(words))]
    missing = [part for part in parts if part and part not in text]
    near = [_nearest(part, text) for part in missing]
    if not missing:
        return "verbatim", None
    if None in near:
        return "not there", None
    return "nearly", " … ".join(filter(None, near))


def _nearest(words: str, text: str) -> str | None:
    """The passage that is most like some words, if it is like enough."""
    sought, there = words.split(), text.split()
    matcher = difflib.SequenceMatcher(None, there, sought, autojunk=False)
    at, of, _ = matcher.find_longest_match()
    start = max(0, at - of)
    passage = " ".join(there[start : start + len(sought)]).strip(" \"',.;:!?()")
    like = difflib.SequenceMatcher(None, passage.casefold(), words.casefold(), autojunk=False)
    return passage if like.ratio() >= _NEAR else None


def plain(text: str) -> str:
    """A text with one form of quotes, dashes and spaces, as quotations are looked up in it."""
    formed = unicodedata.normalize("NFKC", text)
    formed = re.sub("[“”„«»]", '"', re.sub("[‘’‚ʻʼ]", "'", re.sub("[–—−]", "-", formed)))
    return " ".join(formed.replace("\u00ad", "").split())


# --- Text out of what was read --------------------------------------------------------------------


def text_of(data: bytes, media: str, name: str) -> str:
    """The text of a page, a PDF or a plain text.

    Raises:
        InvalidInput: there is no text in it.
        MissingExtra: the library for it is not installed.
    """
    kind, _, parameters = media.partition(";")
    if kind == "application/pdf" or data.startswith(b"%PDF-"):
        text = _text_of_pdf(data, name)
    elif kind in ("text/html", "application/xhtml+xml") or re.match(rb"(?i)\s*<(!doc|html)", data):
        text = _library("trafilatura").extract(data, include_comments=False) or ""
    elif kind.startswith("text/") or not kind:
        charset = re.search(r"charset=[\"']?([\w-]+)", parameters)
        text = _decoded(data, charset[1] if charset else "utf-8")
    else:
        raise InvalidInput(f"{name}: expected a page, a PDF or a text; found {kind}")
    if not text.strip():
        raise InvalidInput(f"{name}: there is no text in it. Save the text as a file, and add that")
    return text


def _text_of_pdf(data: bytes, name: str) -> str:
    try:
        pages = _library("pypdf").PdfReader(io.BytesIO(data)).pages
        return "\n".join(page.extract_text() for page in pages)
    except MissingExtra:
        raise
    except Exception as error:  # noqa: BLE001  (of many classes, for files that are no PDF)
        raise InvalidInput(f"{name}: expected a PDF; it cannot be read: {error}") from None


def _decoded(data: bytes, charset: str) -> str:
    try:
        return data.decode(charset, "replace")
    except LookupError:
        return data.decode("utf-8", "replace")


def _library(name: str) -> Any:
    # Without a handler Python prints what the library warns of, beside our error.
    logger = logging.getLogger(name)
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
    try:
        return importlib.import_module(name)
    except ImportError:
        raise MissingExtra("the text of a page or a PDF", "sources") from None


def _read(name: Path) -> tuple[bytes, str]:
    """The bytes of a file, and what its name says of them."""
    kinds = {".html": "text/html", ".htm": "text/html", ".pdf": "application/pdf"}
    try:
        with name.open("rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        raise InvalidInput(f"{name}: cannot be read: {error.strerror}") from None
    if len(data) > LARGEST:
        raise InvalidInput(f"{name}: expected at most {LARGEST:,} bytes")
    return data, kinds.get(name.suffix.lower(), "text/plain")


# --- Fetching -------------------------------------------------------------------------------------


def _is_address(place: str) -> bool:
    return "://" in place


def fetched(
    url: str,
    *,
    may: Callable[[Address], bool] = lambda address: address.is_global,
    seconds: float = SECONDS,
) -> tuple[bytes, str]:
    """What stands at an address of http or https, and its type; within bounds of size and time.

    Args:
        url: the address.
        may: whether a machine may be asked. Only public addresses are by default, also after a
            redirect: no page can make the caller ask machines of its own network.
        seconds: how long it may take, in all.

    Raises:
        InvalidInput: it cannot be fetched; says why.
    """
    end = time.monotonic() + seconds
    for _ in range(_REDIRECTS + 1):
        try:
            answer, moved = _asked(url, may, end)
        except InvalidInput:
            raise
        except (OSError, http.client.HTTPException, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise InvalidInput(f"{url}: cannot be fetched: {reason}") from None
        if not moved:
            return answer
        url = urllib.parse.urljoin(url, moved)
    raise InvalidInput(f"{url}: cannot be fetched: more than {_REDIRECTS} redirects")


def _asked(
    url: str, may: Callable[[Address], bool], end: float
) -> tuple[tuple[bytes, str], str | None]:
    parts = urllib.parse.urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InvalidInput(f"{url}: expected an address of http or https")
    connection = http.client.HTTPConnection(parts.hostname, parts.port)
    connection.sock = _connected(parts, may, end)
    try:
        path = urllib.parse.urlunsplit(("", "", parts.path or "/", parts.query, ""))
        asked = {"User-Agent": "timeline", "Accept-Encoding": "identity", "Connection": "close"}
        connection.request(
            "GET", urllib.parse.quote(path, safe="/%?&=+:;,@!$'()*~-._"), None, asked
        )
        response = connection.getresponse()
        if moved := response.getheader("Location") if response.status // 100 == 3 else None:
            return (b"", ""), moved
        if response.status != http.HTTPStatus.OK:
            raise InvalidInput(f"{url}: cannot be fetched: {response.status} {response.reason}")
        return (_body(response, url, end), response.getheader("Content-Type", "")), None
    finally:
        connection.close()


def _connected(
    parts: urllib.parse.SplitResult, may: Callable[[Address], bool], end: float
) -> socket.socket:
    """A connection to one of the host's addresses, which is the address that was checked."""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    host = str(parts.hostname)
    answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [ipaddress.ip_address(str(one[4][0]).partition("%")[0]) for one in answers]
    if not addresses or not all(map(may, addresses)):
        raise InvalidInput(f"{parts.geturl()}: {host} is no public address, so it is not fetched")
    left = max(1.0, end - time.monotonic())
    made = socket.create_connection((str(addresses[0]), port), timeout=min(20.0, left))
    if parts.scheme == "http":
        return made
    return ssl.create_default_context().wrap_socket(made, server_hostname=host)


def _body(response: http.client.HTTPResponse, url: str, end: float) -> bytes:
    data = bytearray()
    while part := response.read1(64 * 1024):
        data += part
        if len(data) > LARGEST:
            raise InvalidInput(f"{url}: expected at most {LARGEST:,} bytes")
        if time.monotonic() > end:
            raise InvalidInput(f"{url}: cannot be fetched: it takes too long")
    return bytes(data)
