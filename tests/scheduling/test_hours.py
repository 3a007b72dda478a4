"""When an office is open: exact values on the days on which clocks change, and brute force over all zones."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduling.hours import Alternative, DayFacts, OfficeHours
from scheduling.public_holidays import public_holidays
from scheduling.zones import Segment, segments
from services import kinds
from tests.scheduling import oracle

BERLIN = "Europe/Berlin"
NEW_YORK = "America/New_York"
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)


def office(
    zone: str, *weekly: str, add: tuple[str, ...] = (), holidays: tuple[str, ...] = (), **more: object
) -> OfficeHours:
    def read(kind: kinds.Kind, texts: tuple[str, ...]) -> tuple[object, ...]:
        return tuple(kind.read(text) for text in texts)

    return OfficeHours(
        zone=ZoneInfo(zone),
        weekly=read(kinds.WEEK_HOURS, weekly),  # type: ignore[arg-type]
        added=read(kinds.DATED_HOURS, add),  # type: ignore[arg-type]
        holidays=read(kinds.DAY, holidays),  # type: ignore[arg-type]
        **more,  # type: ignore[arg-type]
    )


def dates(text: str) -> tuple[date, date]:
    value = kinds.DATES.read(text)
    assert isinstance(value, tuple)
    return value


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def open_in(hours: OfficeHours, first: str, last: str) -> list[str]:
    """The periods between two moments of UTC, as text."""
    return [f"{p.start:%m-%d %H:%M} to {p.end:%m-%d %H:%M}" for p in hours.periods(utc(first), utc(last))]


def on_the_wall(hours: OfficeHours, first: str, last: str) -> list[str]:
    """The periods from a local day's beginning to another's, as the wall's clock shows their ends."""
    start, end = (datetime.fromisoformat(day).replace(tzinfo=hours.zone).astimezone(UTC) for day in (first, last))
    shown = [(p.start.astimezone(hours.zone), p.end.astimezone(hours.zone)) for p in hours.periods(start, end)]
    return [f"{opens:%a %d %H:%M} to {closes:%a %d %H:%M}" for opens, closes in shown]


# Days on which clocks change


@pytest.mark.parametrize(
    ("zone", "hours", "first", "last", "periods"),
    [
        # 29 March 2026, forward from 02:00 to 03:00: the day has 23 hours.
        (BERLIN, "Sun 00:00-24:00", "2026-03-28", "2026-03-31", ["03-28 23:00 to 03-29 22:00"]),
        (BERLIN, "Sun 09:00-17:00", "2026-03-28", "2026-03-31", ["03-29 07:00 to 03-29 15:00"]),
        (BERLIN, "Sun 02:30-03:30", "2026-03-28", "2026-03-31", ["03-29 01:00 to 03-29 01:30"]),
        (BERLIN, "Sun 02:00-03:00", "2026-03-28", "2026-03-31", []),
        (BERLIN, "Sat 19:00-7:00", "2026-03-28", "2026-03-31", ["03-28 18:00 to 03-29 05:00"]),
        # 25 October 2026, back from 03:00 to 02:00: the day has 25.
        (BERLIN, "Sun 00:00-24:00", "2026-10-24", "2026-10-27", ["10-24 22:00 to 10-25 23:00"]),
        (BERLIN, "Sun 09:00-17:00", "2026-10-24", "2026-10-27", ["10-25 08:00 to 10-25 16:00"]),
        (BERLIN, "Sun 02:00-03:00", "2026-10-24", "2026-10-27", ["10-25 00:00 to 10-25 02:00"]),
        (
            BERLIN,
            "Sun 02:15-02:45",
            "2026-10-24",
            "2026-10-27",
            ["10-25 00:15 to 10-25 00:45", "10-25 01:15 to 10-25 01:45"],
        ),
        (
            BERLIN,
            "Sun 00:30-02:30",
            "2026-10-24",
            "2026-10-27",
            ["10-24 22:30 to 10-25 00:30", "10-25 01:00 to 10-25 01:30"],
        ),
        (NEW_YORK, "Sun 01:00-04:00", "2026-03-08", "2026-03-09", ["03-08 06:00 to 03-08 08:00"]),
        (
            NEW_YORK,
            "Sun 01:00-01:30",
            "2026-11-01",
            "2026-11-02",
            ["11-01 05:00 to 11-01 05:30", "11-01 06:00 to 11-01 06:30"],
        ),
        # Half an hour, at 02:00.
        ("Australia/Lord_Howe", "Sun 02:00-03:00", "2026-10-03", "2026-10-05", ["10-03 15:30 to 10-03 16:00"]),
        ("Australia/Lord_Howe", "Sun 01:30-02:00", "2026-04-04", "2026-04-06", ["04-04 14:30 to 04-04 15:30"]),
        # Half an hour off, and until 2011 one minute after midnight.
        ("America/St_Johns", "Sun 00:00-01:00", "2010-03-14", "2010-03-15", ["03-14 03:30 to 03-14 03:31"]),
        ("America/St_Johns", "Mon-Fri 9:00-17:00", "2026-07-01", "2026-07-02", ["07-01 11:30 to 07-01 19:30"]),
        ("Asia/Kathmandu", "Mon-Fri 9:00-17:00", "2026-07-01", "2026-07-02", ["07-01 03:15 to 07-01 11:15"]),
        # Clocks went back at midnight, to the day before.
        (
            "America/Sao_Paulo",
            "Sat 23:30-24:00",
            "2019-02-16",
            "2019-02-18",
            ["02-17 01:30 to 02-17 02:00", "02-17 02:30 to 02-17 03:00"],
        ),
        # Clocks went forward at midnight: the day began at one.
        ("America/Sao_Paulo", "Sun 00:00-02:00", "2018-11-03", "2018-11-05", ["11-04 03:00 to 11-04 04:00"]),
        # Friday, 30 December 2011 was skipped.
        (
            "Pacific/Apia",
            "Thu-Sat 9:00-17:00",
            "2011-12-29",
            "2011-12-31 12:00",
            ["12-29 19:00 to 12-30 03:00", "12-30 19:00 to 12-31 03:00"],
        ),
        ("Pacific/Apia", "Mon-Sun 00:00-24:00", "2011-12-30 09:00", "2011-12-30 11:00", ["12-30 09:00 to 12-30 11:00"]),
        ("Pacific/Apia", "Thu 19:00-7:00", "2011-12-30", "2012-01-01", ["12-30 05:00 to 12-30 10:00"]),
    ],
)
def test_hours_are_those_of_the_clock_on_the_wall(
    zone: str, hours: str, first: str, last: str, periods: list[str]
) -> None:
    assert open_in(office(zone, hours), first, last) == periods


