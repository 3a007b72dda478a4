"""How much of each slot is booked, of how much: what the calendar and the board show, by what availability offers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from scheduling import offices
from scheduling.bookings import KEPT, Taken, taken
from scheduling.offices import Unreadable
from scheduling.plan import Plan
from scheduling.slots import slots
from services.models import ConfiguredService


@dataclass(frozen=True, slots=True)
class SlotUse:
    """One slot, half-open and in UTC: how many of how many places are booked, and why nothing more is, or "".

    `limit` is 0 for a slot that takes nobody: closed all through, unless `is_open`, or without capacity. More may be
    booked than there are places: a limit that was lowered evicts nobody.
    """

    start: datetime
    end: datetime
    booked: int
    limit: int
    blocked: str
    is_open: bool

    @property
    def free(self) -> int:
        """How many more are booked into it."""
        return 0 if self.blocked else max(self.limit - self.booked, 0)


def occupancy(service: ConfiguredService, start: datetime, end: datetime, *, now: datetime) -> list[SlotUse]:
    """Every slot of a callback service of which a part lies in [start, end), ascending.

    Two statements, for any stretch of time; a third where nothing was booked so far. Raises offices.Unreadable.
    """
    plan = offices.plan_of(service, among=offices.all_of_them())
    return uses({service.pk: plan}, start, end, now=now)[service.pk]


def plans(services: Iterable[ConfiguredService]) -> dict[int, Plan]:
    """What these services promise, by primary key, in one statement; without those that cannot be read."""
    among = offices.all_of_them()
    found: dict[int, Plan] = {}
    for service in services:
        try:
            found[service.pk] = offices.plan_of(service, among=among)
        except Unreadable:
            # Its own page and the audit say what is wrong with it; the others are shown all the same.
            continue
    return found


def uses(plans: Mapping[int, Plan], start: datetime, end: datetime, *, now: datetime) -> dict[int, list[SlotUse]]:
    """The slots of services whose plans have been read, by primary key; what began over a day ago is left out."""
    start = max(start, now - KEPT)
    found = taken(plans, start, end)
    return {service_id: _of(plan, found[service_id], start, end) for service_id, plan in plans.items()}


def _of(plan: Plan, found: Taken, start: datetime, end: datetime) -> list[SlotUse]:
    found_uses = []
    for slot in slots(start, end, plan.minutes, plan.zone):
        opens = plan.opens_in(slot)
        limit = 0 if opens is None else plan.limit_by_default if plan.capacity is None else plan.capacity.at(opens)
        block = found.block_of(slot)
        booked = found.places.get(slot.start, 0)
        found_uses.append(
            SlotUse(slot.start, slot.end, booked, limit, block.reason if block else "", opens is not None)
        )
    return found_uses
