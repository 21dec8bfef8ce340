"""Ways into the log: one module a format, each making `NewEvent`s of files."""

from __future__ import annotations

from timeline.formats.coded.ingest import CodeLine, Ingested
from timeline.formats.record_files.reader import RecordFile, read_files, read_records

__all__ = ["CodeLine", "Ingested", "RecordFile", "read_files", "read_records"]
