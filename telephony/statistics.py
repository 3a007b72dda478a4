"""What a statistic of a target is now, for the conditions of lists of targets (names: `telephony.statnames`)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from django.db.models import QuerySet

from telephony import audience, estimates, matching
from telephony.models import Agent, QueueEntry
from telephony.targets import Target

State = Agent.State
BUSY = (State.RESERVED, State.ON_CALL, State.WRAP_UP)


def value(target: Target, statistic: str, *, queue: str, now: datetime) -> float:
    """The statistic of a target, whose callers wait in this virtual queue. Raises KeyError for an unknown name."""
    return _VALUES[statistic](target, queue, now)


def _agents(target: Target) -> QuerySet[Agent]:
    return Agent.objects.filter(audience.agents_of([target.key]))


def _could_be_called(target: Target, queue: str, now: datetime) -> float:
    return matching.ready_agents([target.key]).count()


def _ready(target: Target, queue: str, now: datetime) -> float:
    return _agents(target).filter(state=State.READY).count()


def _logged_in(target: Target, queue: str, now: datetime) -> float:
    return _agents(target).exclude(state=State.LOGGED_OUT).count()


def _busy(target: Target, queue: str, now: datetime) -> float:
    return _agents(target).filter(state__in=BUSY).count()


def _in_queue(target: Target, queue: str, now: datetime) -> float:
    return QueueEntry.objects.filter(keys__contains=[target.key], paused=False).count()


def _waiting(target: Target, queue: str, now: datetime) -> float:
    return QueueEntry.objects.filter(keys__contains=[target.key], eligible_at__isnull=False).count()


def _expected_wait(target: Target, queue: str, now: datetime) -> float:
    # Of groups only, which have a name.
    return estimates.estimate(queue, f"{target.name}@.{target.type}", now=now).ewt.total_seconds()


def _idle(target: Target, queue: str, now: datetime) -> float:
    since = _agents(target).filter(state=State.READY).order_by("idle_since").values_list("idle_since", flat=True)
    longest = since.first()
    return 0 if longest is None else max((now - longest).total_seconds(), 0)


_VALUES: dict[str, Callable[[Target, str, datetime], float]] = {
    "RStatAgentsReadyvoice": _could_be_called,
    "RStatAgentsReady": _ready,
    "RStatAgentsTotal": _logged_in,
    "StatAgentsAvailable": _could_be_called,
    "StatAgentsBusy": _busy,
    "StatAgentsInQueueLogin": _logged_in,
    "StatAgentsTotal": _logged_in,
    "StatCallsInQueue": _in_queue,
    "StatCallsWaiting": _waiting,
    "StatEstimatedWaitingTime": _expected_wait,
    "StatExpectedWaitingTime": _expected_wait,
    "StatTimeInReadyState": _idle,
}
