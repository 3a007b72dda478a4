"""Receivers to which something is due and that no worker serves, notices that are given up, and old ones."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import connection, transaction

from callbacks import inbox
from callbacks.status.models import StatusNotice
from callbacks.status.outbox import DELIVER
from scheduling.kick import kick

# For its last attempt.
GRACE = timedelta(minutes=1)
DELIVERED_KEPT = timedelta(hours=24)
PARKED_KEPT = timedelta(days=30)
# Rows in one statement.
BATCH = 1000


def kick_late(now: datetime) -> int:
    """Kick receivers to which something is due, be it a next attempt, a lost kick or an expired claim.

    The same one again after 2, 4, 8 … 64 s while no worker comes. One that rests is left alone. The receivers are found
    by steps through the index instead of all that is due.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH RECURSIVE known (name) AS (
                (SELECT receiver FROM callbacks_statusnotice WHERE state = 'pending' ORDER BY receiver LIMIT 1)
                UNION ALL
                SELECT following.receiver FROM known, LATERAL (
                    SELECT receiver FROM callbacks_statusnotice
                    WHERE state = 'pending' AND receiver > known.name ORDER BY receiver LIMIT 1
                ) AS following
            )
            INSERT INTO callbacks_statusreceiver (name, failures, look_at, looks)
            SELECT known.name, 0, %(next)s, 0 FROM known WHERE EXISTS (
                SELECT 1 FROM callbacks_statusnotice
                WHERE receiver = known.name AND state = 'pending' AND due_at <= %(late)s
            )
            ON CONFLICT (name) DO UPDATE SET
                looks = callbacks_statusreceiver.looks + 1,
                look_at = %(now)s + make_interval(secs => %(patience)s * 2 ^ least(callbacks_statusreceiver.looks, 5))
            WHERE callbacks_statusreceiver.look_at <= %(now)s
                AND coalesce(callbacks_statusreceiver.rests_until <= %(now)s, true)
            RETURNING name
            """,
            {
                "now": now,
                "late": now - inbox.PATIENCE,
                "next": now + inbox.PATIENCE,
                "patience": inbox.PATIENCE.total_seconds(),
            },
        )
        found = [name for (name,) in cursor.fetchall()]
    for name in found:
        kick(DELIVER, name)
    return len(found)


def give_up(now: datetime) -> int:
    """Park what should have had its last attempt, and had none because its receiver rests or its place never came."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE callbacks_statusnotice
            SET state = 'parked', settled_at = %(now)s, claimed_until = NULL,
                reason = coalesce(nullif(reason, ''), 'its receiver did not answer to others')
            WHERE id = ANY(ARRAY(
                SELECT id FROM callbacks_statusnotice
                WHERE state = 'pending' AND give_up_at <= %(late)s AND coalesce(claimed_until <= %(now)s, true)
                ORDER BY give_up_at LIMIT %(batch)s FOR UPDATE SKIP LOCKED
            ))
            RETURNING callback
            """,
            {"now": now, "late": now - GRACE, "batch": BATCH},
        )
        parked = [callback for (callback,) in cursor.fetchall()]
        # What stands behind them may go now.
        behind = StatusNotice.objects.filter(callback__in=parked, state="pending", claimed_until=None)
        behind.filter(due_at__gt=now).update(due_at=now)
    return len(parked)


def remove_old(now: datetime) -> int:
    """Remove, a batch at a time, what was delivered a day ago and parked a month ago."""
    removed = 0
    with connection.cursor() as cursor:
        for state, before in (("delivered", now - DELIVERED_KEPT), ("parked", now - PARKED_KEPT)):
            cursor.execute(
                """
                DELETE FROM callbacks_statusnotice WHERE id = ANY(ARRAY(
                    SELECT id FROM callbacks_statusnotice
                    WHERE state = %s AND settled_at <= %s AND state <> 'pending'
                    ORDER BY settled_at LIMIT %s FOR UPDATE SKIP LOCKED
                ))
                """,
                [state, before, BATCH],
            )
            removed += cursor.rowcount
        cursor.execute(
            """
            DELETE FROM callbacks_statusreceiver WHERE look_at <= %s AND NOT EXISTS (
                SELECT 1 FROM callbacks_statusnotice WHERE receiver = name AND state = 'pending'
            )
            """,
            [now - DELIVERED_KEPT],
        )
    return removed
