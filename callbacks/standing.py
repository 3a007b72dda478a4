"""How the contact centre stands at this moment: each callback service, queue by queue. What the board shows.

Read for everybody at once and kept for half a second in this process, so that a hundred wall screens cost what one
costs; who may see what is decided afterwards, in `queues`. Nothing here grows with the number of callbacks that are
stored: what is alive is in tables of its own, and of those that are over only today's are counted, by an index.
"""

from __future__ import annotations

import logging
import time
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection
from django.utils import timezone

from callbacks.flow.states import Reason, State
from callbacksite.kept import Kept
from scheduling import occupancy
from services import pausing, resolution
from services.kinds import BadValue
from services.models import ConfiguredService
from telephony import estimates, targets, workforce
from telephony.estimates import Joining
from telephony.ewt import Estimate
from telephony.models import Agent, QueueAccuracy, VirtualQueue
from telephony.workforce import AtWork

logger = logging.getLogger(__name__)

# Estimates take longest: of a centre with many lines those that are oldest are made anew, for so long each time.
ESTIMATING_SECONDS = 0.03
# One that is older is not told any more: nobody looked for a while, or it could not be worked out since. Seconds.
TOLD_FOR = 30.0
# How far bookings are looked at.
AHEAD = timedelta(hours=2)
# Ends that are nobody's failure.
NOT_FAILED = (Reason.AGENT_CONNECTED, Reason.CANCELLED, Reason.CANCELLED_BY_ADMIN, Reason.CANCELLED_SERVED)
# Live ones that were started: a scheduled one rests.
BEGUN = (State.QUEUED, State.ROUTING, State.PROCESSING, State.PAUSED)
# Of an agent who is logged in, in the order in which they are shown.
CREW = (
    *(Agent.State.READY, Agent.State.RESERVED, Agent.State.ON_CALL, Agent.State.WRAP_UP),
    Agent.State.NOT_READY,
)

_WAITING = """
SELECT callback.service_id, count(*), min(entry.place_at)
FROM telephony_queueentry AS entry JOIN callbacks_callback AS callback ON callback.id = entry.owner
WHERE NOT entry.paused GROUP BY callback.service_id
"""
_CALLS = """
SELECT callback.service_id, count(DISTINCT leg.call_id)
FROM telephony_leg AS leg JOIN callbacks_callback AS callback ON callback.id = leg.call_id
WHERE leg.state <> 'ended' GROUP BY callback.service_id
"""
# When it was started stands in its session, as text that sorts as the moments do.
_TODAY = """
SELECT service_id, count(*) FILTER (WHERE begun), count(*) FILTER (WHERE reason = %(connected)s),
    count(*) FILTER (WHERE state = %(completed)s AND reason <> ALL(%(not_failed)s))
FROM (
    SELECT service_id, state, reason, (session->>'started_at') COLLATE "C" >= %(midnight_text)s AS begun
    FROM callbacks_callback WHERE completed_at >= %(midnight)s
    UNION ALL
    SELECT service_id, state, reason, (session->>'started_at') COLLATE "C" >= %(midnight_text)s
    FROM callbacks_callback WHERE state = ANY(%(live)s)
) AS today
GROUP BY service_id
"""


@dataclass(frozen=True)
class Figures:
    """`oldest` is when the one who waits longest took their place. The last three are of today, the office's day."""

    waiting: int = 0
    oldest: datetime | None = None
    calls: int = 0
    started: int = 0
    connected: int = 0
    failed: int = 0

    def __add__(self, other: Figures) -> Figures:
        return Figures(
            self.waiting + other.waiting,
            min(filter(None, (self.oldest, other.oldest)), default=None),
            self.calls + other.calls,
            self.started + other.started,
            self.connected + other.connected,
            self.failed + other.failed,
        )


@dataclass(frozen=True)
class Wait:
    """What a new callback could expect, in seconds, no finer than a person reads it; None: nobody is logged in."""

    ewt: int | None
    p90: int | None


@dataclass(frozen=True)
class Bookings:
    """Of the next two hours: how many of how many places are booked, and how many slots are blocked. `places` is None
    for a service without a capacity, where a limit that nobody set would say nothing.
    """

    booked: int
    places: int | None
    blocked: int


@dataclass(frozen=True)
class ServiceNow:
    """One callback service. `wait` is None until it is worked out, `bookings` where its office cannot be read."""

    pk: int
    name: str
    queue: str
    is_paused: bool
    figures: Figures
    wait: Wait | None
    crew: tuple[tuple[str, int], ...]
    bookings: Bookings | None


