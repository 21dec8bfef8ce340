"""The rows of read models as files: CSV (RFC 4180), workbooks, JSON Lines or Parquet.

The columns are those of the views in `docs/reference/views.md`. In CSV a list is JSON text, no
value is an empty cell, and text that a spreadsheet would compute stands behind an apostrophe.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, BinaryIO, Literal, get_args, get_origin

import msgspec

from timeline.dates import When, encode_time
from timeline.engine.projection import Shape, View, shape_of
from timeline.errors import MissingExtra
from timeline.events.encoding import encode_value
from timeline.formats.files import openpyxl
from timeline.log.telemetry import batched
from timeline.reports.model import Standing
from timeline.reports.render.grids import neutral, sheet_text

Form = Literal["csv", "xlsx", "jsonl", "parquet"]

_LONGEST_TITLE = 31  # of a sheet, for Excel

_GROUP = 10_000
"""Rows written to Parquet at a time."""

_encode = msgspec.json.Encoder(enc_hook=encode_time).encode


def write_rows(out: BinaryIO, view: View, cls: type, form: Form, *, excel: bool = False) -> int:
    """Write all rows of a class, in the order of their keys; returns how many there are.

    With `excel`, CSV begins with a byte order mark.

    Raises:
        MissingExtra: for Parquet, pyarrow is not installed; for a workbook, openpyxl.
    """
    shape = shape_of(cls)
    rows: list[Any] = view.all(cls)
    if form == "csv":
        out.write(b"\xef\xbb\xbf" if excel else b"")
        _write_csv(out, shape, rows)
    elif form == "xlsx":
        _write_xlsx(out, shape, rows)
    elif form == "jsonl":
        out.writelines(_encode(values) + b"\n" for values in _plain(shape, rows))
    else:
        _write_parquet(out, shape, rows, Standing.of(view))
    return len(rows)


def _plain(shape: Shape, rows: Iterable[Any]) -> Iterator[dict[str, Any]]:
    for row in rows:
        values = {column.name: getattr(row, column.name) for column in shape.columns}
        yield {
            name: value.hex() if isinstance(value, bytes) else value
            for name, value in values.items()
        }


def _write_csv(out: BinaryIO, shape: Shape, rows: Iterable[Any]) -> None:
    text = io.TextIOWrapper(out, encoding="utf-8", newline="", write_through=True)
    try:
        writer = csv.writer(text, lineterminator="\r\n")
        writer.writerow(column.name for column in shape.columns)
        for row in _plain(shape, rows):
            writer.writerow(map(_cell, row.values()))
    finally:
        text.detach()  # or it would close the file, which is not ours


def _write_xlsx(out: BinaryIO, shape: Shape, rows: Iterable[Any]) -> None:
    """A workbook of one sheet; text that begins with = stays text."""
    book = openpyxl().Workbook()
    sheet = book.active
    sheet.title = shape.name[:_LONGEST_TITLE]
    sheet.append([column.name for column in shape.columns])
    for number, row in enumerate(_plain(shape, rows), 2):
        for at, value in enumerate(row.values(), 1):
            if value is not None:
                shown = value if isinstance(value, bool | int | float) else _as_text(value)
                cell = sheet.cell(number, at, shown)
                cell.data_type = "s" if isinstance(shown, str) else cell.data_type
    sheet.freeze_panes = "A2"
    book.save(out)


def _as_text(value: Any) -> str:
    """Text as a cell of a workbook can hold it."""
    text = value if isinstance(value, str) else getattr(value, "text", None) or encode_value(value)
    return sheet_text(text)


def _cell(value: Any) -> Any:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case int() | float():
            return value
        case str():
            return neutral(value)
        case When():
            return neutral(value.text)
    return neutral(encode_value(value))


def _write_parquet(out: BinaryIO, shape: Shape, rows: Sequence[Any], standing: Standing) -> None:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise MissingExtra("Parquet", "archive") from None

    types = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}
    types |= {bytes: pa.binary()}

    def held(kind: Any) -> Any:
        kind = _base(kind)
        return (
            pa.list_(held(get_args(kind)[0])) if _is_texts(kind) else types.get(kind, pa.string())
        )

    fields = []
    for column in shape.columns:
        nullable = column.nullable and column.name not in shape.key
        fields.append(pa.field(column.name, held(column.kind), nullable=nullable))
    metadata = {"timeline.position": str(standing.position), "timeline.digest": standing.digest}
    if standing.limits:
        metadata["timeline.limits"] = "; ".join(standing.limits)
    schema = pa.schema(fields, metadata=metadata)
    with pq.ParquetWriter(out, schema) as writer:
        for group in batched(rows, _GROUP):
            columns = {
                column.name: [
                    _value(getattr(row, column.name), texts=_is_texts(column.kind)) for row in group
                ]
                for column in shape.columns
            }
            writer.write_table(pa.table(columns, schema=schema))


def _base(kind: Any) -> Any:
    """The plain type behind one with marks; words of a closed set are text."""
    while hasattr(kind, "__metadata__"):
        kind = kind.__origin__
    return str if get_origin(kind) is Literal else kind


def _is_texts(kind: Any) -> bool:
    """Whether it is a list of texts, or of such lists."""
    kind = _base(kind)
    if get_origin(kind) not in (tuple, list):
        return False
    items = [item for item in get_args(kind) if item is not ...]
    return all(_base(item) is str for item in items) or (len(items) == 1 and _is_texts(items[0]))


def _value(value: Any, *, texts: bool) -> Any:
    """A value as its column of the file holds it."""
    if value is None or isinstance(value, str | int | float | bytes):
        return value
    if isinstance(value, When):
        return value.text
    return list(value) if texts else encode_value(value)
