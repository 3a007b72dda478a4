"""Who gets whom: agents to callers who wait, dials to callbacks for which an agent is about to be free.

Every match is a short transaction of its own under one advisory lock, so that two matchers never see the same agent as
free. A trigger looks only at what changed (this entry, this agent); the tick's pass finds what a trigger missed, and
whom a wrap-up that is about to end or a grant that has run out lets dial.

A granted dial is counted on an agent until it is served, has failed, or the time it takes to reach a customer in its
queue is over; a customer on the line who wants an agent is counted on one all the while (design section 6).
"""

from __future__ import annotations

import time
import uuid
from collections import defaultdict
from collections.abc import Collection
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from telephony import ewt, lease, upwards
from telephony.events import AgentReserved, DialGranted
from telephony.models import Agent, Leg, QueueEntry, QueueMeasure
from telephony.pacing import Expected, Line, Soon
from telephony.switch import LegState

# The advisory lock of the matcher. Any constant; this one says "mtch".
LOCK = 0x6D746368
# The lock is given back at least that often during a pass.
BATCH_SECONDS = 0.05
PASS_LIMIT = 200

_BUSY_PHONE = Exists(Leg.objects.filter(~Q(state=LegState.ENDED), agent=OuterRef("pk")))
# Whoever is on a switch that nobody listens to cannot be joined now: agent after agent would be rung for nothing.
_OUT_OF_REACH = Exists(
    Leg.objects.filter(~Q(state=LegState.ENDED), ~Q(switch__in=lease.live_switches()), call=OuterRef("owner"))
)
_HAS_AGENT = Exists(Agent.objects.filter(reserved_for=OuterRef("owner")))


def match_entry(owner: str, *, now: datetime) -> bool:
    """Serve one entry if it can be served now. Returns True when it got an agent or a dial."""
    with transaction.atomic():
        _lock()
        entry = _eligible(now).filter(owner=owner).first()
        return entry is not None and _serve(entry, now)


def match_agent(name: str, *, now: datetime) -> bool:
    """Give a ready agent the best entry they may serve. Returns True when something was given."""
    with transaction.atomic():
        _lock()
        if not Agent.objects.filter(name=name, state=Agent.State.READY).exists():
            return False
        groups = Agent.groups.through.objects.filter(agent__name=name).values_list("agentgroup__name", flat=True)
        keys = [f"A:{name}", *(f"GA:{group}" for group in groups)]
        entry = _eligible(now).filter(target_key__in=keys).order_by("wants", "-priority", "place_at").first()
        return entry is not None and _serve(entry, now)


def match_all(now: datetime) -> int:
    """The tick's pass over everybody who waits, in batches between which the lock is given back."""
    served = 0
    # Without the lock: mostly there is nobody who waits, or nobody for them.
    while _eligible(now).exists() and _soon_free(now, reach := _reach()).exists():
        until = time.monotonic() + BATCH_SECONDS
        with transaction.atomic():
            _lock()
            done = _reserve_agents(now, until)
            done += _grant_dials(reach, now, until)
        served += done
        if not done or time.monotonic() < until:
            break
    return served


def ready_agents(target_key: str) -> QuerySet[Agent]:
    """Agents of a target who could be given a call now, longest idle first."""
    kind, _, name = target_key.partition(":")
    named = Q(name=name) if kind == "A" else Q(groups__name=name)
    return Agent.objects.filter(named, ~_BUSY_PHONE, state=Agent.State.READY).order_by("idle_since", "pk")


def _lock() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])


def _eligible(now: datetime) -> QuerySet[QueueEntry]:
    # An owner whose last agent is not yet given back waits for that: one agent an owner.
    return QueueEntry.objects.filter(~_HAS_AGENT, ~_OUT_OF_REACH, eligible_at__lte=now)


def _serve(entry: QueueEntry, now: datetime) -> bool:
    if entry.wants == QueueEntry.Wants.AGENT:
        return _reserve_agent(entry, now)
    line, reach = Line(entry.queue, entry.target_key), _reach()
    return _expected([line], reach, now).has_room(line) and _grant_dial(entry, reach[entry.queue], now)


# Agents for customers on the line


def _reserve_agents(now: datetime, until: float) -> int:
    """Give every agent who is ready and whom somebody on the line wants to the first of them."""
    waiting = _eligible(now).filter(wants=QueueEntry.Wants.AGENT)
    keys = set(waiting.values_list("target_key", flat=True).order_by().distinct())
    ready = Agent.objects.filter(~_BUSY_PHONE, state=Agent.State.READY)
    open_keys = {key for agent in _agents(ready, keys) for key in agent.target_keys}
    if not open_keys:
        return 0
    served = 0
    for entry in waiting.filter(target_key__in=open_keys).order_by("-priority", "place_at")[:PASS_LIMIT]:
        if entry.target_key in open_keys:
            if _reserve_agent(entry, now):
                served += 1
            else:
                open_keys.discard(entry.target_key)
        # However slow it was to look: somebody is served in each batch.
        if served and time.monotonic() >= until:
            break
    return served


