"""Files that are whole or absent: an interrupted export leaves the file that was there before."""

from __future__ import annotations

import contextlib
import importlib
import os
import secrets
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from timeline.errors import InvalidInput, MissingExtra

Place = str | os.PathLike[str] | BinaryIO
"""A path, or a binary file that is open already."""


@contextlib.contextmanager
def new_file(place: Place) -> Iterator[BinaryIO]:
    """A file to write, which gets its name only when all of it is written.

    A link stays a link: the file it leads to is replaced. A device, a pipe or an open file is
    written to as it is.

    Raises:
        InvalidInput: the file cannot be written, or is a database of SQLite, such as the record.
    """
    if not isinstance(place, str | os.PathLike):
        yield _opened(place, "write")
        return
    path = named_path(place, "file to write")
    try:
        if path.is_dir():
            raise InvalidInput(f"{path}: expected a file to write; found a folder")
        final = Path(os.path.realpath(path))
        require_no_database(final)
        is_open = path.absolute().parent in _OF_OPEN_FILES
        if not is_open and (path.is_file() or not path.exists()):
            with _replaced(final) as out:
                yield out
        else:
            with path.open("wb") as out:
                yield out
    except OSError as error:
        raise InvalidInput(f"{path}: cannot be written: {error.strerror or error}") from None


def _opened(file: BinaryIO, does: str) -> BinaryIO:
    if not hasattr(file, does):
        raise InvalidInput(f"expected a file to {does}, by its path or open; found {file!r:.80}")
    return file


_OF_OPEN_FILES = frozenset(map(Path, ("/dev", "/dev/fd", "/proc/self/fd")))
"""Folders of files, such as /dev/stdout, that are open in some program already."""


def named_path(name: str | os.PathLike[str], what: str) -> Path:
    """The path of that name, where it can be one.

    >>> named_path("", "folder")
    Traceback (most recent call last):
    timeline.errors.InvalidInput: expected a folder; found an empty name

    Raises:
        InvalidInput: the name is empty, or holds what no file system takes.
    """
    path = path_text(name, what)
    try:
        is_name = path != "" and b"\0" not in os.fsencode(path)
    except UnicodeEncodeError:
        is_name = False
    if not is_name:
        given = f"{path!r:.80}" if path else "an empty name"
        raise InvalidInput(f"expected a {what}; found {given}")
    return Path(path)


def path_text(path: str | os.PathLike[str], what: str) -> str:
    """The text of a path, or of an address.

    Raises:
        InvalidInput: it is neither text nor a path.
    """
    with contextlib.suppress(TypeError):
        if isinstance(text := os.fspath(path), str):
            return text
    raise InvalidInput(f"expected a {what}, as text or a Path; found {path!r:.80}")


@contextlib.contextmanager
def started(file: Path) -> Iterator[BinaryIO]:
    """A file to begin with, in a folder that is made if need be; it must not be there yet.

    Raises:
        InvalidInput: there is such a file, or none can be written.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("xb") as out:
            yield out
    except FileExistsError:
        if file.parent.is_dir():
            problem = f"{file} is there already, and stays as it is. Name another"
        else:
            problem = f"{file.parent}: expected a folder; found a file"
        raise InvalidInput(problem) from None
    except OSError as error:
        raise InvalidInput(f"{file}: cannot be written: {error.strerror}") from None


@contextlib.contextmanager
def _replaced(final: Path) -> Iterator[BinaryIO]:
    """Write beside a file, and replace it at the end."""
    made = final.with_name(f".{final.name}.{secrets.token_hex(4)}")
    try:
        with made.open("xb") as out:
            yield out
            out.flush()
            os.fsync(out.fileno())
        made.replace(final)
    finally:
        with contextlib.suppress(OSError):
            made.unlink(missing_ok=True)


def require_no_database(path: Path) -> None:
    """Refuse to replace a database of SQLite, which may be the open record, or a file beside it."""
    for ending in ("", "-wal", "-shm", "-journal"):
        base = Path(str(path).removesuffix(ending))
        if path.name.endswith(ending) and _is_database(base):
            sort = f"a part of the database {base}" if ending else "an SQLite database"
            raise InvalidInput(
                f"{path}: expected a file that may be replaced; found {sort}, perhaps the "
                "record. Name another file, or remove that one first."
            )


def _is_database(path: Path) -> bool:
    # Through SQLite: to close a file of its own would drop the locks that this process has on it.
    try:
        if not path.is_file() or not path.stat().st_size:
            return False
        url = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
        with contextlib.closing(sqlite3.connect(url, uri=True)) as connection:
            connection.execute("PRAGMA schema_version")
    except OSError:
        return False
    except sqlite3.Error as error:
        # A damaged database is one, too.
        return error.sqlite_errorcode not in {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CANTOPEN}
    return True


@contextlib.contextmanager
def existing_file(place: Place) -> Iterator[BinaryIO]:
    """A file to read; one that is open already is read as it is.

    Raises:
        InvalidInput: it cannot be opened.
    """
    if not isinstance(place, str | os.PathLike):
        yield _opened(place, "read")
        return
    try:
        file = Path(place).open("rb")  # noqa: SIM115  (closed below; only opening is translated)
    except (OSError, ValueError) as error:
        problem = getattr(error, "strerror", None) or error
        raise InvalidInput(f"{os.fspath(place)}: cannot be read: {problem}") from None
    with file:
        yield file


def name_of(place: Place) -> str:
    """The name of a file for a message."""
    if isinstance(place, str | os.PathLike):
        return os.fspath(place)
    return str(getattr(place, "name", "the file"))


def openpyxl() -> Any:
    """The library for workbooks.

    Raises:
        MissingExtra: it is not installed.
    """
    try:
        return importlib.import_module("openpyxl")
    except ImportError:
        raise MissingExtra("a workbook", "sheets") from None
