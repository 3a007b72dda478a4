"""What is offered: slots that are open, have a place left and can still be reached."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from scheduling.availability import Offer, around, nearest, offers
from scheduling.bookings import book
from scheduling.capacity import Capacity
from scheduling.hours import OfficeHours
from scheduling.plan import Plan
from scheduling.slots import slots
from services.kinds import Day, WeekHours
from services.models import ConfiguredService
from tests.factories import NOON, ServiceFactory

BERLIN = ZoneInfo("Europe/Berlin")
NEW_YORK = ZoneInfo("America/New_York")
DAY = timedelta(days=1)
ALL_WEEK = (1, 2, 3, 4, 5, 6, 7)


def at(clock: str, day: int = 2) -> datetime:
    """A time of day, UTC, in March 2026; the 2nd is the Monday whose noon it is. Berlin is an hour ahead."""
    return datetime.fromisoformat(f"2026-03-{day:02}T{clock}+00:00")


def office(*hours: str, days: tuple[int, ...] = ALL_WEEK, zone: ZoneInfo = BERLIN) -> OfficeHours:
    """Open on these days from hour to hour, local: office("9-12", "13:30-17")."""
    spans = [tuple(map(minutes_of, each.split("-"))) for each in hours]
    return OfficeHours(zone=zone, weekly=tuple(WeekHours(days, opens, closes) for opens, closes in spans))


def minutes_of(clock: str) -> int:
    hour, _, minute = clock.partition(":")
    return int(hour) * 60 + int(minute or 0)


def plan(
    hours: OfficeHours | None = None, capacity: Capacity | None = None, *, minutes: int = 60, limit: int = 2
) -> Plan:
    zone = hours.zone if hours else BERLIN
    return Plan(hours=hours, capacity=capacity, limit_by_default=limit, minutes=minutes, zone=zone)


def shown(found: list[Offer]) -> list[str]:
    """`13:00 1/2`: one of two places is free; with the day when it is not the 2nd."""
    return [
        f"{offer.time:%H:%M} {offer.free}/{offer.total}"
        if offer.time.day == 2
        else f"{offer.time:%d %H:%M} {offer.free}/{offer.total}"
        for offer in found
    ]


@pytest.fixture(autouse=True)
def noon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timezone, "now", lambda: NOON)


@pytest.fixture
def service(db: None) -> ConfiguredService:
    return ServiceFactory.create()


def fill(service: ConfiguredService, plan: Plan, *times: datetime) -> None:
    for number, desired_at in enumerate(times):
        book(f"{desired_at.isoformat()} {number}", service_id=service.pk, plan=plan, desired_at=desired_at)


class TestOffers:
    def test_open_slots_with_a_place_left_are_offered_in_order(
        self, service: ConfiguredService, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        cut = plan(office("9-12", "13-17"))
        fill(service, cut, at("09:10"), at("12:05"), at("12:55"), at("15:00"))
        with django_assert_num_queries(1):
            found = offers(service.pk, cut, at("00:00"), at("00:00", 3), earliest=at("00:00"), latest=None)
        assert found[:2] == [Offer(at("08:00"), 2, 2), Offer(at("09:00"), 1, 2)]
        # Noon in UTC is one o'clock: full. From twelve to one the office is closed.
        assert shown(found) == ["08:00 2/2", "09:00 1/2", "10:00 2/2", "13:00 2/2", "14:00 2/2", "15:00 1/2"]

    def test_full_slots_are_reported_when_asked_for(self, service: ConfiguredService) -> None:
        cut = plan(office("13-15"))
        fill(service, cut, at("12:05"), at("12:55"))
        found = offers(
            service.pk, cut, at("00:00"), at("00:00", 3), earliest=at("00:00"), latest=None, report_busy=True
        )
        assert shown(found) == ["12:00 0/2", "13:00 2/2"]

    def test_nothing_before_the_earliest_nor_after_the_latest_moment(self, service: ConfiguredService) -> None:
        cut = plan(office("9-17"))
        within = offers(service.pk, cut, at("00:00"), at("00:00", 3), earliest=at("10:00"), latest=at("12:00"))
        assert shown(within) == ["10:00 2/2", "11:00 2/2", "12:00 2/2"]
        # The slot of ten o'clock is offered as ten o'clock, which cannot be reached any more.
        later = offers(service.pk, cut, at("00:00"), at("00:00", 3), earliest=at("10:00:01"), latest=at("11:59:59"))
        assert shown(later) == ["11:00 2/2"]
        assert offers(service.pk, cut, at("00:00"), at("00:00", 3), earliest=at("17:00"), latest=None) == []

    def test_the_range_is_half_open_so_that_ranges_one_after_the_other_have_each_slot_once(
        self, service: ConfiguredService
    ) -> None:
        cut = plan(office("9-17"))
        whole = offers(service.pk, cut, at("08:00"), at("12:00"), earliest=at("00:00"), latest=None)
        assert shown(whole) == ["08:00 2/2", "09:00 2/2", "10:00 2/2", "11:00 2/2"]
        first = offers(service.pk, cut, at("08:00"), at("09:30"), earliest=at("00:00"), latest=None)
        second = offers(service.pk, cut, at("09:30"), at("12:00"), earliest=at("00:00"), latest=None)
        assert first + second == whole

    def test_so_many_at_the_most(self, service: ConfiguredService) -> None:
        cut = plan(office("9-17"))
        fill(service, cut, at("09:10"), at("09:20"))
        found = offers(service.pk, cut, at("00:00"), at("00:00", 3), earliest=at("00:00"), latest=None, most=3)
        assert shown(found) == ["08:00 2/2", "10:00 2/2", "11:00 2/2"]
        assert offers(service.pk, cut, at("00:00"), at("00:00", 3), earliest=at("00:00"), latest=None, most=0) == []

    def test_a_slot_is_offered_under_its_first_open_moment(self, service: ConfiguredService) -> None:
        """Open from 09:10 to 09:20 and from 09:40 to 10:10: the slot of nine o'clock opens twice."""
        cut = plan(office("9:10-9:20", "9:40-10:10"))
        fill(service, cut, at("08:50"))
        found = offers(service.pk, cut, at("00:00"), at("00:00", 3), earliest=at("00:00"), latest=None)
        assert shown(found) == ["08:10 1/2", "09:00 2/2"]
        # It is the one of 09:10 also for those who ask from half past on.
        rest = offers(service.pk, cut, at("08:30"), at("00:00", 3), earliest=at("00:00"), latest=None)
        assert shown(rest) == ["09:00 2/2"]

    def test_without_office_hours_it_is_always_open(self, service: ConfiguredService) -> None:
        found = offers(service.pk, plan(), at("22:30"), at("01:00", 3), earliest=at("00:00"), latest=None)
        assert shown(found) == ["23:00 2/2", "03 00:00 2/2"]

    def test_a_capacity_service_says_how_many_by_the_hour(self, service: ConfiguredService) -> None:
        """An hour without a number takes nobody; it is full, not closed."""
        capacity = Capacity(zone=BERLIN, weekdays={1: {9: 1, 10: 3}}, dated={Day(2026, 3, 9): {9: 7}})
        cut = plan(office("9-12"), capacity)
        fill(service, cut, at("08:30"), at("09:30"))
        found = offers(service.pk, cut, at("00:00"), at("12:00"), earliest=at("00:00"), latest=None)
        assert shown(found) == ["09:00 2/3"]
        busy = offers(service.pk, cut, at("00:00"), at("12:00"), earliest=at("00:00"), latest=None, report_busy=True)
        assert shown(busy) == ["08:00 0/1", "09:00 2/3", "10:00 0/0"]
        week_later = offers(service.pk, cut, at("00:00", 9), at("12:00", 9), earliest=at("00:00"), latest=None)
        assert shown(week_later) == ["09 08:00 7/7"]

    def test_a_lowered_limit_leaves_no_negative_places(self, service: ConfiguredService) -> None:
        hours = office("13-14")
        fill(service, plan(hours, limit=3), at("12:01"), at("12:02"), at("12:03"))
        found = offers(
            service.pk, plan(hours), at("12:00"), at("13:00"), earliest=at("12:00"), latest=None, report_busy=True
        )
        assert found == [Offer(at("12:00"), 0, 2)]

    def test_what_is_offered_is_what_the_plan_says_of_each_slot(self, service: ConfiguredService) -> None:
        """Offers are worked out by the open period, the plan is asked by the slot when somebody books."""
        capacity = Capacity(zone=BERLIN, weekdays={day: {hour: hour % 3 for hour in range(24)} for day in (1, 3, 5, 7)})
        for minutes in (5, 20, 60, 120):
            cut = plan(office("0:10-1", "8:50-9:20", "9:35-9:40", "22-3:05", days=(1, 3, 6)), capacity, minutes=minutes)
            start, end = at("00:07", 20), at("16:10", 31)
            expected = [
                Offer(opens, cut.limit(slot), cut.limit(slot))
                for slot in slots(start, end, minutes, BERLIN)
                if (opens := cut.opens_in(slot)) and start <= opens < end and cut.limit(slot)
            ]
            assert expected
            assert offers(service.pk, cut, start, end, earliest=start, latest=None) == expected

    def test_on_the_day_that_clocks_go_back_the_hour_that_comes_twice_is_offered_twice(
        self, service: ConfiguredService
    ) -> None:
        night = plan(office("0-4", zone=NEW_YORK))
        first = datetime.fromisoformat("2026-11-01T05:30+00:00")
        fill(service, night, first)
        found = offers(service.pk, night, first - DAY / 2, first + DAY / 2, earliest=NOON, latest=None)
        assert [(f"{offer.time:%H:%M}", f"{offer.time.astimezone(NEW_YORK):%H:%M}", offer.free) for offer in found] == [
            ("04:00", "00:00", 2),
            ("05:00", "01:00", 1),
            ("06:00", "01:00", 2),
            ("07:00", "02:00", 2),
            ("08:00", "03:00", 2),
        ]


