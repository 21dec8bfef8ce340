"""Where a site is written, a folder or one file: whole or not at all, and over no other files."""

from __future__ import annotations

import contextlib
import json
import secrets
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from timeline.engine.projection import View
from timeline.errors import InvalidInput

MANIFEST = "site.json"
"""The file that names the position a folder shows, and the files of the site in it."""

SIGN = '<meta name="generator" content="timeline site">'
"""By this a later run knows a site of one file."""


@contextlib.contextmanager
def replacing(place: Path, *, single: bool) -> Iterator[Path]:
    """Gives where to write a site; it comes to its place when all is written.

    Args:
        place: the folder, or the file.
        single: whether it is a file.

    Raises:
        InvalidInput: there are files that are not of a site, or it cannot be written.
    """
    target = place.resolve()
    require = _require_file if single else _require_site
    require(target)
    made = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        try:
            if not single:
                made.mkdir()
            yield made
            require(target)  # again: somebody may have written there meanwhile
            _replace(target, made)
        finally:
            if single:
                made.unlink(missing_ok=True)
            shutil.rmtree(made, ignore_errors=True)
    except OSError as error:
        raise InvalidInput(f"cannot write the site to {place}: {error}") from error


def _require_file(file: Path) -> None:
    """Check that there is no file but a site, so that it may be replaced."""
    problem = f"{file}: expected a new file, or a site in one file to replace"
    try:
        if file.is_dir():
            raise InvalidInput(f"{problem}; found a folder. Name a file in it, or omit --single")
        if file.exists() and SIGN.encode() not in file.read_bytes()[:2000]:
            raise InvalidInput(f"{problem}; found another file. Name a new one")
    except OSError as error:
        raise InvalidInput(f"cannot read {file}: {error}") from error


def manifest(view: View, files: Iterable[str]) -> str:
    """The text of the file by which a later run knows the folder.

    Args:
        view: what the site was made from.
        files: the paths of its files within the folder.
    """
    known = {
        "made_by": "timeline site",
        "position": view.head.position,
        "digest": view.head.digest.hex(),
        "files": sorted([*files, MANIFEST]),
    }
    return json.dumps(known, indent=1) + "\n"


def _require_site(folder: Path) -> None:
    """Check that a folder holds nothing but a site, so that it may be replaced."""
    problem = f"{folder}: expected an empty folder, or a site made before to replace"
    try:
        if not folder.exists():
            return
        if not folder.is_dir():
            raise InvalidInput(f"{problem}; found a file")
        files = {
            path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()
        }
    except OSError as error:
        raise InvalidInput(f"cannot read {folder}: {error}") from error
    strange = sorted(files - _written(folder))
    if strange:
        raise InvalidInput(f"{problem}; found {strange[0]}. Name another folder, or move that away")


def _written(folder: Path) -> set[str]:
    """The files of an earlier run, by its manifest."""
    try:
        known = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        return set(known["files"]) if known["made_by"] == "timeline site" else set()
    except (OSError, ValueError, LookupError, TypeError):
        return set()


def _replace(target: Path, made: Path) -> None:
    """Put the new folder in the place of the old one."""
    before = made.with_name(f"{made.name}.before")
    if target.exists():
        target.rename(before)
    try:
        made.rename(target)
    except BaseException:
        if before.exists():
            before.rename(target)
        raise
    shutil.rmtree(before, ignore_errors=True)
    if before.is_file():
        before.unlink()
