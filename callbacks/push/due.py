"""Notices that are due and that no worker has taken, for the tick."""

from __future__ import annotations

from datetime import datetime

from django.db import connection

from callbacks.inbox import PATIENCE
from callbacks.push.notices import SEND
from scheduling.kick import kick

# More than the workers of the queue deliver in a second.
BATCH = 100


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
