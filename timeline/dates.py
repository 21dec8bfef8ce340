"""Time: uncertain dates of the world, and exact instants of ours.

The one module that touches `edtf` and `pendulum`. World time is a `When`, written in EDTF (the
Extended Date/Time Format, ISO 8601-2:2019 and https://www.loc.gov/standards/datetime/); our own
time is an aware `datetime` in UTC, stored as microseconds since 1970.
"""

from __future__ import annotations

import contextlib
import io
import re
import warnings
from calendar import monthrange
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache, total_ordering
from typing import Any

import pendulum

from timeline.errors import InvalidDate, InvalidInput, NaiveDatetime

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY = _EPOCH.toordinal()

_LONGEST = 80
"""Longer than any date of a source; a longer text would only keep the parser busy."""

_PLAIN = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?[~?%]?\Z", re.ASCII)
_ANY_YEAR = re.compile(r"(XXXX)-(0[1-9]|1[0-2])(?:-(\d\d))?\Z", re.ASCII)
_CLOCK = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:?\d\d")
_SLASHED = re.compile(r"[0-9]{1,2}/[0-9]{1,2}/[0-9]{2,4}")
_ZONE = re.compile(r"(Z|[+-]\d\d(:?\d\d){0,2})\Z", re.ASCII)
_ZONED = re.compile(r"[T ].*(Z|[+-]\d\d(:?\d\d){0,2})\Z", re.ASCII)
_LETTERS = re.compile(r"[^0-9XTZ\-+:./~?%\[\]{}, ]")
"""Characters that no date here has. EDTF has Y and E, for years beyond this calendar and for
exponents that its parser would work on for hours."""

_FORMS = (
    "a date such as 2022-11-28, 2022-11, 2022-11~ (about), 2022? (uncertain), XXXX-12-26 "
    "(year unknown), an interval such as 2022-12-26/2022-12-27, an instant with its zone such as "
    "2022-11-29T14:40+03:00, or a source's hour without one, such as 2022-11-29T14:40"
)


_UNSUPPORTED = (
    (r"\A-?Y-?\d", "years of more than four digits"),
    (r"\A-\d", "years before 1"),
    (r"\A-?\d+E\d", "years written with an exponent"),
    (r"\A-?\d+S\d", "years with significant digits"),
    (r"\A[\dX]*X[\dX]*-(2[1-9]|3\d|4[01])", "a season of a year that is not fully known"),
    (r"\A[\dX]{4}-(\dX|X\d)|-(\dX|X\d)\Z", "a month or day with one digit unknown"),
)
"""Forms of EDTF that are refused by name: each as a pattern, and what it is."""

_SEASON = re.compile(r"(\d{4})-(2[1-9]|3\d|4[01])[~?%]?\Z", re.ASCII)
_HALF_OPEN = re.compile(r"[\[{]([\dX~?%-]*)\.\.([\dX~?%-]*)[\]}]\Z", re.ASCII)

