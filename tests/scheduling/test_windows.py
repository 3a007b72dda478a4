"""Calling windows: when a customer may be called, by the customer's own clock."""

from __future__ import annotations

import zoneinfo
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from django.urls import reverse
from hypothesis import example, given, settings
from hypothesis import strategies as st

from scheduling.windows import CallingWindow, next_allowed, window_of
from services import kinds
from services.kinds import BadValue
from services.models import ConfiguredService
from services.option_form import field_name
from services.readiness import Readiness
from services.resolution import OptionError
from services.types import CALLBACK
from tests.services.doubles import COMPLETE, Service

DAY = CallingWindow(8 * 60, 21 * 60)
BERLIN = ZoneInfo("Europe/Berlin")
NEW_YORK = ZoneInfo("America/New_York")
LOS_ANGELES = ZoneInfo("America/Los_Angeles")
TOKYO = ZoneInfo("Asia/Tokyo")
MINUTE = timedelta(minutes=1)
# As far as the oracle looks, minute by minute.
HORIZON = timedelta(days=2)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def window(text: str) -> CallingWindow:
    value = kinds.CALLING_WINDOW.read(text)
    assert isinstance(value, CallingWindow)
    return value


@dataclass
class Office:
    """Open in these stretches of time."""

    periods: Sequence[tuple[datetime, datetime]]
    asked: int = field(default=0)

    def next_open(self, t: datetime) -> datetime | None:
        self.asked += 1
        return next((max(t, start) for start, end in self.periods if t < end), None)

    def is_open(self, t: datetime) -> bool:
        return any(start <= t < end for start, end in self.periods)


def every_day(first: str, last: str, days: int = 500) -> Office:
    start, end = utc(first), utc(last)
    return Office([(start + timedelta(days=n), end + timedelta(days=n)) for n in range(days)])


