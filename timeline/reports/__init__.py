"""Answers: objects whose every value stands beside the evidence it rests on.

A report is made from one view of the read models and computes nothing when it is rendered. Each has
a file here, with its class and the function that makes it; `bind` makes methods, commands and pages
of the functions.
"""

from __future__ import annotations

from timeline.reports.evidence import Citation
from timeline.reports.model import Report

__all__ = ["Citation", "Report"]
