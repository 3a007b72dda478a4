"""Who gets whom: agents to callers who wait, dials to callbacks for which an agent is about to be free.

Every match is a short transaction of its own under one advisory lock, so that two matchers never see the same agent as
free. A trigger looks only at what changed (this entry, this agent); the tick's pass finds what a trigger missed, and
whom a wrap-up that is about to end or a grant that has run out lets dial. In which order is said in
`telephony.routing`; who is looked at is the first of each line (`telephony.lines`).

A granted dial is counted on an agent until it is served, has failed, or the time it takes to reach a customer in its
queue is over; a customer on the line who wants an agent is counted on one all the while (design section 6).
"""

from __future__ import annotations

import time
import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from telephony import audience, ewt, lines, pacing, routing, upwards
from telephony.events import AgentReserved, DialGranted
from telephony.lines import Head
from telephony.models import Agent, Leg, QueueEntry, QueueMeasure
from telephony.pacing import Expected, Soon
from telephony.ready import profiles_of, ready, soon_free
from telephony.switch import LegState
from telephony.targets import Profile

# The advisory lock of the matcher. Any constant; this one says "mtch".
LOCK = 0x6D746368
# The lock is given back at least that often during a pass.
BATCH_SECONDS = 0.05
PASS_LIMIT = 200
# Above so many agents the database is asked who of them is of the targets, else all that is known of them is read; and
# not above so many targets, since a question about each would be a statement too long.
MANY_FREE = 50
MOST_KEYS_ASKED = 10
# How many starved callbacks a pass looks at that have no agent to spare.
STARVED_LIMIT = 5

WANTS_AGENT, WANTS_DIAL = QueueEntry.Wants.AGENT, QueueEntry.Wants.DIAL

# The reservation: one guarded update, so that nobody has an agent who is not free (design invariant 9).
_RESERVE = """
UPDATE telephony_agent AS agent SET state = 'reserved', state_since = %(now)s, reserved_for = %(owner)s,
    reservation = %(reservation)s, reserved_until = %(until)s
WHERE agent.id = %(agent)s AND agent.state = 'ready'
    AND NOT EXISTS (SELECT FROM telephony_leg AS leg WHERE leg.agent_id = agent.id AND leg.state <> 'ended')
"""
# Its owner, who does not take the matcher's lock, may have changed it since it was read, or be changing it: the owner
# then has it matched again after the commit, and nobody waits here under the lock.
_GRANT = """
UPDATE telephony_queueentry SET granted = true, granted_until = %(until)s, eligible_at = NULL
WHERE owner IN (
    SELECT owner FROM telephony_queueentry
    WHERE owner = %(owner)s AND wants = 'dial' AND visit = %(visit)s AND NOT granted AND eligible_at = %(eligible_at)s
    FOR UPDATE SKIP LOCKED
)
"""

_BUSY_PHONE = Exists(Leg.objects.filter(~Q(state=LegState.ENDED), agent=OuterRef("pk")))


@dataclass(frozen=True)
class _Free:
    """An agent who is ready, or, with `free_at`, whose wrap-up ends then by itself."""

    pk: int
    profile: Profile
    free_at: datetime | None


def match_entry(owner: str, *, now: datetime) -> bool:
    """Serve one entry if it can be served now. Returns True when it got an agent or a dial.

    The lock is taken only when somebody is there for it: whoever becomes ready a moment later looks for entries.
    """
    if (head := lines.entry_of(owner, now=now)) is None:
        return False
    reach = _reach() if head.line.wants == WANTS_DIAL else {}
    if head.line.wants == WANTS_AGENT:
        somebody = _takers(head, now).exists()
    else:
        somebody = bool(_soon_free(head.line.keys, reach, now))
    if not somebody:
        return False
    with transaction.atomic():
        _lock()
        # What was read may be over. What it wants is: else its owner has it matched again.
        again = lines.entry_of(owner, now=now)
        if again is None or again.line.wants != head.line.wants:
            return False
        if head.line.wants == WANTS_AGENT:
            return any(_reserve(pk, name, again, now) for pk, name in _takers(again, now)[:5])
        return _grant_where_room([again], reach, now)


