"""Dates as people write them, such as `late 2022` or `28/11/2022`, as EDTF.

What can be meant in two ways is refused with both readings. Relative words such as `yesterday` are
refused too: the day that they count from stands elsewhere.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable
from typing import Literal

from timeline.dates import When
from timeline.errors import InvalidDate

Order = Literal["day first", "month first"]
"""How a file orders the parts of a date such as 05/06/2022."""

_MONTHS = {
    name.casefold(): number
    for names in (calendar.month_name, calendar.month_abbr, [*[""] * 9, "sept"])
    for number, name in enumerate(names)
    if name
}
_MONTH = "(?P<month>" + "|".join(sorted(_MONTHS, key=len, reverse=True)) + r")\.?"
_YEAR = r"(?P<year>\d{4})"
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_PART = (
    r"(?:(?P<part>early|mid|late)[ -]|(?:the )?(?P<bit>beginning|start|middle|end) of )(?:the )?"
)
_PARTS = {"beginning": "early", "start": "early", "middle": "mid", "end": "late"}

_OF_YEAR = {"early": ("01", "04"), "mid": ("05", "08"), "late": ("09", "12")}
"""The months that a part of a year may be meant to have."""

_NUMBERED = {"1": 1, "2": 2, "3": 3, "4": 4, "first": 1, "second": 2, "third": 3, "fourth": 4}
_NUMBER = r"(?P<number>[1-4]|first|second|third|fourth)(?:st|nd|rd|th)?"
_LEAD = re.compile(r"(?:on |in )?(?:(?:mon|tues|wednes|thurs|fri|satur|sun)day (?=.*\d))?")
_SEASONS = {"spring": 21, "summer": 22, "autumn": 23, "fall": 23, "winter": 24}


def understood(text: str, order: Order | None = None) -> str:
    """The date as EDTF; EDTF itself stays as it is.

    >>> understood("late 2022"), understood("Q4 2023"), understood("end of October 2023")
    ('2022-09~/2022-12', '2023-36', '2023-10-21/2023-10-31')
    >>> understood("early spring 2024")
    '2024-03~'
    >>> understood("28/11/2022"), understood("5/6/2022", "day first")
    ('2022-11-28', '2022-06-05')

    Args:
        text: the date.
        order: whether the day or the month comes first where both are numbers.

    Raises:
        InvalidDate: it is not understood, or can be meant in two ways.
    """
    try:
        return When(text).text
    except InvalidDate as error:
        words = _LEAD.sub("", " ".join(text.replace(",", " ").casefold().split()))
        made = _ended(words, order)
        if made is None:
            raise _refused(text, error) from None
        return When(made).text


def _refused(text: str, error: InvalidDate) -> InvalidDate:
    if re.search(r"\b(yesterday|today|tomorrow|ago|last|next|now|\w+day)\b", text.casefold()):
        return InvalidDate(f"{text!r:.80} counts from a day that stands elsewhere. Write the date")
    return InvalidDate(f"{error}. In words: late 2022, early May 2024, about 5 May 2023, …")


def _ended(words: str, order: Order | None) -> str | None:
    """A date, or a stretch of time from one date to another."""
    if match := re.fullmatch(r"(?:by|until|till|not later than) (.+)", words):
        last = _doubted(match[1], order)
        return last and f"../{last.rpartition('/')[2]}"
    if match := re.fullmatch(r"(?:since|from) ((?:(?! to ).)+)", words):
        first = _doubted(match[1], order)
        return first and f"{first.partition('/')[0]}/.."
    for pattern in (r"between (.+) and (.+)", r"(?:from )?(.+?)(?: to | – | - |–)(.+)"):
        if match := re.fullmatch(pattern, words):
            return _stretch(match[1], match[2], order)
    return _doubted(words, order)


def _stretch(start: str, end: str, order: Order | None) -> str | None:
    last = _doubted(end, order)
    if last is None:
        return None
    whole = re.sub(r"^\D*\d{1,2}(?:st|nd|rd|th)?(?=\D|$)", "", end).strip()
    first = _doubted(start, order)
    if first is None or re.match(r"XXXX|\d{1,2}\Z", first):
        # "26 to 27 December 2022" names the month and the year once.
        year = re.search(r"\d{4}", end)
        named = year[0] if year else ""
        first = _doubted(f"{start} {named if re.search(_MONTH, start) else whole}".strip(), order)
    if first is None:
        return None
    return f"{first.partition('/')[0]}/{last.rpartition('/')[2]}"


def _doubted(words: str, order: Order | None) -> str | None:
    """A date that is perhaps marked as approximate or uncertain."""
    for pattern, sign in (
        (r"(?:about|around|approximately|circa|ca\.?|c\.) (.+)", "~"),
        (r"(?:probably|perhaps|possibly|maybe) (.+)|(.+) \(\?\)", "?"),
    ):
        if match := re.fullmatch(pattern, words):
            date = _dated(match[1] or match[2], order)
            return date and "/".join(f"{end.rstrip('~')}{sign}" for end in date.split("/"))
    return _dated(words, order)


def _dated(words: str, order: Order | None) -> str | None:
    if match := re.fullmatch(r"(\d{1,2})([./-])(\d{1,2})\2(\d{4})", words):
        return _numbers(match, order)
    for pattern, make in _FORMS.items():
        if match := re.fullmatch(pattern, words):
            return make(match)
    return None


def _numbers(match: re.Match[str], order: Order | None) -> str:
    one, sign, two, year = int(match[1]), match[2], int(match[3]), match[4]
    # With dots the day comes first wherever they are used.
    if order is None and sign != "." and one <= 12 and two <= 12 and one != two:
        raise InvalidDate(
            f"{match[0]!r} may be {year}-{two:02}-{one:02} or {year}-{one:02}-{two:02}. Say which "
            "comes first in the whole file, by `dates: day first` in YAML, or by `--dates "
            "day-first` for a sheet; month first likewise. Or write one of the two"
        )
    month_first = two > 12 if max(one, two) > 12 else order == "month first" and sign != "."
    month, day = (one, two) if month_first else (two, one)
    return f"{year}-{month:02}-{day:02}"


def _month(match: re.Match[str]) -> str:
    return f"{match['year'] or 'XXXX'}-{_MONTHS[match['month']]:02}"


def _day(match: re.Match[str]) -> str:
    return f"{_month(match)}-{int(match['day']):02}"


def _part_of_month(match: re.Match[str]) -> str:
    month = _month(match)
    if match["year"] is None:
        return month
    last = calendar.monthrange(int(match["year"]), _MONTHS[match["month"]])[1]
    ends = {"early": (1, 10), "mid": (11, 20), "late": (21, last)}
    first, end = ends[match["part"] or _PARTS[match["bit"]]]
    return f"{month}-{first:02}/{month}-{end:02}"


def _part_of_year(match: re.Match[str]) -> str:
    first, last = _OF_YEAR[match["part"] or _PARTS[match["bit"]]]
    return f"{match['year']}-{first}~/{match['year']}-{last}"


def _part_of_season(match: re.Match[str]) -> str:
    """The month of a season that its beginning, middle or end is about."""
    part = match["part"] or _PARTS[match["bit"]]
    month = 3 * (_SEASONS[match["season"]] - 20) + ("early", "mid", "late").index(part)
    return f"{match['year']}-{month:02}~"


def _numbered(start: int) -> Callable[[re.Match[str]], str]:
    return lambda match: f"{match['year']}-{start + _NUMBERED[match['number']]}"


_FORMS: dict[str, Callable[[re.Match[str]], str]] = {
    _YEAR: lambda match: match["year"],
    rf"{_DAY}(?: of)? {_MONTH}(?: {_YEAR})?": _day,
    rf"{_MONTH} {_DAY}(?: {_YEAR})?": _day,
    rf"{_MONTH}(?: of)?(?: {_YEAR})?": _month,
    rf"{_PART}{_MONTH}(?: {_YEAR})?": _part_of_month,
    rf"{_PART}(?:year )?{_YEAR}": _part_of_year,
    rf"q{_NUMBER} {_YEAR}": _numbered(32),
    rf"{_YEAR} q{_NUMBER}": _numbered(32),
    rf"(?:the )?{_NUMBER} quarter(?: of)? {_YEAR}": _numbered(32),
    rf"h(?P<number>[12]) {_YEAR}": _numbered(39),
    rf"(?:the )?(?P<number>first|second) half(?: of)? {_YEAR}": _numbered(39),
    rf"(?P<season>{'|'.join(_SEASONS)})(?: of)? {_YEAR}": (
        lambda match: f"{match['year']}-{_SEASONS[match['season']]}"
    ),
    # Winter has two years, and nothing says which of them is meant.
    rf"{_PART}(?P<season>spring|summer|autumn|fall)(?: of)? {_YEAR}": _part_of_season,
    r"(?:the )?(?P<decade>\d{3})0s": lambda match: f"{match['decade']}X",
}
"""What is understood, and what becomes of it."""
