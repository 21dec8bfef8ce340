"""What can go wrong, as a tree.

    TimelineError
    ├── InvalidInput              what you handed in does not fit; nothing was written
    │   ├── InvalidDate           not a date of EDTF, not an instant
    │   │   └── NaiveDatetime     an instant that names no time zone
    │   ├── InvalidEvent          an event whose fields do not fit its class
    │   ├── InvalidRecord         a record file, or an exported log: names file, line and field
    │   ├── InvalidProjection     a projection or row class that the engine cannot keep
    │   └── UnknownReference      names a source, actor, … that was never recorded
    ├── Conflict                  the log holds something else than you assumed
    │   ├── WrongExpectedVersion  the stream has moved on
    │   ├── EventIdReused         an event with other content has the id
    │   ├── ConditionFailed       an event has come that the condition excludes
    │   ├── StreamIsClosed        the stream takes no more events
    │   └── LogsDiffer            the log to be imported is not the one that is there
    ├── NotFound                  no such event, initiative, meeting or series
    ├── UnknownEventType          a type, or a version of one, that this code cannot read
    ├── MissingExtra              libraries that only some uses need are not installed
    ├── ClusterError              workers are not there, were lost, or have other code
    ├── ArchiveDamaged            a file of an archive is not what was written
    └── DatabaseError
        ├── DatabaseUnreachable   no connection could be made                  (transient)
        │   └── ConnectionLost    the connection broke while in use            (transient)
        ├── DatabaseBusy          others held the database for too long        (transient)
        ├── DatabaseReadOnly      the role or the file may only be read
        │   └── DatabaseFull      there is no room left to write
        ├── LogDamaged            `verify` found the log changed; names the position
        ├── StoreAltered          `verify` found something else changed: rows, views, triggers
        ├── DatabaseTooNew        a later version of this package wrote it
        └── MigrationFailed       the schema could not be brought up to date

Every message says what was expected, what was found and where, and what to do about it. An error
leaves the database as it was, with one exception that no database can avoid: when the connection
is lost during a commit, the append is whole or absent. Append again with the same event ids to
find out.

Transient errors may pass: call again, and with the same event ids nothing is done twice.
`EventStore.append` and `follow` try again by themselves for some seconds. Every other error is
final for that call.

    >>> from timeline import Timeline
    >>> from timeline.errors import NotFound
    >>> with Timeline.open("sqlite://") as timeline:
    ...     try:
    ...         timeline.initiative("nowhere")
    ...     except NotFound as error:
    ...         print("nothing there")
    nothing there
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

_PASSWORD = re.compile(r"(?<=://)([^\s/@:]*):[^\s/@]*(?=@)")


class TimelineError(Exception):
    """The root: catch it to catch everything this package raises on purpose.

    >>> from timeline import Timeline
    >>> try:
    ...     Timeline.open("here.db", create=False)
    ... except TimelineError as error:
    ...     type(error).__name__
    'NotFound'

    The message has `***` for the password of any address in it, whoever puts it there.
    """

    def __str__(self) -> str:
        return _PASSWORD.sub(r"\1:***", super().__str__())

    def __reduce__(self) -> tuple[Any, ...]:
        # Exceptions are pickled by their message, from which most of these cannot be made again.
        return _again, (type(self), self.args, self.__dict__)


def _again(cls: type[TimelineError], args: tuple[Any, ...], state: dict[str, Any]) -> TimelineError:
    made = cls.__new__(cls, *args)
    made.__dict__.update(state)
    return made


class InvalidInput(TimelineError, ValueError):
    """What you handed in does not fit. Nothing was written; correct it and call again."""


def require_number(name: str, value: object, least: int = 0) -> None:
    """Check that an argument is a whole number that a database can hold.

    >>> require_number("limit", 0, 1)
    Traceback (most recent call last):
    timeline.errors.InvalidInput: limit: expected a whole number from 1 to 2**63-1; found 0

    Raises:
        InvalidInput: it is not.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value < 2**63:
        raise InvalidInput(
            f"{name}: expected a whole number from {least} to 2**63-1; found {value!r:.40}"
        )


