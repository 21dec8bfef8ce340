"""Reports as data frames, of pandas or polars, whichever is installed."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

from timeline.errors import InvalidInput, MissingExtra
from timeline.reports.document import Document
from timeline.reports.render.csv import long_grid, table_grid

_LIBRARIES = ("pandas", "polars")


def frame(document: Document, table: str | None = None, *, library: str | None = None) -> Any:
    """A data frame of a report: text in all columns, and the ids of the events behind each row.

    Args:
        document: the report.
        table: the title of a table; else every cell of all tables is a row of its own.
        library: `pandas` or `polars`; else whichever is installed, pandas before polars.

    Raises:
        NotFound: the report has no such table.
        InvalidInput: no such library is known.
        MissingExtra: it is not installed.
    """
    module = _library(library)
    grid = long_grid(document) if table is None else table_grid(document, table)
    columns = zip(*grid.rows, strict=True) if grid.rows else ((),) * len(grid.columns)
    data = {name: list(values) for name, values in zip(grid.columns, columns, strict=True)}
    if module.__name__ == "pandas":
        return module.DataFrame(data, dtype=object)
    return module.DataFrame(data, schema=dict.fromkeys(grid.columns, module.String))


def _library(name: str | None) -> ModuleType:
    if name not in (None, *_LIBRARIES):
        raise InvalidInput(f"library: expected pandas or polars; found {name!r}")
    for known in _LIBRARIES if name is None else (name,):
        try:
            return importlib.import_module(known)
        except ModuleNotFoundError:
            continue
    raise MissingExtra("A data frame of a report", "frames")
