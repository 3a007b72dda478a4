"""Messages to customers' devices: kept in the database, sent by workers of the queue `outside`.

A notice is put in the transaction of the decision that wants it. Sending it is three steps, each of which may be the
last of a process that dies:

1. `_claim`: one guarded update counts the attempt and keeps others away for `CLAIM`.
2. The provider delivers it, outside every transaction.
3. `_settle` or `_put_off`: the outcome, by an update that fails when the claim was lost.

An attempt whose outcome nobody wrote down is begun once more under its number when the claim has expired, so a notice
is never lost, and a device may be told twice. After that it counts as failed.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Case, F, Value, When

from callbacks import inbox
from callbacks.flow.events import PushSettled
from callbacks.push import configuration
from callbacks.push.devices import COMET, kind_of
from callbacks.push.metrics import PUSHES
from callbacks.push.models import CometMessage, Notice
from callbacks.push.provider import Rejected, Unavailable
from scheduling.kick import kick

logger = logging.getLogger(__name__)

SEND = "callbacks.tasks.send"
# One delivery, name look-up and connecting included.
DELIVERY_SECONDS = 5.0
# Longer than a delivery, so that a claim expires only under a process that died or froze.
CLAIM = timedelta(seconds=2 * DELIVERY_SECONDS)
FIRST_PAUSE = timedelta(seconds=1)
LONGEST_PAUSE = timedelta(minutes=5)


def put(
    callback_id: str,
    *,
    visit: int,
    device: str,
    device_os: str,
    body: Mapping[str, str],
    attempts: int,
    now: datetime,
) -> None:
    """Have `body` delivered to the device of a request, within the caller's transaction. PushSettled says how it went.

    `visit` is the visit of the stage that asks, `attempts` how often the delivery is tried. A comet client asks by
    itself: nothing is sent, and the notice is settled at once.
    """
    kind = kind_of(device_os)
    if kind == COMET:
        transaction.on_commit(lambda: PUSHES.labels(COMET, "delivered").inc())
        inbox.put([(callback_id, PushSettled(visit, delivered=True, detail="it asks by itself"))], now)
        return
    notice = Notice.objects.create(
        callback_id=callback_id,
        visit=visit,
        kind=kind[:16],
        device=device,
        body=dict(body),
        attempts=attempts,
        due_at=now,
        look_at=now + inbox.PATIENCE,
    )
    kick(SEND, str(notice.pk))


def withdraw(callback_id: str) -> None:
    """Send nothing more to this callback's device, within the caller's transaction; no PushSettled follows."""
    forget([callback_id])


def forget(owners: Iterable[str]) -> None:
    """Drop the notices of callbacks that end or are deleted, and what waits for their clients to ask."""
    gone = list(owners)
    Notice.objects.filter(callback__in=gone).delete()
    CometMessage.objects.filter(callback__in=gone).delete()


def callback_of(notice_id: int) -> str | None:
    """Whose notice it is; None when it is settled or withdrawn."""
    return Notice.objects.filter(pk=notice_id).values_list("callback_id", flat=True).first()


def send(notice_id: int, *, now: datetime) -> None:
    """Make the attempt that is due; nothing where the notice is gone, not due, or claimed by somebody else."""
    notice = _claim(notice_id, now)
    if notice is None:
        return
    if notice.attempt > notice.attempts:
        PUSHES.labels(notice.kind, "unknown").inc()
        _settle(notice, delivered=False, detail="whether it arrived is unknown", now=now)
        return
    began = time.monotonic()
    result, detail = _deliver(notice)
    PUSHES.labels(notice.kind, result).inc()
    now += timedelta(seconds=time.monotonic() - began)
    if detail:
        logger.warning(
            "push to a device of kind %s failed at attempt %s of %s: %s",
            notice.kind, notice.attempt, notice.attempts, detail,
        )  # fmt: skip
    if result == "unavailable" and notice.attempt < notice.attempts:
        _put_off(notice, now)
        return
    counted = f"attempt {notice.attempt} of {notice.attempts}"
    _settle(notice, delivered=result == "delivered", detail=f"{counted}, {detail}" if detail else counted, now=now)


def _claim(notice_id: int, now: datetime) -> Notice | None:
    """Count the attempt and keep it for `CLAIM`: the notice as it then is, or None where it may not be sent.

    An attempt that was begun only once is begun again; `attempt` beyond `attempts` says that none is left.
    """
    again = When(begun=1, then=F("attempt"))
    until = now + CLAIM
    claimed = Notice.objects.filter(pk=notice_id, due_at__lte=now).update(
        attempt=Case(again, default=F("attempt") + 1),
        begun=Case(When(begun=1, then=Value(2)), default=Value(1)),
        due_at=until,
        look_at=until,
        looks=0,
    )
    return Notice.objects.filter(pk=notice_id, due_at=until).first() if claimed else None


def _deliver(notice: Notice) -> tuple[str, str]:
    """Hand it to its provider: the result as it is counted, and what went wrong."""
    try:
        provider = configuration.provider_of(notice.kind)
        provider.deliver(notice.device, notice.body, timeout=DELIVERY_SECONDS)
    except Rejected as error:
        return "rejected", str(error)
    except Unavailable as error:
        return "unavailable", str(error)
    return "delivered", ""


def pause(attempt: int) -> timedelta:
    """How long to wait after so many failed attempts: 1, 2, 4 … 300 seconds."""
    return min(FIRST_PAUSE * (1 << min(attempt - 1, 10)), LONGEST_PAUSE)


def _put_off(notice: Notice, now: datetime) -> None:
    due_at = now + pause(notice.attempt)
    Notice.objects.filter(pk=notice.pk, due_at=notice.due_at).update(begun=0, due_at=due_at, look_at=due_at)


def _settle(notice: Notice, *, delivered: bool, detail: str, now: datetime) -> None:
    """Delete the notice and tell its callback, unless the claim was lost or the notice withdrawn meanwhile."""
    with transaction.atomic():
        gone, _ = Notice.objects.filter(pk=notice.pk, due_at=notice.due_at).delete()
        if gone:
            inbox.put([(notice.callback_id, PushSettled(notice.visit, delivered, detail))], now)
