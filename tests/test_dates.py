"""Time: what a source's date means, and how ours is stored."""

import pickle
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import EDTF, INSTANTS, WHENS

from timeline.dates import UNKNOWN, When, asked, instant, instant_text, latest_key, when
from timeline.errors import InvalidDate, NaiveDatetime

DAY = timedelta(days=1)
TICK = timedelta(microseconds=1)


def day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2022", "2022-01-01", "2022-12-31"),
        ("2022-11", "2022-11-01", "2022-11-30"),
        ("2022-12", "2022-12-01", "2022-12-31"),
        ("2024-02", "2024-02-01", "2024-02-29"),
        ("2022-11-28", "2022-11-28", "2022-11-28"),
        ("2022-11~", "2022-11-01", "2022-11-30"),
        ("2022?", "2022-01-01", "2022-12-31"),
        ("2022-11-28%", "2022-11-28", "2022-11-28"),
        ("202X", "2020-01-01", "2029-12-31"),
        ("20XX", "2000-01-01", "2099-12-31"),
        ("2022-XX", "2022-01-01", "2022-12-31"),
        ("2022-11-XX", "2022-11-01", "2022-11-30"),
        ("2024-02-XX", "2024-02-01", "2024-02-29"),
        ("2022-21", "2022-03-01", "2022-05-31"),
        ("2022-33", "2022-01-01", "2022-03-31"),
        ("[2022,2024]", "2022-01-01", "2024-12-31"),
        ("2022-12-26/2022-12-27", "2022-12-26", "2022-12-27"),
        ("2022-11-28~/2022-12?", "2022-11-28", "2022-12-31"),
        ("2022-12/2022", "2022-12-01", "2022-12-31"),
        ("0001", "0001-01-01", "0001-12-31"),
        ("0001-01-01", "0001-01-01", "0001-01-01"),
        ("9999-12", "9999-12-01", "9999-12-31"),
        ("9999-12-31", "9999-12-31", "9999-12-31"),
    ],
)
def test_a_date_lasts_from_its_first_day_to_its_last(text: str, first: str, last: str) -> None:
    found = When(text)

    assert found.earliest == day(first)
    assert found.latest == day(last) + (DAY - TICK)


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2022-12-26/..", "2022-12-26", None),
        ("2022-12-26/", "2022-12-26", None),
        ("../2022-12-26", None, "2022-12-26"),
        ("/2022-12-26", None, "2022-12-26"),
        ("2022-12-26/XXXX", "2022-12-26", None),
        ("XXXX", None, None),
        ("XXXX-12", None, None),
        ("XXXX-12-26", None, None),
    ],
)
def test_an_open_end_or_an_unknown_year_has_no_bound(
    text: str, first: str | None, last: str | None
) -> None:
    found = When(text)

    assert found.earliest == (first and day(first))
    assert found.latest == (last and day(last) + (DAY - TICK))


@pytest.mark.parametrize(
    "text",
    [
        "2022-11-29T14:40+03:00",
        "2022-11-29 14:40+03:00",
        "2022-11-29T14:40:00.000+03:00",
        "2022-11-29T11:40Z",
        "2022-11-29T11:40:00+00:00",
        "2022-11-29T07:10-04:30",
    ],
)
def test_an_instant_is_one_moment_in_any_zone(text: str) -> None:
    moment = datetime(2022, 11, 29, 11, 40, tzinfo=UTC)

    assert When(text).earliest == When(text).latest == moment


def test_an_interval_of_instants_has_the_moments_as_bounds() -> None:
    found = When("2022-11-29T14:40+03:00/2022-11-29T15:10+03:00")

    assert found.earliest == datetime(2022, 11, 29, 11, 40, tzinfo=UTC)
    assert found.latest == datetime(2022, 11, 29, 12, 10, tzinfo=UTC)


def test_an_interval_of_instants_may_be_given_in_full_precision() -> None:
    start = "2022-11-29T14:40:00.000001+03:00"
    end = "2022-11-29T15:10:00.000001+03:00"

    assert When(f"{start}/{end}").latest == datetime.fromisoformat(end)