def test_a_period_is_cut_to_what_was_asked_for() -> None:
    hours = office("UTC", "Mon-Fri 9:00-17:00")
    assert open_in(hours, "2026-07-01 10:00:30", "2026-07-02 10:00") == [
        "07-01 10:00 to 07-01 17:00",
        "07-02 09:00 to 07-02 10:00",
    ]
    assert hours.periods(utc("2026-07-01 10:00:30"), utc("2026-07-01 11:00"))[0].start == utc("2026-07-01 10:00:30")
    assert hours.periods(utc("2026-07-01 11:00"), utc("2026-07-01 11:00")) == []
    assert hours.periods(utc("2026-07-01 12:00"), utc("2026-07-01 11:00")) == []


def test_hours_end_before_their_last_minute() -> None:
    hours = office("UTC", "Wed 9:00-17:00")
    moments = ("08:59:59", "09:00:00", "16:59:59", "17:00:00")
    assert [hours.is_open(utc(f"2026-07-01 {moment}")) for moment in moments] == [False, True, True, False]


# Which days and hours


def test_days_run_over_the_end_of_the_week() -> None:
    hours = office(BERLIN, "Sat-Mon 10:00-12:00")
    assert on_the_wall(hours, "2026-06-29", "2026-07-06") == [
        "Mon 29 10:00 to Mon 29 12:00",
        "Sat 04 10:00 to Sat 04 12:00",
        "Sun 05 10:00 to Sun 05 12:00",
    ]


def test_hours_belong_to_the_day_on_which_they_open() -> None:
    hours = office(BERLIN, "Fri 19:00-7:00")
    assert on_the_wall(hours, "2026-06-29", "2026-07-06") == ["Fri 03 19:00 to Sat 04 07:00"]
    assert on_the_wall(hours, "2026-07-04", "2026-07-05") == ["Sat 04 00:00 to Sat 04 07:00"]


def test_what_touches_is_one_period() -> None:
    assert on_the_wall(office(BERLIN, "Mon-Sun 00:00-24:00"), "2026-03-28", "2026-03-31") == [
        "Sat 28 00:00 to Tue 31 00:00"
    ]
    assert on_the_wall(
        office(BERLIN, "Mon 8:00-12:00", "Mon 11:00-14:00", "Mon 14:00-15:00"), "2026-06-29", "2026-06-30"
    ) == ["Mon 29 08:00 to Mon 29 15:00"]