def require_text(name: str, value: object) -> None:
    """Check that an argument is text.

    >>> require_text("actor", 5)
    Traceback (most recent call last):
    timeline.errors.InvalidInput: actor: expected text; found 5

    Raises:
        InvalidInput: it is not.
    """
    if not isinstance(value, str):
        raise InvalidInput(f"{name}: expected text; found {value!r:.80}")


def no_text(error: UnicodeEncodeError) -> str:
    r"""Says of a text that UTF-8 cannot hold what is wrong with it.

    >>> try:
    ...     "caf\udce9".encode()
    ... except UnicodeEncodeError as error:
    ...     print(no_text(error))
    expected text in UTF-8; found the byte 0xe9 in 'caf\udce9'. Give it in UTF-8
    """
    code = ord(error.object[error.start])
    # Python marks so a byte that is not text, of a command line or a file's name.
    marked = 0xDC80 <= code <= 0xDCFF
    wrong = f"the byte 0x{code - 0xDC00:02x}" if marked else f"the surrogate U+{code:04X}"
    advice = "Give it in UTF-8" if marked else "Remove that half of a character"
    return f"expected text in UTF-8; found {wrong} in {error.object!a:.80}. {advice}"


class InvalidDate(InvalidInput):
    """The text is no date.

    Give a date or interval of EDTF, such as `2023-05` or `2023-05-01/2023-05-03`, or an instant
    with a time zone, such as `2023-05-01T10:00+02:00`.
    """


class NaiveDatetime(InvalidDate):
    """An instant without a time zone could mean some forty moments. Add the zone or an offset.

    >>> from datetime import datetime
    >>> from timeline.dates import when
    >>> when(datetime(2022, 11, 28, 12))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    timeline.errors.NaiveDatetime: expected an instant with its time zone, ...
    """


class InvalidEvent(InvalidInput):
    """A field of an event does not fit its class. The message names the field to correct."""


class InvalidRecord(InvalidInput):
    """A record file or an exported log cannot be read. Correct it at the place that is named.

    >>> print(InvalidRecord("a.yaml", "no such type", line=3, field="events[0].type"))
    a.yaml:3: events[0].type: no such type

    Attributes:
        file: the file as it was named by the caller.
        line: the line, counted from 1, or None where the whole file is meant.
        field: the path of the field, such as `events[3].occurred`, or None.
        problem: what is wrong, without the place.
    """

    def __init__(
        self, file: str, problem: str, *, line: int | None = None, field: str | None = None
    ) -> None:
        self.file, self.line, self.field, self.problem = file, line, field, problem
        place = file if line is None else f"{file}:{line}"
        super().__init__(f"{place}: {field}: {problem}" if field else f"{place}: {problem}")


class InvalidProjection(InvalidInput):
    """The engine cannot keep a projection or row class. The message says what to change in it."""


class UnknownReference(InvalidInput):
    """An event names something that is recorded neither in the log nor in the same call.

    Record it first, in the same call or an earlier one, or correct the id.

    >>> print(UnknownReference("e-1", "speaker", "actor", "an", near="ann").summary)
    event 'e-1': speaker: no actor 'an' is recorded. Did you mean ann?

    Attributes:
        event_id: the event that holds the reference.
        field: the path of the field within the event.
        category: what kind of thing is missing: `actor`, `source`, `proposal`, …
        id: the id that leads nowhere.
        near: a similar id, recorded in the same call, that may be meant; or None.
        place: the file and line of the reference; None where it comes from no file.
        others: the next references of the same call that lead nowhere, in order.
        more: how many more there are.
    """

    def __init__(
        self,
        event_id: str,
        field: str,
        category: str,
        id: str,
        *,
        near: str | None = None,
        place: str | None = None,
        others: Sequence[UnknownReference] = (),
        more: int = 0,
    ) -> None:
        self.event_id, self.field, self.category, self.id = event_id, field, category, id
        self.near, self.place, self.others, self.more = near, place, tuple(others), more
        advice = f"Record the {category} first, in the same call or an earlier one, or mend the id."
        lines = [f"{self.summary} {advice}", *(error.summary for error in self.others)]
        super().__init__("\n".join([*lines, f"and {more:,} more"] if more else lines))

    @property
    def summary(self) -> str:
        """What is missing where, without advice and without the others."""
        where = f"{self.place}: " if self.place else ""
        guess = f" Did you mean {self.near}?" if self.near else ""
        problem = f"no {self.category} {self.id!r} is recorded.{guess}"
        return f"{where}event {self.event_id!r}: {self.field}: {problem}"

    def placed(self, place: Callable[[str, str], str]) -> UnknownReference:
        """The same error with file and line, from a function of the event's id and the field."""
        return UnknownReference(
            self.event_id,
            self.field,
            self.category,
            self.id,
            near=self.near,
            place=place(self.event_id, self.field),
            others=[error.placed(place) for error in self.others],
            more=self.more,
        )


