"""Who gets whom: agents to callers who wait, dials to callbacks for which an agent is about to be free.

Every match is a short transaction of its own under one advisory lock, so that two matchers never see the same agent as
free. A trigger looks only at what changed (this entry, this agent); the tick's pass finds what a trigger missed.
"""

from __future__ import annotations

import time
import uuid
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from telephony import lease, upwards
from telephony.events import AgentReserved, DialGranted
from telephony.models import Agent, Leg, QueueEntry
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
    if not Agent.objects.filter(state=Agent.State.READY).exists():
        return 0
    waiting = list(
        _eligible(now).order_by("wants", "-priority", "place_at").values_list("owner", flat=True)[:PASS_LIMIT]
    )
    served = 0
    while waiting:
        until = time.monotonic() + BATCH_SECONDS
        with transaction.atomic():
            _lock()
            while waiting and time.monotonic() < until:
                entry = _eligible(now).filter(owner=waiting.pop(0)).first()
                served += entry is not None and _serve(entry, now)
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
    if entry.wants == QueueEntry.Wants.DIAL:
        return _grant_dial(entry, now)
    return _reserve_agent(entry, now)


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


def _grant_dial(entry: QueueEntry, now: datetime) -> bool:
    """Let a delayed callback dial if, of the agents it could use, more are ready than are already counted on."""
    agents = list(ready_agents(entry.target_key).values_list("pk", "name"))
    keys = {f"A:{name}" for _, name in agents} | {entry.target_key}
    groups = Agent.groups.through.objects.filter(agent__in=[pk for pk, _ in agents])
    keys |= {f"GA:{name}" for name in groups.values_list("agentgroup__name", flat=True)}
    counted_on = QueueEntry.objects.filter(~_HAS_AGENT, granted=True, target_key__in=keys).count()
    waiting = QueueEntry.objects.filter(
        ~_HAS_AGENT, granted=False, wants=QueueEntry.Wants.AGENT, eligible_at__isnull=False, target_key__in=keys
    ).count()
    if len(agents) <= counted_on + waiting:
        return False
    QueueEntry.objects.filter(pk=entry.pk).update(granted=True, eligible_at=None)
    upwards.owner().report([(entry.owner, DialGranted(entry.visit))], now)
    return True
