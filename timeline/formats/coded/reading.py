"""Rows read from files one by one: plain, zipped or gzipped."""

from __future__ import annotations

import contextlib
import gzip
import os
import zipfile
import zlib
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import IO, cast

from timeline.errors import InvalidRecord
from timeline.formats.coded import gdelt, icews
from timeline.formats.coded.rows import CodedRow, Dataset
from timeline.log.telemetry import Progress

_LONGEST = 1_000_000
"""Bytes of a line. Rows have some hundred: a file with longer lines is no table."""

_ZIP, _GZIP = b"PK", b"\x1f\x8b"

_REPORT_EVERY = 1_000


def read_lines(file: str, progress: Progress | None = None) -> Iterator[tuple[int, bytes]]:
    """The lines with their numbers, from 1, without line ends. Blank lines are left out.

    `progress` takes how many bytes of the packed file are read, and how many it has.

    Raises:
        InvalidRecord: the file cannot be read, or is no text of lines.
    """
    number = 0
    try:
        with contextlib.ExitStack() as stack:
            # The stack closes the unpacked file first, then this one.
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
                if progress is not None and number % _REPORT_EVERY == 0:
                    progress(raw.tell(), size)
            if progress is not None:
                progress(size, size)
    except (OSError, EOFError, ValueError, RuntimeError, zlib.error, zipfile.BadZipFile) as error:
        # gzip raises EOFError for a file that is cut short, zipfile RuntimeError for one with a
        # password, and `open` ValueError for a name with a null character.
        if isinstance(error, InvalidRecord):
            raise
        problem = f"cannot be read: {getattr(error, 'strerror', None) or error}"
        raise InvalidRecord(file, problem, line=number + 1 if number else None) from None


def _unpacked(
    file: str, raw: IO[bytes], start: bytes
) -> contextlib.AbstractContextManager[IO[bytes]]:
    """The unpacked content. The first bytes tell the format, since names are often wrong."""
    if start.startswith(_ZIP):
        try:
            archive = zipfile.ZipFile(raw)
        except zipfile.BadZipFile:
            # A zip archive lists its contents at its end.
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


def read_rows(
    file: str, dataset: Dataset, progress: Progress | None = None
) -> Iterator[tuple[int, CodedRow | InvalidRecord]]:
    """The rows of a file with their lines; for a row that cannot be read, what is wrong with it.

    Raises:
        InvalidRecord: the file as a whole cannot be read, or is of another layout.
    """
    lines = read_lines(file, progress)
    number, line = next(lines, (1, b""))
    try:
        if dataset == "gdelt":
            gdelt.require_layout(line.decode(errors="replace"))
            read: Callable[[str], CodedRow] = gdelt.row_of
            lines = chain([(number, line)] if line else [], lines)
        else:
            read = icews.row_reader(_text(line))
    except ValueError as error:
        raise InvalidRecord(file, str(error), line=number) from None
    for number, line in lines:
        try:
            yield number, read(_text(line))
        except ValueError as error:
            yield number, InvalidRecord(file, str(error), line=number)


def _text(line: bytes) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        byte = error.object[error.start]
        problem = f"expected UTF-8; found the byte 0x{byte:02x}"
        # From 0x80 to 0x9f only such bytes are printed that Windows adds to Latin-1.
        if text := _of_windows(line):
            letter = text[error.start]
            problem += (
                f", which is {letter!r} in Windows-1252. If the file is in that, convert it: "
                "iconv -f WINDOWS-1252 -t UTF-8"
            )
        raise ValueError(problem) from None


def _of_windows(line: bytes) -> str | None:
    """The line as text in Windows-1252, if it reads as such."""
    try:
        text = line.decode("cp1252")
    except UnicodeDecodeError:
        return None
    return text if text.replace("\t", "").isprintable() else None
