"""A record as a whole, `Timeline`: it joins log, read models, reports and formats."""

from timeline.record.reading import Record, Snapshot
from timeline.record.timeline import Timeline

__all__ = ["Record", "Snapshot", "Timeline"]