@pytest.mark.parametrize(
    ("text", "earliest", "latest"),
    [
        ("2022-11-29T14:40", "2022-11-29", "2022-11-29"),
        ("2022-11-29 14:40", "2022-11-29", "2022-11-29"),
        ("2022-11-29T14:40:01.5", "2022-11-29", "2022-11-29"),
        ("2022-11-29T14:40/2022-11-30", "2022-11-29", "2022-11-30"),
        ("2022-11-28/2022-11-29T14:40", "2022-11-28", "2022-11-29"),
    ],
)
def test_of_a_sources_hour_without_a_zone_the_day_counts(text, earliest, latest) -> None:
    moment = When(text)

    assert str(moment) == text
    assert moment.earliest == When(earliest).earliest
    assert moment.latest == When(latest).latest
    assert "14:40" in moment.words
    with pytest.raises(NaiveDatetime, match="Add the zone"):
        asked(text)


@pytest.mark.parametrize("text", ["2022-11-29T24:40", "2022-02-30T14:40", "2022-11-29T14:4"])
def test_an_hour_that_is_none_is_refused(text) -> None:
    with pytest.raises(InvalidDate):
        When(text)


def test_an_instant_counts_for_the_day_it_has_in_its_own_zone() -> None:
    night = When("2022-11-29T01:00+06:00")
    day, before = When("2022-11-29"), When("2022-11-28")

    assert night.certainly_within(day, day)
    assert not night.possibly_within(before, before)
    assert night.overlaps(day)
    assert not night.overlaps(before)
    assert night.certainly_after(before)
    assert day.certainly_within(night, day) is False
    assert night.certainly_within(When("2022-11-28T18:00Z"), When("2022-11-28T20:00Z"))


def test_dates_of_one_bound_sort_by_it() -> None:
    texts = ["2021-05", "../2021-06-01", "2021-06-02", "2021-07/..", "2021-08", "XXXX-12-26"]

    assert [str(moment) for moment in sorted(map(When, reversed(texts)))] == texts


@pytest.mark.parametrize(
    ("text", "earliest", "latest"),
    [
        ("2021-24", "2021-12-01", "2022-02-28"),
        ("2023-28", "2023-12-01", "2024-02-29"),
        ("2021-22", "2021-06-01", "2021-08-31"),
        ("2021-29", "2021-09-01", "2021-11-30"),
        ("2021-30", "2021-12-01", "2022-02-28"),
        ("2021-32", "2021-06-01", "2021-08-31"),
        ("2021-33", "2021-01-01", "2021-03-31"),
        ("2021-36", "2021-10-01", "2021-12-31"),
        ("2021-39", "2021-09-01", "2021-12-31"),
        ("2021-40", "2021-01-01", "2021-06-30"),
        ("9999-24", "9999-12-01", "9999-12-31"),
        ("[2000..2001]", "2000-01-01", "2001-12-31"),
    ],
)
def test_parts_of_years_have_the_months_they_have(text, earliest, latest) -> None:
    assert When(text).earliest == When(earliest).earliest
    assert When(text).latest == When(latest).latest


@pytest.mark.parametrize("text", ["XXXX-02-30", "XXXX-06-31", "2023-02-30", "XXXX-1X-01"])
def test_a_day_that_no_month_has_is_refused(text) -> None:
    with pytest.raises(InvalidDate, match=r"has (29|30|28) days|not supported"):
        When(text)


def test_a_naive_datetime_is_refused() -> None:
    with pytest.raises(NaiveDatetime, match="2022-11-29T14:40:00"):
        when(datetime(2022, 11, 29, 14, 40))  # noqa: DTZ001
    with pytest.raises(NaiveDatetime, match="2022-11-29T14:40:00"):
        instant_text(datetime(2022, 11, 29, 14, 40))  # noqa: DTZ001


@pytest.mark.parametrize("text", ["2022-11-29T14:40+03", "2022-11-29T14:40:00+02:30:17"])
def test_a_zone_is_no_missing_zone_however_it_is_written(text: str) -> None:
    assert When(text).earliest == datetime.fromisoformat(text)


def test_a_moment_in_local_mean_time_is_taken() -> None:
    moment = datetime(1873, 10, 22, 12, tzinfo=ZoneInfo("Europe/Moscow"))

    assert when(moment).earliest == moment


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tomorrow",
        "26 December 2023",
        "26.12.2023",
        "12/26/2023",
        "2022-13-01",
        "XXXX-13-45",
        "20221128T1440Z",
        "2022-11-28T25:00Z",
        "2022-11-28T14:40+99:00",
        "0000",
        "-0044",
        "Y12022",
        "0001-01-01T00:00+03:00",
        "9999-12-31T23:59-03:00",
        "２０２２",
        " 2022",
        "2022\n",
        "2022-11-28 ",
    ],
)
def test_what_is_no_date_is_refused_with_what_would_be_one(text: str) -> None:
    with pytest.raises(InvalidDate) as refused:
        When(text)

    assert repr(text) in str(refused.value)
    assert "2022-1" in str(refused.value)


