"""The reports, each bound once: method, command and page come from its line in `Reports`.

To add a report, write its function in a file of its own, and add a line here. The function takes a
view of the read models and what callers give; its docstring explains the options, in Python and at
the command line.
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar, cast

import attrs

from timeline.engine.projection import View
from timeline.errors import require_text
from timeline.reports.actors import actors_report
from timeline.reports.attendance import attendance_report
from timeline.reports.changes import changes_report
from timeline.reports.chronology import chronology_report
from timeline.reports.contradictions import contradictions_report
from timeline.reports.corroboration import corroboration_report
from timeline.reports.documents import documents_report
from timeline.reports.dossier import dossier_report
from timeline.reports.encounters import encounters_report, follow_ups_report
from timeline.reports.initiative import initiative_report
from timeline.reports.model import Report
from timeline.reports.offices import offices_report
from timeline.reports.plans import plans_report
from timeline.reports.positions import positions_report
from timeline.reports.search import search_report
from timeline.reports.show import show_report
from timeline.reports.sources import sources_report
from timeline.reports.statements import statement_counts_report, statements_report

P = ParamSpec("P")
R = TypeVar("R", bound=Report)
V = TypeVar("V")
M = TypeVar("M", bound=Callable[..., Report])


class Viewed(Protocol):
    """Gives a view of the read models."""

    def view(self) -> AbstractContextManager[View]:
        """One unchanging view of all rows."""


@attrs.frozen
class Bound:
    """A report that is a method, a command and, where it has a heading, a page of its own.

    Attributes:
        make: the function that makes it, from a view or from the record.
        heading: of the page about everything in the record; None where there is no such page.
        signature: what callers give, without the view or the record.
    """

    make: Callable[..., Report]
    heading: str | None = None
    signature: inspect.Signature = attrs.field(init=False, eq=False)

    @signature.default
    def _signature_of_make(self) -> inspect.Signature:
        signature = inspect.signature(self.make, eval_str=True)
        _, *given = signature.parameters.values()
        return signature.replace(parameters=given)

    @property
    def name(self) -> str:
        """The name of the method; the command has hyphens in it."""
        return self.make.__name__.removesuffix("_report")

    def require_texts(self, *args: Any, **options: Any) -> None:
        """Check that ids, names and words are text.

        Raises:
            InvalidInput: one is not; names the argument.
        """
        for name, value in self.signature.bind(*args, **options).arguments.items():
            parameter = self.signature.parameters[name]
            if parameter.annotation is str or (
                parameter.annotation == str | None and value is not None
            ):
                is_several = parameter.kind is parameter.VAR_POSITIONAL
                for one in value if is_several else (value,):
                    require_text(name, one)


def bind(
    make: Callable[Concatenate[View, P], R], heading: str | None = None
) -> Callable[Concatenate[Viewed, P], R]:
    """Make a method of a report's function; `bound_reports` lists what else comes from it.

    Args:
        make: the function, named for its report: `plans_report`.
        heading: of the site's page about everything in the record, if there is to be one.
    """
    bound = Bound(make, heading)

    @functools.wraps(make)
    def method(record: Viewed, /, *args: P.args, **options: P.kwargs) -> R:
        bound.require_texts(*args, **options)
        with record.view() as view:
            return make(view, *args, **options)

    return _described(method, bound)


def bind_record(make: Callable[Concatenate[V, P], R]) -> Callable[Concatenate[V, P], R]:
    """As `bind`, for a function that takes the record, to see it as of several moments."""
    bound = Bound(make)

    @functools.wraps(make)
    def method(record: V, /, *args: P.args, **options: P.kwargs) -> R:
        bound.require_texts(*args, **options)
        return make(record, *args, **options)

    return _described(method, bound)


def _described(method: M, bound: Bound) -> M:
    """The method with the name, the signature and the docstring that callers see."""
    made = cast("Any", method)
    made.bound, made.__name__ = bound, bound.name
    record_first = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
    given = bound.signature
    made.__signature__ = given.replace(parameters=[record_first, *given.parameters.values()])
    made.__doc__ = re.sub(r"\n +(view|record): .*", "", bound.make.__doc__ or "")
    return method


class Reports:
    """The reports, as methods of what gives a view."""

    chronology = bind(chronology_report, "Chronology")
    attendance = bind(attendance_report, "Attendance of all meetings")
    encounters = bind(encounters_report, "Who met whom")
    statements = bind(statements_report, "Statements")
    statement_counts = bind(statement_counts_report, "Statements by actor and month")
    plans = bind(plans_report, "Plans and what became of them")
    documents = bind(documents_report, "Documents")
    follow_ups = bind(follow_ups_report, "Plans to meet, and meetings after them")
    contradictions = bind(contradictions_report, "Contradictions")
    actors = bind(actors_report, "Who is who")
    offices = bind(offices_report, "Offices")
    sources = bind(sources_report, "Sources")
    initiative = bind(initiative_report)
    show = bind(show_report)
    search = bind(search_report)
    positions = bind(positions_report)
    dossier = bind(dossier_report)
    corroboration = bind(corroboration_report)
    changes = bind_record(changes_report)


def bound_reports() -> dict[str, Bound]:
    """The reports by name, in the order of `Reports`."""
    methods = vars(Reports).values()
    bound = [method.bound for method in methods if hasattr(method, "bound")]
    return {report.name: report for report in bound}
