"""Files that are whole or absent: an export that is interrupted leaves what was there before."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from timeline.errors import InvalidInput

Place = str | os.PathLike[str] | BinaryIO
"""A path, or a binary file that is open already."""


@contextlib.contextmanager
def new_file(place: Place) -> Iterator[BinaryIO]:
    """A file to write, which takes its name only when all of it is written.

    One that is open already is written to as it is.

    Raises:
        InvalidInput: the file cannot be written.
    """
    if not isinstance(place, str | os.PathLike):
        yield place
        return
    final = Path(place)
    if not final.name:
        raise InvalidInput(f"expected a file to write; found {os.fspath(place)!r}")
    made = final.with_name(f".{final.name}.{secrets.token_hex(4)}")
    try:
        with made.open("xb") as out:
            yield out
            out.flush()
            os.fsync(out.fileno())
        made.replace(final)
    except OSError as error:
        raise InvalidInput(f"{final}: cannot be written: {error.strerror or error}") from None
    finally:
        with contextlib.suppress(OSError):
            made.unlink(missing_ok=True)


@contextlib.contextmanager
def existing_file(place: Place) -> Iterator[BinaryIO]:
    """A file to read; one that is open already is read as it is.

    Raises:
        InvalidInput: it cannot be opened.
    """
    if not isinstance(place, str | os.PathLike):
        yield place
        return
    try:
        file = Path(place).open("rb")  # noqa: SIM115  (closed below; only opening is translated)
    except (OSError, ValueError) as error:
        problem = getattr(error, "strerror", None) or error
        raise InvalidInput(f"{os.fspath(place)}: cannot be read: {problem}") from None
    with file:
        yield file


def name_of(place: Place) -> str:
    """What to call it in messages."""
    if isinstance(place, str | os.PathLike):
        return os.fspath(place)
    return str(getattr(place, "name", "the file"))
