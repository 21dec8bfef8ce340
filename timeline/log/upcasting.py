"""Turn stored payloads of old versions into current ones, when they are read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import attrs

Payload = dict[str, Any]
"""The fields of an event, as plain JSON."""

Target = tuple[str, int]
"""A type name and a version."""


@attrs.frozen
class Upcaster:
    """Turns the payloads of one type and version into newer ones; made by `@upcaster`.

    Attributes:
        type: the type name under which they are stored.
        version: their version.
        to: the types and versions that they become.
        apply: the function.
    """

    type: str
    version: int
    to: tuple[Target, ...]
    apply: Callable[[Payload], Any] = attrs.field(eq=False)


_NEXT: Any = object()


def upcaster(
    type: str, version: int, *, to: Target | Iterable[Target] | None = _NEXT
) -> Callable[[Callable[[Payload], Any]], Upcaster]:
    """Make a function an upcaster: it takes a stored payload and gives the newer one.

        @upcaster("TariffImposed", 1)
        def in_percent(data):
            return {**data, "percent": data.pop("rate") * 100}

    Pass it to `Timeline.open(…, events=[…])` beside the event classes. By default it gives the next
    version of the same type. The stored event keeps its id, position, dates and digest.

    Args:
        type: the name under which the events are stored.
        version: the version it takes.
        to: another `(type, version)` where the type was renamed; None to skip such events; or
            several, and the function then gives any number of pairs of type name and payload.
    """
    if to is _NEXT:
        targets: tuple[Target, ...] = ((type, version + 1),)
    elif to is None:
        targets = ()
    else:
        given = tuple(to)
        targets = (given,) if isinstance(given[0], str) else given  # type: ignore[assignment]

    def make(function: Callable[[Payload], Any]) -> Upcaster:
        return Upcaster(type, version, targets, function)

    return make


class Upcasting:
    """The chains of upcasters from what may be stored to the current classes.

    Args:
        upcasters: all of them.
        current: the current version of each type, by name.

    Raises:
        ValueError: a chain has a gap or a circle, or two upcasters take the same payloads.
    """

    def __init__(self, upcasters: Iterable[Upcaster], current: Mapping[str, int]) -> None:
        self._current = current
        self._steps: dict[Target, Upcaster] = {}
        for step in upcasters:
            key = (step.type, step.version)
            if key in self._steps:
                raise ValueError(f"two upcasters claim {_named(key)}")
            self._steps[key] = step
        for name, version in current.items():
            for old in range(1, version):
                self._follow((name, old), ())
        for key in self._steps:
            if current.get(key[0]) == key[1]:
                raise ValueError(f"{_named(key)} is current: there is nothing to upcast it to")
            self._follow(key, ())

    def _follow(self, key: Target, before: tuple[Target, ...]) -> Iterable[str]:
        """The current types that a stored one may become."""
        if self._current.get(key[0]) == key[1]:
            return {key[0]}
        if key in before:
            raise ValueError(f"the upcasters of {_named(key)} lead in a circle")
        if key not in self._steps:
            known = self._current.get(key[0])
            now = "no such type is known" if known is None else f"the current version is {known}"
            raise ValueError(
                f"no upcaster takes {_named(key)}, and {now}: add @upcaster({key[0]!r}, {key[1]})"
            )
        ends = (self._follow(target, (*before, key)) for target in self._steps[key].to)
        return {name for names in ends for name in names}

    def knows(self, type: str, version: int) -> bool:
        """Whether a chain begins with that type and version."""
        return (type, version) in self._steps

    def names(self, types: Iterable[str]) -> set[str]:
        """The names under which events of these current types may be stored."""
        wanted = set(types)
        before = {key[0] for key in self._steps if wanted.intersection(self._follow(key, ()))}
        return wanted | before

    def leading_to(self, types: Iterable[str]) -> list[Upcaster]:
        """The steps of the chains that may end in these current types."""
        wanted = set(types)
        return [
            step for key, step in self._steps.items() if wanted.intersection(self._follow(key, ()))
        ]

    def apply(self, type: str, version: int, data: Payload) -> Iterator[tuple[str, Payload]]:
        """What a stored payload becomes: pairs of current type name and payload.

        Raises:
            ValueError, TypeError: an upcaster failed, or gave what it does not declare.
        """
        step = self._steps.get((type, version))
        if step is None:
            yield type, data
            return
        for target, made in _outcome(step, data):
            yield from self.apply(*target, made)


def _outcome(step: Upcaster, data: Payload) -> list[tuple[Target, Payload]]:
    try:
        made = step.apply(data)
        if len(step.to) > 1:
            versions = dict(step.to)
            outcome = [((name, versions[name]), payload) for name, payload in made]
        else:
            outcome = [(target, made) for target in step.to]
    except Exception as error:
        # It may be your code: the message must say which upcaster failed.
        problem = f"{type(error).__name__}: {error}"
        raise ValueError(
            f"the upcaster of {_named((step.type, step.version))}: {problem}"
        ) from error
    for target, payload in outcome:
        if not isinstance(payload, dict):
            raise TypeError(
                f"the upcaster of {_named((step.type, step.version))}: expected the fields of "
                f"{_named(target)} as a dict; found {payload!r:.80}"
            )
    return outcome


def _named(key: Target) -> str:
    return f"{key[0]} version {key[1]}"