def _reserve_agent(entry: QueueEntry, now: datetime) -> bool:
    for agent in ready_agents(entry.target_key)[:5]:
        reservation = str(uuid.uuid4())
        if Agent.objects.filter(pk=agent.pk, state=Agent.State.READY).update(
            state=Agent.State.RESERVED,
            state_since=now,
            reserved_for=entry.owner,
            reservation=reservation,
            reserved_until=now + timedelta(seconds=entry.reserve_seconds),
        ):
            # The entry is not looked at again while its owner has an agent.
            upwards.owner().report([(entry.owner, AgentReserved(agent.name, reservation, entry.visit))], now)
            return True
    return False


# Dials for callbacks that wait for an agent


def _grant_dials(reach: dict[str, timedelta], now: datetime, until: float) -> int:
    """Let dial, in their order, for whom an agent is expected to be free."""
    waiting = _eligible(now).filter(wants=QueueEntry.Wants.DIAL)
    lines = {Line(*row) for row in waiting.values_list("queue", "target_key").order_by().distinct()}
    if not lines:
        return 0
    expected = _expected(lines, reach, now)
    roomy = [line for line in lines if expected.has_room(line)]
    if not roomy:
        return 0
    named = Q(queue__in={line.queue for line in roomy}, target_key__in={line.target_key for line in roomy})
    served = 0
    for entry in waiting.filter(named).order_by("-priority", "place_at")[:PASS_LIMIT]:
        line = Line(entry.queue, entry.target_key)
        if expected.has_room(line) and _grant_dial(entry, reach[line.queue], now):
            expected.count(line)
            served += 1
        if served and time.monotonic() >= until:
            break
    return served


def _grant_dial(entry: QueueEntry, reach: timedelta, now: datetime) -> bool:
    # Its owner, who does not take the matcher's lock, may have changed it since it was read, or be changing it: the
    # owner then has it matched again after the commit, and nobody waits here under the lock.
    as_read = QueueEntry.objects.select_for_update(skip_locked=True).filter(
        pk=entry.pk, wants=entry.wants, visit=entry.visit, granted=False, eligible_at=entry.eligible_at
    )
    granted = QueueEntry.objects.filter(pk__in=as_read.values("pk"))
    if not granted.update(granted=True, granted_until=now + reach, eligible_at=None):
        return False
    upwards.owner().report([(entry.owner, DialGranted(entry.visit))], now)
    return True


def _expected(asking: Collection[Line], reach: dict[str, timedelta], now: datetime) -> Expected:
    """Who is expected to be free for these lines and for all that compete with them."""
    dialled = Q(granted=True, granted_until__gt=now)
    on_the_line = Q(wants=QueueEntry.Wants.AGENT, eligible_at__isnull=False)
    competing = QueueEntry.objects.filter(~_HAS_AGENT, dialled | on_the_line).order_by()
    counted = {
        Line(queue, key): number
        for queue, key, number in competing.values_list("queue", "target_key").annotate(Count("pk"))
    }
    keys = {line.target_key for line in (*counted, *asking)}
    return Expected(_agents(_soon_free(now, reach), keys), counted, asking, now=now, reach=reach)


def _soon_free(now: datetime, reach: dict[str, timedelta]) -> QuerySet[Agent]:
    """Agents who are ready, or whose wrap-up ends by itself before the slowest queue has reached a customer."""
    latest = now + max([ewt.REACH, *reach.values()])
    wrap_up = Q(state=Agent.State.WRAP_UP, wrap_up_until__lte=latest, next_state="")
    return Agent.objects.filter(Q(state=Agent.State.READY) | wrap_up, ~_BUSY_PHONE)


def _agents(which: QuerySet[Agent], target_keys: Collection[str]) -> list[Soon]:
    """Those of the agents who belong to one of the targets, with the targets to which they belong."""
    wanted = set(target_keys)
    names = [key.removeprefix("A:") for key in wanted if key.startswith("A:")]
    groups = [key.removeprefix("GA:") for key in wanted if key.startswith("GA:")]
    rows = which.filter(Q(name__in=names) | Q(groups__name__in=groups)).values_list(
        "pk", "name", "groups__name", "state", "wrap_up_until"
    )
    keys: defaultdict[int, set[str]] = defaultdict(set)
    free_at: dict[int, datetime | None] = {}
    for pk, name, group, state, wrap_up_until in rows:
        keys[pk] |= {f"A:{name}", f"GA:{group}"} & wanted
        free_at[pk] = wrap_up_until if state == Agent.State.WRAP_UP else None
    return [Soon(frozenset(keys[pk]), free_at[pk]) for pk in keys]


def _reach() -> dict[str, timedelta]:
    """How long it takes to reach a customer, by queue."""
    measured = QueueMeasure.objects.filter(what=QueueMeasure.What.REACH).values_list("queue", "seconds")
    reach: defaultdict[str, timedelta] = defaultdict(lambda: ewt.REACH)
    reach.update({queue: timedelta(seconds=seconds) for queue, seconds in measured})
    return reach
