"""Rows of a read model as Parquet files, written where they are made and read by key.

A place holds a folder for each projection, and in it one for each build:

    ROWS/initiatives/0001-5f3a/manifest.json
    ROWS/initiatives/0001-5f3a/initiatives/part-000000000000.parquet

The manifest is written last, in one piece. It names every file, so a folder without one is no
build: of a run that goes on, or that was killed.
"""

from __future__ import annotations

import io
import os
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import attrs
import sqlalchemy as sa

from timeline.engine.cutoff import ALL, Cutoff
from timeline.engine.projection import Projection, R, key_of, shape_of
from timeline.engine.rows import LogView
from timeline.engine.search import Search, scanned
from timeline.errors import InvalidInput, InvalidProjection, MissingExtra, NotFound
from timeline.events import EventRedacted, RecordedEvent, type_names
from timeline.events.encoding import decode_value, encode_value
from timeline.log.archive_files import file_system
from timeline.log.digests import Head
from timeline.log.query import Query
from timeline.log.store import EventStore

_MANIFEST = "manifest.json"


@attrs.frozen
class RowFile:
    """A file of rows.

    Attributes:
        name: below the folder of the build.
        rows: how many it has.
    """

    name: str
    rows: int


@attrs.frozen
class FiledBuild:
    """One build of a read model in Parquet files, as its manifest says.

    Attributes:
        projection: the name of the projection.
        version: the version that the projection's class declared.
        fingerprint: of the code and row classes that made it.
        position: the position of the log up to which events are in the rows.
        digest: of the log there, in hexadecimal.
        folder: where it is, below the place.
        files: by the plain name of the rows.
    """

    projection: str
    version: int
    fingerprint: str
    position: int
    digest: str
    folder: str
    files: dict[str, list[RowFile]]

    @property
    def head(self) -> Head:
        """The position of the log that it shows, and the digest there."""
        return Head(self.position, bytes.fromhex(self.digest))


