"""Places in slots: booked, moved and given back in the caller's transaction, exactly to the limit.

A slot is known by its service and its start. How many of its places are taken is one counter, changed only by guarded
updates under READ COMMITTED: `booked = booked + 1 WHERE booked < limit`. Each owner has at most one booking; whoever
deletes it gives its place back, so it comes back once. A limit that is lowered evicts nobody: the slot is full until
enough have left.

Locks, after the callback's, its timers' and its queue's: the service's calendar (shared), the booking, then counters in
ascending start, so that of two who move in opposite directions one waits for the other, never both.

A slot that is blocked takes nobody either, and evicts nobody. Whoever blocks holds the calendar alone before writing
the block (`scheduling.blocks`): who booked before is booked, and who books afterwards sees it.

A bucket size or zone that was changed is noticed by the next booking: it holds the calendar alone and counts the
bookings anew, in the new slots. Also that evicts nobody: a slot may then hold more than its limit. The bookings
themselves are left alone, of which there may be very many: which counter a place belongs to follows from its time and
the calendar.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from django.db import connection
from django.db.models import F
from django.utils import timezone

from scheduling.models import Booking, SlotCalendar, SlotCounter
from scheduling.plan import Plan
from scheduling.slots import Slot, slot_of

# Counters of slots that began so long ago are of no use to anybody: longer than any slot.
KEPT = timedelta(days=1)
# For so long whoever wants a calendar alone waits until no booking is under way.
PATIENCE = "8s"


class Full(Exception):
    """The slot is closed or blocked, or has no place left."""


def book(owner: str, *, service_id: int, plan: Plan, desired_at: datetime) -> datetime:
    """Book the owner a place in the slot of the desired time, which becomes its only one; return the slot's start.

    A booking that the owner has is moved; within its slot it keeps its place, also when there are more than the limit.
    Raises Full, with nothing changed.
    """
    slot = slot_of(desired_at, plan.minutes, plan.zone)
    _hold_calendar(service_id, plan)
    if _insert(owner, service_id, slot, desired_at):
        if not _take(service_id, slot, plan.limit(slot)):
            Booking.objects.filter(pk=owner).delete()
            raise Full(f"{slot.start.isoformat()}: no place is left.")
        return slot.start
    held = Booking.objects.select_for_update().get(pk=owner, service_id=service_id)
    held_start = slot_of(held.desired_at, plan.minutes, plan.zone).start
    if held_start != slot.start:
        _exchange(service_id, held_start, slot, plan.limit(slot))
    Booking.objects.filter(pk=owner).update(slot_start=slot.start, desired_at=desired_at)
    return slot.start


def cancel(owner: str) -> bool:
    """Give back the owner's place. True if it had one."""
    return bool(_delete([owner]))


def forget(owners: Iterable[str]) -> None:
    """Drop the bookings of owners that are gone. A place whose time has come was used, and is not given back."""
    # The clock, because who forgets an owner has no reason to know that it had a time.
    _delete(list(owners), used_before=timezone.now())


def forget_past(now: datetime, *, limit: int = 1000) -> int:
    """Delete up to `limit` counters of each service whose slots are long past; return how many."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            DELETE FROM scheduling_slotcounter AS counter USING (
                SELECT past.service_id, past.start FROM scheduling_slotcalendar AS calendar, LATERAL (
                    SELECT service_id, start FROM scheduling_slotcounter
                    WHERE service_id = calendar.service_id AND start < %s ORDER BY start LIMIT %s
                ) AS past
            ) AS past
            WHERE counter.service_id = past.service_id AND counter.start = past.start
            """,
            [now - KEPT, limit],
        )
        return int(cursor.rowcount)


@dataclass(frozen=True, slots=True)
class Block:
    """A stretch of time, half-open and in UTC, in whose slots nothing more is booked."""

    start: datetime
    end: datetime
    reason: str


