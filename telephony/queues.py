"""Places in virtual queues, as their owners state them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from scheduling.kick import kick
from telephony import targets
from telephony.models import QueueEntry
from telephony.queueplace import QueuePlace

MATCH_ENTRY = "telephony.tasks.match_entry"
# What an owner may change of a place it has. Not `place_at`: a retry keeps its place in the line.
_STATED = ["queue", "target_key", "wants", "visit", "eligible_at", "reserve_seconds", "granted", "paused"]


def take_place(owner: str, place: QueuePlace, now: datetime) -> None:
    """Take or change a place, in the owner's transaction; the matcher looks at it after the commit.

    Until when a granted dial counts is the matcher's to say, unless the owner says so: it is cleared with the grant.
    """
    counted = ["granted_until"] if place.counted_until or not place.granted else []
    QueueEntry.objects.bulk_create(
        [
            QueueEntry(
                owner=owner,
                queue=place.queue,
                target_key=targets.parse(place.target).steps[0].target.key,
                wants=place.wants,
                visit=place.visit,
                place_at=place.place_at,
                eligible_at=now if place.wants else None,
                reserve_seconds=place.reserve_seconds,
                granted=place.granted,
                paused=place.paused,
                granted_until=place.counted_until if place.granted else None,
            )
        ],
        update_conflicts=True,
        unique_fields=["owner"],
        update_fields=[*_STATED, *counted],
    )
    if place.wants:
        kick(MATCH_ENTRY, owner)


def leave(owner: str) -> None:
    QueueEntry.objects.filter(owner=owner).delete()


def forget(owners: Iterable[str]) -> None:
    QueueEntry.objects.filter(owner__in=list(owners)).delete()