class TestAround:
    def test_the_open_period_that_contains_the_moment(self, service: ConfiguredService) -> None:
        cut = plan(office("9-12", "14-17"))
        found = around(service.pk, cut, at("13:30"), earliest=at("00:00"), latest=None)
        assert shown(found) == ["13:00 2/2", "14:00 2/2", "15:00 2/2"]

    def test_a_night_shift_is_one_period(self, service: ConfiguredService) -> None:
        cut = plan(office("22-2"))
        for moment in (at("21:30"), at("00:30", 3)):
            found = around(service.pk, cut, moment, earliest=at("00:00"), latest=None)
            assert shown(found) == ["21:00 2/2", "22:00 2/2", "23:00 2/2", "03 00:00 2/2"]

    def test_while_closed_the_open_periods_of_that_day_at_the_office(self, service: ConfiguredService) -> None:
        """Half past eleven in the evening, UTC, is the next day in Berlin."""
        cut = plan(office("9-10", "14-15"))
        assert shown(around(service.pk, cut, at("11:30"), earliest=at("00:00"), latest=None)) == [
            "08:00 2/2",
            "13:00 2/2",
        ]
        assert shown(around(service.pk, cut, at("23:30"), earliest=at("00:00"), latest=None)) == [
            "03 08:00 2/2",
            "03 13:00 2/2",
        ]
        weekdays = plan(office("9-10", days=(1, 2, 3, 4, 5)))
        assert around(service.pk, weekdays, at("11:30", 7), earliest=at("00:00"), latest=None) == []

    @pytest.mark.parametrize("hours", [None, office("0-24")])
    def test_around_the_clock_it_is_that_day(self, service: ConfiguredService, hours: OfficeHours | None) -> None:
        found = around(service.pk, plan(hours, minutes=120), at("12:30"), earliest=at("00:00"), latest=None)
        # The day of Berlin, less what lies before the earliest moment.
        assert [offer.time for offer in found] == [at(f"{hour:02}:00") for hour in range(1, 23, 2)]

    def test_only_what_can_still_be_reached(self, service: ConfiguredService) -> None:
        cut = plan(office("9-17"))
        found = around(service.pk, cut, at("12:30"), earliest=at("13:30"), latest=at("15:00"))
        assert shown(found) == ["14:00 2/2", "15:00 2/2"]