def by_the_minute(
    now: datetime, office: Office | None, window: CallingWindow | None, zones: tuple[ZoneInfo, ...]
) -> datetime | None:
    """The oracle: every minute is asked of every clock, until one is allowed or the horizon is reached."""

    def allowed(t: datetime) -> bool:
        if office and not office.is_open(t):
            return False
        clocks = [t.astimezone(zone) for zone in zones if window]
        minutes = [clock.hour * 60 + clock.minute for clock in clocks]
        return all(window is None or _inside(window, minute) for minute in minutes)

    moments = (now + n * MINUTE for n in range(HORIZON // MINUTE))
    return next(filter(allowed, moments), None)


def _inside(window: CallingWindow, minute: int) -> bool:
    """Said anew, by listing: the minutes of the day from the opening on until the closing."""
    length = (window.closes - window.opens) % 1440 or 1440
    return minute in {(window.opens + n) % 1440 for n in range(length)}


ZONES = st.sampled_from(sorted(name for name in zoneinfo.available_timezones() if "/" in name)).map(ZoneInfo)
TRICKY = st.sampled_from(
    [
        (ZoneInfo(name), utc(around))
        for name, around in (
            ("Europe/Berlin", "2026-03-28T18:00"),
            ("Europe/Berlin", "2026-10-24T18:00"),
            ("Australia/Lord_Howe", "2026-04-04T06:00"),
            ("Australia/Lord_Howe", "2026-10-03T06:00"),
            ("America/St_Johns", "2026-03-07T20:00"),
            ("America/Santiago", "2026-09-05T20:00"),
            ("Pacific/Apia", "2011-12-29T12:00"),
            ("Asia/Kathmandu", "2026-06-01T00:00"),
            ("Africa/Casablanca", "2026-02-14T12:00"),
            ("America/Asuncion", "2024-10-05T20:00"),
        )
    ]
)
WINDOWS = st.tuples(st.integers(0, 1439), st.integers(0, 1440)).filter(lambda w: w[0] != w[1])
MOMENTS = st.integers(0, 40 * 366 * 1440).map(lambda n: utc("1996-01-01T00:00") + n * MINUTE)


@st.composite
def offices(draw: st.DrawFn, around: datetime) -> Office | None:
    """Some stretches within the horizon, in minutes from there."""
    if draw(st.booleans()):
        return None
    cuts = sorted(draw(st.lists(st.integers(-1440, 2 * 1440), min_size=2, max_size=8, unique=True)))
    edges = [around + cut * MINUTE for cut in cuts]
    return Office(list(zip(edges[::2], edges[1::2], strict=False)))


@st.composite
def questions(draw: st.DrawFn) -> tuple[datetime, Office | None, CallingWindow | None, tuple[ZoneInfo, ...]]:
    if draw(st.booleans()):
        zone, around = draw(TRICKY)
        now, first = around + draw(st.integers(0, 2 * 1440)) * MINUTE, [zone]
    else:
        now, first = draw(MOMENTS), [draw(ZONES)]
    zones = (*first, *draw(st.lists(ZONES, max_size=2)))
    return now, draw(offices(now)), CallingWindow(*draw(WINDOWS)), zones


@given(question=questions())
@example(question=(utc("2026-03-29T00:30"), None, CallingWindow(150, 600), (BERLIN,)))
@example(question=(utc("2026-10-25T00:30"), None, CallingWindow(120, 150), (BERLIN,)))
@example(question=(utc("2011-12-30T10:00"), None, CallingWindow(0, 30), (ZoneInfo("Pacific/Apia"),)))
@settings(max_examples=200, deadline=None)
def test_it_agrees_with_asking_every_minute(
    question: tuple[datetime, Office | None, CallingWindow | None, tuple[ZoneInfo, ...]],
) -> None:
    now = question[0]
    expected, found = by_the_minute(*question), next_allowed(*question)
    if expected is None:
        assert found is None or found >= now + HORIZON
    else:
        assert found == expected


@given(question=questions())
@settings(max_examples=100, deadline=None)
def test_the_moment_found_is_allowed_and_stays_so_when_asked_again(
    question: tuple[datetime, Office | None, CallingWindow | None, tuple[ZoneInfo, ...]],
) -> None:
    _, *conditions = question
    if (found := next_allowed(*question)) is not None:
        assert next_allowed(found, *conditions) == found  # type: ignore[arg-type]


class TestOneZone:
    @pytest.mark.parametrize(
        ("now", "expected"),
        [
            ("2026-06-10T06:00", "2026-06-10T06:00"),  # 08:00 in Berlin: inside
            ("2026-06-10T05:59:59.999999", "2026-06-10T06:00"),
            ("2026-06-10T18:59:59.999999", "2026-06-10T18:59:59.999999"),
            ("2026-06-10T19:00", "2026-06-11T06:00"),  # 21:00 is outside
            ("2026-06-10T23:30", "2026-06-11T06:00"),
        ],
    )
    def test_by_day(self, now: str, expected: str) -> None:
        assert next_allowed(utc(now), None, DAY, (BERLIN,)) == utc(expected)

    @pytest.mark.parametrize(
        ("now", "expected"),
        [
            ("2026-06-10T17:59", "2026-06-10T18:00"),
            ("2026-06-10T21:00", "2026-06-10T21:00"),
            ("2026-06-10T23:59", "2026-06-10T23:59"),
            ("2026-06-11T00:00", "2026-06-11T18:00"),
        ],
    )
    def test_over_midnight(self, now: str, expected: str) -> None:
        """From 20:00 to 02:00 in Berlin."""
        assert next_allowed(utc(now), None, window("20:00-02:00"), (BERLIN,)) == utc(expected)

    def test_any_time_of_day(self) -> None:
        night = utc("2026-06-10T02:17:03")
        assert next_allowed(night, None, None, (BERLIN,)) == night
        assert next_allowed(night, None, None, ()) == night
        assert next_allowed(night, None, window("00:00-24:00"), (BERLIN,)) == night

    def test_without_a_zone_nobody_could_say(self) -> None:
        with pytest.raises(ValueError, match="none was given"):
            next_allowed(utc("2026-06-10T12:00"), None, DAY, ())


class TestClocksAreChanged:
    """Berlin goes from 02:00 to 03:00 on 29 March 2026, and back from 03:00 to 02:00 on 25 October."""

    def test_what_is_skipped_is_not_there(self) -> None:
        assert next_allowed(utc("2026-03-29T00:00"), None, window("02:15-02:45"), (BERLIN,)) == utc("2026-03-30T00:15")

    def test_a_window_that_opens_in_what_is_skipped_opens_when_the_clock_arrives_in_it(self) -> None:
        assert next_allowed(utc("2026-03-29T00:00"), None, window("02:30-10:00"), (BERLIN,)) == utc("2026-03-29T01:00")

    def test_what_comes_twice_is_open_twice(self) -> None:
        twice = window("02:00-02:30")
        assert next_allowed(utc("2026-10-25T00:15"), None, twice, (BERLIN,)) == utc("2026-10-25T00:15")
        assert next_allowed(utc("2026-10-25T00:30"), None, twice, (BERLIN,)) == utc("2026-10-25T01:00")
        assert next_allowed(utc("2026-10-25T01:30"), None, twice, (BERLIN,)) == utc("2026-10-26T01:00")

    def test_by_half_an_hour(self) -> None:
        """Lord Howe goes back from 02:00 to 01:30 on 5 April 2026, at 15:00 UTC."""
        zone = ZoneInfo("Australia/Lord_Howe")
        assert next_allowed(utc("2026-04-04T14:50"), None, window("01:30-01:45"), (zone,)) == utc("2026-04-04T15:00")

    def test_a_day_that_was_skipped(self) -> None:
        """In Apia 30 December 2011 never came: after Thursday 23:59 it was Saturday."""
        zone = ZoneInfo("Pacific/Apia")
        last_call = datetime(2011, 12, 29, 21, 0, tzinfo=zone).astimezone(UTC)
        assert next_allowed(last_call, None, DAY, (zone,)) == datetime(2011, 12, 31, 8, 0, tzinfo=zone)


class TestSeveralConditions:
    def test_a_number_of_several_zones_is_called_when_it_is_day_in_all(self) -> None:
        zones = (NEW_YORK, LOS_ANGELES)
        # 08:30 in New York is 05:30 in Los Angeles, where it is 08:00 at 15:00 UTC; New York closes at 01:00 UTC.
        assert next_allowed(utc("2026-06-10T12:30"), None, DAY, zones) == utc("2026-06-10T15:00")
        assert next_allowed(utc("2026-06-11T00:59"), None, DAY, zones) == utc("2026-06-11T00:59")
        assert next_allowed(utc("2026-06-11T01:00"), None, DAY, zones) == utc("2026-06-11T15:00")

    def test_office_and_customer_are_far_apart(self) -> None:
        """Open from 08:00 to 16:00 UTC; it is 20:00 in Tokyo at 11:00 UTC."""
        office = every_day("2026-06-10T08:00", "2026-06-10T16:00")
        evening = window("20:00-22:00")
        assert next_allowed(utc("2026-06-10T09:00"), office, evening, (TOKYO,)) == utc("2026-06-10T11:00")
        assert next_allowed(utc("2026-06-10T13:00"), office, evening, (TOKYO,)) == utc("2026-06-11T11:00")

    def test_an_office_that_is_closed_for_long_is_waited_for(self) -> None:
        office = Office([(utc("2027-03-01T22:00"), utc("2027-03-02T09:00"))])
        assert next_allowed(utc("2026-06-10T09:00"), office, DAY, (BERLIN,)) == utc("2027-03-02T07:00")

    def test_what_never_meets_is_never_and_is_found_without_asking_every_minute(self) -> None:
        office = every_day("2026-06-10T09:00", "2026-06-10T17:00")
        now = utc("2026-06-10T09:00")
        assert next_allowed(now, office, window("20:00-22:00"), (ZoneInfo("Etc/UTC"),)) is None
        assert office.asked <= 402
        # 08:00 to 12:00 in Berlin is 15:00 and later in Tokyo.
        assert next_allowed(now, None, window("08:00-12:00"), (BERLIN, TOKYO)) is None
        # The office's next time to be open is more than 400 days away.
        assert next_allowed(now, Office([(utc("2028-01-01T00:00"), utc("2028-01-02T00:00"))]), None, ()) is None


class TestTheOption:
    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ("08:00-21:00", CallingWindow(480, 1260)),
            (" 8:00 - 21:30 ", CallingWindow(480, 1290)),
            ("20:00-02:00", CallingWindow(1200, 120)),
            ("20:00-00:00", CallingWindow(1200, 0)),
            ("00:00-24:00", CallingWindow(0, 1440)),
            ("", None),
        ],
    )
    def test_what_it_may_say(self, text: str, value: CallingWindow | None) -> None:
        assert window_of(Service({"_calling_window": text})) == value

    @pytest.mark.parametrize(
        "text",
        ["8-21", "08:00", "08:00-08:00", "24:00-08:00", "08:60-21:00", "08:00-24:01", "08:00-25:00", "٠٨:٠٠-٢١:٠٠"],  # noqa: RUF001 (digits of another script)
    )
    def test_what_it_may_not_say(self, text: str) -> None:
        with pytest.raises(BadValue, match="allowed is two different times of day such as 08:00-21:00"):
            kinds.CALLING_WINDOW.read(text)
        with pytest.raises(OptionError, match="Option _calling_window"):
            window_of(Service({"_calling_window": text}))


