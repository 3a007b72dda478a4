"""For the tick: notices that are due and that no worker has taken, and what comet clients did not fetch in time."""

from __future__ import annotations

from datetime import datetime

from django.db import connection

from callbacks.inbox import PATIENCE
from callbacks.push.models import CometMessage, CometSubscription
from callbacks.push.notices import SEND
from scheduling.kick import kick

# More than the workers of the queue deliver in a second.
BATCH = 100
# Few enough to be deleted in some milliseconds.
MOST_REMOVED = 1000


def kick_late(now: datetime) -> int:
    """Kick what is due, be it a next attempt, a lost kick or an expired claim; the same one after 2, 4, 8 … 64 s."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE callbacks_notice
            SET looks = looks + 1, look_at = %s + make_interval(secs => %s * 2 ^ least(looks, 5))
            WHERE id = ANY(ARRAY(
                SELECT id FROM callbacks_notice WHERE look_at <= %s ORDER BY look_at LIMIT %s FOR UPDATE SKIP LOCKED
            ))
            RETURNING id
            """,
            [now, PATIENCE.total_seconds(), now, BATCH],
        )
        found = [notice_id for (notice_id,) in cursor.fetchall()]
    for notice_id in found:
        kick(SEND, str(notice_id))
    return len(found)


def remove_old(now: datetime) -> int:
    """Remove messages that are no longer good, and subscriptions of clients that have gone; how many."""
    removed = 0
    for model in (CometMessage, CometSubscription):
        old = model._default_manager.filter(expires_at__lte=now).order_by("expires_at")
        removed += model._default_manager.filter(pk__in=list(old.values_list("pk", flat=True)[:MOST_REMOVED])).delete()[
            0
        ]
    return removed
