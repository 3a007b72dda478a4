"""What callbacks have due, for the tick: timers, forgotten events, records that expire."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction
from django.db.models import Exists, F, OuterRef

from callbacks import inbox
from callbacks.flow.events import Expired, TimerFired
from callbacks.flow.states import State
from callbacks.models import Callback, Pending
from scheduling import timers
from scheduling.kick import kick, kicks_to_spare
from scheduling.models import Timer
from scheduling.tick import Sources
from telephony import agents, calls, queues

FIRE_BATCH = 500
# A batch of the sweep stays below 200 ms.
SWEEP_BATCH = 200


def on_timers(fired: list[Timer], now: datetime) -> None:
    """Told by scheduling, in the transaction that deletes the timers."""
    inbox.put([(timer.owner, TimerFired(timer.name, timer.data.get("visit", 0))) for timer in fired], now)


def fire_timers(now: datetime) -> int:
    fired = 0
    while (batch := timers.fire_due(now, limit=FIRE_BATCH)) and fired < 10 * FIRE_BATCH:
        fired += batch
    return fired


def fire_live_timers(now: datetime) -> int:
    return timers.fire_due(now, limit=FIRE_BATCH, owners=calls.all_with_live_leg())


def kick_pending(now: datetime, *, of: Iterable[str] | None = None) -> int:
    """Events that nobody handled in time: their callbacks are kicked again after 2, 4, 8 … seconds."""
    late = Pending.objects.filter(look_at__lte=now)
    if of is not None:
        late = late.filter(callback__in=list(of))
    found = list(late.order_by("look_at").values_list("pk", "callback_id", "looks")[: kicks_to_spare()])
    for pk, _, looks in found:
        Pending.objects.filter(pk=pk).update(looks=F("looks") + 1, look_at=now + inbox.PATIENCE * 2 ** min(looks, 5))
    for callback_id in {callback_id for _, callback_id, _ in found}:
        kick(inbox.ADVANCE, callback_id)
    return len(found)


def kick_live_pending(now: datetime) -> int:
    return kick_pending(now, of=calls.all_with_live_leg())


def expire(now: datetime) -> int:
    """Callbacks that were not handled within `_ttl`: told so, unless a call is up; then it waits for the call's end."""
    told = Exists(Pending.objects.filter(callback=OuterRef("pk"), event__kind=Expired.__name__))
    late = Callback.objects.filter(~told, expires_at__lte=now).exclude(state=State.COMPLETED)
    ids = list(late.order_by("expires_at").values_list("pk", flat=True)[:SWEEP_BATCH])
    due = sorted(set(ids) - calls.with_live_leg(ids))
    with transaction.atomic():
        inbox.put([(callback_id, Expired()) for callback_id in due], now)
    return len(due)


def delete_expired(now: datetime) -> int:
    """Remove completed callbacks whose `_ttl` is over, with everything that every floor knows of them."""
    with transaction.atomic():
        late = Callback.objects.filter(expires_at__lte=now, state=State.COMPLETED).order_by("expires_at")
        ids = list(late.select_for_update(skip_locked=True, no_key=True).values_list("pk", flat=True)[:SWEEP_BATCH])
        gone = sorted(set(ids) - calls.with_live_leg(ids) - agents.holding(ids))
        for forget in (timers.forget, queues.forget, calls.forget):
            forget(gone)
        Callback.objects.filter(pk__in=gone).delete()
    return len(gone)


SOURCES = Sources(
    every_second=[fire_timers, kick_pending],
    slow=[expire, delete_expired],
    live=[fire_live_timers, kick_live_pending],
)