class TestNearest:
    def test_free_slots_on_both_sides_in_order(self, service: ConfiguredService) -> None:
        cut = plan(office("9-17"))
        fill(service, cut, at("12:05"), at("12:06"), at("11:05"), at("11:06"))
        found = nearest(service.pk, cut, at("12:30"), earliest=at("00:00"), latest=None, each_side=2)
        assert shown(found) == ["09:00 2/2", "10:00 2/2", "13:00 2/2", "14:00 2/2"]

    def test_five_on_each_side(self, service: ConfiguredService) -> None:
        found = nearest(service.pk, plan(), at("12:00"), earliest=at("00:00"), latest=None)
        assert [offer.time.hour for offer in found] == [7, 8, 9, 10, 11, 12, 13, 14, 15, 16]

    def test_it_looks_further_only_while_too_few_are_found(
        self, service: ConfiguredService, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        busy = plan(office("13-14"), limit=1)
        fill(service, busy, at("12:00"))
        # A day and a week after; before it was open only on the day before.
        with django_assert_num_queries(3):
            found = nearest(service.pk, busy, at("12:00"), earliest=at("00:00", 1), latest=None, each_side=3)
        assert shown(found) == ["01 12:00 1/1", "03 12:00 1/1", "04 12:00 1/1", "05 12:00 1/1"]

    def test_an_office_that_opens_once_a_week_or_in_a_month(self, service: ConfiguredService) -> None:
        mondays = plan(office("13-14", days=(1,)))
        found = nearest(service.pk, mondays, at("09:00", 4), earliest=NOON, latest=None, each_side=9)
        # As far as 31 days.
        assert shown(found) == ["12:00 2/2", "09 12:00 2/2", "16 12:00 2/2", "23 12:00 2/2", "30 11:00 2/2"]
        assert found[-1].time.day == 30

    def test_from_a_moment_that_cannot_be_booked_it_looks_from_the_nearest_that_can(
        self, service: ConfiguredService
    ) -> None:
        cut = plan(office("9-17"))
        long_ago = nearest(service.pk, cut, at("12:00") - 90 * DAY, earliest=at("10:30"), latest=None, each_side=2)
        assert shown(long_ago) == ["11:00 2/2", "12:00 2/2"]
        far_ahead = nearest(
            service.pk, cut, at("12:00") + 400 * DAY, earliest=at("10:30"), latest=at("12:00", 20), each_side=2
        )
        assert shown(far_ahead) == ["20 10:00 2/2", "20 11:00 2/2", "20 12:00 2/2"]

    def test_an_office_that_never_opens_has_nothing_to_offer(
        self, service: ConfiguredService, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        with django_assert_num_queries(0):
            assert nearest(service.pk, plan(office()), at("12:00"), earliest=at("00:00", 1), latest=None) == []
