"""Opens the record for the commands, with the classes that `--events` names."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from timeline.engine.projection import Projection
from timeline.errors import InvalidInput
from timeline.events.base import EventType
from timeline.log.codec import Codec
from timeline.log.upcasting import Upcaster
from timeline.record import Timeline

_ENDINGS = {".db", ".sqlite", ".sqlite3"}
"""What names of files that hold a database of SQLite end on."""


class Opener:
    """Opens the record when a command needs it, and not while `--help` is read."""

    def __init__(self, url: str, modules: tuple[str, ...]) -> None:
        self._url, self._modules = url, modules

    def __call__(self, *, create: bool = False) -> Timeline:
        """The record that the command line names; if so wished, made where there is none."""
        found = [each for name in self._modules for each in _found_in(name)]
        classes = [each for each in found if not isinstance(each, Projection)]
        projections = [each for each in found if isinstance(each, Projection)]
        _codec(classes)
        _require_no_path(self._url)
        return Timeline.open(self._url, events=classes, projections=projections, create=create)

    def codec(self) -> Codec:
        """What is known of events, without a record."""
        found = [each for name in self._modules for each in _found_in(name)]
        return _codec(each for each in found if not isinstance(each, Projection))


def _require_no_path(url: str) -> None:
    """Tell whoever names a file by its path how its URL is written.

    Only what ends as such files do is repeated: another text may hold a password.
    """
    if "://" not in url and Path(url).suffix in _ENDINGS:
        raise InvalidInput(
            f"expected a database URL; found a path. That of the file is sqlite:///{url}"
        )


def _codec(known: Iterable[type | Upcaster]) -> Codec:
    try:
        return Codec(known)
    except (TypeError, ValueError) as error:
        raise click.BadParameter(str(error), param_hint="--events") from None


def _found_in(module: str) -> list[type | Upcaster | Projection]:
    """The event classes, upcasters and projections that a module defines."""
    # As `python -m` does: a module in the folder the user stands in is found.
    sys.path.insert(0, "")
    try:
        found = importlib.import_module(module)
    except Exception as error:  # noqa: BLE001  (a user's module may do anything when imported)
        raise click.BadParameter(
            f"cannot import {module!r}: {type(error).__name__}: {error}", param_hint="--events"
        ) from None
    finally:
        sys.path.remove("")
    own: list[Any] = [each for each in vars(found).values() if isinstance(each, Upcaster)]
    for each in dict.fromkeys(filter(inspect.isclass, vars(found).values())):
        if each.__module__ != found.__name__:
            continue
        if isinstance(getattr(each, "__event_type__", None), EventType):
            own.append(each)
        # One without a name is a base of others.
        elif issubclass(each, Projection) and hasattr(each, "name"):
            own.append(_made(each))
    if not own:
        raise click.BadParameter(
            f"{module!r} defines no class made by @event, no @upcaster and no Projection",
            param_hint="--events",
        )
    return own


def _made(projection: type[Projection]) -> Projection:
    try:
        return projection()
    except TypeError as error:
        raise click.BadParameter(
            f"{projection.__module__}.{projection.__name__}: expected a projection that is made "
            f"without arguments: {error}",
            param_hint="--events",
        ) from None