class RowFiles:
    """A place for read models in Parquet files.

    Args:
        target: a folder, or any address that fsspec knows, such as `s3://bucket/rows`.

    Raises:
        MissingExtra: pyarrow or fsspec is not installed.
        InvalidInput: no such kind of address is known, it is not reached, or the name is empty.
    """

    def __init__(self, target: str) -> None:
        try:
            import fsspec  # noqa: F401  (only asked for)
            import pyarrow.parquet  # noqa: F401  (only asked for)
        except ImportError:
            raise MissingExtra("rows in Parquet", "archive") from None
        self.target = target
        if not target:
            raise InvalidInput("rows: expected a folder or an address; found an empty name")
        self._fs, self._path = file_system(target)

    @property
    def address(self) -> str:
        """The place by its whole address, the same for a process in another folder."""
        return str(self._fs.unstrip_protocol(self._path))

    # Writing

    def new_folder(self, projection: str) -> str:
        """The name of a folder for a new build, after those that are there."""
        number = max((int(name[:4]) for name in self._folders(projection)), default=0) + 1
        return f"{projection}/{number:04}-{secrets.token_hex(4)}"

    def write(self, folder: str, part: int, tables: Mapping[type, Any]) -> dict[str, RowFile]:
        """Write the rows of a part, as `row_tables` gives them; the same files each time.

        Raises:
            InvalidInput: they cannot be written.
        """
        import pyarrow.parquet as pq

        written = {}
        for cls, table in tables.items():
            shape = shape_of(cls)
            name = f"{shape.name}/part-{part:012}.parquet"
            out = io.BytesIO()
            # Statistics by key let a reader skip most groups of rows.
            ordered = table.sort_by([(column, "ascending") for column in shape.key])
            pq.write_table(ordered, out, compression="zstd", row_group_size=50_000)
            self._put(f"{folder}/{name}", out.getvalue())
            written[shape.name] = RowFile(name, table.num_rows)
        return written

    def commit(self, build: FiledBuild, parts: Iterable[type] = ()) -> None:
        """Make a build one that readers see.

        Args:
            build: what was written.
            parts: the row classes of which two parts might have made a row of one key.

        Raises:
            InvalidProjection: two did.
            InvalidInput: the manifest cannot be written.
        """
        for cls in parts:
            shape = shape_of(cls)
            keys = self.dataset(build, cls).to_table(columns=list(shape.key))
            if keys.group_by(list(shape.key)).aggregate([]).num_rows < keys.num_rows:
                raise InvalidProjection(
                    f"projection {build.projection!r}: two parts made a {cls.__name__} of one key"
                )
        self._put(f"{build.folder}/{_MANIFEST}", encode_value(build).encode())

    def remove(self, folder: str) -> None:
        """Remove what was written of a build that failed."""
        if self._fs.exists(f"{self._path}/{folder}"):
            self._fs.rm(f"{self._path}/{folder}", recursive=True)

    def _put(self, name: str, content: bytes) -> None:
        place = f"{self._path}/{name}"
        try:
            self._fs.makedirs(place.rpartition("/")[0], exist_ok=True)
            if "file" not in self._fs.protocol:
                self._fs.pipe_file(place, content)  # whole, or not at all
                return
            hidden = Path(f"{place}.{secrets.token_hex(4)}.part")
            with hidden.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            hidden.replace(place)
        except Exception as error:
            # Each kind of file system has its own errors.
            raise InvalidInput(f"cannot write rows to {self.target}: {error}") from error

    # Reading

    def builds(self, projection: str) -> list[FiledBuild]:
        """The builds of a projection, in the order in which they were begun.

        Raises:
            InvalidInput: a manifest cannot be read.
        """
        rows = []
        for folder in sorted(self._folders(projection)):
            place = f"{self._path}/{projection}/{folder}/{_MANIFEST}"
            if self._fs.exists(place):
                rows.append(self._build(place))
        return rows

    def _build(self, place: str) -> FiledBuild:
        try:
            build: FiledBuild = decode_value(self._fs.cat_file(place).decode(), FiledBuild)
        except (ValueError, OSError) as error:
            raise InvalidInput(f"cannot read the manifest {place}: {error}") from None
        return build

    def _folders(self, projection: str) -> list[str]:
        self._fs.invalidate_cache()
        try:
            paths = self._fs.ls(f"{self._path}/{projection}", detail=False)
        except (FileNotFoundError, NotADirectoryError):
            return []
        names = (str(path).rstrip("/").rpartition("/")[2] for path in paths)
        return [name for name in names if name[:4].isdecimal()]

    def dataset(self, build: FiledBuild, cls: type) -> Any:
        """The rows of a class, as a dataset of pyarrow."""
        import pyarrow.dataset as datasets

        files = build.files[shape_of(cls).name]
        paths = [f"{self._path}/{build.folder}/{file.name}" for file in files]
        return datasets.dataset(paths, schema=_columns(cls), format="parquet", filesystem=self._fs)

    def view(self, store: EventStore, projections: Mapping[Projection, str]) -> FiledView:
        """The view of the newest builds by this code that stand at one position.

        Args:
            store: the log that they were made from.
            projections: each with the fingerprint of its code.

        Raises:
            NotFound: there is no build by this code.
            InvalidInput: builds stand apart; they are of another log; or they hold words that were
                taken down since.
        """
        there = {p: self._by(p, fingerprint) for p, fingerprint in projections.items()}
        there = {projection: found for projection, found in there.items() if found}
        if not there:
            raise NotFound(
                f"no rows by this code are at {self.target}: `timeline rebuild NAME --workers 2 "
                f"--rows {self.target}` writes them."
            )
        common = set.intersection(*({*found} for found in there.values()))
        if not common:
            apart = ", ".join(f"{p.name} to {max(found):,}" for p, found in there.items())
            raise InvalidInput(
                f"the rows at {self.target} go to different positions: {apart}. Rebuild those that "
                "are behind."
            )
        chosen = {projection: found[max(common)] for projection, found in there.items()}
        head = next(iter(chosen.values())).head
        _require_current(store, head, self.target)
        rows = {cls: self.dataset(b, cls) for p, b in chosen.items() for cls in p.rows}
        return FiledView(head, rows, store, self.target)

    def _by(self, projection: Projection, fingerprint: str) -> dict[int, FiledBuild]:
        builds = self.builds(projection.name)
        return {build.position: build for build in builds if build.fingerprint == fingerprint}