@dataclass(frozen=True)
class Taken:
    """What is no longer free in a service: places by the start of their slot, and blocks in the order of time."""

    places: dict[datetime, int] = field(default_factory=dict)
    blocks: list[Block] = field(default_factory=list)

    def block_of(self, slot: Slot) -> Block | None:
        """The first block of which a part lies in the slot."""
        # Blocks of a service do not overlap, so they end in the order in which they begin.
        place = bisect_right(self.blocks, slot.start, key=lambda block: block.end)
        found = self.blocks[place] if place < len(self.blocks) else None
        return found if found and found.start < slot.end else None


def taken(plans: Mapping[int, Plan], start: datetime, end: datetime) -> dict[int, Taken]:
    """What is taken in the slots of services of which a part lies in [start, end), by service, in one statement.

    A second one for those without a booking so far, or with none since the bucket size or zone was changed.
    """
    found = {service_id: Taken() for service_id in plans}
    if start >= end or not plans:
        return found
    cuts = [_Cut(service_id, plan, start, end) for service_id, plan in plans.items()]
    counted = _read_taken(cuts, found)
    if missing := [cut for cut in cuts if cut.service_id not in counted]:
        minutes = _minutes(
            [cut.service_id for cut in missing], min(c.first for c in missing), max(c.last for c in missing)
        )
        for cut in missing:
            booked = [(minute, places) for minute, places in minutes[cut.service_id] if cut.first <= minute < cut.last]
            by_slot = _by_slot(booked, plans[cut.service_id])
            found[cut.service_id].places.update((slot.start, places) for slot, places in by_slot.items())
    return found


class _Cut:
    """From the beginning of the first slot to the end of the last of which a part lies in [start, end)."""

    def __init__(self, service_id: int, plan: Plan, start: datetime, end: datetime) -> None:
        self.service_id = service_id
        self.minutes, self.zone = plan.minutes, plan.zone.key
        self.first = slot_of(start, plan.minutes, plan.zone).start
        self.last = slot_of(end - timedelta.resolution, plan.minutes, plan.zone).end


def _read_taken(cuts: list[_Cut], found: Mapping[int, Taken]) -> set[int]:
    """Add counters and blocks to what is found; the services whose counters are of the slots as they are now cut."""
    with connection.cursor() as cursor:
        # Seconds, because turning thousands of timestamps into moments takes longer than all the rest.
        cursor.execute(
            """
            WITH cut AS (
                SELECT * FROM unnest(%s::bigint[], %s::integer[], %s::text[], %s::timestamptz[], %s::timestamptz[])
                AS cut (service_id, minutes, zone, first, last)
            )
            SELECT cut.service_id, extract(epoch FROM counter.start)::bigint, NULL, counter.booked, NULL
            FROM cut JOIN scheduling_slotcalendar AS calendar
            ON calendar.service_id = cut.service_id AND calendar.minutes = cut.minutes AND calendar.zone = cut.zone
            LEFT JOIN scheduling_slotcounter AS counter
            ON counter.service_id = cut.service_id AND counter.start >= cut.first AND counter.start < cut.last
            AND counter.booked > 0
            UNION ALL (
                SELECT cut.service_id, extract(epoch FROM block.start)::bigint, extract(epoch FROM block.end)::bigint,
                NULL, block.reason
                FROM cut JOIN scheduling_slotblock AS block
                ON block.service_id = cut.service_id AND block.start < cut.last AND block.end > cut.first
                ORDER BY block.start
            )
            """,
            [
                [cut.service_id for cut in cuts],
                [cut.minutes for cut in cuts],
                [cut.zone for cut in cuts],
                [cut.first for cut in cuts],
                [cut.last for cut in cuts],
            ],
        )
        rows = cursor.fetchall()
    counted: set[int] = set()
    for service_id, start, end, places, reason in rows:
        if reason is not None:
            found[service_id].blocks.append(
                Block(datetime.fromtimestamp(start, UTC), datetime.fromtimestamp(end, UTC), reason)
            )
            continue
        counted.add(service_id)
        if start is not None:
            found[service_id].places[datetime.fromtimestamp(start, UTC)] = places
    return counted