_MONTHS = (
    "",
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
"""By number; here, since the library's names follow the locale."""

_MONTH = re.compile(rf"\b(?:{'|'.join(filter(None, _MONTHS))})\b")

_SEASONS = {
    **dict(zip(range(21, 25), ("spring", "summer", "autumn", "winter"), strict=True)),
    **{
        first + number: f"{name} in the {half} hemisphere"
        for first, half in ((25, "northern"), (29, "southern"))
        for number, name in enumerate(("spring", "summer", "autumn", "winter"))
    },
    **{32 + number: f"quarter {number} of" for number in range(1, 5)},
    **{36 + number: f"third {number} of" for number in range(1, 4)},
    40: "first half of",
    41: "second half of",
}
"""What the numbers 21 to 41 stand for in the place of a month."""

_MONTHS_OF_SEASONS = {
    **{first + number: (3 + 3 * number, 3) for first in (21, 25) for number in range(4)},
    # Spring is from September in the south.
    **{29 + number: ((8 + 3 * number) % 12 + 1, 3) for number in range(4)},
    **{33 + number: (1 + 3 * number, 3) for number in range(4)},
    **{37 + number: (1 + 4 * number, 4) for number in range(3)},
    **{40 + number: (1 + 6 * number, 6) for number in range(2)},
}
"""The first month of each, and how many it has. Winter, and summer in the south, end in February of
the next year."""


@lru_cache(4096)
def _short_words(text: str) -> str:
    return _MONTH.sub(lambda month: month[0][:3], _words(text))


_DOUBTS = {"~": "about {}", "?": "{} (uncertain)", "%": "about {} (uncertain)"}


def _words(text: str) -> str:
    if text.startswith(("[", "{")):
        return _choice_words(text)
    if "/" in text:
        return _interval_words(*text.split("/", 1))
    if text[-1:] in _DOUBTS and not _VAGUE.intersection(text[:-1]):
        return _DOUBTS[text[-1]].format(_words(text[:-1]))
    if text[0] in _DOUBTS and "-" not in text:
        return _DOUBTS[text[0]].format(_words(text[1:]))
    if _CLOCK.match(text):
        day, clock = text[:10], text[11:]
        return f"{_words(day)}, {clock.replace('Z', ' UTC')}"
    bare = re.sub("[~?%]", "", text)
    return _date_words(bare) if bare == text else f"{_date_words(bare)} (partly uncertain)"


def _choice_words(text: str) -> str:
    parts = [part.strip() for part in text[1:-1].split(",")]
    joint = " or " if text[0] == "[" else " and "
    return joint.join(
        _interval_words(*part.split("..", 1)) if ".." in part else _words(part) for part in parts
    )


def _interval_words(start: str, end: str) -> str:
    if start in _OPEN:
        return f"by {_words(end)}" if end == end.strip("~?%") else f"until {_words(end)}"
    return f"from {_words(start)}" if end in _OPEN else f"{_words(start)} to {_words(end)}"


def _date_words(text: str) -> str:
    year, month, day = (*text.split("-"), "", "")[:3]
    if month.isdigit() and int(month) in _SEASONS:
        return f"{_SEASONS[int(month)]} {year}"
    parts = [
        "" if "X" in day else day.lstrip("0"),
        _MONTHS[int(month)] if month.isdigit() else "",
        _year_words(year),
    ]
    if month == "XX" and parts[0]:
        return f"day {parts[0]} of a month in {parts[2]}"
    if year == "XXXX" and not parts[1]:
        return "an unknown year"
    return " ".join(part for part in parts if part)


def _year_words(year: str) -> str:
    if "X" not in year:
        return str(int(year))
    if re.fullmatch(r"\d{3}X", year):
        return f"{year[:3]}0s"
    if re.fullmatch(r"\d\dXX", year):
        return f"{year[:2]}00s"
    return "of an unknown year" if year == "XXXX" else f"a year like {year}"


@total_ordering
class When:
    """A point or stretch of world time as a source gave it: vague, open or exact.

    `text` is the EDTF it was made from. `earliest` and `latest` bound it, as UTC instants; a bound
    is None where it is open or unknown. A calendar date is compared as that day in UTC, since
    sources rarely say whose day they mean; only an instant carries a zone. Beside a date an
    instant counts for the day it has in its own zone. Of a clock time without a zone only the day
    counts.

    Values sort by `earliest`, where that is open by `latest`, then the more precise first, then by
    text; those without bounds come last. Two are equal when their texts are.

    >>> When("2022-11~").earliest.isoformat()
    '2022-11-01T00:00:00+00:00'
    >>> max(When("2022-11-28"), When("2022-12"))
    When('2022-12')

    Raises:
        InvalidDate: the text is neither EDTF nor an instant, or outside the years 1 to 9999.
    """

    __slots__ = ("earliest", "latest", "text")

    text: str
    earliest: datetime | None
    latest: datetime | None

    def __init__(self, text: str) -> None:
        _bounds(text)
        object.__setattr__(self, "text", text)

    def __getattr__(self, name: str) -> Any:
        # Most dates that are read from a log are never compared, so bounds are worked out late.
        if name not in {"earliest", "latest"}:
            raise AttributeError(f"a When has no {name!r}")
        earliest, latest = _bounds(self.text)
        object.__setattr__(self, "earliest", earliest)
        object.__setattr__(self, "latest", latest)
        return earliest if name == "earliest" else latest

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a When never changes: cannot set {name!r}")

    def __reduce__(self) -> tuple[type[When], tuple[str]]:
        return When, (self.text,)

    @classmethod
    def stored(cls, text: str) -> When:
        """The date with this text, which a log or a row has, and so was checked before."""
        when = object.__new__(cls)
        object.__setattr__(when, "text", text)
        return when

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"When({self.text!r})"

    def __eq__(self, other: object) -> bool:
        return self.text == other.text if isinstance(other, When) else NotImplemented

    def __hash__(self) -> int:
        return hash((When, self.text))

    def __lt__(self, other: object) -> bool:
        return self.sort_key < other.sort_key if isinstance(other, When) else NotImplemented

    @property
    def short(self) -> str:
        """As `words`, with months cut to three letters, for tables.

        >>> When("2022-11-29~").short
        'about 29 Nov 2022'
        """
        return _short_words(self.text)

    @property
    def words(self) -> str:
        """The date as a reader says it, without the signs of EDTF.

        >>> When("2021-21").words
        'spring 2021'
        >>> When("../2021-06-01").words
        'by 1 June 2021'
        >>> When("2022-11~").words
        'about November 2022'
        """
        return _words(self.text)

    @property
    def sort_key(self) -> tuple[datetime, timedelta, str]:
        """What chronological lists sort by: the bound it has, then precision, then text."""
        end = self.latest or _LAST
        start = self.earliest or end
        return start, (end - start if end > start else timedelta(0)), self.text

    @property
    def reach(self) -> tuple[datetime | None, datetime | None]:
        """The bounds within which the time certainly lies.

        A date given as about (`~`), uncertain (`?`) or both (`%`) may lie as far again on either
        side as it spans: `2022-11-29~` within the 28th and the 30th, `2022-11~` thirty days before
        and after November. EDTF leaves open how far "about" reaches; this is one rule for all.

        >>> [bound.date().isoformat() for bound in When("2022-11-29~").reach]
        ['2022-11-28', '2022-11-30']
        """
        if self.earliest is None or self.latest is None or not _VAGUE.intersection(self.text):
            return self.earliest, self.latest
        span = self.latest - self.earliest
        return _shifted(self.earliest, -span), _shifted(self.latest, span)

    def reach_beside(self, other: When) -> tuple[datetime | None, datetime | None]:
        """As `reach`; beside a date, an instant is the hour that clocks show where it is.

        >>> moment = When("2022-11-29T01:00+06:00")
        >>> moment.possibly_within(When("2022-11-29"), When("2022-11-29"))
        True
        >>> moment.possibly_within(When("2022-11-28"), When("2022-11-28"))
        False
        """
        if not _has_clock(self.text) or _has_clock(other.text):
            return self.reach
        return _bounds(_without_zones(self.text))

    @property
    def days(self) -> tuple[date | None, date | None]:
        """The first and the last day it may be, in the zone it gives.

        >>> str(When("2022-11-29T01:00+06:00").days[0])
        '2022-11-29'
        """
        first, last = _bounds(_without_zones(self.text))
        return first.date() if first else None, last.date() if last else None

    def certainly_within(self, since: When, until: When) -> bool:
        """Whether no reading of this time falls outside the stretch from `since` to `until`.

        For one given as about or uncertain, see `reach`.

        >>> When("2022-11").certainly_within(When("2022-11-15"), When("2022-12"))
        False
        """
        earliest, latest = self.reach_beside(since)[0], self.reach_beside(until)[1]
        begins, ends = since._bounds_beside(self)[0], until._bounds_beside(self)[1]
        return (
            earliest is not None
            and latest is not None
            and (begins is None or earliest >= begins)
            and (ends is None or latest <= ends)
        )

    def possibly_within(self, since: When, until: When) -> bool:
        """Whether some reading of this time falls between `since` and `until`.

        For one given as about or uncertain, see `reach`.

        >>> When("2022-11").possibly_within(When("2022-11-15"), When("2022-12"))
        True
        """
        earliest, latest = self.reach_beside(until)[0], self.reach_beside(since)[1]
        begins, ends = since._bounds_beside(self)[0], until._bounds_beside(self)[1]
        return (latest is None or begins is None or latest >= begins) and (
            earliest is None or ends is None or earliest <= ends
        )

    def _bounds_beside(self, other: When) -> tuple[datetime | None, datetime | None]:
        own = _has_clock(self.text) and not _has_clock(other.text)
        return _bounds(_without_zones(self.text)) if own else (self.earliest, self.latest)

    def overlaps(self, other: When) -> bool:
        """Whether both can be one and the same time; each as far as it may reach.

        >>> When("2022").overlaps(When("2022-11-28")), When("2022").overlaps(When("2023"))
        (True, False)
        """
        (begin, end), (other_begin, other_end) = self.reach_beside(other), other.reach_beside(self)
        return (begin is None or other_end is None or begin <= other_end) and (
            other_begin is None or end is None or other_begin <= end
        )

    def certainly_after(self, other: When) -> bool:
        """Whether it begins when the other has ended; each as far as it may reach.

        >>> When("2023-01~").certainly_after(When("2022-12-26"))
        False
        """
        begin, other_end = self.reach_beside(other)[0], other.reach_beside(self)[1]
        return begin is not None and other_end is not None and begin > other_end


Occurred = When | str | date | datetime | None
"""World time as callers give it: EDTF text, a date, or an aware datetime."""


def when(value: Occurred, name: str | None = None) -> When | None:
    """Make a `When` of text, a date or a datetime; None stays None.

    >>> when(date(2022, 11, 28)), when("2022-11~"), when(None)
    (When('2022-11-28'), When('2022-11~'), None)

    Args:
        value: what was given.
        name: that of the argument it was given for; errors begin with it.

    Raises:
        NaiveDatetime: a datetime, or text of one, without a time zone.
        InvalidDate: text that is not EDTF.
    """
    if value is None or isinstance(value, When):
        return value
    if isinstance(value, datetime) and value.tzinfo is None:
        raise _naive(value.isoformat(), name)
    if not isinstance(value, str | date):
        raise InvalidDate(_named(name, _no_date(value)))
    try:
        return When(value.isoformat() if isinstance(value, date) else value)
    except InvalidDate as error:
        raise InvalidDate(_named(name, str(error))) from None


def short(date: When | str | None) -> str:
    """A date as a reader sees it in a table; `undated` for none. Text is EDTF.

    >>> short("../2023-10-31"), short(None)
    ('by 31 Oct 2023', 'undated')
    """
    moment = When(date) if isinstance(date, str) else date
    return "undated" if moment is None else moment.short


def asked(value: Occurred, name: str | None = None) -> When | None:
    """The date that a caller asks by: as `when`, but an hour must have its zone.

    A source may leave its zone open. A question may not: it would be answered for the whole day.

    >>> asked("2022-11-29")
    When('2022-11-29')

    Args:
        value: what was given.
        name: that of the argument it was given for; errors begin with it.

    Raises:
        NaiveDatetime: a clock time without a time zone.
        InvalidDate: text that is not EDTF.
    """
    moment = when(value, name)
    if moment is not None and _has_clock(moment.text):
        for end in moment.text.split("/"):
            if _has_clock(end) and not _ZONED.search(end):
                raise _naive(end, name)
    return moment


@lru_cache(maxsize=65_536)
def _bounds(text: str) -> tuple[datetime | None, datetime | None]:
    # edtf takes milliseconds for a date; real records are full of plain dates, and repeat the rest.
    if not isinstance(text, str):
        raise InvalidDate(_no_date(text))
    if len(text) > _LONGEST:
        raise InvalidDate(f"expected {_FORMS}; found text of {len(text)} characters")
    if "/" in text:
        return _interval_bounds(text)
    _require_supported(text)
    if _LETTERS.search(text) or text != text.strip():
        raise InvalidDate(f"expected {_FORMS}; found {text!r}")
    if season := _SEASON.match(text):
        return _season_bounds(int(season[1]), int(season[2]))
    plain = _PLAIN.match(text)
    if plain:
        return _plain_bounds(text, *plain.groups())
    choice = _HALF_OPEN.match(text)
    if choice and not all(choice.groups()):
        return _half_open_bounds(*choice.groups())
    if _CLOCK.match(text):
        return _clock_bounds(text)
    if day := _ANY_YEAR.match(text):
        _require_day(text, *day.groups())
    return (None, None) if day or text == "XXXX" else _edtf_bounds(text)


def _plain_bounds(
    text: str, year: str, month: str | None, day: str | None
) -> tuple[datetime | None, datetime | None]:
    try:
        first = date(int(year), int(month or 1), int(day or 1))
        if day is not None:
            last = first
        elif month is not None:
            last = (first.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
        else:
            last = date(first.year, 12, 31)
    except (ValueError, OverflowError):
        _require_day(text, year, month, day)
        # December 9999 ends where the calendar does.
        return _edtf_bounds(text)
    return _day_start(first), _day_end(last)


def _season_bounds(year: int, season: int) -> tuple[datetime, datetime]:
    month, length = _MONTHS_OF_SEASONS[season]
    try:
        first = date(year, month, 1)
    except ValueError:
        raise InvalidDate(f"expected a year from 1 to 9999; found {year:04}") from None
    years, last = divmod(month + length - 2, 12)
    if year + years > date.max.year:
        return _day_start(first), _day_end(date.max)
    days = monthrange(year + years, last + 1)[1]
    return _day_start(first), _day_end(date(year + years, last + 1, days))


def _require_day(text: str, year: str, month: str | None, day: str | None) -> None:
    if day is None or month is None or not 1 <= int(month) <= 12 or year == "0000":
        return
    # A year that is not known may be a leap year.
    days = monthrange(int(year.replace("XXXX", "2000")), int(month))[1]
    if not 1 <= int(day) <= days:
        name = f"{_MONTHS[int(month)]} {year.lstrip('0').replace('XXXX', '')}".strip()
        raise InvalidDate(f"expected a day of the calendar; found {text!r}: {name} has {days} days")


def _half_open_bounds(start: str, end: str) -> tuple[datetime | None, datetime | None]:
    """The bounds of "that date or earlier" (`[..d]`) and of "that date or later" (`[d..]`)."""
    if not start and not end:
        raise InvalidDate("expected a date, as in [..2021-06-01]; found '[..]'")
    return (_bounds(start)[0], None) if start else (None, _bounds(end)[1])


def _require_supported(text: str) -> None:
    """Refuse by name what EDTF has and no date here can be."""
    for pattern, what in _UNSUPPORTED:
        if re.search(pattern, text, re.ASCII):
            raise InvalidDate(f"not supported: {what}; found {text!r}. Expected {_FORMS}")


def _clock_bounds(text: str) -> tuple[datetime, datetime]:
    """The instant; where it has no zone, the day, since any zone's may be meant."""
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            return _day_start(moment.date()), _day_end(moment.date())
        return moment.astimezone(UTC), moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidDate(f"expected {_FORMS}; found {text!r}: {error}") from None


def _interval_bounds(text: str) -> tuple[datetime | None, datetime | None]:
    start, _, end = text.partition("/")
    if _SLASHED.fullmatch(text):  # a day as many write it, and no interval
        raise InvalidDate(f"expected {_FORMS}; found {text!r}")
    if "/" in end or (start in _OPEN and end in _OPEN):
        raise InvalidDate(
            f"expected an interval with two ends, such as 2022-11/2022-12; found {text!r}"
        )
    earliest = None if start in _OPEN else _bounds(start)[0]
    latest = None if end in _OPEN else _bounds(end)[1]
    if earliest and latest and earliest > latest:
        raise InvalidDate(f"expected an interval that ends after it starts; found {text!r}")
    return earliest, latest


def _edtf_bounds(text: str) -> tuple[datetime | None, datetime | None]:
    # Imported here: it builds its grammar on import (0.15 s), which plain dates never need.
    with warnings.catch_warnings(action="ignore"):  # pyparsing deprecates what the grammar uses
        from edtf import parse_edtf

    try:
        with contextlib.redirect_stdout(io.StringIO()):  # it prints when it fails
            parsed = parse_edtf(text)
            if text.startswith("XXXX"):
                return None, None
            low, high = parsed.lower_strict(), parsed.upper_strict()
        return _day_start(date(*low[:3])), _day_end(date(*high[:3]))
    except Exception:  # noqa: BLE001  (edtf also raises TypeError, AttributeError and others)
        raise InvalidDate(f"expected {_FORMS}; found {text!r}") from None


def _has_clock(text: str) -> bool:
    return ":" in text or "T" in text


def _without_zones(text: str) -> str:
    """The same with the hour of each instant as that of UTC."""
    return "/".join(
        f"{_ZONE.sub('', end)}Z" if _ZONED.search(end) else end for end in text.split("/")
    )


def _naive(text: str, name: str | None = None) -> NaiveDatetime:
    problem = (
        f"expected an instant with its time zone, such as 2022-11-29T14:40+03:00; found {text!r}. "
        "Add the zone, or give the date alone if the zone is not known."
    )
    return NaiveDatetime(_named(name, problem))


def _no_date(value: object) -> str:
    return f"expected {_FORMS}; found {value!r}, of type {type(value).__name__}"


def _named(argument: str | None, problem: str) -> str:
    return f"{argument}: {problem}" if argument else problem


def _shifted(moment: datetime, by: timedelta) -> datetime | None:
    try:
        return moment + by
    except OverflowError:  # beyond the calendar: as good as open
        return None


def _day_start(day: date) -> datetime:
    return datetime.combine(day, time.min, UTC)


def _day_end(day: date) -> datetime:
    return datetime.combine(day, time.max, UTC)


Instant = pendulum.DateTime
"""An exact moment with its zone, as users get it: a `datetime` that is easier to work with."""

_VAGUE = frozenset("~?%")

_OPEN = ("", "..")
_LAST = datetime.max.replace(tzinfo=UTC)


UNKNOWN = When("XXXX")
"""A time of which nothing is known: last in every list, and possibly within every stretch."""


def just_before(moment: datetime) -> When:
    """The last instant before that one.

    >>> just_before(datetime(2023, 1, 1, tzinfo=UTC))
    When('2022-12-31T23:59:59.999999+00:00')

    Raises:
        InvalidDate: the calendar begins at that moment.
    """
    try:
        return When((moment - timedelta(microseconds=1)).isoformat())
    except OverflowError:
        raise InvalidDate(f"nothing is before {moment.isoformat()}") from None


def stretch(since: Occurred, until: Occurred) -> tuple[When | None, When | None]:
    """Read a stretch of time, either end of which may be open.

    >>> stretch("2022-11", None)
    (When('2022-11'), None)

    Raises:
        InvalidInput: it ends before it begins.
        InvalidDate: an end is not a date.
        NaiveDatetime: an end is an instant without a zone.
    """
    start, end = asked(since, "since"), asked(until, "until")
    begins = None if start is None else start.earliest
    ends = None if end is None else end.latest
    if begins is not None and ends is not None and begins > ends:
        raise InvalidInput(f"expected since to lie before until; found {start} and {end}")
    return start, end


def within(
    occurred: When | None, since: When | None, until: When | None, *, certainly: bool
) -> bool:
    """Whether something of that date may have occurred, or certainly did, within the time given.

    >>> within(When("2022"), When("2022-11"), None, certainly=False)
    True
    """
    if since is None and until is None:
        return True
    if occurred is None:
        return not certainly
    # Every date lies within an open end.
    stretch = (since or UNKNOWN, until or UNKNOWN)
    return occurred.certainly_within(*stretch) if certainly else occurred.possibly_within(*stretch)


def latest_key(occurred: When | None, position: int) -> tuple[bool, datetime, int]:
    """What decides which of several is the latest: the world's time, then the log's order.

    Of two things, the undated one is the earlier.

    >>> max([(When("2023"), 1), (When("2022"), 2), (None, 3)], key=lambda pair: latest_key(*pair))
    (When('2023'), 1)

    Args:
        occurred: when it happened.
        position: of its event in the log.
    """
    earliest = None if occurred is None else occurred.earliest
    return earliest is not None, earliest or _LAST, position


def now() -> datetime:
    """This moment, in UTC."""
    return datetime.now(UTC)


def instant_text(moment: datetime) -> str:
    """An instant as text: UTC, microseconds, fixed width, so text sorts as time does.

    >>> instant_text(datetime(2022, 11, 28, 12, tzinfo=UTC))
    '2022-11-28T12:00:00.000000Z'

    Raises:
        NaiveDatetime: the datetime has no time zone.
    """
    if moment.tzinfo is None:
        raise _naive(moment.isoformat())
    # To convert costs more than all the rest, and most are in UTC.
    utc = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    return f"{utc.isoformat(timespec='microseconds')[:-6]}Z"


def stamp(moment: datetime) -> int:
    """The stored form of an instant: microseconds since 1970, in UTC.

    >>> stamp(datetime(2022, 11, 28, 12, tzinfo=UTC))
    1669636800000000

    Raises:
        NaiveDatetime: the datetime has no time zone.
    """
    if moment.tzinfo is None:
        raise _naive(moment.isoformat())
    utc = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    # Not by subtracting: what pendulum gives for that cannot be divided.
    seconds = (utc.hour * 60 + utc.minute) * 60 + utc.second
    return (utc.toordinal() - _EPOCH_DAY) * _DAY + seconds * 1_000_000 + utc.microsecond


_DAY = 86_400_000_000
_EDGES = {0: "T00:00:00.000000Z", _DAY - 1: "T23:59:59.999999Z"}
"""How the first and the last microsecond of a day are written."""

_LAST_DAY = date.max.toordinal() - _EPOCH_DAY


@lru_cache(maxsize=65_536)
def stamp_text(stamp: int) -> str:
    """A stored instant as text, in the form of `instant_text`.

    >>> stamp_text(1669636800000000)
    '2022-11-28T12:00:00.000000Z'

    Raises:
        OverflowError: the number is of no year from 1 to 9999.
    """
    day, rest = divmod(stamp, _DAY)
    edge = _EDGES.get(rest)
    if edge is None or not -_EPOCH_DAY < day <= _LAST_DAY:
        return instant_text(_EPOCH + timedelta(microseconds=stamp))
    return f"{date.fromordinal(_EPOCH_DAY + day).isoformat()}{edge}"  # most dates; half the cost


@lru_cache(maxsize=65_536)
def bounds_of(text: str) -> tuple[int | None, int | None]:
    """The stored bounds of a date in EDTF; None where there is none."""
    earliest, latest = _bounds(text)
    return (
        None if earliest is None else stamp(earliest),
        None if latest is None else stamp(latest),
    )


def instant(text: str) -> Instant:
    """Read back what `instant_text` wrote, as the value a person works with.

    Make it only where a user looks: it takes thirty times as long as reading the text.
    """
    return pendulum.instance(datetime.fromisoformat(text))


def encode_time(value: Any) -> str:
    """The encoding hook for values that JSON has no form for.

    Raises:
        TypeError: the value is not one of this module's.
    """
    if isinstance(value, When):
        return value.text
    raise TypeError(f"expected a value of JSON or a When; found {type(value).__name__}")


def decode_time(kind: type, value: Any) -> Any:
    """The decoding hook that belongs to `encode_time`.

    Raises:
        InvalidDate: the text is not EDTF.
        TypeError: the class is not one of this module's.
    """
    if kind is When:
        return When(value)
    raise TypeError(f"no stored form is known for {kind.__name__}")
