"""What jobs have due, for the sweep: those that nobody works on, and those that are too old to be kept."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import connection

from callbacks.jobs import cancelling, exporting

KEPT = timedelta(days=90)
BATCH = 1000


def go_on(now: datetime) -> int:
    """Take up cancels whose worker is gone, and end downloads that nobody fetches any more."""
    return cancelling.take_up(now) + exporting.end_forgotten(now)


def remove_old(now: datetime) -> int:
    """Remove a batch of rows of jobs that were asked for so long ago, and of jobs of which no row is left."""
    removed: int = 0
    with connection.cursor() as cursor:
        cursor.execute(
            """
            DELETE FROM callbacks_jobrow WHERE id = ANY(ARRAY(
                SELECT line.id FROM callbacks_job AS job JOIN callbacks_jobrow AS line ON line.job_id = job.id
                WHERE job.asked_at <= %s LIMIT %s
            ))
            """,
            [now - KEPT, BATCH],
        )
        removed += cursor.rowcount
        cursor.execute(
            """
            DELETE FROM callbacks_job WHERE id = ANY(ARRAY(
                SELECT id FROM callbacks_job AS job
                WHERE asked_at <= %s AND NOT EXISTS (SELECT FROM callbacks_jobrow WHERE job_id = job.id)
                ORDER BY asked_at LIMIT %s
            ))
            """,
            [now - KEPT, BATCH],
        )
        removed += cursor.rowcount
    return removed
