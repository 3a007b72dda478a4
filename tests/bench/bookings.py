"""One booking and one availability answer beside 10 thousand, 100 thousand and 1 million stored bookings."""

from __future__ import annotations

import statistics
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection, transaction
from django.utils import timezone

from scheduling import availability, bookings
from scheduling.capacity import Capacity
from scheduling.hours import OfficeHours
from scheduling.models import Booking, SlotCalendar
from scheduling.plan import Plan
from services.kinds import WeekHours
from tests.bench.world import Centre

SIZES = (10_000, 100_000, 1_000_000)
DAYS = 30
MINUTES = 5
SLOTS = DAYS * 24 * 60 // MINUTES
BOOKINGS = 300
ANSWERS = 25

ZONE = ZoneInfo("Europe/Berlin")
EVERY_DAY = range(1, 8)
# The dearest there is to work out: open around the clock, with a number for every hour, and every slot booked.
PLAN = Plan(
    hours=OfficeHours(zone=ZONE, weekly=(WeekHours(tuple(EVERY_DAY), 0, 24 * 60),)),
    capacity=Capacity(zone=ZONE, weekdays={day: dict.fromkeys(range(24), 1000) for day in EVERY_DAY}),
    limit_by_default=100,
    minutes=MINUTES,
    zone=ZONE,
)

# As many more as are missing, slot by slot, so that the counters are the same rows at every size.
STORED = """
INSERT INTO scheduling_booking (owner, service_id, slot_start, desired_at)
SELECT 'stored-' || n, %(service)s, slot.start, slot.start + interval '1 minute'
FROM generate_series(%(from)s::integer, %(to)s::integer) AS n, LATERAL (
    SELECT %(start)s::timestamptz + make_interval(mins => %(minutes)s::integer * (n %% %(slots)s::integer)) AS start
) AS slot
"""
COUNTED = """
INSERT INTO scheduling_slotcounter (service_id, start, booked)
SELECT service_id, slot_start, count(*) FROM scheduling_booking WHERE service_id = %(service)s GROUP BY 1, 2
ON CONFLICT (service_id, start) DO UPDATE SET booked = excluded.booked
"""


def measure() -> list[tuple[str, str]]:
    service_id = Centre().service.pk
    start = tomorrow(timezone.now())
    SlotCalendar.objects.create(service_id=service_id, minutes=MINUTES, zone=ZONE.key)
    booking, answer = {}, {}
    stored = 0
    for size in SIZES:
        store(service_id, start, stored, size)
        stored = size
        booking[size] = measure_booking(service_id, PLAN, start)
        answer[size] = measure_availability(service_id, PLAN, start)
    small, _, large = SIZES
    return [
        (f"one booking, {SIZES} stored, ms", per_size(booking)),
        ("the last against the first (aim <= 1.3)", f"{booking[large] / booking[small]:.2f}"),
        (f"one answer of {SLOTS} slots, {SIZES} stored, ms (aim < 100)", per_size(answer)),
        ("the last against the first (aim <= 1.3)", f"{answer[large] / answer[small]:.2f}"),
    ]


def per_size(seconds: dict[int, float]) -> str:
    return " / ".join(f"{each * 1000:.1f}" for each in seconds.values())


def tomorrow(now: datetime) -> datetime:
    return datetime.combine(now.date() + timedelta(days=1), datetime.min.time(), UTC)


def store(service_id: int, start: datetime, stored: int, size: int) -> None:
    """Have `size` bookings, of which so many are stored, spread evenly over the slots from `start` on."""
    values: dict[str, Any] = {
        "service": service_id,
        "from": stored + 1,
        "to": size,
        "start": start,
        "minutes": MINUTES,
        "slots": SLOTS,
    }
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        cursor.execute(STORED, values)
        cursor.execute(COUNTED, {"service": service_id})
        for table in ("scheduling_booking", "scheduling_slotcounter"):
            cursor.execute(f"VACUUM ANALYZE {table}")
        # Otherwise the pages just filled are written out while the measurement runs.
        cursor.execute("CHECKPOINT")
        cursor.execute("SET statement_timeout = '10s'")


def measure_booking(service_id: int, plan: Plan, start: datetime) -> float:
    """Seconds of one booking with its commit, the median of many, in slots of 30 days from `start` on."""
    took = []
    owners = [f"bench-{number}" for number in range(BOOKINGS)]
    for number, owner in enumerate(owners):
        # A prime number of slots apart: not the page that the last one has just used.
        desired_at = start + timedelta(minutes=plan.minutes) * (number * 7919 % (DAYS * 24 * 60 // plan.minutes))
        began = time.perf_counter()
        with transaction.atomic():
            bookings.book(owner, service_id=service_id, plan=plan, desired_at=desired_at)
        took.append(time.perf_counter() - began)
    if Booking.objects.filter(owner__in=owners).count() != BOOKINGS:
        raise RuntimeError("not all were booked")
    for owner in owners:
        with transaction.atomic():
            bookings.cancel(owner)
    return statistics.median(took)


def measure_availability(service_id: int, plan: Plan, start: datetime) -> float:
    """Seconds of what is offered in 30 days from `start` on, the median of many."""
    took = []
    for _ in range(ANSWERS):
        began = time.perf_counter()
        found = availability.offers(
            service_id, plan, start, start + timedelta(days=DAYS), earliest=start, latest=None, report_busy=True
        )
        took.append(time.perf_counter() - began)
        if len(found) != DAYS * 24 * 60 // plan.minutes:
            raise RuntimeError(f"{len(found)} slots were offered")
    return statistics.median(took)
