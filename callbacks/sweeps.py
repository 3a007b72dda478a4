"""Records that expire: live ones are told so, completed ones are removed with all that any floor knows of them."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import datetime

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q

from callbacks import inbox, storage
from callbacks.flow.events import Expired
from callbacks.flow.states import State
from callbacks.limits import counts, idempotency
from callbacks.models import Callback, Pending
from callbacks.push import notices
from callbacks.reporting import sweep as reports
from scheduling import bookings, timers
from scheduling.kick import kicks_to_spare
from telephony import access, calls, predictions, queues
from telephony.models import Agent, Leg
from telephony.switch import LegState

# A tick may wait that long for the sweep: seconds.
MOST_SECONDS = 0.2
# The first batch shows how fast it goes here and now; a larger one would not make it faster.
FIRST_BATCH = 100
LARGEST_BATCH = 1000

# Their foreign keys point to the callback, which therefore goes last.
CHILDREN = ("callbacks_pending", "callbacks_journalentry", "callbacks_attempt", "callbacks_lookupkey")


def expire(now: datetime) -> int:
    """Callbacks that were not handled within `_ttl`: told so, unless a call is up; then it waits for the call's end.

    No more of them than the workers have time for: customers on the line come first.
    """
    told = Pending.objects.filter(callback=OuterRef("pk"), event__kind=Expired.__name__)
    late = Callback.objects.exclude(state=State.COMPLETED).filter(~Exists(told), ~_live_leg(), expires_at__lte=now)
    due = list(late.order_by("expires_at").values_list("pk", flat=True)[: kicks_to_spare()])
    with transaction.atomic():
        inbox.put([(callback_id, Expired()) for callback_id in due], now)
    return len(due)


def delete_expired(now: datetime) -> int:
    """Remove completed callbacks whose `_ttl` is over: batch after batch, each in a transaction, for 200 ms at most.

    A batch is as large as the pace of the last one allows in half of the time that is left.
    """
    began = time.monotonic()
    removed, batch = 0, FIRST_BATCH
    while True:
        batch_began = time.monotonic()
        gone = _delete_batch(now, batch)
        removed += gone
        ended = time.monotonic()
        left = began + MOST_SECONDS - ended
        pace = gone / max(ended - batch_began, 0.001)
        if gone < batch or pace * left / 2 < FIRST_BATCH:
            return removed
        batch = min(int(pace * left / 2), LARGEST_BATCH)


def _delete_batch(now: datetime, most: int) -> int:
    """Up to `most` callbacks, oldest first, without those that are still talking or that somebody else holds.

    The rows are locked as for a deletion at once. With a lock that lets events be inserted beside it, an inserter of
    several could wait for one of our rows while we waited for another one of theirs.
    """
    reserved = Exists(Agent.objects.filter(reserved_for=OuterRef("pk")))
    over = Callback.objects.filter(~_live_leg(), ~reserved, state=State.COMPLETED, expires_at__lte=now)
    with transaction.atomic():
        locked = over.order_by("expires_at").select_for_update(skip_locked=True, of=("self",))
        gone = list(locked.values_list("pk", flat=True)[:most])
        if gone:
            forget(gone)
    return len(gone)


def forget_counts(now: datetime) -> int:
    """Remove a batch of what was counted of start requests, and of answers to repeated ones, that nobody needs."""
    return counts.forget(now, LARGEST_BATCH) + idempotency.forget(now, LARGEST_BATCH)


def forget(callbacks: Iterable[str]) -> None:
    """Remove callbacks, locked by the caller, from every floor; what became of them stays in the reports."""
    gone = list(callbacks)
    reports.report_before_removal(gone)
    forgetful = (
        *(timers.forget, queues.forget, calls.forget, bookings.forget, notices.forget, predictions.forget),
        *(access.forget, storage.forget),
    )
    for forgets in forgetful:
        forgets(gone)
    with connection.cursor() as cursor:
        # The ORM would first read every row that it deletes, and then delete a hundred at a time.
        for table in CHILDREN:
            cursor.execute(f"DELETE FROM {table} WHERE callback_id = ANY(%s)", [gone])  # noqa: S608 (names of ours)
        cursor.execute("DELETE FROM callbacks_callback WHERE id = ANY(%s)", [gone])


def _live_leg() -> Exists:
    return Exists(Leg.objects.filter(~Q(state=LegState.ENDED), call=OuterRef("pk")))
