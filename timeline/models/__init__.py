"""The read models that come with the package."""

from __future__ import annotations

from timeline.engine.projection import Projection
from timeline.engine.subjects import Subjects
from timeline.models.amendments import AmendmentsMade
from timeline.models.chronology import Chronology
from timeline.models.directory import Directory, Sources
from timeline.models.documents import Documents
from timeline.models.initiatives import Initiatives
from timeline.models.meetings import Meetings
from timeline.models.plans import Plans
from timeline.models.search import SearchWords
from timeline.models.statements import Statements

BUILT_IN: tuple[Projection, ...] = (
    Sources(),
    Directory(),
    Statements(),
    Initiatives(),
    Documents(),
    Meetings(),
    Plans(),
    AmendmentsMade(),
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
    "Documents",
    "Initiatives",
    "Meetings",
    "Plans",
    "SearchWords",
    "Sources",
    "Statements",
    "Subjects",
]
