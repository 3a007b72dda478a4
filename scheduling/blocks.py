"""Blocked slots: stretches of a service's time in which nothing more is offered or booked; what is booked stays.

Both verbs hold the service's calendar alone until they commit (`scheduling.bookings`), so that no booking slips past a
block, and no two people write overlapping ones.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

from django.db import transaction

from scheduling import bookings, offices
from scheduling.models import SlotBlock
from scheduling.plan import Plan
from scheduling.slots import slot_of
from services import changes
from services.changes import Difference
from services.models import ConfiguredService

# The word of the change log for what is changed here.
PART = "blocked slots"
LONGEST = timedelta(days=366)
# Blocks that ended so long ago are removed; the change log keeps who set them.
KEPT = timedelta(days=30)

Stretch = tuple[datetime, datetime]


class Refused(Exception):
    """Nothing was changed."""


class Past(Refused):
    """The time is over."""


class TooLong(Refused):
    """More than LONGEST, or nothing at all."""


class Unchanged(Refused):
    """It is so already; `found` are the blocks that make it so, the first of them first."""

    def __init__(self, found: list[SlotBlock]) -> None:
        super().__init__()
        self.found = found


class Changed(Refused):
    """It is not as it was seen; `found` are the blocks that are there."""

    def __init__(self, found: list[SlotBlock]) -> None:
        super().__init__()
        self.found = found


def whole_slots(plan: Plan, start: datetime, end: datetime) -> Stretch:
    """From the beginning of the first slot to the end of the last of which a part lies in [start, end)."""
    last = slot_of(end - timedelta.resolution, plan.minutes, plan.zone)
    return slot_of(start, plan.minutes, plan.zone).start, last.end


def within(service_id: int, start: datetime, end: datetime) -> list[SlotBlock]:
    """The blocks of which a part lies in [start, end), ascending."""
    return list(SlotBlock.objects.filter(service=service_id, start__lt=end, end__gt=start).order_by("start"))


def block(
    service: ConfiguredService, start: datetime, end: datetime, *, reason: str, actor: str, now: datetime
) -> list[SlotBlock]:
    """Block every slot of which a part lies in [start, end); what is blocked already stays as it is. The new blocks.

    Raises Past, TooLong, Unchanged where all of it is blocked, offices.Unreadable, OperationalError.
    """
    plan = offices.plan_of(service)
    _check(start, end)
    start, end = whole_slots(plan, start, end)
    if end <= now:
        raise Past
    with transaction.atomic():
        bookings.hold_calendar_alone(service.pk, plan)
        found = within(service.pk, start, end)
        gaps = _without([(start, end)], [(each.start, each.end) for each in found])
        if not gaps:
            raise Unchanged(found)
        new = [_block(service, gap, reason, actor, now) for gap in gaps]
        SlotBlock.objects.bulk_create(new)
        _record(service, [], new, actor=actor, reason=reason, now=now)
    return new


def unblock(
    service: ConfiguredService,
    start: datetime,
    end: datetime,
    *,
    actor: str,
    now: datetime,
    seen: Collection[int] | None = None,
) -> None:
    """Let the slots of which a part lies in [start, end) be booked again; blocks that reach beyond keep the rest.

    `seen` are the primary keys of the blocks that somebody saw there and wants to end. Raises TooLong, Unchanged where
    nothing of it is blocked, Changed where other blocks are there, offices.Unreadable, OperationalError.
    """
    plan = offices.plan_of(service)
    _check(start, end)
    start, end = whole_slots(plan, start, end)
    with transaction.atomic():
        bookings.hold_calendar_alone(service.pk, plan)
        found = within(service.pk, start, end)
        if not found:
            raise Unchanged([])
        if seen is not None and {each.pk for each in found} != set(seen):
            raise Changed(found)
        left = [
            _block(service, rest, each.reason, each.actor, each.at)
            for each in found
            for rest in _without([(each.start, each.end)], [(start, end)])
        ]
        SlotBlock.objects.filter(pk__in=[each.pk for each in found]).delete()
        SlotBlock.objects.bulk_create(left)
        _record(service, found, left, actor=actor, reason="", now=now)


def forget_past(now: datetime, *, limit: int = 1000) -> int:
    """Delete up to `limit` blocks that are long past; return how many."""
    old = SlotBlock.objects.filter(end__lt=now - KEPT).order_by("end").values("pk")[:limit]
    return SlotBlock.objects.filter(pk__in=old).delete()[0]


def _check(start: datetime, end: datetime) -> None:
    if not timedelta() < end - start <= LONGEST:
        raise TooLong


def _block(service: ConfiguredService, stretch: Stretch, reason: str, actor: str, at: datetime) -> SlotBlock:
    return SlotBlock(service=service, start=stretch[0], end=stretch[1], reason=reason, actor=actor, at=at)


def _without(stretches: Iterable[Stretch], removed: Iterable[Stretch]) -> list[Stretch]:
    """What is left of the stretches when others are taken away."""
    left = list(stretches)
    for start, end in removed:
        left = [
            (first, last)
            for whole in left
            for first, last in ((whole[0], min(whole[1], start)), (max(whole[0], end), whole[1]))
            if first < last
        ]
    return left


def _record(
    service: ConfiguredService,
    before: list[SlotBlock],
    after: list[SlotBlock],
    *,
    actor: str,
    reason: str,
    now: datetime,
) -> None:
    difference = Difference(PART, service.name, _document(before), _document(after))
    changes.record_all([difference], actor=actor, reason=reason, now=now)


def _document(found: list[SlotBlock]) -> dict[str, str] | None:
    return {f"{each.start:%Y-%m-%d %H:%M} to {each.end:%Y-%m-%d %H:%M} UTC": each.reason for each in found} or None
