"""The files of an archive: their names, the list of their digests, and how they are placed.

A file appears whole. In a local folder it is written under a hidden name, flushed, and renamed;
elsewhere it is sent in one piece, which object stores take all or not at all.

`files.sha256` lists the digest of each file, and its last line is the digest of the lines before
it. So every byte of an archive counts, also those that no event's digest covers. While a file is
replaced, both of its digests are listed.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import attrs

from timeline.errors import ArchiveDamaged, InvalidInput, MissingExtra, NotFound

_NAME = re.compile(r"events-(\d{20})\.parquet\Z")
LIST = "files.sha256"
_CHUNK = 1 << 20

Note: TypeAlias = Callable[[str, str], None]
"""What takes the name of a file and its digest."""


@attrs.frozen
class Listing:
    """The list of an archive's files, in the form that `sha256sum -c` reads.

    Attributes:
        rows_per_file: how many events each file holds, but for the last.
        digests: by name, the SHA-256 of each file; two while it is replaced.
        unfinished: whether more files are to come, without which these would pass for the whole.
    """

    rows_per_file: int
    digests: dict[str, tuple[str, ...]] = attrs.field(factory=dict)
    unfinished: bool = False

    def encode(self) -> bytes:
        """The list as the file holds it."""
        more = ", unfinished" if self.unfinished else ""
        lines = [f"# timeline archive 1, {self.rows_per_file} rows a file{more}"]
        for name, digests in sorted(self.digests.items()):
            lines += [f"{digest}  {name}" for digest in digests]
        text = "".join(f"{line}\n" for line in lines).encode()
        return text + _sealing(text)

    @classmethod
    def decode(cls, content: bytes) -> Listing:
        """Read a list.

        Raises:
            ValueError: it is not as it was written; says why.
        """
        text = content[: content.rfind(b"\n", 0, -1) + 1]
        if content != text + _sealing(text):
            raise ValueError("its last line is not the digest of the lines before it")
        begun, *lines = text.decode().splitlines()
        size = re.fullmatch(r"# timeline archive 1, (\d{1,18}) rows a file(, unfinished)?", begun)
        if size is None:
            raise ValueError(f"expected the list of an archive's files; found {begun!r:.80}")
        digests: dict[str, tuple[str, ...]] = {}
        for line in lines:
            digest, _, name = line.partition("  ")
            digests[name] = (*digests.get(name, ()), digest)
        return cls(int(size[1]), digests, unfinished=bool(size[2]))

    def with_file(self, name: str, *digests: str) -> Listing:
        """The list with these digests for a file."""
        return attrs.evolve(self, digests={**self.digests, name: digests})


def _sealing(text: bytes) -> bytes:
    return f"# {hashlib.sha256(text).hexdigest()}\n".encode()


def file_system(target: str) -> tuple[Any, str]:
    """The file system of a folder or an address, by fsspec, and the path in it.

    Raises:
        InvalidInput: no such kind of address is known, or it is not reached.
    """
    import fsspec

    try:
        fs, path = fsspec.core.url_to_fs(target)
    except (ValueError, ImportError) as error:
        raise InvalidInput(
            f"expected a folder or an address that fsspec knows; found {target!r}: {error}"
        ) from None
    except OSError as error:
        raise InvalidInput(f"cannot reach {target}: {error.strerror or error}") from None
    return fs, path


class ArchiveFiles:
    """The files of a log in Parquet.

    Args:
        target: a folder, or any address that fsspec knows, such as `s3://bucket/record`.

    Raises:
        MissingExtra: pyarrow or fsspec is not installed.
        InvalidInput: no such kind of address is known, it is not reached, or the name is empty.
    """

    def __init__(self, target: str | os.PathLike[str]) -> None:
        _libraries()
        self.target = os.fspath(target)
        self._sound: set[str] = set()  # the files whose bytes were checked
        if not self.target:
            raise InvalidInput("expected a folder or an address of an archive; found an empty name")
        self._fs, self._path = file_system(self.target)

    def files(self) -> dict[int, str]:
        """The names of the files, by the first position in each.

        Raises:
            InvalidInput: the place cannot be looked at, or has other files ending in `.parquet`.
        """
        try:
            paths = self._fs.ls(self._path, detail=False, refresh=True)
        except (FileNotFoundError, NotADirectoryError):
            return {}
        except Exception as error:
            # Each kind of file system has its own errors.
            raise InvalidInput(
                f"cannot look for an archive at {self.target}: {first_line(error)}"
            ) from error
        names = sorted(str(path).rsplit("/", 1)[-1] for path in paths)
        matches = [name for name in names if _NAME.match(name)]
        foreign = [
            name
            for name in names
            if name.endswith(".parquet") and not name.startswith(".") and name not in matches
        ]
        if foreign:
            # A query over `*.parquet` would read it too.
            raise InvalidInput(
                f"expected only files of an archive to end in .parquet, at {self.target}; found "
                f"{foreign[0]}. Move it away, or name another place."
            )
        return {first_in(name): name for name in matches}

    def _existing(self) -> dict[int, str]:
        files = self.files()
        if not files:
            raise NotFound(f"no archive is at {self.target}: `timeline archive` makes one.")
        return files

    def _listing(self) -> Listing:
        try:
            return Listing.decode(self._fs.cat_file(f"{self._path}/{LIST}"))
        except FileNotFoundError:
            raise self._damaged(1, f"the list of its files, {LIST}, is missing") from None
        except ValueError as error:
            raise self._damaged(1, f"the list of its files, {LIST}: {error}") from None
        except Exception as error:
            # Each kind of file system has its own errors.
            raise self._unreadable(LIST, error) from error

    def _require_listed(self, first: int, name: str) -> None:
        """Check that each byte of a file is as it was written."""
        if name in self._sound:
            return
        try:
            with self._fs.open(f"{self._path}/{name}", "rb") as file:
                digest = _digest(file)
        except Exception as error:
            # Each kind of file system has its own errors.
            raise self._unreadable(name, error) from error
        listing = self._listing()
        if listing.unfinished:
            raise self._damaged(first, "it was not finished. Remove it, and make it again", name)
        if digest not in listing.digests.get(name, ()):
            raise self._damaged(first, f"its bytes are not those that {LIST} lists", name)
        self._sound.add(name)

    def _damaged(self, position: int, problem: str, name: str | None = None) -> ArchiveDamaged:
        return ArchiveDamaged(self.target, position, problem, name)

    def _unreadable(self, name: str, error: Exception) -> InvalidInput:
        return InvalidInput(f"cannot read {self.target}/{name}: {first_line(error)}")

    # Writing

    def _settle(self, size: int) -> None:
        """List one digest for each file: of two, the one that the file has."""
        files = self.files().values()
        listing = self._listing() if files else Listing(size)
        settled = Listing(size)
        for name, digests in listing.digests.items():
            if name in files:
                settled = settled.with_file(name, *self._only(name, digests))
        if settled != listing or not files:
            self._put(LIST, settled.encode())

    def _only(self, name: str, digests: tuple[str, ...]) -> tuple[str, ...]:
        if len(digests) == 1:
            return digests
        with self._fs.open(f"{self._path}/{name}", "rb") as file:
            digest = _digest(file)
        return (digest,) if digest in digests else digests

    def _list(self, name: str, digest: str) -> None:
        """Add a digest to those that a file may have."""
        listing = self._listing()
        before = listing.digests.get(name, ())
        self._put(LIST, listing.with_file(name, *dict.fromkeys((*before, digest))).encode())
        self._sound.discard(name)

    @contextlib.contextmanager
    def _placed(self, name: str, note: Note) -> Iterator[Any]:
        """A file to write to, which gets its name when all is written and its digest is noted."""
        if not self._local:
            memory = io.BytesIO()
            yield memory
            memory.seek(0)
            note(name, _digest(memory))
            self._put(name, memory.getvalue())
            return
        try:
            with self._renamed(name, note) as file:
                yield file
        except OSError as error:
            raise self._unwritable(error) from error

    def _put(self, name: str, content: bytes) -> None:
        try:
            if self._local:
                with self._renamed(name) as file:
                    file.write(content)
                return
            self._fs.makedirs(self._path, exist_ok=True)
            self._fs.pipe_file(f"{self._path}/{name}", content)
        except Exception as error:
            # Each kind of file system has its own errors.
            raise self._unwritable(error) from error

    def _unwritable(self, error: Exception) -> InvalidInput:
        return InvalidInput(f"cannot write the archive to {self.target}: {first_line(error)}")

    @contextlib.contextmanager
    def _renamed(self, name: str, note: Note | None = None) -> Iterator[Any]:
        """A local file, under a hidden name until all is written."""
        folder = Path(self._path)
        folder.mkdir(parents=True, exist_ok=True)
        hidden = folder / f".{name}.{secrets.token_hex(4)}.part"
        try:
            with hidden.open("w+b") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
                file.seek(0)
                if note is not None:
                    note(name, _digest(file))
            hidden.replace(folder / name)
        finally:
            with contextlib.suppress(OSError):
                hidden.unlink(missing_ok=True)

    @contextlib.contextmanager
    def scratch(self) -> Iterator[str]:
        """A folder for temporary files, hidden beside those of the archive; else on this machine.

        The next run removes what a run that is killed leaves beside the archive.
        """
        beside = self._path if self._local else None
        with tempfile.TemporaryDirectory(".part", ".timeline-", beside) as folder:
            yield folder

    def _sweep(self) -> None:
        """Remove the hidden files and folders of runs that were killed."""
        if self._local:
            try:
                for left in Path(self._path).glob(".*.part"):
                    if left.is_dir():
                        shutil.rmtree(left)
                    else:
                        left.unlink(missing_ok=True)
            except OSError as error:
                raise self._unwritable(error) from error

    @property
    def _local(self) -> bool:
        return "file" in self._fs.protocol


def _libraries() -> None:
    try:
        import fsspec  # noqa: F401  (only asked for)
        import pyarrow.parquet  # noqa: F401  (only asked for)
    except ImportError:
        raise MissingExtra("an archive in Parquet", "archive") from None


def _digest(file: Any) -> str:
    digest = hashlib.sha256()
    while chunk := file.read(_CHUNK):
        digest.update(chunk)
    return digest.hexdigest()


def file_name(first: int) -> str:
    """The name of the file that begins with a position."""
    return f"events-{first:020}.parquet"


def first_in(name: str) -> int:
    """The position with which the file of that name begins."""
    return int(name[7:27])


def first_line(error: BaseException) -> str:
    """What an error says, without the lines that follow."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
