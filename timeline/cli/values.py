"""What options take: dates, numbers and seals. An error names the option, and what it expects."""

from __future__ import annotations

from collections.abc import Callable

import click

_MOST = 2**63 - 1
"""The largest number that a database holds."""


def date(text: str) -> str:
    """The text, if it is a date; a clock time needs its zone."""
    from timeline.dates import asked
    from timeline.errors import InvalidDate

    try:
        asked(text)
    except InvalidDate as error:
        raise click.BadParameter(str(error)) from None
    return text


def date_or_position(text: str) -> str:
    """The text, if it is a date, or a position of the log."""
    return text if text.isdecimal() else date(text)


def number_from(least: int, *, or_all: bool = False) -> Callable[[str | int], int | None]:
    """Reads a whole number that is not below the least; `all`, where it is taken, is None."""
    expected = f"a whole number, {least} or more{', or all' if or_all else ''}"

    def number(text: str | int) -> int | None:
        if or_all and text == "all":
            return None
        try:
            given = int(text)
        except ValueError:
            given = least - 1
        if not least <= given <= _MOST:
            raise click.BadParameter(f"expected {expected}; found {text!r:.80}")
        return given

    return number


def seal_text(text: str) -> str:
    """The text, if it is what `timeline seal` prints."""
    from timeline.errors import InvalidInput
    from timeline.log.digests import Head

    try:
        Head.of_seal(text)
    except InvalidInput as error:
        raise click.BadParameter(str(error)) from None
    return text