@dataclass(frozen=True)
class QueueNow:
    """One virtual queue with the services in it that the reader may see; `name` is empty for those without one.

    `figures` are the sums of these services, `crew` counts each agent once, `wait` is the longest. `mean_error` and
    `bias` say how wrong its estimates were in the last 24 hours, in seconds.
    """

    name: str
    services: tuple[ServiceNow, ...]
    figures: Figures
    wait: Wait | None
    crew: tuple[tuple[str, int], ...]
    limit: int | None = None
    mean_error: int | None = None
    bias: int | None = None

    @property
    def longest(self) -> int | None:
        """The longest wait that is known in it, in seconds; None where none is."""
        known = (each.wait.ewt for each in self.services if each.wait and each.wait.ewt is not None)
        return max(known, default=None)

    @property
    def is_deserted(self) -> bool:
        """True while callbacks of a service wait for whom nobody is logged in."""
        return any(each.wait and each.wait.ewt is None and each.figures.waiting for each in self.services)

    @property
    def is_too_long(self) -> bool:
        """True while a new callback would wait longer than the queue's limit, or one waits nobody knows how long."""
        if self.limit is None:
            return False
        return self.is_deserted or (self.longest is not None and self.longest > self.limit)


class Staff:
    """How many agents are in which state, by the targets that they serve."""

    def __init__(self, agents: Iterable[AtWork]) -> None:
        self._numbers = Counter((each.serves, each.state) for each in agents)
        self._by_key: defaultdict[str, list[tuple[frozenset[str], str]]] = defaultdict(list)
        for serves, state in self._numbers:
            for key in serves:
                self._by_key[key].append((serves, state))

    def crew(self, keys: frozenset[str]) -> tuple[tuple[str, int], ...]:
        """How many of those who serve one of the targets are in each state, in the order of CREW; each counts once."""
        found: Counter[str] = Counter()
        for group in {group for key in keys for group in self._by_key.get(key, ())}:
            found[group[1]] += self._numbers[group]
        return tuple((state.value, found[state]) for state in CREW)


@dataclass(frozen=True)
class Standing:
    """All of it, as it was at `at`."""

    at: datetime
    services: tuple[ServiceNow, ...]
    limits: Mapping[str, int | None]
    errors: Mapping[str, tuple[int | None, int | None]]
    staff: Staff
    # The targets of each service.
    keys: Mapping[int, frozenset[str]]


# The estimates that this process knows, each with the moment (of the monotonic clock) at which it was made.
_estimates: dict[Joining, tuple[float, Estimate]] = {}


def queues(standing: Standing, only: Collection[int] | None) -> list[QueueNow]:
    """The queues by name, with those of their services that the reader is limited to; None: with all."""
    by_queue: defaultdict[str, list[ServiceNow]] = defaultdict(list)
    for service in standing.services:
        if only is None or service.pk in only:
            by_queue[service.queue].append(service)
    if only is None:
        for name in standing.limits:
            by_queue.setdefault(name, [])
    return [_queue(name, by_queue[name], standing) for name in sorted(by_queue, key=lambda name: (not name, name))]


def _queue(name: str, services: list[ServiceNow], standing: Standing) -> QueueNow:
    keys = frozenset().union(*(standing.keys.get(service.pk, frozenset()) for service in services))
    waits = [service.wait for service in services if service.wait]
    mean_error, bias = standing.errors.get(name, (None, None))
    return QueueNow(
        name=name,
        services=tuple(services),
        figures=sum((service.figures for service in services), Figures()),
        # Nobody knows how long is longer than any.
        wait=max(waits, key=lambda wait: (wait.ewt is None, wait.ewt or 0), default=None),
        crew=standing.staff.crew(keys),
        limit=standing.limits.get(name),
        mean_error=mean_error,
        bias=bias,
    )


def read(now: datetime) -> Standing:
    """How all stands now, in a fixed number of statements."""
    services = list(ConfiguredService.objects.of_type("callback").order_by("name"))
    texts = {service.pk: _texts(service) for service in services}
    joining = {pk: line for pk, options in texts.items() if (line := _joining(options))}
    keys = {pk: _keys(line[1]) for pk, line in joining.items()}
    figures, paused = _figures(now), pausing.paused_services()
    waits = _waits(set(joining.values()), now)
    staff = Staff(workforce.at_work(frozenset().union(*keys.values()), now))
    bookings = _bookings(services, now)
    return Standing(
        at=now,
        services=tuple(
            ServiceNow(
                pk=service.pk,
                name=service.name,
                queue=texts[service.pk].get("_urs_virtual_queue", "").strip(),
                is_paused=service.pk in paused,
                figures=figures.get(service.pk, Figures()),
                wait=waits.get(joining[service.pk]) if service.pk in joining else None,
                crew=staff.crew(keys.get(service.pk, frozenset())),
                bookings=bookings.get(service.pk),
            )
            for service in services
        ),
        limits=dict(VirtualQueue.objects.values_list("name", "ewt_limit")),
        errors=_errors(),
        staff=staff,
        keys=keys,
    )