def test_a_bad_end_of_an_interval_is_named() -> None:
    with pytest.raises(InvalidDate, match="found 'tomorrow'"):
        When("2022-12-26/tomorrow")


@pytest.mark.parametrize("text", ["20/03/2025", "3/20/25"])
def test_a_day_with_strokes_is_no_interval(text: str) -> None:
    with pytest.raises(InvalidDate, match=f"a date such as 2022-11-28, .* found '{text}'"):
        When(text)


@pytest.mark.parametrize("text", ["../..", "/", "2022/2023/2024"])
def test_an_interval_needs_two_ends(text: str) -> None:
    with pytest.raises(InvalidDate, match="two ends"):
        When(text)


def test_an_interval_that_ends_before_it_starts_is_refused() -> None:
    with pytest.raises(InvalidDate, match="2022-12-27/2022-12-26"):
        When("2022-12-27/2022-12-26")


def test_a_text_too_long_for_a_date_is_not_repeated() -> None:
    with pytest.raises(InvalidDate, match="100000 characters") as refused:
        When("2" * 100_000)

    assert len(str(refused.value)) < 1000


@pytest.mark.parametrize("value", [2022, 2022.5, b"2022", ["2022"]])
def test_a_value_of_another_type_is_refused(value: object) -> None:
    with pytest.raises(InvalidDate, match=type(value).__name__):
        when(value)


def test_when_takes_what_a_caller_has_at_hand() -> None:
    assert when(None) is None
    assert when(When("2022-11")) == When("2022-11")
    assert when("2022-11") == When("2022-11")
    assert when(date(2022, 11, 28)) == When("2022-11-28")
    moment = datetime(2022, 11, 29, 14, 40, tzinfo=UTC)
    assert when(moment).earliest == moment


def test_a_when_never_changes() -> None:
    with pytest.raises(AttributeError, match="never changes"):
        When("2022").text = "2023"


def test_a_when_does_not_compare_with_other_values() -> None:
    assert When("2022") != "2022"
    with pytest.raises(TypeError):
        assert When("2022") < 2023


def test_earlier_and_more_precise_dates_come_first_and_unknown_ones_last() -> None:
    texts = ["2022-11-28T00:00Z", "2022-11-28", "2022-11-28/2022-12", "2022-11-28/..", "2022-11-29"]

    assert sorted(map(When, ["XXXX-12-26", *reversed(texts)])) == [
        *map(When, texts),
        When("XXXX-12-26"),
    ]


@pytest.mark.parametrize(
    ("text", "certainly", "possibly"),
    [
        ("2022-11-28", True, True),
        ("2022-11", True, True),
        ("2022", False, True),
        ("2022-11-15/..", False, True),
        ("XXXX-11-28", False, True),
        ("2022-10-31", False, False),
        ("2022-12-01", False, False),
        ("2022-12-01/..", False, False),
        ("2022-12-01T00:30+03:00", False, False),
        ("2022-11-01T00:30+03:00", True, True),
        ("2022-11-28~", True, True),
        ("2022-11-28?", True, True),
        ("2022-11-28%", True, True),
        ("2022-11-30~", False, True),
        ("2022-11~", False, True),
        ("2022-11-01~/2022-11-02", False, True),
        ("2022-12-01~", False, True),
        ("2022-12-02~", False, False),
    ],
)
def test_within_november(text: str, certainly: bool, possibly: bool) -> None:
    november = When("2022-11")

    assert When(text).certainly_within(november, november) is certainly
    assert When(text).possibly_within(november, november) is possibly


def test_an_open_end_leaves_out_nothing() -> None:
    since, until = When("2022-11/.."), When("../2022-11")

    assert When("2023").certainly_within(since, When("XXXX"))
    assert When("2021").certainly_within(When("XXXX"), until)
    assert not When("2021").possibly_within(since, When("XXXX"))


def test_of_the_unknown_nothing_is_certain_and_everything_possible() -> None:
    assert (UNKNOWN.earliest, UNKNOWN.latest) == (None, None)
    assert max(When("2023"), UNKNOWN, When("2022/..")) == UNKNOWN
    assert UNKNOWN.possibly_within(When("2022"), When("2022"))
    assert not UNKNOWN.certainly_within(UNKNOWN, UNKNOWN)


