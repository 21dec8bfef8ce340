"""The read models that come with the package."""

from __future__ import annotations

from timeline.engine.projection import Projection
from timeline.engine.subjects import Subjects
from timeline.projections.amendments import AmendmentsMade
from timeline.projections.chronology import Chronology
from timeline.projections.directory import Directory, Sources
from timeline.projections.documents import Documents
from timeline.projections.initiatives import Initiatives
from timeline.projections.meetings import Meetings
from timeline.projections.plans import Plans
from timeline.projections.search import SearchWords
from timeline.projections.statements import Disputes, Statements

BUILT_IN: tuple[Projection, ...] = (
    Sources(),
    Directory(),
    Statements(),
    Initiatives(),
    Documents(),
    Meetings(),
    Plans(),
    AmendmentsMade(),
    Disputes(),
    Chronology(),
    Subjects(),
    SearchWords(),
)
"""One of each."""

__all__ = [
    "BUILT_IN",
    "AmendmentsMade",
    "Chronology",
    "Directory",
    "Disputes",
    "Documents",
    "Initiatives",
    "Meetings",
    "Plans",
    "SearchWords",
    "Sources",
    "Statements",
    "Subjects",
]
