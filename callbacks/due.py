"""What callbacks have due, for the tick: timers, forgotten events, records that expire (`sweeps`)."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import Exists, F, OuterRef

from callbacks import inbox, storage, sweeps
from callbacks.flow.events import Event, Paused, Resumed, StartDue, TimerFired
from callbacks.flow.session import Stage
from callbacks.flow.states import State
from callbacks.jobs import due as jobs_due
from callbacks.models import Callback, Pending
from callbacks.push import due as push_due
from callbacks.reporting import sweep as reports
from callbacks.status import due as status_due
from scheduling import timers
from scheduling.kick import kick, kicks_to_spare
from scheduling.models import Timer
from scheduling.tick import Sources
from services import pausing, resolution
from services.models import ConfiguredService
from telephony import calls, estimates
from telephony.ewt import EARLIEST_START, Starts

logger = logging.getLogger(__name__)

FIRE_BATCH = 500
START_BATCH = 200
# A queue is looked at that often, in seconds, for those that the wait draws in before their own time.
EARLY_LOOK = 5
# Nobody rings in these, so that they can be paused.
PAUSABLE = [
    Stage.HELD,
    Stage.AWAITING,
    Stage.RESERVING,
    Stage.PREVIEWING,
    Stage.CONFIRMING,
    Stage.RETRYING,
]


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


def start_scheduled(now: datetime) -> int:
    """Tell those scheduled callbacks to start whose time, less the estimated wait of their queue, has come.

    Queue by queue, earliest first: each that starts makes the wait of the next one longer, up to a bound that lets no
    full afternoon start at noon. A queue of which none is due by itself is looked at every few seconds.
    """
    started = 0
    for queue, first in _queues_with_scheduled():
        early = first > now
        if first > now + EARLIEST_START or (early and int(now.timestamp()) % EARLY_LOOK):
            continue
        with transaction.atomic():
            started += _start_of_queue(queue, now)
    return started


def _queues_with_scheduled() -> list[tuple[str, datetime]]:
    """Each queue with its earliest `start_base`, by steps through the index instead of all its entries."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH RECURSIVE line AS (
                (SELECT queue, start_base FROM callbacks_callback WHERE start_base IS NOT NULL
                 ORDER BY queue, start_base LIMIT 1)
                UNION ALL
                SELECT following.queue, following.start_base FROM line, LATERAL (
                    SELECT queue, start_base FROM callbacks_callback
                    WHERE start_base IS NOT NULL AND queue > line.queue ORDER BY queue, start_base LIMIT 1
                ) AS following
            )
            SELECT queue, start_base FROM line
            """
        )
        return list(cursor.fetchall())


def _start_of_queue(queue: str, now: datetime) -> int:
    """Those of one queue, as many as one transaction should hold; the next tick goes on."""
    coming = Callback.objects.filter(queue=queue, start_base__lte=now + EARLIEST_START).order_by("start_base")
    found = list(
        coming.select_related(None)
        .select_for_update(skip_locked=True, no_key=True)
        .only("pk", "service_id", "desired_at", "start_base")[:START_BATCH]
    )
    starts = _starts(queue, found, now)
    due: list[tuple[str, Event]] = []
    for callback in found:
        ewt = starts.ewt(len(due)) if starts else timedelta()
        if callback.start_base is None or callback.start_base > now + ewt:
            break
        # In line as they were promised, whichever a worker comes to first: so the wait of each was estimated.
        place_at = now + len(due) * timedelta(microseconds=1)
        due.append((callback.pk, StartDue(callback.desired_at, ewt.total_seconds(), place_at)))
    Callback.objects.filter(pk__in=[callback_id for callback_id, _ in due]).update(start_base=None)
    inbox.put(due, now)
    return len(due)


def _starts(queue: str, found: list[Callback], now: datetime) -> Starts | None:
    """The queue's waits; None where nothing says whose agents serve it: then each starts at its own time."""
    for service in ConfiguredService.objects.filter(pk__in={callback.service_id for callback in found}):
        try:
            return estimates.for_starts(queue, str(resolution.resolve_one(service, "_target")), now=now)
        except (ValueError, LookupError) as error:
            logger.warning("service %s: the wait of its queue cannot be estimated: %s", service.name, error)
    return None


def pause_and_resume(now: datetime) -> int:
    """Bring the states of those in queues in line with the flags of their services."""
    paused = pausing.paused_services()
    told = Exists(Pending.objects.filter(callback=OuterRef("pk"), event__kind__in=[Paused.__name__, Resumed.__name__]))
    changed: list[tuple[str, Event]] = []
    if paused:
        resting = Callback.objects.filter(~told, state=State.QUEUED, stage__in=PAUSABLE, service__in=paused)
        changed += [(pk, Paused()) for pk in resting.values_list("pk", flat=True)[:FIRE_BATCH]]
    going_on = Callback.objects.filter(~told, state=State.PAUSED).exclude(service__in=paused)
    changed += [(pk, Resumed()) for pk in going_on.values_list("pk", flat=True)[:FIRE_BATCH]]
    if changed:
        with transaction.atomic():
            inbox.put(changed, now)
    return len(changed)


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
    every_second=[
        fire_timers,
        start_scheduled,
        pause_and_resume,
        kick_pending,
        push_due.kick_late,
        status_due.kick_late,
    ],
    slow=[sweeps.expire, status_due.give_up, jobs_due.go_on],
    repeated=[
        reports.report,
        reports.forget,
        sweeps.delete_expired,
        storage.delete_expired,
        sweeps.forget_counts,
        status_due.remove_old,
        push_due.remove_old,
        jobs_due.remove_old,
    ],
    live=[fire_live_timers, kick_live_pending],
)