@given(EDTF)
def test_bounds_are_ordered_and_in_utc(text: str) -> None:
    found = When(text)

    bounds = [bound for bound in (found.earliest, found.latest) if bound is not None]
    assert bounds == sorted(bounds)
    assert all(bound.utcoffset() == timedelta(0) for bound in bounds)


@given(WHENS, WHENS, WHENS)
def test_dates_have_one_order(a: When, b: When, c: When) -> None:
    assert [a < b, a == b, a > b].count(True) == 1
    assert (a <= b) == (b >= a) == (not b < a)
    first, second, third = sorted([a, b, c])
    assert first <= second <= third
    assert first <= third


@given(WHENS)
def test_a_date_that_is_read_back_is_the_one_that_was_stored(a: When) -> None:
    read = When.stored(a.text)
    assert (read, read.earliest, read.latest) == (a, a.earliest, a.latest)
    with pytest.raises(AttributeError, match="no 'middle'"):
        read.middle  # noqa: B018 - it is the access that fails


@given(WHENS, WHENS)
def test_dates_with_a_beginning_sort_by_it(a: When, b: When) -> None:
    if a.earliest and b.earliest and a.earliest < b.earliest:
        assert a < b
    if a.earliest and not (b.earliest or b.latest):
        assert a < b


@given(WHENS, WHENS, WHENS)
def test_what_is_certainly_within_is_possibly_within(a: When, since: When, until: When) -> None:
    if a.certainly_within(since, until):
        assert a.possibly_within(since, until)


@given(WHENS, WHENS)
def test_everything_closed_is_certainly_within_itself(a: When, b: When) -> None:
    vague = not set("~?%").isdisjoint(a.text)
    if a.earliest and a.latest:
        assert a.certainly_within(a, a) is not vague
    assert a.possibly_within(a, a)
    assert a.overlaps(b) == b.overlaps(a)


@given(EDTF)
def test_a_when_comes_back_equal_from_its_text_and_from_pickle(text: str) -> None:
    made = When(text)

    for copy in (When(str(made)), eval(repr(made)), pickle.loads(pickle.dumps(made))):
        assert copy == made
        assert hash(copy) == hash(made)
        assert (copy.earliest, copy.latest) == (made.earliest, made.latest)


@given(INSTANTS)
def test_a_datetime_is_that_moment(moment: datetime) -> None:
    assert when(moment).earliest == when(moment).latest == moment


@given(st.lists(INSTANTS, min_size=2))
def test_the_stored_form_of_instants_sorts_as_time_does(moments: list[datetime]) -> None:
    texts = [instant_text(moment) for moment in moments]

    assert sorted(texts) == [instant_text(moment) for moment in sorted(moments)]
    assert {len(text) for text in texts} == {len("2022-11-29T14:40:00.000000Z")}


@given(INSTANTS)
def test_an_instant_comes_back_from_its_stored_form(moment: datetime) -> None:
    assert instant(instant_text(moment)) == moment


@pytest.mark.parametrize(
    ("one", "other", "overlap"),
    [
        ("2022-11-28", "2022-11", True),
        ("2022-11-28", "2022-11-29", False),
        ("2022-11-28~", "2022-11-29", True),
        ("2022-11-28?", "2022-11-30", False),
        ("2022-11-28~", "2022-11-30~", True),
        ("2022-11?", "2022-12-30", True),
        ("2022-11?", "2023-01", False),
        ("XXXX-12-26", "2022-12-26", True),
        ("2022-12-26/..", "2023", True),
        ("2022-12-26/..", "2021", False),
        ("9999-12-31~", "9999", True),
        ("0001-01-01~", "0001-01-01", True),
    ],
)
def test_times_that_may_be_one(one: str, other: str, overlap: bool) -> None:
    assert When(one).overlaps(When(other)) is overlap
    assert When(other).overlaps(When(one)) is overlap


@given(WHENS)
def test_a_date_reaches_at_least_from_bound_to_bound(moment: When) -> None:
    earliest, latest = moment.reach

    assert earliest is None or (moment.earliest is not None and earliest <= moment.earliest)
    assert latest is None or (moment.latest is not None and latest >= moment.latest)
    if set("~?%").isdisjoint(moment.text):
        assert (earliest, latest) == (moment.earliest, moment.latest)


