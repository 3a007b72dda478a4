"""The one way in for events: stored in the sender's transaction, looked at after its commit."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import connection

from callbacks.flow import events
from callbacks.flow.events import Event
from scheduling.kick import kick
from telephony.events import LegDialling, Party

ADVANCE = "callbacks.tasks.advance"
# How long a kick is trusted before the tick kicks again.
PATIENCE = timedelta(seconds=2)


def put(arrived: Iterable[tuple[str, Event]], now: datetime) -> None:
    """Store (callback id, event) pairs and kick; an event for an absent callback is dropped.

    The callback is held with FOR KEY SHARE, which a running `advance` (FOR NO KEY UPDATE) does not exclude.
    """
    arrived = list(arrived)
    if not arrived:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO callbacks_pending (callback_id, event, created_at, look_at, looks, failures)
            SELECT callback.id, arrived.event, %s, %s, 0, 0
            FROM unnest(%s::text[], %s::jsonb[]) WITH ORDINALITY AS arrived (owner, event, number)
            JOIN callbacks_callback AS callback ON callback.id = arrived.owner
            ORDER BY arrived.number
            FOR KEY SHARE OF callback
            RETURNING callback_id
            """,
            [
                now,
                now + PATIENCE,
                [owner for owner, _ in arrived],
                [json.dumps(events.dump(event)) for _, event in arrived],
            ],
        )
        present = {owner for (owner,) in cursor.fetchall()}
    hurried = {owner for owner, event in arrived if not _can_wait(event)}
    for owner in sorted(present & hurried):
        kick(ADVANCE, owner)


def _can_wait(event: Event) -> bool:
    """An agent's phone begins to ring: only written down, together with what comes of it."""
    return isinstance(event, LegDialling) and event.party is Party.AGENT