def test_additional_hours_open_also_on_a_holiday() -> None:
    hours = office(
        BERLIN,
        "Mon-Fri 9:00-17:00",
        add=("2026-12-24 10:00-12:00", "2026-12-26 22:00-02:00"),
        holidays=("12-24", "12-27"),
    )
    assert on_the_wall(hours, "2026-12-23", "2026-12-28") == [
        "Wed 23 09:00 to Wed 23 17:00",
        "Thu 24 10:00 to Thu 24 12:00",
        "Fri 25 09:00 to Fri 25 17:00",
        "Sat 26 22:00 to Sun 27 02:00",
    ]


def test_a_holiday_closes_its_whole_day_and_the_night_that_would_begin_on_it() -> None:
    hours = office(BERLIN, "Mon-Sun 19:00-7:00", holidays=("2026-07-02",))
    assert on_the_wall(hours, "2026-07-01", "2026-07-04") == [
        "Wed 01 00:00 to Wed 01 07:00",
        "Wed 01 19:00 to Thu 02 00:00",
        "Fri 03 19:00 to Sat 04 00:00",
    ]


def test_a_day_without_a_year_is_one_of_every_year() -> None:
    hours = office("UTC", add=("02-29 10:00-11:00", "03-01 10:00-11:00", "2027-03-02 10:00-11:00"))
    found = open_in(hours, "2026-02-01", "2029-02-01")
    assert found == [
        "03-01 10:00 to 03-01 11:00",
        "03-01 10:00 to 03-01 11:00",
        "03-02 10:00 to 03-02 11:00",
        "02-29 10:00 to 02-29 11:00",
        "03-01 10:00 to 03-01 11:00",
    ]


def test_public_holidays_are_those_of_the_country_or_its_part() -> None:
    everywhere = office(BERLIN, "Mon-Sun 9:00-17:00", country="DE")
    bavaria = office(BERLIN, "Mon-Sun 9:00-17:00", country="DE-BY")
    epiphany, christmas, noon = date(2026, 1, 6), date(2026, 12, 25), timedelta(hours=12)
    assert everywhere.is_open(utc("2026-01-06") + noon)
    assert not bavaria.is_open(utc("2026-01-06") + noon)
    assert (everywhere.day(epiphany).holiday, bavaria.day(epiphany).holiday) == ("", "Epiphany")
    assert everywhere.day(christmas).holiday == "Christmas Day"
    california = office("America/Los_Angeles", "Mon-Sun 9:00-17:00", country="US-CA")
    assert california.day(date(2026, 3, 31)) == DayFacts(date(2026, 3, 31), (), "Cesar Chavez Day", "")
    assert public_holidays("US-CA", 2026)[date(2026, 7, 4)] == "Independence Day"
    assert public_holidays("US", 2026) is public_holidays("US", 2026)


# Other offices


def test_outside_of_its_effective_dates_an_office_is_closed() -> None:
    hours = office(
        BERLIN,
        "Mon-Sun 19:00-7:00",
        add=("07-05 12:00-13:00",),
        effective=(dates("2026-07-01 to 2026-07-02"), dates("2026-07-04")),
    )
    assert on_the_wall(hours, "2026-06-29", "2026-07-08") == [
        "Wed 01 19:00 to Thu 02 07:00",
        "Thu 02 19:00 to Fri 03 00:00",
        "Sat 04 19:00 to Sun 05 00:00",
    ]


def test_an_alternative_counts_on_its_days_in_its_own_zone() -> None:
    summer = office("Europe/London", "Mon-Sun 10:00-18:00")
    hours = office(
        BERLIN,
        "Mon-Sun 22:00-6:00",
        holidays=("07-02",),
        alternatives=(Alternative(*dates("2026-07-02 to 2026-07-03"), summer),),
    )
    assert on_the_wall(hours, "2026-07-01", "2026-07-05") == [
        "Wed 01 00:00 to Wed 01 06:00",
        "Wed 01 22:00 to Thu 02 00:00",
        "Thu 02 11:00 to Thu 02 19:00",
        "Fri 03 11:00 to Fri 03 19:00",
        "Sat 04 22:00 to Sun 05 00:00",
    ]
    assert hours.day(date(2026, 7, 2)) == DayFacts(date(2026, 7, 2), ((660, 1140),), "", "")
    assert hours.next_open(utc("2026-07-02 03:00")) == utc("2026-07-02 09:00")


def test_effective_dates_of_an_alternative_do_not_close_the_other_days() -> None:
    other = office(BERLIN)
    hours = office(BERLIN, "Mon-Sun 9:00-17:00", alternatives=(Alternative(*dates("2026-07-02"), other),))
    assert on_the_wall(hours, "2026-07-01", "2026-07-04") == [
        "Wed 01 09:00 to Wed 01 17:00",
        "Fri 03 09:00 to Fri 03 17:00",
    ]


