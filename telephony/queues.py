"""Places in virtual queues, as their owners state them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from scheduling.kick import kick
from telephony import targets
from telephony.models import QueueEntry
from telephony.queueplace import QueuePlace

MATCH_ENTRY = "telephony.tasks.match_entry"


def take_place(owner: str, place: QueuePlace, now: datetime) -> None:
    """Take or change a place, in the owner's transaction; the matcher looks at it after the commit."""
    QueueEntry.objects.bulk_create(
        [
            QueueEntry(
                owner=owner,
                queue=place.queue,
                target_key=targets.parse(place.target).key,
                wants=place.wants,
                visit=place.visit,
                place_at=place.place_at,
                eligible_at=now if place.wants else None,
                reserve_seconds=place.reserve_seconds,
                granted=place.granted,
            )
        ],
        update_conflicts=True,
        unique_fields=["owner"],
        update_fields=["queue", "target_key", "wants", "visit", "eligible_at", "reserve_seconds", "granted"],
    )
    if place.wants:
        kick(MATCH_ENTRY, owner)


def leave(owner: str) -> None:
    QueueEntry.objects.filter(owner=owner).delete()


def forget(owners: Iterable[str]) -> None:
    QueueEntry.objects.filter(owner__in=list(owners)).delete()