def _texts(service: ConfiguredService) -> Mapping[str, str]:
    try:
        return resolution.effective(service)
    except LookupError:  # its own page says what is wrong with it
        return {}


def _joining(options: Mapping[str, str]) -> Joining | None:
    queue, target = options.get("_urs_virtual_queue", "").strip(), options.get("_target", "").strip()
    priority = options.get("_urs_vq_priority", "").strip()
    return (queue, target, int(priority) if priority.lstrip("-").isdecimal() else 0) if queue and target else None


def _keys(target: str) -> frozenset[str]:
    """The targets that a service looks for, now or later."""
    try:
        return frozenset(step.target.key for step in targets.parse(target).steps)
    except ValueError:
        return frozenset()


def _figures(now: datetime) -> dict[int, Figures]:
    midnight = timezone.localtime(now, timezone.get_default_timezone()).replace(
        hour=0, minute=0, second=0, microsecond=0
    )
    found: defaultdict[int, Figures] = defaultdict(Figures)
    asked: dict[str, Any] = {
        "midnight": midnight,
        # Without the Z at its end: of the same second, what has a fraction comes after it.
        "midnight_text": f"{midnight.astimezone(UTC):%Y-%m-%dT%H:%M:%S}",
        "connected": Reason.AGENT_CONNECTED.value,
        "completed": State.COMPLETED.value,
        "not_failed": [reason.value for reason in NOT_FAILED],
        "live": [state.value for state in BEGUN],
    }
    with connection.cursor() as cursor:
        cursor.execute(_WAITING)
        for pk, waiting, oldest in cursor.fetchall():
            found[pk] += Figures(waiting=waiting, oldest=oldest)
        cursor.execute(_CALLS)
        for pk, calls in cursor.fetchall():
            found[pk] += Figures(calls=calls)
        cursor.execute(_TODAY, asked)
        for pk, started, connected, failed in cursor.fetchall():
            found[pk] += Figures(started=started, connected=connected, failed=failed)
    return found


def _waits(lines: Collection[Joining], now: datetime) -> dict[Joining, Wait]:
    """The wait in each of these lines; one that has never been worked out is missing, and comes with a later look."""
    known = _estimates
    oldest_told = time.monotonic() - TOLD_FOR
    for line in list(known):
        if line not in lines or known[line][0] < oldest_told:
            del known[line]
    oldest_first = sorted(lines, key=lambda line: known[line][0] if line in known else float("-inf"))
    made_at = time.monotonic()
    try:
        found = estimates.of_new(oldest_first, now=now, seconds=ESTIMATING_SECONDS)
    except BadValue:
        # One entry that nobody can read, in whichever queue: the audit says so, and the board goes on with the rest.
        logger.warning("the waits in the queues cannot be estimated", exc_info=True)
        found = {}
    for line, estimate in found.items():
        known[line] = (made_at, estimate)
    return {line: _wait(estimate) for line, (_, estimate) in known.items()}


def _wait(estimate: Estimate) -> Wait:
    if not estimate.is_known:
        return Wait(None, None)
    return Wait(_coarse(estimate.ewt.total_seconds()), _coarse(estimate.p90.total_seconds()))


def _coarse(seconds: float) -> int:
    """No finer than it is known, so that a board does not change with each second."""
    step = 5 if seconds < 60 else 30 if seconds < 600 else 60
    return round(seconds / step) * step


def _errors() -> dict[str, tuple[int | None, int | None]]:
    """By queue: the mean error and the bias of the last 24 hours, in seconds."""
    rows = QueueAccuracy.objects.filter(hours=QueueAccuracy.DAY).values_list("queue", "mean_absolute", "bias")
    return {
        queue: (None if mean is None else round(mean), None if bias is None else round(bias))
        for queue, mean, bias in rows
    }


def _bookings(services: Iterable[ConfiguredService], now: datetime) -> dict[int, Bookings]:
    found = {}
    plans = occupancy.plans(services)
    for pk, slots in occupancy.uses(plans, now, now + AHEAD, now=now).items():
        has_capacity = plans[pk].capacity is not None
        found[pk] = Bookings(
            booked=sum(slot.booked for slot in slots),
            places=sum(slot.limit for slot in slots if not slot.blocked) if has_capacity else None,
            blocked=sum(1 for slot in slots if slot.blocked),
        )
    return found


# No older than half a second, for everybody.
just_now = Kept(read)