def _require_current(store: EventStore, head: Head, target: str) -> None:
    if store.head().position < head.position or store.head_at(head.position) != head:
        raise InvalidInput(f"the rows at {target} were made from another log than this one")
    later = store.read_all(after=head.position, query=Query(type_names(EventRedacted)), limit=1)
    if next(later, None) is not None:
        raise InvalidInput(
            f"words were taken down since the rows at {target} were made: delete these, and "
            "rebuild."
        )


@attrs.frozen
class FiledView(LogView):
    """A view of rows in Parquet files. Implements `View`."""

    head: Head
    rows: Mapping[type, Any]
    store: EventStore
    target: str
    connection: sa.Connection | None = None
    cutoff: Cutoff = ALL

    def get(self, cls: type[R], *key: Any) -> R | None:
        """The row with that key, or None."""
        shape = shape_of(cls)
        stored = dict(zip(shape.key, shape.store_key(key), strict=True))
        return next(iter(self._loaded(cls, _equal(stored))), None)

    def several(self, cls: type[R], keys: Iterable[str]) -> list[R]:
        """The rows with these keys, in this order; keys without a row are left out."""
        import pyarrow.compute as pc

        (name,) = shape_of(cls).key
        wanted = list(dict.fromkeys(keys))
        loaded = self._loaded(cls, pc.field(name).isin(wanted))
        rows = {getattr(row, name): row for row in loaded}
        return [rows[key] for key in wanted if key in rows]

    def all(self, cls: type[R], **equal: Any) -> list[R]:
        """All rows of a class with these values, in the order of their keys."""
        shape = shape_of(cls)
        stored = {name: shape.column(name).store(value) for name, value in equal.items()}
        return sorted(self._loaded(cls, _equal(stored)), key=key_of)

    def search(
        self, cls: type[R], sought: Mapping[str, Search], limit: int | None = None
    ) -> tuple[list[R], int]:
        """The rows of a class that have these words, by column, and how many there are."""
        return scanned(self.all(cls), sought, limit)

    def events(self, ids: Iterable[str]) -> dict[str, RecordedEvent[Any]]:
        """The events with these ids as recorded, by id."""
        return self.store.get(ids)

    def _loaded(self, cls: type[R], condition: Any) -> list[R]:
        if cls not in self.rows:
            raise NotFound(
                f"the rows {shape_of(cls).name!r} are not at {self.target}: `timeline rebuild` "
                "writes those of one projection at a time."
            )
        table = self.rows[cls].to_table(filter=condition)
        columns = (column.to_pylist() for column in table.columns)
        return [shape_of(cls).load(stored) for stored in zip(*columns, strict=True)]


def _equal(values: Mapping[str, Any]) -> Any:
    import pyarrow.compute as pc

    condition = None
    for name, value in values.items():
        field = pc.field(name)
        alike = field.is_null() if value is None else field == value
        condition = alike if condition is None else condition & alike
    return condition


def row_tables(projection: Projection, rows: Iterable[Any]) -> dict[type, Any]:
    """Rows as Arrow tables, by their class, with the values that tables in SQL have."""
    import pyarrow as pa

    stored: dict[type, list[tuple[Any, ...]]] = {cls: [] for cls in projection.rows}
    for row in rows:
        stored[type(row)].append(shape_of(type(row)).store(row))
    made = {}
    for cls, found in stored.items():
        schema = _columns(cls)
        columns = zip(*found, strict=True) if found else ((),) * len(schema)
        arrays = [pa.array(c, f.type) for c, f in zip(columns, schema, strict=True)]
        made[cls] = pa.table(arrays, schema=schema)
    return made


def _columns(cls: type) -> Any:
    import pyarrow as pa

    kinds = {
        sa.Text: pa.string(),
        sa.BigInteger: pa.int64(),
        sa.Double: pa.float64(),
        sa.Boolean: pa.bool_(),
        sa.LargeBinary: pa.binary(),
    }
    return pa.schema([(column.name, kinds[column.sql]) for column in shape_of(cls).columns])
