"""The one way in for events: stored in the sender's transaction, looked at after its commit."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from callbacks.flow import events
from callbacks.flow.events import Event
from callbacks.models import Callback, Pending
from scheduling.kick import kick

ADVANCE = "callbacks.tasks.advance"
# How long a kick is trusted before the tick kicks again.
PATIENCE = timedelta(seconds=2)


def put(arrived: Iterable[tuple[str, Event]], now: datetime) -> None:
    """Store (callback id, event) pairs and kick; an event for an absent callback is dropped.

    The callback is held with FOR KEY SHARE, which a running `advance` (FOR NO KEY UPDATE) does not exclude.
    """
    arrived = list(arrived)
    owners = {owner for owner, _ in arrived}
    present = set(
        Callback.objects.raw("SELECT id FROM callbacks_callback WHERE id = ANY(%s) FOR KEY SHARE", [sorted(owners)])
        if owners
        else []
    )
    ids = {callback.pk for callback in present}
    Pending.objects.bulk_create(
        Pending(callback_id=owner, event=events.dump(event), created_at=now, look_at=now + PATIENCE)
        for owner, event in arrived
        if owner in ids
    )
    for owner in sorted(ids):
        kick(ADVANCE, owner)