@pytest.mark.django_db
class TestTheOfficeIsNeverOpenInTheWindow:
    """An admin is told, and may mean it: an office in Manila that calls Americans by their own clocks."""

    REMARK = (
        "_calling_window is 20:00-22:00, when office is never open: customers in Europe/Berlin, and those whose "
        "time zone is not known, can never be called."
    )

    @pytest.fixture(autouse=True)
    def office(self) -> ConfiguredService:
        texts = {"_timezone": "Europe/Berlin", "_bh_regular1": "Mon-Fri 09:00-17:00"}
        return ConfiguredService.objects.create(
            name="office", type="office-hours", configuration="Custom", options=texts
        )

    def remarks(self, **texts: str) -> list[str]:
        found = Readiness().missing(CALLBACK, {"_business_hours_service": "office", **texts})
        return [str(remark) for remark in found if remark.option == "_calling_window"]

    def test_it_is_a_warning_and_keeps_nothing_from_working(self) -> None:
        assert self.remarks(_calling_window="20:00-22:00") == [self.REMARK]
        options = {**COMPLETE, "_business_hours_service": "office", "_calling_window": "20:00-22:00"}
        assert self.REMARK not in Readiness().problems(Service(options))

    @pytest.mark.parametrize("text", ["08:00-21:00", "16:59-23:00", "", "whenever", "$window$"])
    def test_nothing_is_said_where_they_meet_or_where_something_else_is_wrong(self, text: str) -> None:
        assert self.remarks(_calling_window=text) == []

    def test_nothing_is_said_of_an_office_that_is_not_there_or_never_open(self, office: ConfiguredService) -> None:
        office.options = {"_timezone": "Europe/Berlin"}
        office.save()
        assert self.remarks(_calling_window="20:00-22:00") == []
        office.delete()
        assert self.remarks(_calling_window="20:00-22:00") == []

    def test_each_pair_is_looked_at_once_for_a_page(self, django_assert_num_queries: Any) -> None:
        readiness = Readiness()
        texts = {"_business_hours_service": "office", "_calling_window": "20:00-22:00"}
        readiness.missing(CALLBACK, texts)
        with django_assert_num_queries(0):
            assert self.REMARK in map(str, readiness.missing(CALLBACK, texts))

    def test_the_form_says_so_while_somebody_types(self, admin_client: Client) -> None:
        service = ConfiguredService.objects.create(name="voice", configuration="Custom", options=COMPLETE)
        url = reverse("admin:services_configuredservice_check", args=[service.pk])
        window = field_name("_calling_window")
        data = {field_name("_business_hours_service"): "office", window: "20:00-22:00"}
        found = admin_client.post(url, data).json()
        assert found[window] == {"errors": [], "warnings": [self.REMARK]}