def match_agent(name: str, *, now: datetime) -> bool:
    """Give a ready agent the best entry they may serve. Returns True when something was given.

    Who is on the line comes before who is to be dialled. One to be dialled who is starved, and of an earlier place
    than the caller who gets this agent, is dialled all the same, and is then the first to get the next one.
    """
    if not (known := lines.waiting()) or (found := ready(name)) is None:
        return False
    agent, profile = found
    # Asked once for each target, however many lines look for it.
    theirs = {key for key in frozenset().union(*(line.keys for line in known)) if routing.serves(profile, [key])}
    served_by = [line for line in known if not line.keys.isdisjoint(theirs)]
    if not served_by:
        return False
    with transaction.atomic():
        _lock()
        first = sorted(lines.heads(served_by, now=now, agent=name), key=lambda head: routing.rank(head.waiter, now))
        callers = [head for head in first if head.line.wants == WANTS_AGENT]
        dials = [head for head in first if head.line.wants == WANTS_DIAL]
        if not callers:
            return _grant_where_room(dials, _reach(), now)
        granted = dials and _comes_before(dials[0], callers[0], now) and _grant_starved(dials[0], _reach(), now)
        return _reserve(agent, name, callers[0], now) or bool(granted)


def match_all(now: datetime) -> int:
    """The tick's pass over everybody who waits, in batches between which the lock is given back."""
    served = 0
    # Without the lock: mostly there is nobody who waits, or nobody for them.
    while known := lines.waiting():
        reach = _reach()
        agents = _soon_free(frozenset().union(*(line.keys for line in known)), reach, now)
        if not agents:
            break
        until = time.monotonic() + BATCH_SECONDS
        with transaction.atomic():
            _lock()
            done = _reserve_agents([line for line in known if line.wants == WANTS_AGENT], agents, now, until)
            done += _grant_dials([line for line in known if line.wants == WANTS_DIAL], reach, now, until)
        served += done
        if not done or time.monotonic() < until:
            break
    return served


def ready_agents(keys: Collection[str]) -> QuerySet[Agent]:
    """Agents of these targets who could be given a call now, longest idle first."""
    return _ready().filter(audience.agents_of(keys)).order_by("idle_since", "pk")


def _lock() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])


def _ready() -> QuerySet[Agent]:
    return Agent.objects.filter(~_BUSY_PHONE, state=Agent.State.READY)


# Agents for customers on the line


def _takers(head: Head, now: datetime) -> QuerySet[Agent, tuple[int, str]]:
    passed_over = [agent for agent, until in head.waiter.passed_over.items() if until > now]
    return ready_agents(head.waiter.keys).exclude(name__in=passed_over).values_list("pk", "name")


