"""What is offered: the slots in which somebody can still be called.

A slot is offered under the first moment of it at which the office is open. So one that begins before the office opens
is offered under the opening time, and one in which the office opens twice is offered once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice, pairwise

from scheduling.bookings import taken
from scheduling.hours import Period
from scheduling.plan import Plan
from scheduling.slots import Slot, slot_of, slots
from scheduling.zones import local_day

# How far `nearest` looks, in either direction: the same day, a week, a month.
REACHES = (timedelta(days=1), timedelta(days=7), timedelta(days=31))
ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Offer:
    """A slot under the first moment at which it is open, with the places that are free, of how many in all."""

    time: datetime
    free: int
    total: int


def offers(
    service_id: int,
    plan: Plan,
    start: datetime,
    end: datetime,
    *,
    earliest: datetime,
    latest: datetime | None,
    report_busy: bool = False,
    most: int | None = None,
) -> list[Offer]:
    """Slots that are open and have a place left, ascending: whose time lies in [start, end) and `earliest` to `latest`.

    `report_busy` lists those that are open and full, or blocked, too, with none free. `most` is how many are listed at
    the most. One statement, as `scheduling.bookings.taken` says; none when it is closed all through.
    """
    start = max(start, earliest)
    if latest is not None:
        # The last moment itself still counts.
        end = min(end, latest + timedelta.resolution)
    found = _offers(service_id, plan, start, end, report_busy=report_busy)
    return list(islice(found, most))


def around(service_id: int, plan: Plan, at: datetime, *, earliest: datetime, latest: datetime | None) -> list[Offer]:
    """What is offered in the open period that contains the moment; else in those of its day in the office's zone.

    Of a period that goes on for days, or for ever, that day counts.
    """
    day = local_day(plan.zone, at.astimezone(plan.zone).date())
    start, end = day[0].start, day[-1].end
    if plan.hours is not None:
        first, last = start - ONE_DAY, end + ONE_DAY
        for period in plan.hours.periods(first, last):
            if period.start <= at < period.end and first < period.start and period.end < last:
                start, end = period.start, period.end
    return offers(service_id, plan, start, end, earliest=earliest, latest=latest)


def nearest(
    service_id: int,
    plan: Plan,
    at: datetime,
    *,
    earliest: datetime,
    latest: datetime | None,
    each_side: int = 5,
    suits: Callable[[datetime], bool] = lambda time: True,
) -> list[Offer]:
    """Up to `each_side` offers before the moment, the last ones, and as many from it on; ascending.

    Offers whose time does not suit are passed over. Looks further only while a side has too few: the same day, a week,
    31 days. From a moment that cannot be booked at all it looks from the nearest one that can.
    """
    at = max(at if latest is None else min(at, latest), earliest)
    before: list[Offer] = []
    after: list[Offer] = []
    for near, far in pairwise((timedelta(), *REACHES)):
        if (missing := each_side - len(before)) > 0:
            found = offers(service_id, plan, at - far, at - near, earliest=earliest, latest=latest)
            suiting = islice((offer for offer in reversed(found) if suits(offer.time)), missing)
            before = [*reversed(list(suiting)), *before]
        if (missing := each_side - len(after)) > 0:
            found = offers(service_id, plan, at + near, at + far, earliest=earliest, latest=latest)
            after += islice((offer for offer in found if suits(offer.time)), missing)
    return before + after


def _offers(service_id: int, plan: Plan, start: datetime, end: datetime, *, report_busy: bool) -> Iterator[Offer]:
    periods = _open_periods(plan, start, end)
    if not periods:
        return
    found = taken({service_id: plan}, start, end)[service_id]
    for slot, opens in _open_slots(plan, periods):
        if opens < start:
            continue
        total = plan.limit_by_default if plan.capacity is None else plan.capacity.at(opens)
        # More are booked than there are places when the limit was lowered.
        free = 0 if found.block_of(slot) else max(total - found.places.get(slot.start, 0), 0)
        if free or report_busy:
            yield Offer(opens, free, total)


def _open_periods(plan: Plan, start: datetime, end: datetime) -> list[Period]:
    """When it is open from the beginning of the slot that `start` is in: that slot may have opened before `start`."""
    if start >= end:
        return []
    first = slot_of(start, plan.minutes, plan.zone).start
    return [Period(first, end)] if plan.hours is None else plan.hours.periods(first, end)


def _open_slots(plan: Plan, periods: list[Period]) -> Iterator[tuple[Slot, datetime]]:
    """Each slot that is open in one of the periods, with its first open moment; what is closed costs nothing."""
    last: Slot | None = None
    for period in periods:
        cut = slots(period.start, period.end, plan.minutes, plan.zone)
        if cut[0] != last:
            yield cut[0], max(cut[0].start, period.start)
        for slot in cut[1:]:
            yield slot, slot.start
        last = cut[-1]
