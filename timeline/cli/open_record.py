"""Opens the record for the commands, with the classes that `--events` names."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Iterable, Iterator
from types import ModuleType
from typing import TYPE_CHECKING, TypeAlias

import click

if TYPE_CHECKING:
    from timeline.engine.projection import Projection
    from timeline.log.codec import Codec, Upcaster
    from timeline.record import Timeline

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
