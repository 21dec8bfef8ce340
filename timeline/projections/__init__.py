"""The read models that come with the package."""

from __future__ import annotations

from timeline.projection import Projection
from timeline.projections.amendments import AmendmentsMade
from timeline.projections.chronology import Chronology
from timeline.projections.directory import Directory
from timeline.projections.initiatives import Initiatives
from timeline.projections.meetings import Meetings
from timeline.projections.plans import Plans
from timeline.projections.sources import Sources
from timeline.projections.statements import Statements
from timeline.projections.subjects import Subjects

BUILT_IN: tuple[Projection, ...] = (
    Sources(),
    Directory(),
    Statements(),
    Initiatives(),
    Meetings(),
    Plans(),
    AmendmentsMade(),
    Chronology(),
    Subjects(),
)
"""One of each."""

__all__ = [
    "BUILT_IN",
    "AmendmentsMade",
    "Chronology",
    "Directory",
    "Initiatives",
    "Meetings",
    "Plans",
    "Sources",
    "Statements",
    "Subjects",
]