def _hold_calendar(service_id: int, plan: Plan) -> None:
    """Keep the slots as the plan cuts them until the transaction ends."""
    if _share_calendar(service_id, plan):
        return
    cut = SlotCalendar(service_id=service_id, minutes=plan.minutes, zone=plan.zone.key)
    SlotCalendar.objects.bulk_create([cut], ignore_conflicts=True)
    # Whoever asks for it alone must not hold it shared: two of them would wait for each other.
    if not _share_calendar(service_id, plan):
        _count_anew(service_id, plan)


def hold_calendar_alone(service_id: int, plan: Plan) -> None:
    """Wait until nobody is about to book in the service, and let nobody until the transaction ends.

    Raises OperationalError where bookings overlap for longer than that is waited for.
    """
    with connection.cursor() as cursor:
        # Those who share the lock do not wait for whoever wants it alone, so nobody is kept waiting by its patience.
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", [PATIENCE])
    cut = SlotCalendar(service_id=service_id, minutes=plan.minutes, zone=plan.zone.key)
    SlotCalendar.objects.bulk_create([cut], ignore_conflicts=True)
    SlotCalendar.objects.select_for_update().get(pk=service_id)


def _share_calendar(service_id: int, plan: Plan) -> bool:
    """True if the slots were counted as the plan cuts them; they then stay so until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT 1 FROM scheduling_slotcalendar WHERE service_id = %s AND minutes = %s AND zone = %s FOR SHARE",
            [service_id, plan.minutes, plan.zone.key],
        )
        return cursor.fetchone() is not None


def _count_anew(service_id: int, plan: Plan) -> None:
    """Cut the future of the service into the plan's slots. Counters of the past stay as they are: nobody reads them."""
    calendar = SlotCalendar.objects.select_for_update().get(pk=service_id)
    if (calendar.minutes, calendar.zone) == (plan.minutes, plan.zone.key):
        return
    # The clock, so that bookings which only wait for their removal, a hundred times as many, are not read.
    since = slot_of(timezone.now(), plan.minutes, plan.zone).start
    counted = _by_slot(_minutes([service_id], since)[service_id], plan)
    SlotCounter.objects.filter(service_id=service_id, start__gte=since).delete()
    SlotCounter.objects.bulk_create(
        [SlotCounter(service_id=service_id, start=slot.start, booked=places) for slot, places in counted.items()]
    )
    calendar.minutes, calendar.zone = plan.minutes, plan.zone.key
    calendar.save(update_fields=["minutes", "zone"])


def _minutes(
    service_ids: list[int], start: datetime, end: datetime | None = None
) -> dict[int, list[tuple[datetime, int]]]:
    """How many bookings have a desired time in each minute of [start, end), from the rows themselves, ascending."""
    with connection.cursor() as cursor:
        # Slots begin and end on whole minutes, of which there are few where there are many bookings.
        cursor.execute(
            """
            SELECT service_id, date_trunc('minute', desired_at) AS minute, count(*) FROM scheduling_booking
            WHERE service_id = ANY(%s) AND desired_at >= %s AND desired_at < coalesce(%s::timestamptz, 'infinity')
            GROUP BY service_id, minute ORDER BY minute
            """,
            [service_ids, start, end],
        )
        rows = cursor.fetchall()
    found: dict[int, list[tuple[datetime, int]]] = {service_id: [] for service_id in service_ids}
    for service_id, minute, places in rows:
        found[service_id].append((minute, places))
    return found


