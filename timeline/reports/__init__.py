"""Answers: objects whose every value stands beside the evidence it rests on.

A report is made from one view of the read models and computes nothing when it is rendered. Each has
a file here, with its class and the function that makes it; `registry` makes methods, commands and
pages of the functions. What several of them use is here too: `model`, `layout` and `citations`.
The rules that they go by are in `findings/`.
"""

from __future__ import annotations

from timeline.reports.citations import Citation
from timeline.reports.model import Report

__all__ = ["Citation", "Report"]
