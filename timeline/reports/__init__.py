"""Answers: objects whose every value stands beside the evidence it rests on.

A report is made from one view of the read models and computes nothing when it is rendered.
"""

from __future__ import annotations

from timeline.reports.attendance import AttendanceReport
from timeline.reports.base import Report
from timeline.reports.evidence import Citation
from timeline.reports.initiative import InitiativeReport
from timeline.reports.statements import StatementsReport

__all__ = ["AttendanceReport", "Citation", "InitiativeReport", "Report", "StatementsReport"]
