"""How many callbacks a slot takes, by the clock on the wall."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from scheduling.capacity import Capacity
from services.kinds import Day

TORONTO = Capacity(
    zone=ZoneInfo("America/Toronto"),
    weekdays={1: {0: 1000, 1: 20, 9: 10}, 4: {9: 7, 10: 8}, 7: {1: 6}},
    dated={Day(None, 12, 24): {9: 2}, Day(2026, 12, 24): {10: 3}, Day(2026, 12, 31): {}},
)


@pytest.mark.parametrize(
    ("local", "places"),
    [
        ("2026-07-06 00:00", 1000),
        ("2026-07-06 00:59:59", 1000),
        ("2026-07-06 01:00", 20),
        ("2026-07-06 02:00", 0),
        ("2026-07-06 09:30", 10),
        ("2026-07-07 09:00", 0),
        ("2026-12-17 09:00", 7),
        # Thursday, 24 December 2026: a day with a year stands instead of that of every year, and of Thursday.
        ("2026-12-24 09:00", 0),
        ("2026-12-24 10:00", 3),
        ("2025-12-24 09:00", 2),
        ("2025-12-24 10:00", 0),
        ("2026-12-31 09:00", 0),
    ],
)
def test_places_are_those_of_the_local_hour(local: str, places: int) -> None:
    at = datetime.fromisoformat(local).replace(tzinfo=TORONTO.zone).astimezone(UTC)
    assert TORONTO.at(at) == places


def test_an_hour_that_comes_twice_has_its_places_twice() -> None:
    moments = [datetime(2026, 11, 1, hour, 30, tzinfo=UTC) for hour in (4, 5, 6, 7)]
    assert [TORONTO.at(at) for at in moments] == [0, 6, 6, 0]
