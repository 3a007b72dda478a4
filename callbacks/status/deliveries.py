"""Sending notices: by workers of the queue `outside`, receiver by receiver, in the order of each callback.

A worker that is told of a receiver sends it what is due, one after the other, for a while. Each is three steps, each
of which may be the last of a process that dies:

1. `_claim`: counts the attempt and keeps others away for `CLAIM`. No more than `AT_ONCE` are sent to a receiver at a
   time, one while it fails, none while it rests.
2. The request, outside every transaction.
3. `_settle`: the outcome, by an update that fails when the claim was lost.

A notice whose outcome nobody wrote down is sent again when its claim has expired: at least once. The next one of a
callback is not sent before this one was delivered or parked: in order. A receiver that does not answer rests for
longer and longer, so that it holds one worker for one request a minute and delays nobody else.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Value
from django.db.models.functions import Greatest

from callbacks.push.post import exchange
from callbacks.push.provider import Rejected, Unavailable
from callbacks.status import signing
from callbacks.status.metrics import DELIVERIES
from callbacks.status.models import StatusNotice, StatusReceiver
from callbacks.status.outbox import DELIVER
from scheduling.kick import kick

logger = logging.getLogger(__name__)

# One request, name look-up and connecting included.
DELIVERY_SECONDS = 5.0
# Longer than a request, so that a claim expires only under a process that died or froze.
CLAIM = timedelta(seconds=2 * DELIVERY_SECONDS)
# Fewer than the workers of the queue: two that hang at the same time leave half of them.
AT_ONCE = 2
# Then others in the broker's queue come first.
TURN_SECONDS = 3.0
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=5), timedelta(hours=1)
FIRST_REST, LONGEST_REST = timedelta(seconds=5), timedelta(seconds=60)
GONE = 410
# The receiver as a whole asks for a rest; any other answer is about one notice.
_OVERLOADED = frozenset({429, 503})

State = StatusNotice.State


@dataclass(frozen=True)
class Outcome:
    """How a request went. `final`: to repeat it will not help. `rests`: the receiver, not this notice, is the reason.

    `retry_after` in seconds, 0 where the receiver does not say.
    """

    result: str
    reason: str = ""
    final: bool = False
    rests: bool = False
    retry_after: float = 0.0


def deliver(receiver: str, *, now: datetime) -> None:
    """Send a receiver what is due, until nothing is, it fails, or `TURN_SECONDS` are over."""
    began, moment = time.monotonic(), now
    StatusReceiver.objects.get_or_create(name=receiver, defaults={"look_at": now})
    while moment - now < timedelta(seconds=TURN_SECONDS):
        notice = _claim(receiver, moment)
        if notice is None:
            return
        outcome = _send(notice, moment)
        moment = now + timedelta(seconds=time.monotonic() - began)
        DELIVERIES.labels(outcome.result).inc()
        if outcome.reason:
            logger.warning(
                "status notification %s of callback %s to %s failed at attempt %s: %s",
                notice.event, notice.callback, notice.receiver, notice.attempt, outcome.reason,
            )  # fmt: skip
        _settle(notice, outcome, moment)
    kick(DELIVER, receiver)


def _claim(receiver: str, now: datetime) -> StatusNotice | None:
    """Take what is due first of those that are first of their callback; None where nothing may be sent now."""
    until = now + CLAIM
    with transaction.atomic():
        row = StatusReceiver.objects.select_for_update().filter(pk=receiver).first()
        if row is None or (row.rests_until and row.rests_until > now):
            return None
        busy = StatusNotice.objects.filter(receiver=receiver, claimed_until__gt=now).count()
        if busy >= (1 if row.failures else AT_ONCE):
            return None
        if row.looks:
            StatusReceiver.objects.filter(pk=receiver).update(looks=0, look_at=now)
        claimed = StatusNotice.objects.raw(
            """
            UPDATE callbacks_statusnotice SET attempt = attempt + 1, claimed_until = %s, due_at = %s
            WHERE id = (
                SELECT id FROM callbacks_statusnotice AS notice
                WHERE receiver = %s AND state = 'pending' AND due_at <= %s AND NOT EXISTS (
                    SELECT 1 FROM callbacks_statusnotice AS earlier
                    WHERE earlier.callback = notice.callback AND earlier.state = 'pending' AND earlier.id < notice.id
                )
                ORDER BY due_at, id LIMIT 1
                FOR UPDATE OF notice SKIP LOCKED
            )
            RETURNING *
            """,
            [until, until, receiver, now],
        )
        return next(iter(claimed), None)


def message_id(notice: StatusNotice) -> str:
    """The `webhook-id`: the same in every attempt, so that a receiver knows what it has got already."""
    return f"{notice.callback}-{notice.pk}"


def _send(notice: StatusNotice, now: datetime) -> Outcome:
    headers = signing.headers(message_id(notice), notice.body, now)
    try:
        answer = exchange(notice.target, notice.body.encode(), timeout=DELIVERY_SECONDS, headers=headers, reads=False)
    except Rejected as error:
        return Outcome("refused", str(error), final=True)
    except Unavailable as error:
        return Outcome("failed", str(error), rests=True, retry_after=error.retry_after)
    if 200 <= answer.status < 300:
        return Outcome("delivered")
    reason = f"it answered {answer.status}"
    if 300 <= answer.status < 400:
        reason += "; redirects are not followed"
    return Outcome(
        "refused" if answer.status < 500 else "failed",
        reason,
        final=answer.status == GONE,
        rests=answer.status in _OVERLOADED,
        retry_after=answer.retry_after,
    )


def pause(attempt: int) -> timedelta:
    """How long a notice waits after so many failed attempts: 5, 10, 20 … 3600 seconds."""
    return min(FIRST_PAUSE * (1 << min(attempt - 1, 20)), LONGEST_PAUSE)


def rest(failures: int) -> timedelta:
    """How long a receiver is left alone that failed so often in a row: 5, 10, 20, 40, 60 seconds."""
    return min(FIRST_REST * (1 << min(failures - 1, 20)), LONGEST_REST)


def _settle(notice: StatusNotice, outcome: Outcome, now: datetime) -> None:
    """Write the outcome down, unless the claim was lost meanwhile; what stands behind the notice goes with it."""
    retry_after = timedelta(seconds=outcome.retry_after)
    with transaction.atomic():
        row = StatusReceiver.objects.select_for_update().get(pk=notice.receiver)
        changes, behind = _changes(notice, outcome, now, retry_after)
        mine = StatusNotice.objects.filter(pk=notice.pk, state=State.PENDING, claimed_until=notice.claimed_until)
        if not mine.update(claimed_until=None, **changes):
            return
        StatusNotice.objects.filter(callback=notice.callback, state=State.PENDING, pk__gt=notice.pk).update(
            due_at=behind
        )
        if outcome.rests:
            until = now + max(rest(row.failures + 1), retry_after)
            StatusReceiver.objects.filter(pk=row.pk).update(
                failures=F("failures") + 1, rests_until=until, look_at=until, looks=0
            )
        elif row.failures:
            StatusReceiver.objects.filter(pk=row.pk).update(failures=0, rests_until=None)


def _changes(
    notice: StatusNotice, outcome: Outcome, now: datetime, retry_after: timedelta
) -> tuple[dict[str, object], object]:
    """What the outcome makes of the notice, and when those of the same callback behind it are due."""
    if outcome.result == "delivered":
        # What it said is nobody's business any more.
        return {"state": State.DELIVERED, "settled_at": now, "reason": "", "body": ""}, now
    reason = outcome.reason[:200]
    # More than the most: whoever made the last one died before it could be written down.
    is_last = outcome.final or now >= notice.give_up_at or 0 < notice.most_attempts <= notice.attempt
    if is_last:
        return {"state": State.PARKED, "settled_at": now, "reason": reason}, now
    due_at = min(now + max(pause(notice.attempt), retry_after), notice.give_up_at)
    return {"due_at": due_at, "reason": reason}, Greatest(F("due_at"), Value(due_at))