def test_what_is_included_is_read_on_the_wall_of_the_office_that_includes_it() -> None:
    tokyo = office("Asia/Tokyo", "Wed-Thu 9:00-10:00", add=("07-03 9:00-10:00",), holidays=("07-02",))
    weekly_only = office(BERLIN, "Wed-Thu 12:00-13:00", regular=(tokyo,))
    assert on_the_wall(weekly_only, "2026-07-01", "2026-07-04") == [
        "Wed 01 09:00 to Wed 01 10:00",
        "Wed 01 12:00 to Wed 01 13:00",
        "Thu 02 09:00 to Thu 02 10:00",
        "Thu 02 12:00 to Thu 02 13:00",
    ]
    everything = office(BERLIN, "Wed-Thu 12:00-13:00", included=(tokyo,))
    assert on_the_wall(everything, "2026-07-01", "2026-07-04") == [
        "Wed 01 09:00 to Wed 01 10:00",
        "Wed 01 12:00 to Wed 01 13:00",
        "Fri 03 09:00 to Fri 03 10:00",
    ]
    assert everything.day(date(2026, 7, 2)).holiday == "Holiday"
    assert weekly_only.day(date(2026, 7, 2)).holiday == ""


def test_public_holidays_are_included_with_the_rest() -> None:
    holidays = office(BERLIN, country="DE")
    hours = office(BERLIN, "Mon-Sun 9:00-17:00", included=(holidays,))
    assert hours.day(date(2026, 12, 25)) == DayFacts(date(2026, 12, 25), (), "Christmas Day", "")
    assert office(BERLIN, "Mon-Sun 9:00-17:00", regular=(holidays,)).day(date(2026, 12, 25)).intervals == ((540, 1020),)


def test_an_included_office_says_nothing_outside_of_its_own_effective_dates() -> None:
    july = office(
        BERLIN, "Mon-Sun 20:00-02:00", holidays=("06-30", "08-01"), effective=(dates("2026-07-01 to 2026-07-31"),)
    )
    hours = office(BERLIN, "Mon-Sun 9:00-17:00", included=(july,))
    assert on_the_wall(hours, "2026-06-30", "2026-07-01 12:00") == [
        "Tue 30 09:00 to Tue 30 17:00",
        "Wed 01 09:00 to Wed 01 12:00",
    ]
    assert on_the_wall(hours, "2026-07-31", "2026-08-02") == [
        "Fri 31 00:00 to Fri 31 02:00",
        "Fri 31 09:00 to Fri 31 17:00",
        "Fri 31 20:00 to Sat 01 00:00",
        "Sat 01 09:00 to Sat 01 17:00",
    ]


# When next


def test_the_next_opening_is_now_when_it_is_open() -> None:
    hours = office(BERLIN, "Mon-Fri 9:00-17:00")
    assert hours.next_open(utc("2026-07-03 10:00:01")) == utc("2026-07-03 10:00:01")
    assert hours.next_open(utc("2026-07-03 15:00")) == utc("2026-07-06 07:00")


def test_an_office_that_does_not_open_within_400_days_does_not_open() -> None:
    hours = office("UTC", add=("2027-08-05 10:00-11:00",))
    assert hours.next_open(utc("2026-07-01 10:00")) is None
    assert hours.next_open(utc("2026-07-01 10:01")) == utc("2027-08-05 10:00")
    assert office("UTC").next_open(utc("2026-07-01")) is None


# What a day looks like


@pytest.mark.parametrize(
    ("zone", "day", "intervals", "sentence"),
    [
        (BERLIN, date(2026, 3, 28), ((0, 1440),), ""),
        (BERLIN, date(2026, 3, 29), ((0, 120), (180, 1440)), "Clocks go forward from 02:00 to 03:00."),
        (BERLIN, date(2026, 10, 25), ((0, 1440),), "Clocks go back from 03:00 to 02:00: that time comes twice."),
        (
            "Australia/Lord_Howe",
            date(2026, 4, 5),
            ((0, 1440),),
            "Clocks go back from 02:00 to 01:30: that time comes twice.",
        ),
        ("America/Sao_Paulo", date(2018, 11, 4), ((60, 1440),), "Clocks go forward from 00:00 to 01:00."),
        (
            "America/Sao_Paulo",
            date(2019, 2, 16),
            ((0, 1440),),
            "Clocks go back from 24:00 to 23:00: that time comes twice.",
        ),
        ("America/Sao_Paulo", date(2019, 2, 17), ((0, 1440),), ""),
        ("Pacific/Apia", date(2011, 12, 29), ((0, 1440),), ""),
        ("Pacific/Apia", date(2011, 12, 30), (), "Pacific/Apia has no such day."),
        ("Pacific/Apia", date(2011, 12, 31), ((0, 1440),), ""),
    ],
)
def test_a_day_says_what_clocks_do(zone: str, day: date, intervals: tuple[tuple[int, int], ...], sentence: str) -> None:
    assert office(zone, "Mon-Sun 00:00-24:00").day(day) == DayFacts(day, intervals, "", sentence)


