"""The kinds of value of office hours and capacity, read as they stand."""

from __future__ import annotations

import json
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services import kinds
from services.kinds import BadValue, DatedHours, Day, Kind, WeekHours

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (kinds.WEEK_HOURS, "Mon-Fri 08:00-20:00", WeekHours((1, 2, 3, 4, 5), 480, 1200)),
        (kinds.WEEK_HOURS, "Mon-Fri 9:00-17:00", WeekHours((1, 2, 3, 4, 5), 540, 1020)),
        (kinds.WEEK_HOURS, "Mon-Sun 00:00-24:00", WeekHours((1, 2, 3, 4, 5, 6, 7), 0, 1440)),
        (kinds.WEEK_HOURS, "Sat-Mon 19:00-7:00", WeekHours((6, 7, 1), 1140, 420)),
        (kinds.WEEK_HOURS, "sat 10:00 - 14:30", WeekHours((6,), 600, 870)),
        (kinds.WEEK_HOURS, "Mon-Mon 19:00-00:00", WeekHours((1,), 1140, 0)),
        (kinds.WEEK_HOURS, "", None),
        (kinds.DATED_HOURS, "2014-11-30 10:00-14:00", DatedHours(Day(2014, 11, 30), 600, 840)),
        (kinds.DATED_HOURS, "11-30 10:00-14:00", DatedHours(Day(None, 11, 30), 600, 840)),
        (kinds.DATED_HOURS, "02-29 22:00-02:00", DatedHours(Day(None, 2, 29), 1320, 120)),
        (kinds.DAY, "2020-07-15", Day(2020, 7, 15)),
        (kinds.DAY, "12-25", Day(None, 12, 25)),
        (kinds.DATES, "2016-04-01", (date(2016, 4, 1), date(2016, 4, 1))),
        (kinds.DATES, "2016-04-01 to 2016-10-31", (date(2016, 4, 1), date(2016, 10, 31))),
        (kinds.WEEK_DAYS, "[Mon, Tue, Wed, Thu, Fri, Sat, Sun]", (1, 2, 3, 4, 5, 6, 7)),
        (kinds.WEEK_DAYS, "Mon,Mon,fri", (1, 5)),
        (kinds.WEEK_DAYS, '["Sun"]', (7,)),
        (kinds.WEEK_DAYS, "[]", ()),
        (kinds.WEEK_DAYS, "", ()),
        (kinds.capacity_of_day(3), '{"3": {"1000": 6, "1100": 0, "2300": 1000}}', {10: 6, 11: 0, 23: 1000}),
        (kinds.capacity_of_day(1), '{"1": {}}', {}),
        (kinds.capacity_of_day(1), "", {}),
        (
            kinds.CAPACITY_OF_DATES,
            '{"2026-12-24": {"0900": 5, "1000": 0}, "12-25": {}}',
            {Day(2026, 12, 24): {9: 5, 10: 0}, Day(None, 12, 25): {}},
        ),
        (kinds.CAPACITY_OF_DATES, "[]", {}),
        (kinds.CAPACITY_OF_DATES, "[ ]", {}),
        (kinds.CAPACITY_OF_DATES, "{}", {}),
        (kinds.CAPACITY_OF_DATES, "", {}),
        (kinds.HOLIDAYS_COUNTRY, "DE", "DE"),
        (kinds.HOLIDAYS_COUNTRY, "us-ca", "US-CA"),
        (kinds.HOLIDAYS_COUNTRY, "AU-NSW Western", "AU-NSW Western"),
        (kinds.HOLIDAYS_COUNTRY, "", ""),
    ],
)
def test_reads(kind: Kind, text: str, value: object) -> None:
    assert kind.read(text) == value


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (kinds.WEEK_HOURS, "Mon-Fri"),
        (kinds.WEEK_HOURS, "9:00-17:00"),
        (kinds.WEEK_HOURS, "Mon-Fry 9:00-17:00"),
        (kinds.WEEK_HOURS, "Monday 9:00-17:00"),
        (kinds.WEEK_HOURS, "Mon-Fri 9-17"),
        (kinds.WEEK_HOURS, "Mon-Fri 9:60-17:00"),
        (kinds.WEEK_HOURS, "Mon-Fri 24:00-17:00"),
        (kinds.WEEK_HOURS, "Mon-Fri 9:00-24:01"),
        (kinds.WEEK_HOURS, "Mon-Fri 25:00-26:00"),
        (kinds.WEEK_HOURS, "Mon-Fri 9:00-9:00"),
        (kinds.DATED_HOURS, "2015-02-29 10:00-14:00"),
        (kinds.DATED_HOURS, "13-01 10:00-14:00"),
        (kinds.DATED_HOURS, "0000-01-01 10:00-14:00"),
        (kinds.DATED_HOURS, "2015-02-28"),
        (kinds.DAY, "2020-7-15"),
        (kinds.DAY, "02-30"),
        (kinds.DAY, "15.07.2020"),
        (kinds.DATES, "2016-10-31 to 2016-04-01"),
        (kinds.DATES, "2016-04-01 - 2016-10-31"),
        (kinds.DATES, "04-01 to 10-31"),
        (kinds.DATES, "2016-02-30"),
        (kinds.DATES, "2016-04-01 to "),
        (kinds.DATES, "20160401"),
        (kinds.WEEK_DAYS, "[Mon, Day]"),
        (kinds.WEEK_DAYS, "[[Mon]]"),
        (kinds.capacity_of_day(3), '{"4": {"1000": 6}}'),
        (kinds.capacity_of_day(3), '{"3": {"1000": 6}, "4": {}}'),
        (kinds.capacity_of_day(3), '{"3": {"1030": 6}}'),
        (kinds.capacity_of_day(3), '{"3": {"2400": 6}}'),
        (kinds.capacity_of_day(3), '{"3": {"10": 6}}'),
        (kinds.capacity_of_day(3), '{"3": {"1000": -1}}'),
        (kinds.capacity_of_day(3), '{"3": {"1000": true}}'),
        (kinds.capacity_of_day(3), '{"3": {"1000": "6"}}'),
        (kinds.capacity_of_day(3), '{"3": []}'),
        (kinds.capacity_of_day(3), '{"3": '),
        (kinds.CAPACITY_OF_DATES, '{"2026-02-29": {}}'),
        (kinds.CAPACITY_OF_DATES, '{"24.12.": {}}'),
        (kinds.CAPACITY_OF_DATES, '{"2026-12-24": {"0930": 5}}'),
        (kinds.CAPACITY_OF_DATES, '{"2026-12-24": {"0900": -5}}'),
        (kinds.CAPACITY_OF_DATES, '{"2026-12-24": []}'),
        (kinds.CAPACITY_OF_DATES, '[{"2026-12-24": {}}]'),
        (kinds.CAPACITY_OF_DATES, "5"),
        (kinds.HOLIDAYS_COUNTRY, "Germany"),
        (kinds.HOLIDAYS_COUNTRY, "DEU"),
        (kinds.HOLIDAYS_COUNTRY, "XX"),
    ],
)
def test_refuses(kind: Kind, text: str) -> None:
    with pytest.raises(BadValue) as caught:
        kind.read(text)
    assert str(caught.value).endswith(f"allowed is {kind.allowed}")


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        ("AT-10", "AT, or a part of it with holidays of its own: AT-1, AT-2, AT-3, AT-4, AT-5, AT-6, AT-7, AT-8, AT-9"),
        ("AT-", "AT, or a part of it with holidays of its own: AT-1, AT-2, AT-3, AT-4, AT-5, AT-6, AT-7, AT-8, AT-9"),
        ("LU-1", "LU"),
    ],
)
def test_a_part_of_a_country_that_is_not_known_is_answered_with_those_that_are(text: str, allowed: str) -> None:
    with pytest.raises(BadValue) as caught:
        kinds.HOLIDAYS_COUNTRY.read(text)
    assert str(caught.value) == f"'{text}' was given, allowed is {allowed}"


