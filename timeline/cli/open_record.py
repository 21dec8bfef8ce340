"""Opens the record for the commands: with the classes of `--events`, as of a moment."""

from __future__ import annotations

import contextlib
import functools
import importlib
import inspect
import sys
import typing
from collections.abc import Callable, Iterable, Iterator
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import click

from timeline.cli.values import date, number_from

if TYPE_CHECKING:
    from timeline.engine.projection import Projection, View
    from timeline.log.codec import Codec, Upcaster
    from timeline.record import Record, Timeline

_Command = TypeVar("_Command", bound=Callable[..., Any])
_Own: TypeAlias = "type | Upcaster | Projection"


class Opener:
    """Opens the record when a command needs it, and not while `--help` is read."""

    def __init__(self, url: str, modules: tuple[str, ...]) -> None:
        self._url, self._modules = url, modules

    def __call__(self, *, create: bool = False) -> Timeline:
        """Open the record that the command line names; `create` makes one where there is none."""
        from timeline.engine.projection import Projection
        from timeline.record import Timeline

        own = self._own()
        projections = [thing for thing in own if isinstance(thing, Projection)]
        classes = _without_projections(own)
        _codec(classes)
        return Timeline.open(self._url, events=classes, projections=projections, create=create)

    @contextlib.contextmanager
    def filling(self) -> Iterator[Timeline]:
        """Open the record, a new one where there is none: if it stays empty, its file goes again.

        On PostgreSQL a new record stays, and is empty.
        """
        from timeline.record.timeline import unless_empty

        with unless_empty(self._url), self(create=True) as timeline:
            yield timeline

    def codec(self) -> Codec:
        """The known event classes; this opens no record."""
        return _codec(_without_projections(self._own()))

    def _own(self) -> list[_Own]:
        return [thing for name in self._modules for thing in _defined_in(name)]


def _without_projections(own: Iterable[_Own]) -> list[type | Upcaster]:
    from timeline.engine.projection import Projection

    return [thing for thing in own if not isinstance(thing, Projection)]


def _codec(known: Iterable[type | Upcaster]) -> Codec:
    from timeline.log.codec import Codec

    try:
        return Codec(known)
    except (TypeError, ValueError) as error:
        raise click.BadParameter(str(error), param_hint="--events") from None


def _defined_in(name: str) -> list[_Own]:
    """The event classes, upcasters and projections that a module defines."""
    own = [*_chosen(_imported(name))]
    if not own:
        raise click.BadParameter(
            f"{name!r} defines no class made by @event, no @upcaster and no Projection",
            param_hint="--events",
        )
    return own


def _imported(name: str) -> ModuleType:
    if not all(part.isidentifier() for part in name.split(".")):
        problem = f"expected the name of a module, such as tariffs for tariffs.py; found {name!r}"
        raise click.BadParameter(problem, param_hint="--events")
    # As `python -m` does: find a module in the current folder.
    sys.path.insert(0, "")
    try:
        return importlib.import_module(name)
    except Exception as error:  # noqa: BLE001  (a user's module may do anything when imported)
        raise click.BadParameter(
            f"cannot import {name!r}: {type(error).__name__}: {error}", param_hint="--events"
        ) from None
    finally:
        sys.path.remove("")


def _chosen(module: ModuleType) -> Iterator[_Own]:
    from timeline.engine.projection import Projection
    from timeline.events.base import EventType
    from timeline.log.codec import Upcaster

    values = vars(module).values()
    yield from (value for value in values if isinstance(value, Upcaster))
    for value in dict.fromkeys(filter(inspect.isclass, values)):
        if value.__module__ != module.__name__:
            continue
        if isinstance(getattr(value, "__event_type__", None), EventType):
            yield value
        # A projection without a name is a base of others.
        elif issubclass(value, Projection) and hasattr(value, "name"):
            yield _made(value)


def _made(projection: type[Projection]) -> Projection:
    try:
        return projection()
    except TypeError as error:
        raise click.BadParameter(
            f"{projection.__module__}.{projection.__name__}: expected a projection that is made "
            f"without arguments: {error}",
            param_hint="--events",
        ) from None


# As of a moment

_CUTOFFS = (
    click.option(
        "--at",
        "position",
        type=number_from(0),
        metavar="POSITION",
        help="The record up to this position of its log.",
    ),
    click.option(
        "--recorded-by",
        "recorded",
        type=date,
        metavar="INSTANT",
        help="The record as it was then; a date counts to its end, in UTC.",
    ),
    click.option(
        "--published-by",
        "published",
        type=date,
        help="Only what sources report that were published by the end of this date.",
    ),
    click.option(
        "--occurred-by",
        "occurred",
        type=date,
        help="Only what had happened by the end of this date, as far as is known now.",
    ),
    click.option(
        "--possibly",
        is_flag=True,
        help="With dates: include what only may have been published or happened by then.",
    ),
    click.option(
        "--verified",
        is_flag=True,
        help="Check the log's digests first, and use only the log, no kept rows.",
    ),
)


def as_of(command: _Command) -> _Command:
    """Add the options that choose a moment; the command gets them together, as `moment`."""

    @functools.wraps(command)
    def gathered(*args: Any, **options: Any) -> Any:
        names = ("position", "recorded", "published", "occurred", "possibly", "verified")
        moment = {name: options.pop(name) for name in names}
        return command(*args, moment=moment, **options)

    made: Any = gathered
    for option in reversed(_CUTOFFS):
        made = option(made)
    return typing.cast("_Command", made)


def chosen(timeline: Timeline, moment: dict[str, Any]) -> Record:
    """The record as of the moment that the options name; now, if they name none."""
    record: Record = timeline.verified() if moment.pop("verified") else timeline
    if any(value is not None and value is not False for value in moment.values()):
        return record.as_of(**moment)
    return record


# What the shell completes


def completes(what: str) -> Callable[[click.Context, click.Parameter, str], list[str]]:
    """A completion of ids of `initiative`, `meeting`, `series`, `source`, or of all of them: `id`.

    `actor` completes names, too, and `event` types of events. Case makes no difference.
    """

    def complete(ctx: click.Context, _param: click.Parameter, begun: str) -> list[str]:
        begins = begun.casefold()
        # A shell shows what is printed, so a record that cannot be opened completes nothing.
        with contextlib.suppress(Exception):
            return sorted(one for one in _known(ctx, what) if one.casefold().startswith(begins))
        return []

    return complete


def _known(ctx: click.Context, what: str) -> set[str]:
    if what == "event":
        from timeline.events import VOCABULARY, type_names

        return {*type_names(*VOCABULARY)}
    given = ctx.find_root().params
    with Opener(given["url"], given["modules"])() as timeline, timeline.view() as view:
        return {one for one in _names(view, what) if one}


def _names(view: View, what: str) -> Iterator[str | None]:
    from timeline.projections.directory import ActorRow, SourceRow
    from timeline.projections.initiatives import InitiativeRow
    from timeline.projections.meetings import MeetingRow

    if what in ("initiative", "id"):
        yield from (row.initiative for row in view.all(InitiativeRow))
    if what in ("meeting", "id"):
        yield from (row.meeting for row in view.all(MeetingRow))
    if what == "series":
        yield from (row.series for row in view.all(MeetingRow))
    if what in ("source", "id"):
        yield from (row.source for row in view.all(SourceRow))
    if what in ("actor", "id"):
        yield from (row.actor for row in view.all(ActorRow))
    if what == "actor":
        yield from (row.name for row in view.all(ActorRow))
