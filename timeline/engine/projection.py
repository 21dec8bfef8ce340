"""What a projection is: a fold of the log into rows; and what a view of such rows is.

A projection is a class with handlers. A handler gets the rows it works on and one event; it sees
nothing else, so the same handlers give the same rows wherever they run:

* kept, in tables of the database, with a checkpoint that moves in the same transaction;
* folded in memory over the log as of some moment, for what was known then;
* in a test, see `timeline.testing`.

What a handler gets is each event *as amended*: with the corrections laid over it that the log holds
at that point, and not at all once it is retracted. So no handler ever undoes anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, ClassVar, Literal, Protocol, TypeVar

from timeline.dates import When
from timeline.engine.cutoff import Cutoff
from timeline.engine.rows import R, Rows
from timeline.events import RecordedEvent, event_type
from timeline.log.digests import Head

_Handler = TypeVar("_Handler", bound=Callable[..., None])


def on(*events: type) -> Callable[[_Handler], _Handler]:
    """Mark a method as the handler of these event classes."""

    def mark(handler: _Handler) -> _Handler:
        handler.__handles__ = events  # type: ignore[attr-defined]  # a mark the engine reads
        return handler

    return mark


class Projection:
    """The base of projections: a fold of the log into rows.

        class Speakers(Projection):
            name, version, rows = "speakers", 1, (SpeakerRow,)

            @on(StatementMade)
            def said(self, rows: Rows, recorded: RecordedEvent[StatementMade]) -> None: ...

    Attributes:
        name: names its checkpoint.
        rows: the row classes it keeps; each is kept by one projection only.
        version: which of two states of its code is the newer one. That code or rows have changed is
            noticed without it, and the rows are then folded anew; but code of a lower version never
            takes the plain names from that of a higher one.
        mode: `inline` to be caught up within every append of a `Timeline` that knows it, in one
            transaction with the events; `background` to be caught up by `timeline run`, and by
            whoever asks for a report.
        raw: whether it gets events as recorded instead of as amended: each of them, but for those
            that were taken down. Such rows say what the log holds and not what is so; new
            amendments leave them as they are.
        split_by: a field of its rows, marked with a `Subject`, by which they can be folded in
            parts, on several workers: what becomes of the rows with a value there follows from
            the events that name it. `position` needs no mark, where it is that of the one event
            that made the row. None where the rows do not split.
        shared: event classes whose events every part needs. Rows without that field are made from
            these alone.
    """

    name: ClassVar[str]
    version: ClassVar[int] = 1
    mode: ClassVar[Literal["background", "inline"]] = "background"
    raw: ClassVar[bool] = False
    split_by: ClassVar[str | None] = None
    shared: ClassVar[tuple[type, ...]] = ()
    rows: ClassVar[tuple[type, ...]]
    _handlers: ClassVar[dict[str, str]]

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls._handlers = {
            event_type(event).name: name
            for base in reversed(cls.__mro__)
            for name, member in vars(base).items()
            for event in getattr(member, "__handles__", ())
        }

    @property
    def types(self) -> frozenset[str]:
        """The names of the event types it has handlers for."""
        return frozenset(self._handlers)

    def handle(self, rows: Rows, recorded: RecordedEvent[Any]) -> None:
        """Let the handler for the event's type, if there is one, do its work."""
        name = self._handlers.get(recorded.type)
        if name is not None:
            getattr(self, name)(rows, recorded)


# Views


class View(Protocol):
    """The read models as they stand at one position of the log; what reports are made from."""

    @property
    def head(self) -> Head:
        """The position, and the digest of the log there."""

    @property
    def cutoff(self) -> Cutoff:
        """What is in view."""

    @property
    def today(self) -> When:
        """The moment the view shows: by which plans are open or overdue.

        The cutoff's, by what had happened or else was published; without one the time of the last
        recording, so that a report made again at a position is the same.
        """

    @property
    def taken_down(self) -> tuple[str, ...]:
        """The ids of events up to the head whose words were taken down later than that."""

    def get(self, cls: type[R], *key: Any) -> R | None:
        """The row with that key, or None."""

    def several(self, cls: type[R], keys: Iterable[str]) -> list[R]:
        """The rows with these keys, in this order, as far as there are such; read together.

        For classes whose key is one text, such as the id of an event.
        """

    def all(self, cls: type[R], **equal: Any) -> list[R]:
        """All rows of a class with these values, in the order of their keys."""

    def events(self, ids: Iterable[str]) -> dict[str, RecordedEvent[Any]]:
        """The events with these ids as recorded, by id."""
