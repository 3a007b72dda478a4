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
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Case, F, Value, When

from callbacks import inbox
from callbacks.flow.events import PushSettled
from callbacks.flow.options import AS_CONFIGURED, Notification
from callbacks.push import answering, comet, configuration, sms
from callbacks.push.devices import COMET, SMS, address_of, kind_of
from callbacks.push.metrics import PUSHES
from callbacks.push.models import CometMessage, Notice
from callbacks.push.provider import DeviceGone, Message, Rejected, Unavailable, Unknown
from callbacks.push.texts import LINK
from scheduling.kick import kick

logger = logging.getLogger(__name__)

SEND = "callbacks.tasks.send"
# One delivery, name look-up and connecting included.
DELIVERY_SECONDS = 5.0
# Longer than a delivery, so that a claim expires only under a process that died or froze.
CLAIM = timedelta(seconds=2 * DELIVERY_SECONDS)
FIRST_PAUSE = timedelta(seconds=1)
# What a text message asks, where the service has no message file that says something else.
QUESTION = f"An agent is about to be free for you. Shall we call you now? {LINK}"
LONGEST_PAUSE = timedelta(minutes=5)
IN_DOUBT = "whether it arrived is unknown"
# The ids of messages are made of what they are about, so that every attempt has the same.
_IDS = uuid.UUID("5c2a6c5e-4d57-4b0f-9f0b-0f3a6c1f7d21")


def put(
    callback_id: str,
    *,
    visit: int,
    device: str,
    device_os: str,
    body: Mapping[str, str],
    attempts: int,
    now: datetime,
    number: str = "",
    seconds: int = 30,
    notification: Notification = AS_CONFIGURED,
) -> None:
    """Have `body` delivered to the device of a request, within the caller's transaction. PushSettled says how it went.

    `visit` is the visit of the stage that asks, `attempts` how often the delivery is tried, `number` the customer's,
    `seconds` how long the question is asked. A comet client asks by itself: its message waits for it, and the notice is
    settled at once.
    """
    kind, texts = kind_of(device_os), dict(notification.texts)
    body = {**body, **{key: texts[said] for key, said in (("_text", "text"), ("_ok_title", "ok")) if said in texts}}
    if kind == COMET:
        comet.put(callback_id, user=device.strip(), body=body, now=now, until=now + timedelta(seconds=seconds))
        transaction.on_commit(lambda: PUSHES.labels(COMET, "delivered").inc())
        inbox.put([(callback_id, PushSettled(visit, delivered=True, detail="it asks by itself"))], now)
        return
    if kind == SMS:
        number, texts["text"] = sms.e164(number, notification.country), _text_message(callback_id, texts, body)
    notice = Notice.objects.create(
        callback_id=callback_id,
        visit=visit,
        kind=kind[:16],
        provider=notification.provider,
        is_debug=notification.is_debug,
        device=address_of(kind, device, number),
        body=body,
        texts={key: text for key, text in texts.items() if key in {"title", "text"}},
        good_until=now + timedelta(seconds=seconds),
        attempts=attempts,
        due_at=now,
        look_at=now + inbox.PATIENCE,
    )
    kick(SEND, str(notice.pk))


def _text_message(callback_id: str, texts: Mapping[str, str], body: Mapping[str, str]) -> str:
    """The question with the link to answer it; where this server has no address outside, that a call is coming."""
    link = answering.link(callback_id)
    if not link:
        return texts.get("sms", body["_text"]).replace(LINK, "").strip()
    return texts.get("sms", QUESTION).replace(LINK, link)


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


@dataclass(frozen=True)
class Outcome:
    """How one attempt went: `result` as it is counted, `detail` what went wrong; the rest as the provider said."""

    result: str
    detail: str = ""
    retry_after: float = 0.0
    gone: bool = False

    @property
    def may_pass(self) -> bool:
        return self.result in {"unavailable", "unknown"}


def send(notice_id: int, *, now: datetime) -> None:
    """Make the attempt that is due; nothing where the notice is gone, not due, or claimed by somebody else."""
    notice = _claim(notice_id, now)
    if notice is None:
        return
    if notice.attempt > notice.attempts:
        PUSHES.labels(notice.kind, "unknown").inc()
        _settle(notice, delivered=False, detail=IN_DOUBT, gone=False, now=now)
        return
    began = time.monotonic()
    outcome = _deliver(notice, now)
    PUSHES.labels(notice.kind, outcome.result).inc()
    now += timedelta(seconds=time.monotonic() - began)
    if outcome.detail:
        logger.warning(
            "push to a device of kind %s failed at attempt %s of %s: %s",
            notice.kind, notice.attempt, notice.attempts, outcome.detail,
        )  # fmt: skip
    if outcome.may_pass and notice.attempt < notice.attempts:
        _put_off(notice, now, outcome.retry_after)
        return
    counted = f"attempt {notice.attempt} of {notice.attempts}"
    detail = f"{counted}, {outcome.detail}" if outcome.detail else counted
    _settle(notice, delivered=outcome.result == "delivered", detail=detail, gone=outcome.gone, now=now)


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


def _deliver(notice: Notice, now: datetime) -> Outcome:
    """Hand it to its provider."""
    try:
        provider = configuration.provider_of(notice.kind, provider=notice.provider, is_debug=notice.is_debug)
        provider.deliver(notice.device, _message(notice, now), timeout=DELIVERY_SECONDS)
    except Rejected as error:
        return Outcome("rejected", str(error), gone=isinstance(error, DeviceGone))
    except Unknown as error:
        return Outcome("unknown", f"{error}; {IN_DOUBT}", error.retry_after)
    except Unavailable as error:
        return Outcome("unavailable", str(error), error.retry_after)
    return Outcome("delivered")


def _message(notice: Notice, now: datetime) -> Message:
    left = int((notice.good_until - now).total_seconds()) if notice.good_until else 30
    return Message(
        id=str(uuid.uuid5(_IDS, f"{notice.callback_id} {notice.visit}")),
        about=notice.callback_id,
        body=notice.body,
        title=notice.texts.get("title", ""),
        text=notice.texts.get("text", ""),
        seconds=max(1, left),
    )


def pause(attempt: int) -> timedelta:
    """How long to wait after so many failed attempts: 1, 2, 4 … 300 seconds."""
    return min(FIRST_PAUSE * (1 << min(attempt - 1, 10)), LONGEST_PAUSE)


def _put_off(notice: Notice, now: datetime, retry_after: float) -> None:
    """To the next attempt, which is not before the receiver wants to be asked again."""
    due_at = now + max(pause(notice.attempt), timedelta(seconds=retry_after))
    Notice.objects.filter(pk=notice.pk, due_at=notice.due_at).update(begun=0, due_at=due_at, look_at=due_at)


def _settle(notice: Notice, *, delivered: bool, detail: str, gone: bool, now: datetime) -> None:
    """Delete the notice and tell its callback, unless the claim was lost or the notice withdrawn meanwhile."""
    with transaction.atomic():
        deleted, _ = Notice.objects.filter(pk=notice.pk, due_at=notice.due_at).delete()
        if deleted:
            inbox.put([(notice.callback_id, PushSettled(notice.visit, delivered, detail, gone))], now)
