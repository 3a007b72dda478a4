"""What callbacks have due, for the tick: timers, forgotten events, records that expire (`sweeps`)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db.models import F

from callbacks import inbox, sweeps
from callbacks.flow.events import TimerFired
from callbacks.models import Pending
from scheduling import timers
from scheduling.kick import kick, kicks_to_spare
from scheduling.models import Timer
from scheduling.tick import Sources
from telephony import calls

FIRE_BATCH = 500


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


SOURCES = Sources(
    every_second=[fire_timers, kick_pending],
    slow=[sweeps.expire, sweeps.delete_expired],
    live=[fire_live_timers, kick_live_pending],
)
