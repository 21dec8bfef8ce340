"""Charts of lanes: the description in words, and where a mark stands."""

from datetime import UTC, datetime

from timeline.reports import layout


def chart(*marks):
    [made] = layout.chart(
        "Positions",
        "Table",
        marks,
        lanes=["Northland"],
        kinds=["favourable"],
        solid="own",
        outline="imputed",
    )
    return made


def test_in_words_what_others_say_is_kept_apart():
    own = layout.mark("Northland", "favourable", "2024-05-01", solid=True)
    imputed = layout.mark("Northland", "favourable", "2024-05-02", solid=False, by="Ann")

    assert chart(own, imputed).text == (
        "Northland: favourable 1 May 2024; favourable 2 May 2024, says Ann."
    )


def test_of_many_marks_those_of_others_are_counted_apart():
    own = [layout.mark("Northland", "favourable", f"2024-05-0{n}", solid=True) for n in range(1, 7)]
    imputed = [
        layout.mark("Northland", "favourable", f"2024-06-0{n}", solid=False, by="Ann")
        for n in range(1, 4)
    ]

    text = chart(*own, *imputed).text
    assert "6 favourable, 3 favourable (imputed)" in text


def test_an_instant_stands_at_the_day_of_its_own_zone():
    late = layout.mark("Northland", "favourable", "2022-11-28T23:00:00-05:00", solid=True)
    day = layout.mark("Northland", "favourable", "2022-11-28", solid=True)

    assert late.start == datetime(2022, 11, 28, 23, tzinfo=UTC)
    assert day.start <= late.start <= day.end
