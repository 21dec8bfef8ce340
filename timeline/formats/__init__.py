"""Formats of files, a module or folder for one: those read as new events, and those written."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from timeline.formats.coded.ingest import CodeLine, Ingested
    from timeline.formats.record_files.reader import RecordFile, read_files, read_records

__all__ = ["CodeLine", "Ingested", "RecordFile", "read_files", "read_records"]

_OF_CODED = {"CodeLine", "Ingested"}


def __getattr__(name: str) -> Any:
    """Load the module of a public name on its first use."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = "coded.ingest" if name in _OF_CODED else "record_files.reader"
    return getattr(import_module(f"{__name__}.{module}"), name)
