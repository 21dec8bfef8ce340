"""Answers: objects whose every value stands beside the evidence it rests on.

A report is made from one view of the read models and computes nothing when it is rendered.
"""

from __future__ import annotations

from timeline.reports.actors import ActorsReport
from timeline.reports.attendance import AttendanceReport
from timeline.reports.changes import ChangesReport
from timeline.reports.chronology import ChronologyReport
from timeline.reports.contradictions import ContradictionsReport
from timeline.reports.corroboration import CorroborationReport
from timeline.reports.dossier import DossierReport
from timeline.reports.encounters import EncountersReport
from timeline.reports.evidence import Citation
from timeline.reports.follow_ups import FollowUpsReport
from timeline.reports.initiative import InitiativeReport
from timeline.reports.model import Report
from timeline.reports.plans import PlansReport
from timeline.reports.positions import PositionsReport
from timeline.reports.sources import SourcesReport
from timeline.reports.statement_counts import StatementCountsReport
from timeline.reports.statements import StatementsReport

__all__ = [
    "ActorsReport",
    "AttendanceReport",
    "ChangesReport",
    "ChronologyReport",
    "Citation",
    "ContradictionsReport",
    "CorroborationReport",
    "DossierReport",
    "EncountersReport",
    "FollowUpsReport",
    "InitiativeReport",
    "PlansReport",
    "PositionsReport",
    "Report",
    "SourcesReport",
    "StatementCountsReport",
    "StatementsReport",
]
