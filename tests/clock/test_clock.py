"""On the days on which clocks change, customers are called at the local time that they booked.

Real processes on a shifted clock (`installation`), three zones, two days each: one hour is skipped or comes twice, in
Lord Howe Island half an hour.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest

from tests.clock.installation import ShiftedInstallation

pytestmark = pytest.mark.clock

ZONES = {"new-york": "America/New_York", "berlin": "Europe/Berlin", "lord-howe": "Australia/Lord_Howe"}
# The clocks are moved to so many seconds before a promised time.
AHEAD = 5.0
# A tick comes each second, and the machine may be busy. Never too early, not even by a moment.
MOST_LATE = 10.0

# When the customer's phone was rung, by the clock of the processes.
DIALLED = """
SELECT dialled_at FROM callbacks_attempt WHERE callback_id = %s AND party = 'customer' AND dialled_at IS NOT NULL
"""


@dataclass(frozen=True)
class Day:
    """A local day, what is offered between 1 and 10 o'clock, and what each customer books: local time, moment in UTC.

    The moments are facts about the world, written down here, not computed.
    """

    service: str
    day: str
    offered: int
    skipped: tuple[str, ...]
    booked: tuple[tuple[str, str], ...]


# In the order of time: clocks only move forward.
DAYS = [
    Day(
        service="new-york",
        day="2026-03-08",
        offered=16,
        skipped=("02:00", "02:30"),
        booked=(
            ("01:30", "2026-03-08T06:30:00.000Z"),
            ("03:00", "2026-03-08T07:00:00.000Z"),
            ("09:00", "2026-03-08T13:00:00.000Z"),
        ),
    ),
    Day(
        service="berlin",
        day="2026-03-29",
        offered=16,
        skipped=("02:00", "02:30"),
        booked=(
            ("01:30", "2026-03-29T00:30:00.000Z"),
            ("03:00", "2026-03-29T01:00:00.000Z"),
            ("09:00", "2026-03-29T07:00:00.000Z"),
        ),
    ),
    Day(
        service="lord-howe",
        day="2026-04-05",
        offered=19,
        skipped=(),
        booked=(
            ("01:30", "2026-04-04T14:30:00.000Z"),
            ("01:30", "2026-04-04T15:00:00.000Z"),
            ("09:00", "2026-04-04T22:30:00.000Z"),
        ),
    ),
    Day(
        service="lord-howe",
        day="2026-10-04",
        offered=17,
        skipped=("02:00",),
        booked=(
            ("01:30", "2026-10-03T15:00:00.000Z"),
            ("02:30", "2026-10-03T15:30:00.000Z"),
            ("09:00", "2026-10-03T22:00:00.000Z"),
        ),
    ),
    Day(
        service="berlin",
        day="2026-10-25",
        offered=20,
        skipped=(),
        booked=(
            ("02:30", "2026-10-25T00:30:00.000Z"),
            ("02:30", "2026-10-25T01:30:00.000Z"),
            ("09:00", "2026-10-25T08:00:00.000Z"),
        ),
    ),
    Day(
        service="new-york",
        day="2026-11-01",
        offered=20,
        skipped=(),
        booked=(
            ("01:30", "2026-11-01T05:30:00.000Z"),
            ("01:30", "2026-11-01T06:30:00.000Z"),
            ("09:00", "2026-11-01T14:00:00.000Z"),
        ),
    ),
]


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShiftedInstallation]:
    """One installation for all days: what clocks do to processes that run for months is part of the test."""
    folder = tmp_path_factory.mktemp("clock")
    starts_at = moment(DAYS[0].booked[0][1]) - timedelta(days=2)
    with ShiftedInstallation(folder, starts_at=starts_at, offices=ZONES) as running:
        yield running


@pytest.mark.parametrize("day", DAYS, ids=lambda day: f"{day.service} {day.day}")
def test_who_booked_a_local_time_is_called_at_that_local_time(service: ShiftedInstallation, day: Day) -> None:
    service.move_to(moment(day.booked[0][1]) - timedelta(hours=16))
    offered = service.slots(day.service, day.day, ZONES[day.service])
    assert len(offered) == day.offered
    local = [slot["localTime"][len("2026-03-08T") :][:5] for slot in offered]
    assert {local[0], local[-1]} == {"01:00", "09:30"}
    assert not set(day.skipped) & set(local)

    # Each books the next of the offers that show their local time.
    places = iter(zip(local, (slot["utcTime"] for slot in offered), strict=True))
    booked = {}
    for customer, (wanted, utc) in enumerate(day.booked):
        time_offered = next(utc_time for shown, utc_time in places if shown == wanted)
        assert time_offered == utc
        booked[service.book(day.service, f"4930123456{customer}10", time_offered)] = moment(utc)

    lateness = []
    for callback, promised in booked.items():
        service.move_to(promised - timedelta(seconds=AHEAD))
        [(at,)] = service.wait(DIALLED, callback)
        lateness.append((at - promised).total_seconds())
        # The next one is called only after this one has hung up.
        service.wait("SELECT 1 FROM callbacks_callback WHERE id = %s AND stage = 'ended'", callback)
    sys.stdout.write(f"{day.service} {day.day}: dialled {', '.join(f'{late:.2f}' for late in lateness)} s late\n")

    assert min(lateness) >= 0
    assert max(lateness) <= MOST_LATE
    ends = service.query("SELECT DISTINCT state, reason FROM callbacks_callback WHERE id = ANY(%s)", list(booked))
    assert ends == [("COMPLETED", "AGENT_CONNECTED")]