class Conflict(TimelineError):
    """The log holds something else than you assumed. Nothing was written; read and decide again."""


class WrongExpectedVersion(Conflict):
    """The stream is at another version than you expected: somebody has appended to it since.

    Read the stream, decide again, and append with the version that you find.

    Attributes:
        stream: the stream.
        expected: what you expected, in words: `version 3`, `no events yet`, `at least one event`.
        actual: the stream's version now; 0 where it has no events.
    """

    def __init__(self, stream: str, expected: str, actual: int) -> None:
        self.stream, self.expected, self.actual = stream, expected, actual
        place = f"at version {actual}" if actual else "without events"
        super().__init__(
            f"stream {stream!r}: expected {expected}, found it {place}. "
            "Read the stream again, decide again, and append with the version you then find."
        )


class ConditionFailed(Conflict):
    """An event has come that the condition of an append excludes.

    Read again what you decided by, decide, and append with the position that you then find.

    Attributes:
        event_id: the event.
        position: where it stands.
    """

    def __init__(self, event_id: str, type: str, position: int, after: int) -> None:
        self.event_id, self.position = event_id, position
        super().__init__(
            f"expected no event that fits the condition after position {after}; found {event_id!r} "
            f"({type}) at {position}. Read again, decide again, and append with the position you "
            "then find."
        )


class StreamIsClosed(Conflict):
    """The stream takes no more events; its last one says why. Append to another stream.

    Attributes:
        stream: the stream.
    """

    def __init__(self, stream: str) -> None:
        self.stream = stream
        super().__init__(
            f"stream {stream!r} is closed: its last event, a StreamClosed, has the reason. Append "
            "to another stream."
        )


_BESIDE = frozenset({"occurred", "evidence"})
"""What an EventCorrected changes beside an event's own fields."""


_OTHER = {
    "stream": "another stream",
    "type": "another type",
    "type_version": "another version of its type",
    "occurred": "another date",
    "evidence": "other evidence",
    "data": "other fields",
}
"""What an event has, by the column that differs from the recorded one."""


class EventIdReused(Conflict):
    """An event with other content has the id.

    Recorded events never change: append an `EventCorrected`, or give the new event another id.

    Attributes:
        event_id: the id.
        position: where the recorded event stands.
        differs: the names of the columns that differ.
    """

    def __init__(self, event_id: str, position: int, differs: tuple[str, ...]) -> None:
        self.event_id, self.position, self.differs = event_id, position, differs
        right = f"the right {' and '.join(name for name in differs if name in _BESIDE)}"
        what = f"names it, with {right} in its `changes`" if _BESIDE & {*differs} else "names it"
        super().__init__(
            f"event {event_id!r} is already recorded at position {position}, with "
            f"{' and '.join(_OTHER[name] for name in differs)}. What is recorded never changes. "
            "`timeline diff` shows what differs in a file, and `timeline ingest --amend --reason "
            "TEXT` records that as corrections; in Python, append an EventCorrected that "
            f"{what}, or give the new event an id of its own."
        )


class LogsDiffer(Conflict):
    """The log to be imported does not begin with the events that are there.

    Import into an empty record, or into the beginning of the same log.

    Attributes:
        position: the first position where the two differ.
    """

    def __init__(self, position: int) -> None:
        self.position = position
        super().__init__(
            f"the log holds another event at position {position} than the one to be imported. A "
            "log is imported into an empty record, or into one that it continues. Name another "
            "database."
        )


class NotFound(TimelineError):
    """Nothing of that name is recorded, or not within the view. The message lists what is near."""


