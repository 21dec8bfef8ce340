"""The lines of a table in a file: plain, zipped or gzipped, read one by one."""

from __future__ import annotations

import contextlib
import gzip
import os
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, cast

from timeline.errors import InvalidRecord

_LONGEST = 1_000_000
"""Bytes of a line. A table's has some hundred: what goes on for so long is something else."""

_ZIP, _GZIP = b"PK", b"\x1f\x8b"

_TELL_EVERY = 1_000

Told = Callable[[int, int], None]
"""Is told how many bytes of how many are read, as they lie in the file."""


def read_lines(file: str, told: Told | None = None) -> Iterator[tuple[int, bytes]]:
    """Each line with its number, from 1, without what ends it. Blank ones are left out.

    Raises:
        InvalidRecord: the file cannot be read, or is no text of lines.
    """
    number = 0
    try:
        with contextlib.ExitStack() as stack:
            # No `with` statement of its own: what is unpacked is closed before it.
            raw = stack.enter_context(Path(file).open("rb"))
            size = os.fstat(raw.fileno()).st_size
            lines = stack.enter_context(_unpacked(file, raw, raw.peek(4)[:4]))
            while line := lines.readline(_LONGEST):
                number += 1
                if len(line) == _LONGEST:
                    problem = f"expected a line of a table; found one of {_LONGEST:,} bytes or more"
                    raise InvalidRecord(file, problem, line=number)
                if line := line.rstrip(b"\r\n"):
                    yield number, line
                if told is not None and number % _TELL_EVERY == 0:
                    told(raw.tell(), size)
            if told is not None:
                told(size, size)
    except (OSError, EOFError, ValueError, RuntimeError, zlib.error, zipfile.BadZipFile) as error:
        # gzip says EOFError of a file cut short; zipfile RuntimeError of one with a password; and
        # opening ValueError of a name with a null character.
        if isinstance(error, InvalidRecord):
            raise
        problem = f"cannot be read: {getattr(error, 'strerror', None) or error}"
        raise InvalidRecord(file, problem, line=number + 1 if number else None) from None


def _unpacked(
    file: str, raw: IO[bytes], start: bytes
) -> contextlib.AbstractContextManager[IO[bytes]]:
    """What the file holds, by how it starts: names of files are often wrong."""
    if start.startswith(_ZIP):
        try:
            archive = zipfile.ZipFile(raw)
        except zipfile.BadZipFile:
            # Its list of contents is at its end.
            problem = "begins as a zip archive, and is cut off or damaged. Fetch it again"
            raise InvalidRecord(file, problem) from None
        names = [name for name in archive.namelist() if not name.endswith("/")]
        if len(names) != 1:
            raise InvalidRecord(
                file, f"expected a zip archive of one file; found {len(names)}. Unpack it first"
            )
        return archive.open(names[0])
    if start.startswith(_GZIP):
        return cast("contextlib.AbstractContextManager[IO[bytes]]", gzip.GzipFile(fileobj=raw))
    return contextlib.nullcontext(raw)