def _reserve_agents(callers: list[lines.Line], agents: list[_Free], now: datetime, until: float) -> int:
    """Give every agent who is ready and whom somebody on the line wants to the first of them."""
    free = {agent.profile.name: agent for agent in agents if agent.free_at is None}
    open_lines = [line for line in callers if any(routing.serves(one.profile, line.keys) for one in free.values())]
    if not open_lines:
        return 0
    most = max(1, min(len(free), PASS_LIMIT // len(open_lines)))
    found = {head.owner: head for head in lines.heads(open_lines, now=now, most=most)}
    waiters, profiles = [head.waiter for head in found.values()], [agent.profile for agent in free.values()]
    served = 0
    for waiter, profile in routing.assign(waiters, profiles, now):
        agent = free.pop(profile.name)
        served += _reserve(agent.pk, profile.name, found[waiter.owner], now)
        # However slow it was to look: somebody is served in each batch.
        if served and time.monotonic() >= until:
            return served
    # Whom the first of their lines are not offered may still have somebody behind them.
    for name in {name for waiter in waiters for name in waiter.passed_over} & free.keys():
        served_by = [line for line in open_lines if routing.serves(free[name].profile, line.keys)]
        behind = lines.heads(served_by, now=now, agent=name)
        if behind:
            first = min(behind, key=lambda head: routing.rank(head.waiter, now))
            served += _reserve(free[name].pk, name, first, now)
    return served


def _reserve(agent: int, name: str, head: Head, now: datetime) -> bool:
    reservation = str(uuid.uuid4())
    values: dict[str, Any] = {
        "agent": agent,
        "now": now,
        "owner": head.owner,
        "reservation": reservation,
        "until": now + timedelta(seconds=head.reserve_seconds),
    }
    with connection.cursor() as cursor:
        cursor.execute(_RESERVE, values)
        if not cursor.rowcount:
            return False
    # The entry is not looked at again while its owner has an agent.
    upwards.owner().report([(head.owner, AgentReserved(name, reservation, head.visit))], now)
    return True


# Dials for callbacks that wait for an agent


def _grant_dials(dials: list[lines.Line], reach: dict[str, timedelta], now: datetime, until: float) -> int:
    """Let dial, in their order, for whom an agent is expected to be free."""
    if not dials:
        return 0
    expected = _expected({_paced(line) for line in dials}, reach, now)
    roomy = [line for line in dials if expected.has_room(_paced(line))]
    served = 0
    if roomy:
        found = lines.heads(roomy, now=now, most=max(1, PASS_LIMIT // len(roomy)))
        for head in sorted(found, key=lambda head: routing.rank(head.waiter, now)):
            line = _paced(head.line)
            if expected.has_room(line) and _grant(head, reach, now):
                expected.count(line)
                served += 1
            if served and time.monotonic() >= until:
                return served
    full = [line for line in dials if line not in roomy]
    starved = [head for head in lines.heads(full, now=now) if routing.is_starved(head.waiter.place_at, now)]
    starved.sort(key=lambda head: head.waiter.place_at)
    return served + sum(_grant_starved(head, reach, now) for head in starved[:STARVED_LIMIT])


def _grant_where_room(dials: Iterable[Head], reach: dict[str, timedelta], now: datetime) -> bool:
    """Grant a dial to the first of these for whom an agent is expected to be free."""
    dials = list(dials)
    if not dials:
        return False
    expected = _expected({_paced(head.line) for head in dials}, reach, now)
    return any(expected.has_room(_paced(head.line)) and _grant(head, reach, now) for head in dials)


def _grant_starved(head: Head, reach: dict[str, timedelta], now: datetime) -> bool:
    """Grant a dial to one who has waited too long, if an agent is expected to be free after those before it.

    Whoever came later is not counted: customers on the line could else keep one who is not yet there waiting for ever.
    """
    line = _paced(head.line)
    return _expected({line}, reach, now, head.waiter.place_at).has_room(line) and _grant(head, reach, now)


def _comes_before(dial: Head, caller: Head, now: datetime) -> bool:
    """Whether one to be dialled is starved, and comes before the caller."""
    starved = routing.is_starved(dial.waiter.place_at, now)
    return starved and routing.rank(dial.waiter, now) < routing.rank(caller.waiter, now)


def _grant(head: Head, reach: dict[str, timedelta], now: datetime) -> bool:
    values: dict[str, Any] = {
        "owner": head.owner,
        "visit": head.visit,
        "eligible_at": head.eligible_at,
        "until": now + reach[head.line.queue],
    }
    with connection.cursor() as cursor:
        cursor.execute(_GRANT, values)
        if not cursor.rowcount:
            return False
    upwards.owner().report([(head.owner, DialGranted(head.visit))], now)
    return True


def _expected(
    asking: Collection[pacing.Line], reach: dict[str, timedelta], now: datetime, before: datetime | None = None
) -> Expected:
    """Who is expected to be free for these lines and for all that compete with them.

    With `before` only those compete whose place is earlier.
    """
    counted = {pacing.Line(*line): number for line, number in lines.counted(now, before).items()}
    wanted = frozenset().union(*(line.keys for line in (*counted, *asking)))
    agents = [
        Soon(frozenset(key for key in wanted if routing.serves(agent.profile, [key])), agent.free_at)
        for agent in _soon_free(wanted, reach, now)
    ]
    return Expected(agents, counted, asking, now=now, reach=reach)


def _paced(line: lines.Line) -> pacing.Line:
    return pacing.Line(line.queue, line.keys)


def _soon_free(keys: frozenset[str], reach: dict[str, timedelta], now: datetime) -> list[_Free]:
    """Agents of one of these targets who are ready, or whose wrap-up ends by itself before the slowest queue has
    reached a customer; longest idle first.
    """
    free_at = soon_free(now + max([ewt.REACH, *reach.values()]))
    if len(free_at) > MANY_FREE and len(keys) <= MOST_KEYS_ASKED:
        theirs = set(Agent.objects.filter(audience.agents_of(keys), pk__in=list(free_at)).values_list("pk", flat=True))
        free_at = {pk: at for pk, at in free_at.items() if pk in theirs}
    profiles = profiles_of(list(free_at)) if free_at else {}
    return [
        _Free(pk, profiles[pk], at)
        for pk, at in free_at.items()
        if pk in profiles and routing.serves(profiles[pk], keys)
    ]


def _reach() -> dict[str, timedelta]:
    """How long it takes to reach a customer, by queue."""
    measured = QueueMeasure.objects.filter(what=QueueMeasure.What.REACH).values_list("queue", "seconds")
    reach: defaultdict[str, timedelta] = defaultdict(lambda: ewt.REACH)
    reach.update({queue: timedelta(seconds=seconds) for queue, seconds in measured})
    return reach