class UnknownEventType(TimelineError):
    """No class is known for an event type, or not for that version of it.

    Pass the class with `events=[…]`, or use the version of the package that wrote the event.

    Attributes:
        type: the name of the event type.
        version: its version.
        position: where the event stands in the log; None if it is not recorded.
        known: what this code knows instead.
    """

    def __init__(self, type: str, version: int, position: int | None, known: str) -> None:
        self.type, self.version, self.position, self.known = type, version, position, known
        place = "" if position is None else f" at position {position}"
        super().__init__(
            f"event type {type!r}, version {version}{place}: {known} "
            "Pass its class with events=[…] (or --events MODULE), or use the version of the "
            "package that wrote it."
        )


class MissingExtra(TimelineError):
    """A library is not installed. The message has the command that installs it.

    Attributes:
        extra: the extra of this package that brings them.
    """

    def __init__(self, what: str, extra: str) -> None:
        import importlib.metadata
        import re
        import shlex

        self.extra = extra
        wanted = [
            name.partition(";")[0].strip()
            for name in importlib.metadata.requires("timeline-store") or ()
            if re.search(rf"extra == ['\"]{extra}['\"]", name)
        ]
        super().__init__(
            f"{what} needs libraries that are not installed. The extra {extra!r} brings them: "
            f"pip install {' '.join(map(shlex.quote, wanted))}"
        )


class ClusterError(TimelineError):
    """Workers could not be reached, were lost, or have other code.

    Nothing was written. Start the workers again with the same code, or rebuild without them.
    """


class ArchiveDamaged(TimelineError):
    """An archive is not what was written; the log it was made from may be sound.

    Delete the file and archive again.

    Attributes:
        position: the first position where that shows.
        file: the name of the file to delete; None where one is missing.
        problem: what is wrong.
    """

    def __init__(self, archive: str, position: int, problem: str, file: str | None) -> None:
        self.position, self.problem, self.file = position, problem, file
        if file is not None:
            message = (
                f"the archive's file {archive}/{file} is damaged at position {position}: {problem}"
                ": delete it and run `timeline archive` again."
            )
        else:
            message = (
                f"the archive at {archive} is damaged at position {position}: {problem}. Run "
                "`timeline archive` again; if that does not mend it, archive to another place."
            )
        super().__init__(message)


class DatabaseError(TimelineError):
    """The database could not do it, and is as it was before.

    Attributes:
        transient: whether the same call may succeed later.
    """

    transient: ClassVar[bool] = False


class DatabaseUnreachable(DatabaseError):
    """No connection could be made. Check the address and the server, and try again."""

    transient = True


class ConnectionLost(DatabaseUnreachable):
    """The connection broke while in use: a commit under way is whole or absent.

    Append again with the same event ids: what went through is not written twice.
    """


class DatabaseBusy(DatabaseError):
    """Others held the database for too long, or were faster. Trying again is safe."""

    transient = True


class DatabaseReadOnly(DatabaseError):
    """The role, the file or the server takes no writes. Use a role that may write."""


class DatabaseFull(DatabaseReadOnly):
    """There is no room left on the disk of the database. Nothing was written; reading goes on.

    Make room, and call again.
    """


class LogDamaged(DatabaseError):
    """The log is not what its digests say.

    Stop appending, and compare the log with a backup.

    Attributes:
        position: the first position where that shows.
        problem: what is wrong there.
    """

    def __init__(self, position: int, problem: str) -> None:
        self.position, self.problem = position, problem
        super().__init__(
            f"the log is damaged at position {position}: {problem}. Positions before it are sound. "
            "Do not append to it; compare it with a backup."
        )


class StoreAltered(DatabaseError):
    """What stands beside the log is not what this package made of it. The message says what to do.

    >>> print(StoreAltered(["the view 'actors' does not show build 2"]))
    the view 'actors' does not show build 2

    Attributes:
        problems: what is not as it was made, one text for each.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class DatabaseTooNew(DatabaseError):
    """A later version of this package wrote the schema. Install that version, or a later one."""


class MigrationFailed(DatabaseError):
    """The schema could not be brought up to date. Nothing was changed; the message says why."""