def test_a_day_is_told_with_what_runs_into_it() -> None:
    hours = office(BERLIN, "Mon-Sun 19:00-7:00", add=("12-25 12:00-13:00",), holidays=("12-25",))
    assert hours.day(date(2026, 12, 24)).intervals == ((0, 420), (1140, 1440))
    assert hours.day(date(2026, 12, 25)) == DayFacts(date(2026, 12, 25), ((720, 780),), "Holiday", "")


# Brute force


@settings(deadline=None, max_examples=120)
@given(data=st.data(), where=oracle.zones_and_moments())
def test_every_minute_is_as_the_rules_say(data: st.DataObject, where: tuple[str, datetime]) -> None:
    zone, start = where
    rules = data.draw(oracle.rules_around(zone, start.date()))
    hours, end = rules.built(), start + 1500 * MINUTE
    minutes = [start + n * MINUTE for n in range(1500)]
    truth = [oracle.is_open(rules, at) for at in minutes]
    assert [hours.is_open(at) for at in minutes] == truth

    periods = hours.periods(start, end)
    inside = iter(periods)
    period = next(inside, None)
    found = []
    for at in minutes:
        if period and at >= period.end:
            period = next(inside, None)
        found.append(period is not None and period.start <= at < period.end)
    assert found == truth
    for period in periods:
        assert start <= period.start < period.end <= end
        assert period.start == start or not oracle.is_open(rules, period.start - SECOND)
        assert period.end == end or not oracle.is_open(rules, period.end)
        assert oracle.is_open(rules, period.start)
        assert oracle.is_open(rules, period.end - SECOND)

    # At every change, and a minute before it.
    changes = {n for n in range(1, len(truth)) if truth[n] != truth[n - 1]}
    for n in sorted({0} | changes | {n - 1 for n in changes}):
        first = next((minutes[m] for m in range(n, len(truth)) if truth[m]), None)
        opens = hours.next_open(minutes[n])
        assert opens == first if first else opens is None or opens >= end


def test_every_zone_there_is_around_the_changes_of_its_clocks() -> None:
    """Hours that begin, end and run on at night, on both days of 2026, or on one where there is none."""
    step = 5 * MINUTE
    for zone in oracle.ZONES:
        rules = oracle.Rules(zone, weekly=((0, 6, 30, 135), (0, 6, 165, 200), (6, 6, 1380, 15)))
        hours = rules.built()
        for start in oracle.clock_changes(zone, 2026) or [utc("2026-07-05 21:00")]:
            minutes = [start + n * step for n in range(-24, 96)]
            truth = [oracle.is_open(rules, at) for at in minutes]
            assert [hours.is_open(at) for at in minutes] == truth, zone
            periods = hours.periods(minutes[0], minutes[-1] + step)
            assert sum((period.end - period.start for period in periods), timedelta()) == sum(truth) * step, zone
            assert all(truth[(period.start - minutes[0]) // step] for period in periods), zone


@settings(deadline=None, max_examples=60)
@given(where=oracle.zones_and_moments(), days=st.integers(1, 400))
def test_segments_are_where_the_offset_stays(where: tuple[str, datetime], days: int) -> None:
    zone, start = ZoneInfo(where[0]), where[1]
    end = start + timedelta(days=days)
    found = list(segments(zone, start, end))
    assert (found[0].start, found[-1].end) == (start, end)
    for before, after in pairwise(found):
        assert before.end == after.start
        assert before.offset != after.offset
    for segment in found:
        length = segment.end - segment.start
        for at in (segment.start, segment.start + length / 3, segment.start + length / 2, segment.end - SECOND):
            assert at.astimezone(zone).utcoffset() == segment.offset


def test_no_segments_in_no_time() -> None:
    now = utc("2026-07-01")
    assert list(segments(ZoneInfo(BERLIN), now, now)) == []
    assert list(segments(ZoneInfo(BERLIN), utc("2026-03-29 01:00"), utc("2026-03-29 02:00"))) == [
        Segment(utc("2026-03-29 01:00"), utc("2026-03-29 02:00"), timedelta(hours=2))
    ]
