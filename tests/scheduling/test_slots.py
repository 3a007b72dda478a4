"""Slots are parts of the local day: they cover all time once, and what comes twice is two."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import groupby, pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduling.capacity import Capacity
from scheduling.hours import OfficeHours
from scheduling.plan import Plan
from scheduling.slots import Slot, slot_of, slots
from services.kinds import Day, WeekHours
from tests.scheduling import oracle

MINUTE = timedelta(minutes=1)
BERLIN = ZoneInfo("Europe/Berlin")
NEW_YORK = ZoneInfo("America/New_York")


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def shown(slot: Slot) -> str:
    return f"{slot.start:%d %H:%M} to {slot.end:%d %H:%M}"


@pytest.mark.parametrize(
    ("zone", "minutes", "first", "last", "found"),
    [
        ("UTC", 30, "2026-07-01 09:10", "2026-07-01 10:00", ["01 09:00 to 01 09:30", "01 09:30 to 01 10:00"]),
        # Cut from local midnight, which is a quarter to.
        (
            "Asia/Kathmandu",
            60,
            "2026-07-01 09:00",
            "2026-07-01 09:30",
            ["01 08:15 to 01 09:15", "01 09:15 to 01 10:15"],
        ),
        ("America/St_Johns", 120, "2026-07-01 03:00", "2026-07-01 03:30", ["01 02:30 to 01 04:30"]),
        # New York, 1 November: 01:00 comes twice and is two slots; so is each half of two hours.
        (
            "America/New_York",
            60,
            "2026-11-01 04:00",
            "2026-11-01 08:00",
            ["01 04:00 to 01 05:00", "01 05:00 to 01 06:00", "01 06:00 to 01 07:00", "01 07:00 to 01 08:00"],
        ),
        (
            "America/New_York",
            120,
            "2026-11-01 04:00",
            "2026-11-01 08:00",
            ["01 04:00 to 01 06:00", "01 06:00 to 01 07:00", "01 07:00 to 01 09:00"],
        ),
        # Berlin, 29 March: from 01:00 to 03:00 in an hour, so that 02:00 to 04:00 begins at three.
        (
            "Europe/Berlin",
            120,
            "2026-03-28 23:00",
            "2026-03-29 04:00",
            ["28 23:00 to 29 01:00", "29 01:00 to 29 02:00", "29 02:00 to 29 04:00"],
        ),
        # Lord Howe, 4 October: half an hour is skipped, and what is left of it is a slot.
        (
            "Australia/Lord_Howe",
            60,
            "2026-10-03 14:30",
            "2026-10-03 17:00",
            ["03 14:30 to 03 15:30", "03 15:30 to 03 16:00", "03 16:00 to 03 17:00"],
        ),
        # 5 April: 01:30 to 02:00 comes twice.
        (
            "Australia/Lord_Howe",
            60,
            "2026-04-04 14:00",
            "2026-04-04 16:30",
            ["04 14:00 to 04 15:00", "04 15:00 to 04 15:30", "04 15:30 to 04 16:30"],
        ),
        # Newfoundland, until 2011: clocks changed one minute after midnight.
        (
            "America/St_Johns",
            60,
            "2010-03-14 03:30",
            "2010-03-14 04:30",
            ["14 03:30 to 14 03:31", "14 03:31 to 14 04:30"],
        ),
        # Samoa skipped a day: Thursday's last slot is followed by Saturday's first.
        ("Pacific/Apia", 60, "2011-12-30 09:00", "2011-12-30 11:00", ["30 09:00 to 30 10:00", "30 10:00 to 30 11:00"]),
        ("UTC", 5, "2026-07-01 09:00", "2026-07-01 09:00", []),
        ("UTC", 5, "2026-07-01 09:00", "2026-07-01 08:00", []),
    ],
)
def test_slots_are_cut_in_local_time(zone: str, minutes: int, first: str, last: str, found: list[str]) -> None:
    assert [shown(slot) for slot in slots(utc(first), utc(last), minutes, ZoneInfo(zone))] == found


@pytest.mark.parametrize(
    ("zone", "moment", "slot"),
    [
        (NEW_YORK, "2026-11-01 05:59:59", "01 05:00 to 01 06:00"),
        (NEW_YORK, "2026-11-01 06:00:00", "01 06:00 to 01 07:00"),
        (BERLIN, "2026-03-29 00:59:59", "29 00:00 to 29 01:00"),
        (BERLIN, "2026-03-29 01:00:00", "29 01:00 to 29 02:00"),
    ],
)
def test_a_moment_is_in_the_slot_that_has_begun(zone: ZoneInfo, moment: str, slot: str) -> None:
    assert shown(slot_of(utc(moment), 60, zone)) == slot


@settings(deadline=None, max_examples=80)
@given(where=oracle.zones_and_moments(), minutes=st.sampled_from([5, 10, 15, 20, 30, 60, 120]))
def test_slots_are_what_shows_the_same_part_of_the_same_day(where: tuple[str, datetime], minutes: int) -> None:
    zone, start = ZoneInfo(where[0]), where[1]

    def part(at: datetime) -> tuple[object, ...]:
        local = at.astimezone(zone)
        return local.date(), (local.hour * 60 + local.minute) // minutes, local.utcoffset()

    end = start + 600 * MINUTE
    moments = [start + n * MINUTE for n in range(-120, 720)]
    alike = [list(group) for _, group in groupby(moments, key=part)]
    truth = [Slot(group[0], group[-1] + MINUTE) for group in alike if group[-1] >= start and group[0] < end]
    found = slots(start, end, minutes, zone)
    assert found == truth
    assert all(before.end == after.start for before, after in pairwise(found))
    for slot in found:
        assert {slot_of(at, minutes, zone) for at in (slot.start, slot.end - MINUTE / 60)} == {slot}


# What a slot takes


def weekly(day: int, opens: int, closes: int) -> WeekHours:
    return WeekHours((day,), opens, closes)


def plan(hours: OfficeHours | None = None, capacity: Capacity | None = None, minutes: int = 60) -> Plan:
    return Plan(hours, capacity, 100, minutes, hours.zone if hours else BERLIN)


def test_without_office_hours_every_slot_is_open_from_its_start() -> None:
    always = plan()
    slot = slot_of(utc("2026-07-01 09:10"), 60, BERLIN)
    assert always.is_open(utc("2026-07-01 03:00"))
    assert always.opens_in(slot) == utc("2026-07-01 09:00")
    assert always.limit(slot) == 100


def test_a_slot_in_which_the_office_opens_counts_from_then_on() -> None:
    """Wednesday 1 July, Berlin: open from 9:20 to 11:00; nine has room for 3, ten for 5."""
    hours = OfficeHours(zone=BERLIN, weekly=(weekly(3, 560, 660),))
    numbers = Capacity(zone=BERLIN, weekdays={3: {9: 3, 10: 5, 11: 7}})
    found = [
        (plan(hours, numbers).opens_in(slot), plan(hours, numbers).limit(slot), plan(hours).limit(slot))
        for slot in slots(utc("2026-07-01 06:00"), utc("2026-07-01 10:00"), 60, BERLIN)
    ]
    assert found == [
        (None, 0, 0),
        (utc("2026-07-01 07:20"), 3, 100),
        (utc("2026-07-01 08:00"), 5, 100),
        (None, 0, 0),
    ]


def test_capacity_counts_where_its_own_clock_is() -> None:
    """The office is in Berlin, its numbers in London: its ten is their nine."""
    hours = OfficeHours(zone=BERLIN, weekly=(weekly(3, 0, 1440),))
    numbers = Capacity(zone=ZoneInfo("Europe/London"), weekdays={3: {9: 3}}, dated={Day(None, 7, 2): {9: 4}})
    slot = slot_of(utc("2026-07-01 08:00"), 60, BERLIN)
    assert shown(slot) == "01 08:00 to 01 09:00"
    assert plan(hours, numbers).limit(slot) == 3