def _by_slot(minutes: Iterable[tuple[datetime, int]], plan: Plan) -> Counter[Slot]:
    """Bookings by slot of the plan, of minutes in ascending order."""
    counted: Counter[Slot] = Counter()
    slot = None
    for minute, places in minutes:
        if slot is None or minute >= slot.end:
            slot = slot_of(minute, plan.minutes, plan.zone)
        counted[slot] += places
    return counted


def _insert(owner: str, service_id: int, slot: Slot, desired_at: datetime) -> bool:
    """True if the owner had no booking."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO scheduling_booking (owner, service_id, slot_start, desired_at) VALUES (%s, %s, %s, %s)
            ON CONFLICT (owner) DO NOTHING
            """,
            [owner, service_id, slot.start, desired_at],
        )
        return bool(cursor.rowcount)


def _exchange(service_id: int, held: datetime, slot: Slot, limit: int) -> None:
    """Take a place in one slot and give back the held one, the earlier slot first. Raises Full, nothing changed."""
    given = held < slot.start and _give(service_id, held)
    if not _take(service_id, slot, limit):
        if given:
            # Nobody took it meanwhile: its counter is locked until the transaction ends.
            _give(service_id, held, -1)
        raise Full(f"{slot.start.isoformat()}: no place is left.")
    if held > slot.start:
        _give(service_id, held)


def _take(service_id: int, slot: Slot, limit: int) -> bool:
    """Take one of the slot's `limit` places. False if there is none, or the slot is blocked."""
    if limit <= 0:
        return False
    with connection.cursor() as cursor:
        # Looked at first, because whoever meets the conflict keeps the counter locked, also when it is full: those who
        # are refused would wait for each other. Blocks do not change while the calendar is held.
        cursor.execute(
            """
            INSERT INTO scheduling_slotcounter AS counter (service_id, start, booked)
            SELECT %s::bigint, %s::timestamptz, 1 WHERE NOT EXISTS (
                SELECT FROM scheduling_slotcounter WHERE service_id = %s AND start = %s AND booked >= %s
            ) AND NOT EXISTS (
                SELECT FROM scheduling_slotblock AS block
                WHERE block.service_id = %s AND block.start < %s AND block.end > %s
            )
            ON CONFLICT (service_id, start) DO UPDATE SET booked = counter.booked + 1 WHERE counter.booked < %s
            """,
            [service_id, slot.start, service_id, slot.start, limit, service_id, slot.end, slot.start, limit],
        )
        return bool(cursor.rowcount)


def _give(service_id: int, start: datetime, places: int = 1) -> bool:
    """Give back places of a slot. False if its counter is gone, or has begun anew since: that is past."""
    counter = SlotCounter.objects.filter(service_id=service_id, start=start, booked__gte=places)
    return bool(counter.update(booked=F("booked") - places))


def _delete(owners: list[str], *, used_before: datetime | None = None) -> int:
    """Delete the owners' bookings and give their places back, except those of times before `used_before`; how many."""
    with connection.cursor() as cursor:
        # Held first, so that nobody counts anew between the booking that goes and its place.
        cursor.execute(
            """
            SELECT service_id, minutes, zone FROM scheduling_slotcalendar
            WHERE service_id IN (SELECT service_id FROM scheduling_booking WHERE owner = ANY(%s))
            ORDER BY service_id FOR SHARE
            """,
            [owners],
        )
        calendars = {service_id: (minutes, ZoneInfo(zone)) for service_id, minutes, zone in cursor.fetchall()}
        cursor.execute(
            "DELETE FROM scheduling_booking WHERE owner = ANY(%s) RETURNING service_id, desired_at", [owners]
        )
        deleted: list[tuple[int, datetime]] = cursor.fetchall()
    unused = Counter(
        (service_id, slot_of(desired_at, *calendars[service_id]).start)
        for service_id, desired_at in deleted
        if service_id in calendars and (used_before is None or desired_at > used_before)
    )
    for (service_id, start), places in sorted(unused.items()):
        _give(service_id, start, places)
    return len(deleted)
