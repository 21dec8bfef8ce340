"""What can go wrong, as a tree.

    TimelineError
    ├── InvalidInput              what was handed in does not fit; nothing was written
    │   ├── InvalidDate           not a date of EDTF, not an instant
    │   │   └── NaiveDatetime     an instant that names no time zone
    │   ├── InvalidEvent          an event whose fields do not fit its class
    │   ├── InvalidRecord         a record file, or an exported log: names file, line and field
    │   ├── InvalidProjection     a projection or row class that cannot be kept
    │   └── UnknownReference      names a source, actor, … that was never recorded
    ├── Conflict                  the log holds something else than the caller assumed
    │   ├── WrongExpectedVersion  the stream has moved on
    │   ├── EventIdReused         the id is taken by an event with other content
    │   └── LogsDiffer            the log to be imported is not the one that is there
    ├── NotFound                  no such event, initiative, meeting or series
    ├── UnknownEventType          a type, or a version of one, that this code cannot read
    ├── MissingExtra              libraries that only some uses need are not installed
    ├── ClusterError              workers are not there, were lost, or have other code
    ├── ArchiveDamaged            a file of an archive is not what was written; the log may be sound
    └── DatabaseError
        ├── DatabaseUnreachable   no connection could be made; later there may be one  (transient)
        │   └── ConnectionLost    it broke while in use                                (transient)
        ├── DatabaseBusy          others held the database for too long                (transient)
        ├── DatabaseReadOnly      the role or the file may only be read
        ├── LogDamaged            `verify` found the log changed; names the position
        ├── DatabaseTooNew        written by a later version of this package
        └── MigrationFailed       the schema could not be brought up to date

Every message says what was expected, what was found and where, and what to do about it. Whatever is
raised leaves the database as it was, with one exception that no database can avoid: when the
connection is lost during a commit, the append is whole or absent, and only asking again tells.

Transient errors may pass: the same call can be tried again, and with the same event ids it is never
done twice. `EventStore.append` and `follow` try again by themselves after `DatabaseBusy` and
`ConnectionLost`, for some seconds; every other error is final for that call.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar


class TimelineError(Exception):
    """The root: catch it to catch everything this package raises on purpose.

    >>> from timeline import Timeline
    >>> try:
    ...     Timeline.open("here.db", create=False)
    ... except TimelineError as error:
    ...     type(error).__name__
    'NotFound'
    """

    def __reduce__(self) -> tuple[Any, ...]:
        # By its message alone, as exceptions are pickled, most classes could not be made again.
        return _again, (type(self), self.args, self.__dict__)


def _again(cls: type[TimelineError], args: tuple[Any, ...], state: dict[str, Any]) -> TimelineError:
    made = cls.__new__(cls, *args)
    made.__dict__.update(state)
    return made


class InvalidInput(TimelineError, ValueError):
    """What was handed in does not fit. Nothing was written."""


class InvalidDate(InvalidInput):
    """Neither a date or interval of EDTF nor an instant with a time zone."""


class NaiveDatetime(InvalidDate):
    """An instant without a time zone: it could mean any of some forty moments.

    >>> from timeline import When
    >>> When("2022-11-28T12:00")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    timeline.errors.NaiveDatetime: expected an instant with its time zone, ...
    """


class InvalidEvent(InvalidInput):
    """An event whose fields do not fit its class; the message names the field."""


class InvalidRecord(InvalidInput):
    """A record file or an exported log that cannot be read, with the place where reading failed.

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
    """A projection or row class that the engine cannot keep; the message says why."""


class UnknownReference(InvalidInput):
    """An event names something that no event has recorded, neither in the log nor beside it.

    >>> print(UnknownReference("e-1", "speaker", "actor", "an", near="ann").told)
    event 'e-1': speaker: no actor 'an' is recorded. Did you mean ann?

    Attributes:
        event_id: the event that holds the reference.
        field: the path of the field within the event.
        category: what kind of thing is missing: `actor`, `source`, `proposal`, …
        id: the id that leads nowhere.
        near: an id of such a thing, recorded in the same call, that it may be a slip for, or None.
        place: the file and line where it stands, or None where it is from no file.
        others: what else in the same call leads nowhere, in order, as far as it is told.
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
        lines = [f"{self.told} {advice}", *(each.told for each in self.others)]
        super().__init__("\n".join([*lines, f"and {more:,} more"] if more else lines))

    @property
    def told(self) -> str:
        """What is missing where, without what to do about it and without the others."""
        where = f"{self.place}: " if self.place else ""
        guess = f" Did you mean {self.near}?" if self.near else ""
        problem = f"no {self.category} {self.id!r} is recorded.{guess}"
        return f"{where}event {self.event_id!r}: {self.field}: {problem}"

    def placed(self, place: Callable[[str, str], str]) -> UnknownReference:
        """The same error with the file and line of each, by the event's id and the field."""
        return UnknownReference(
            self.event_id,
            self.field,
            self.category,
            self.id,
            near=self.near,
            place=place(self.event_id, self.field),
            others=[each.placed(place) for each in self.others],
            more=self.more,
        )


