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
TABLES = ("scheduling_slotcalendar", "scheduling_slotcounter", "scheduling_booking")
DAYS = 30
MINUTES = 5
SLOTS = DAYS * 24 * 60 // MINUTES
ROUNDS = 10
BOOKINGS_A_ROUND = 30
ANSWERS_A_ROUND = 3

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

# Slot by slot, so that the counters are the same rows at every size.
STORED = """
INSERT INTO scheduling_booking (owner, service_id, slot_start, desired_at)
SELECT 'stored-' || n, %(service)s, slot.start, slot.start + interval '1 minute'
FROM generate_series(1, %(size)s::integer) AS n, LATERAL (
    SELECT %(start)s::timestamptz + make_interval(mins => %(minutes)s::integer * (n %% %(slots)s::integer)) AS start
) AS slot
"""
COUNTED = """
INSERT INTO scheduling_slotcounter (service_id, start, booked)
SELECT service_id, slot_start, count(*) FROM scheduling_booking GROUP BY 1, 2
"""


def measure() -> list[tuple[str, str]]:
    service_id = Centre().service.pk
    start = tomorrow(timezone.now())
    booking: dict[int, list[float]] = {size: [] for size in SIZES}
    answer: dict[int, list[float]] = {size: [] for size in SIZES}
    for size in SIZES:
        store(service_id, start, size)
    # Taken in turns, so that whatever else the machine does falls on all sizes.
    for _ in range(ROUNDS):
        for size in SIZES:
            use_tables_of(size)
            # The first answer after the tables were changed is planned anew.
            measure_availability(service_id, PLAN, start, count=1)
            booking[size] += measure_booking(service_id, PLAN, start, count=BOOKINGS_A_ROUND)
            answer[size] += measure_availability(service_id, PLAN, start, count=ANSWERS_A_ROUND)
    forget()
    return [
        *in_ms("one booking, ms", booking),
        *in_ms(f"what is offered in {DAYS} days of {MINUTES}-minute slots ({SLOTS}), ms (aim < 100)", answer),
    ]


def in_ms(what: str, took: dict[int, list[float]]) -> list[tuple[str, str]]:
    medians = [statistics.median(took[size]) * 1000 for size in SIZES]
    stored = ", ".join(f"{size:,}" for size in SIZES)
    return [
        (what, f"{medians[-1]:.1f}"),
        (f"  with {stored} bookings stored", " / ".join(f"{each:.1f}" for each in medians)),
        ("  the last against the first (aim <= 1.3)", f"{medians[-1] / medians[0]:.2f}"),
    ]


def use_tables_of(size: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SET search_path = stored_{size}, public")


def forget() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET search_path = public")
        for size in SIZES:
            cursor.execute(f"DROP SCHEMA IF EXISTS stored_{size} CASCADE")


def tomorrow(now: datetime) -> datetime:
    return datetime.combine(now.date() + timedelta(days=1), datetime.min.time(), UTC)


def store(service_id: int, start: datetime, size: int) -> None:
    """Tables of their own with so many bookings, spread evenly over the slots from `start` on."""
    values: dict[str, Any] = {"service": service_id, "size": size, "start": start, "minutes": MINUTES, "slots": SLOTS}
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        cursor.execute(f"CREATE SCHEMA stored_{size}")
        for table in TABLES:
            cursor.execute(
                f"CREATE TABLE stored_{size}.{table} (LIKE public.{table} INCLUDING ALL,"
                " FOREIGN KEY (service_id) REFERENCES public.services_configuredservice (id) ON DELETE CASCADE)"
            )
        use_tables_of(size)
        SlotCalendar.objects.create(service_id=service_id, minutes=MINUTES, zone=ZONE.key)
        cursor.execute(STORED, values)
        cursor.execute(COUNTED)
        for table in TABLES:
            cursor.execute(f"VACUUM ANALYZE {table}")
        # Otherwise the pages just filled are written out while the measurement runs.
        cursor.execute("CHECKPOINT")
        cursor.execute("SET statement_timeout = '10s'")


def measure_booking(service_id: int, plan: Plan, start: datetime, *, count: int) -> list[float]:
    """Seconds of bookings with their commits, each in another slot of the 30 days from `start` on; then cancelled."""
    took = []
    owners = [f"bench-{number}" for number in range(count)]
    for number, owner in enumerate(owners):
        # A prime number of slots apart: not the page that the last one has just used.
        desired_at = start + timedelta(minutes=plan.minutes) * (number * 7919 % (DAYS * 24 * 60 // plan.minutes))
        began = time.perf_counter()
        with transaction.atomic():
            bookings.book(owner, service_id=service_id, plan=plan, desired_at=desired_at)
        took.append(time.perf_counter() - began)
    if Booking.objects.filter(owner__in=owners).count() != count:
        raise RuntimeError("not all were booked")
    for owner in owners:
        with transaction.atomic():
            bookings.cancel(owner)
    return took


def measure_availability(service_id: int, plan: Plan, start: datetime, *, count: int) -> list[float]:
    """Seconds of answers to what is offered in the 30 days from `start` on."""
    took = []
    for _ in range(count):
        began = time.perf_counter()
        found = availability.offers(
            service_id, plan, start, start + timedelta(days=DAYS), earliest=start, latest=None, report_busy=True
        )
        took.append(time.perf_counter() - began)
        if len(found) != DAYS * 24 * 60 // plan.minutes:
            raise RuntimeError(f"{len(found)} slots were offered")
    return took
