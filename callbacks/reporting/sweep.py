"""Facts and totals of callbacks that are over, written in batches beside the flow.

1. One sweep at a time writes: a lock of the database. So facts become visible in the order of their `seq`.
2. Claim a batch of those that are over and in no report; who is locked by others comes with the next batch.
3. Read what there is of them, tell what became of each (`story`), count it (`counting`).
4. Insert the facts, add to the totals, mark the callbacks. One transaction: all of it or nothing.

A callback that is removed before any sweep came to it is reported by whoever removes it (`report_before_removal`).
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from callbacks.flow.session import Stage
from callbacks.models import Attempt, Callback, JournalEntry
from callbacks.reporting import counting, refusals
from callbacks.reporting.models import CallbackFact
from callbacks.reporting.story import DISPOSED, KINDS, Call, Completed, Line, Rows, Told, tell
from callbacks.reporting.totals import Totals
from telephony.models import Prediction

# Any constant; this one says "fact".
LOCK = 0x66616374
# A tick may wait that long for the sweep: seconds.
MOST_SECONDS = 0.2
FIRST_BATCH, LARGEST_BATCH = 50, 500
# Facts, and totals of days and of agents. Totals of months stay.
KEPT = timedelta(days=400)
DELETE_BATCH = 1000

# By their indexes, the oldest first. A month of agents goes with its last day.
_FORGET = (
    """
    DELETE FROM callbacks_callbackfact WHERE seq IN (
        SELECT seq FROM callbacks_callbackfact WHERE completed_at < %(before)s
        ORDER BY completed_at LIMIT %(most)s FOR UPDATE SKIP LOCKED
    )
    """,
    """
    DELETE FROM callbacks_reporttotal WHERE ctid = ANY(ARRAY(
        SELECT ctid FROM callbacks_reporttotal WHERE span = 'd' AND starts < %(day)s LIMIT %(most)s
        FOR UPDATE SKIP LOCKED
    ))
    """,
    """
    DELETE FROM callbacks_agenttotal WHERE ctid = ANY(ARRAY(
        SELECT ctid FROM callbacks_agenttotal
        WHERE span = 'd' AND starts < %(day)s OR span = 'm' AND starts < %(day)s - interval '1 month'
        LIMIT %(most)s FOR UPDATE SKIP LOCKED
    ))
    """,
)


def report(now: datetime) -> int:
    """Report callbacks that are over: batch after batch, each in a transaction, for 200 ms at most. How many."""
    began = time.monotonic()
    done, batch = refusals.take_in(now), FIRST_BATCH
    while True:
        batch_began = time.monotonic()
        reported = report_batch(batch)
        done += reported
        ended = time.monotonic()
        left = began + MOST_SECONDS - ended
        pace = reported / max(ended - batch_began, 0.001)
        if reported < batch or pace * left / 2 < FIRST_BATCH:
            return done
        batch = min(int(pace * left / 2), LARGEST_BATCH)


def report_batch(most: int) -> int:
    """Report up to `most` callbacks, those first that were completed first; none while another sweep is at it."""
    with transaction.atomic():
        if not _is_alone():
            return 0
        ids = list(_unreported().order_by("completed_at").values_list("pk", flat=True)[:most])
        _report(ids)
    return len(ids)


def report_before_removal(ids: Collection[str]) -> None:
    """Report those of these callbacks, locked by the caller, that are completed and in no report; in its transaction.

    Whatever their stage: of one whose last talk never came to its end nothing more will be known. Waits for a sweep
    that is at work, which takes a fraction of a second and never waits for a callback.
    """
    completed = Callback.objects.filter(pk__in=ids, completed_at__isnull=False, reported=False)
    left = list(completed.values_list("pk", flat=True))
    if left:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        _report(left)


def _is_alone() -> bool:
    """Holds until the end of the transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
        return bool(cursor.fetchone()[0])


def _unreported() -> Any:
    over = Callback.objects.filter(stage=Stage.ENDED, reported=False, completed_at__isnull=False)
    return over.select_for_update(skip_locked=True, of=("self",), no_key=True)


def _report(ids: Collection[str]) -> None:
    """Facts, totals and marks of these callbacks; the caller holds the lock and theirs."""
    if not ids:
        return
    stories = [tell(rows) for rows in _read(ids)]
    CallbackFact.objects.bulk_create(story.fact for story in stories)
    totals = Totals()
    zone = timezone.get_default_timezone()
    for story in stories:
        service, days = story.fact.service, counting.days(story.fact.completed_at, zone)
        for what, key, seconds in counting.counts(story, zone):
            totals.add(days, what, service, key, seconds=seconds)
        totals.add_handling(days, service, story.agents)
    totals.store()
    Callback.objects.filter(pk__in=ids).update(reported=True)


def _read(ids: Collection[str]) -> list[Rows]:
    """Everything that a story is made of, in four statements, by the order in which they were completed."""
    calls: dict[str, list[Call]] = defaultdict(list)
    fields = ("party", "number", "agent", "began_at", "dialled_at", "answered_at", "ended_at", "result")
    for callback, *values in (
        Attempt.objects.filter(callback__in=ids).order_by("number", "pk").values_list("callback_id", *fields)
    ):
        calls[callback].append(Call(*values))
    lines: dict[str, list[Line]] = defaultdict(list)
    for callback, at, kind, data, actor in (
        JournalEntry.objects.filter(callback__in=ids, kind__in=KINDS)
        .order_by("pk")
        .values_list("callback_id", "at", "kind", "data", "actor")
    ):
        agent = data.get("agent") or (actor if kind == DISPOSED else "")
        lines[callback].append(Line(at, kind, agent, data.get("disposition", "")))
    told: dict[str, list[Told]] = defaultdict(list)
    for owner, *values in (
        Prediction.objects.filter(owner__in=ids)
        .order_by("pk")
        .values_list("owner", "made_at", "ahead", "ewt", "p90", "outcome", "waited")
    ):
        told[owner].append(Told(*values))
    columns = ("pk", "service_name", "queue", "options__call_direction", "reason", "agent", "session")
    moments = ("created_at", "desired_at", "completed_at")
    rows = Callback.objects.filter(pk__in=ids).order_by("completed_at", "pk").values_list(*columns, *moments)
    return [Rows(_completed(row), calls.get(row[0], ()), lines.get(row[0], ()), told.get(row[0], ())) for row in rows]


def _completed(row: tuple[Any, ...]) -> Completed:
    pk, service, queue, direction, reason, agent, session, *moments = row
    return Completed(
        pk, service, queue, direction or "", reason, agent, session if isinstance(session, dict) else {}, *moments
    )


def forget(now: datetime) -> int:
    """Remove a batch of facts, and of totals of days and of agents, that are older than is kept; how many."""
    before = now - KEPT
    day = before.astimezone(timezone.get_default_timezone()).date()
    with connection.cursor() as cursor:
        return sum(_delete(cursor, statement, before=before, day=day) for statement in _FORGET)


def _delete(cursor: Any, statement: str, **limits: Any) -> int:
    cursor.execute(statement, limits | {"most": DELETE_BATCH})
    return int(cursor.rowcount)