class Conflict(TimelineError):
    """The log holds something else than the caller assumed. Nothing was written."""


class WrongExpectedVersion(Conflict):
    """The stream is not at the version the caller decided on.

    Attributes:
        stream: the stream.
        expected: what the caller expected: a version, or `no stream`, `stream exists`.
        actual: the stream's version now; 0 where it has no events.
    """

    def __init__(self, stream: str, expected: str, actual: int) -> None:
        self.stream, self.expected, self.actual = stream, expected, actual
        found = f"at version {actual}" if actual else "without events"
        super().__init__(
            f"stream {stream!r}: expected {expected}, found it {found}. "
            "Read the stream again, decide again, and append with the version you then find."
        )


_BESIDE = frozenset({"occurred", "evidence"})
"""What an EventCorrected changes beside an event's own fields."""


class EventIdReused(Conflict):
    """The id belongs to an event that was recorded with other content.

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
            f"event {event_id!r} is already recorded at position {position} with another "
            f"{', '.join(differs)}. What is recorded never changes: append an EventCorrected that "
            f"{what}, or give the new event an id of its own."
        )


class LogsDiffer(Conflict):
    """The log holds other events than the one that was to be imported begins with.

    Attributes:
        position: the first position at which the two are found to differ.
    """

    def __init__(self, position: int) -> None:
        self.position = position
        super().__init__(
            f"the log holds another event at position {position} than the one to be imported. A "
            "log is imported into an empty record, or into one that it continues. Name another "
            "database."
        )


class NotFound(TimelineError):
    """Nothing of that name is recorded, at least not within the view that was asked."""


class UnknownEventType(TimelineError):
    """No class is known for a stored or given event type, or not for that version of it.

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
    """What was asked for needs libraries that are not installed.

    Attributes:
        extra: the extra of this package that brings them.
    """

    def __init__(self, what: str, extra: str) -> None:
        self.extra = extra
        super().__init__(
            f"{what} needs libraries that are not installed. The extra {extra!r} brings them: "
            f"pip install 'timeline-store[{extra}]'"
        )


class ClusterError(TimelineError):
    """Workers could not be reached, were lost, or have other code. Nothing was written."""


class ArchiveDamaged(TimelineError):
    """An archive is not what was written. That says nothing of the log it was made from.

    Attributes:
        position: the first position at which that shows.
        file: the file to delete, as it is called in the archive; None where one is missing.
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
    """The database could not do what was asked; it is as it was before.

    Attributes:
        transient: whether the same call may succeed when tried again.
    """

    transient: ClassVar[bool] = False


class DatabaseUnreachable(DatabaseError):
    """No connection could be made."""

    transient = True


class ConnectionLost(DatabaseUnreachable):
    """The connection broke while it was in use: whether a commit went through is not known."""


class DatabaseBusy(DatabaseError):
    """Others held the database for longer than we wait, or won a race. Trying again is safe."""

    transient = True


class DatabaseReadOnly(DatabaseError):
    """The role has no right to write, or the file or server takes no writes."""


class LogDamaged(DatabaseError):
    """The log is not what its digests say it was.

    Attributes:
        position: the first position at which that shows.
        problem: what is wrong there.
    """

    def __init__(self, position: int, problem: str) -> None:
        self.position, self.problem = position, problem
        super().__init__(
            f"the log is damaged at position {position}: {problem}. Positions before it are sound. "
            "Do not append to it; compare it with a backup."
        )


class DatabaseTooNew(DatabaseError):
    """The schema was written by a later version of this package, or is not ours."""


class MigrationFailed(DatabaseError):
    """The schema could not be brought up to date; on failure nothing of the step remains."""