@settings(deadline=None)
@given(
    first=st.integers(1, 7),
    last=st.integers(1, 7),
    opens=st.integers(0, 1439),
    closes=st.integers(0, 1440),
)
def test_weekly_hours_round_trip(first: int, last: int, opens: int, closes: int) -> None:
    text = f"{DAYS[first - 1]}-{DAYS[last - 1]} {opens // 60}:{opens % 60:02}-{closes // 60}:{closes % 60:02}"
    if opens == closes:
        with pytest.raises(BadValue):
            kinds.WEEK_HOURS.read(text)
        return
    hours = kinds.WEEK_HOURS.read(text)
    assert isinstance(hours, WeekHours)
    assert (hours.days[0], hours.days[-1], hours.opens, hours.closes) == (first, last, opens, closes)
    # Each day once, one after the other, Monday after Sunday.
    assert len(set(hours.days)) == len(hours.days)
    assert all(following == before % 7 + 1 for before, following in zip(hours.days, hours.days[1:], strict=False))


@settings(deadline=None)
@given(first=st.dates(date(1000, 1, 1), date(9990, 1, 1)), length=st.integers(0, 1000))
def test_days_and_ranges_of_days_round_trip(first: date, length: int) -> None:
    last = first + timedelta(days=length)
    assert kinds.DAY.read(first.isoformat()) == Day(first.year, first.month, first.day)
    assert kinds.DATES.read(f"{first.isoformat()} to {last.isoformat()}") == (first, last)


@settings(deadline=None)
@given(number=st.integers(1, 7), hours=st.dictionaries(st.integers(0, 23), st.integers(0, 1000)))
def test_capacities_round_trip(number: int, hours: dict[int, int]) -> None:
    text = json.dumps({str(number): {f"{hour:02}00": places for hour, places in hours.items()}})
    assert kinds.capacity_of_day(number).read(text) == hours
