"""The one door to a record: it joins the rooms, log, read models, reports and formats."""

from timeline.record.reading import Record, Snapshot
from timeline.record.timeline import Timeline

__all__ = ["Record", "Snapshot", "Timeline"]