@pytest.mark.parametrize(
    ("one", "other", "after"),
    [
        ("2022-11-29", "2022-11-28", True),
        ("2022-11-28", "2022-11-28", False),
        ("2022-12", "2022-11", True),
        ("2022-11-29~", "2022-11-28", False),
        ("2022-11-30", "2022-11-28~", True),
        ("2022-12-10", "2022-11?", False),
        ("2023-02", "2022-11?", True),
        ("2022-12/..", "2022-11", True),
        ("2022-12", "2022-11/..", False),
        ("XXXX-12", "2022-11", False),
    ],
)
def test_one_is_certainly_after_another_as_far_as_both_may_reach(one, other, after):
    assert When(one).certainly_after(When(other)) is after
    assert not (after and When(one).overlaps(When(other)))


@pytest.mark.parametrize(
    ("text", "earliest", "latest", "words"),
    [
        ("1985-04-12", "1985-04-12", "1985-04-12", "12 April 1985"),
        ("1985-04", "1985-04-01", "1985-04-30", "April 1985"),
        ("1985", "1985-01-01", "1985-12-31", "1985"),
        ("1964/2008", "1964-01-01", "2008-12-31", "1964 to 2008"),
        ("2004-02-01/2005", "2004-02-01", "2005-12-31", "1 February 2004 to 2005"),
        ("1984?", "1984-01-01", "1984-12-31", "1984 (uncertain)"),
        ("2004-06~", "2004-06-01", "2004-06-30", "about June 2004"),
        ("2004-06-11%", "2004-06-11", "2004-06-11", "about 11 June 2004 (uncertain)"),
        ("201X", "2010-01-01", "2019-12-31", "2010s"),
        ("20XX", "2000-01-01", "2099-12-31", "2000s"),
        ("2004-XX", "2004-01-01", "2004-12-31", "2004"),
        ("1985-04-XX", "1985-04-01", "1985-04-30", "April 1985"),
        ("XXXX-12-26", None, None, "26 December of an unknown year"),
        ("XXXX", None, None, "an unknown year"),
        ("1985-04-12/..", "1985-04-12", None, "from 12 April 1985"),
        ("../1985-04-12", None, "1985-04-12", "by 12 April 1985"),
        ("/1985", None, "1985-12-31", "by 1985"),
        ("1985/", "1985-01-01", None, "from 1985"),
        ("2001-21", "2001-03-01", "2001-05-31", "spring 2001"),
        ("2001-23~", "2001-09-01", "2001-11-30", "about autumn 2001"),
        ("2001-36", "2001-10-01", "2001-12-31", "quarter 4 of 2001"),
        ("2001-38", "2001-05-01", "2001-08-31", "third 2 of 2001"),
        ("2001-41", "2001-07-01", "2001-12-31", "second half of 2001"),
        ("[..1760-12-03]", None, "1760-12-03", "by 3 December 1760"),
        ("[1760-12..]", "1760-12-01", None, "from December 1760"),
        ("[1667,1760-12]", "1667-01-01", "1760-12-31", "1667 or December 1760"),
        ("{1960,1961-12}", "1960-01-01", "1961-12-31", "1960 and December 1961"),
    ],
)
def test_examples_of_edtf_have_bounds_and_words(text, earliest, latest, words):
    moment = When(text)
    bounds = [bound and str(bound.date()) for bound in (moment.earliest, moment.latest)]
    assert (*bounds, moment.words) == (earliest, latest, words)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("Y170000002", "more than four digits"),
        ("Y-17E7", "more than four digits"),
        ("-1985", "years before 1"),
        ("1950S2", "significant digits"),
        ("192X-33", "a season of a year that is not fully known"),
        ("1984-1X", "one digit unknown"),
    ],
)
def test_what_is_not_supported_is_refused_by_name(text, what):
    with pytest.raises(InvalidDate, match=f"not supported: .*{what}"):
        When(text)


def test_a_day_that_a_month_lacks_is_named():
    with pytest.raises(InvalidDate, match="February 2023 has 28 days"):
        When("2023-02-30")


def test_the_latest_is_so_in_the_world_and_only_then_in_the_log():
    later, earlier, undated = When("2023-01"), When("2022-12"), When("../2024")

    assert latest_key(later, 1) > latest_key(earlier, 2)
    assert latest_key(later, 2) > latest_key(later, 1)
    assert latest_key(earlier, 1) > latest_key(None, 9)
    assert latest_key(earlier, 1) > latest_key(undated, 9)
    assert latest_key(undated, 2) > latest_key(None, 1)


def test_a_sign_of_doubt_and_an_unknown_year_need_no_parser_of_edtf() -> None:
    code = (
        "import sys; from timeline.dates import When; "
        "[When(text) for text in ('2022-11-28~', '2022-11?', '2022%', 'XXXX-12-26', 'XXXX-12')]; "
        "assert 'edtf' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
