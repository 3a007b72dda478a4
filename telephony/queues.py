"""Places in virtual queues, as their owners state them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from scheduling.kick import kick
from telephony import plans, targets, upwards
from telephony.models import QueueEntry
from telephony.queueplace import QueuePlace

MATCH_ENTRY = "telephony.tasks.match_entry"
# What an owner may change of a place it has. Not `place_at`: a retry keeps its place in the line.
_STATED = [
    *("queue", "target", "target_key", "wants", "visit", "eligible_at", "reserve_seconds", "granted", "paused"),
    *("priority", "priority_increment", "priority_interval", "preferred_agent", "passed_over"),
]


def take_place(owner: str, place: QueuePlace, now: datetime) -> None:
    """Take or change a place, in the owner's transaction; the matcher looks at it after the commit.

    Until when a granted dial counts is the matcher's to say, unless the owner says so: it is cleared with the grant.
    """
    plan = targets.parse(place.target)
    entry = QueueEntry(
        owner=owner,
        queue=place.queue,
        target=place.target,
        target_key=plan.steps[0].target.key[:128],
        wants=place.wants,
        visit=place.visit,
        place_at=place.place_at,
        eligible_at=now if place.wants else None,
        reserve_seconds=place.reserve_seconds,
        granted=place.granted,
        paused=place.paused,
        granted_until=place.counted_until if place.granted else None,
        priority=place.priority,
        priority_increment=place.priority_increment,
        priority_interval=place.priority_interval,
        preferred_agent=place.preferred_agent,
        passed_over={one.agent: one.until.timestamp() for one in place.passed_over},
        step=0,
        keys=[plan.steps[0].target.key],
    )
    told = None
    # One target without end needs no clock, and no look at what was there before.
    if len(plan.steps) > 1 or place.preferred_agent:
        # Its list goes on by itself: not while it is read here and written.
        before = QueueEntry.objects.select_for_update(no_key=True).filter(pk=owner).first()
        told = plans.carry_on(entry, before, place.preferred_seconds, now)
    else:
        plans.set_line(entry)
    counted = ["granted_until"] if place.counted_until or not place.granted else []
    QueueEntry.objects.bulk_create(
        [entry],
        update_conflicts=True,
        unique_fields=["owner"],
        update_fields=[*_STATED, *plans.FIELDS, *counted],
    )
    if told:
        upwards.owner().report([(owner, told)], now)
    if place.wants:
        kick(MATCH_ENTRY, owner)


def leave(owner: str) -> None:
    QueueEntry.objects.filter(owner=owner).delete()


def forget(owners: Iterable[str]) -> None:
    QueueEntry.objects.filter(owner__in=list(owners)).delete()
