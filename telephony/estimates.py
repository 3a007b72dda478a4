"""What somebody in a virtual queue, or about to join it, can expect, and what is measured for saying so.

The arithmetic is in `telephony.ewt`; this reads what it needs, in one statement, and keeps what was measured.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from django.db import connection

from telephony import matching, targets
from telephony.ewt import HANDLING, AgentsNow, Estimate, Outlook, Starts
from telephony.models import Agent, QueueEntry, QueueMeasure

# A measure counts for a fiftieth of the mean once there were fifty, so that the mean follows the day.
MEMORY = 50
# The wait of the last starts is stored again when it has changed by that much.
WORTH_STORING = timedelta(seconds=1)

What = Literal["handling", "reach"]

# Ahead of somebody new is everybody who has no lower priority than a new entry gets.
_FIGURES = """
WITH own AS (SELECT priority, place_at, owner FROM telephony_queueentry WHERE owner = %(owner)s)
SELECT line.waiting, line.ahead,
    (SELECT count(*) FROM telephony_agent WHERE name = %(agent)s AND state <> 'logged_out')
        + (SELECT count(*) FROM telephony_agentgroup AS one
            JOIN telephony_agentgroup_agents AS member ON member.agentgroup_id = one.id
            JOIN telephony_agent AS agent ON agent.id = member.agent_id
            WHERE one.name = %(group)s AND agent.state <> 'logged_out'),
    (SELECT seconds FROM telephony_queuemeasure WHERE queue = %(queue)s AND what = 'handling'),
    (SELECT seconds FROM telephony_queuemeasure WHERE queue = %(queue)s AND what = 'start')
FROM (
    SELECT count(*) AS waiting, count(*) FILTER (WHERE CASE
        WHEN own.owner IS NULL THEN entry.priority >= 0
        ELSE entry.priority > own.priority
            OR entry.priority = own.priority AND (entry.place_at, entry.owner) < (own.place_at, own.owner)
    END) AS ahead
    FROM telephony_queueentry AS entry LEFT JOIN own ON true
    WHERE entry.queue = %(queue)s AND NOT entry.paused
) AS line
"""

_MEASURE = """
INSERT INTO telephony_queuemeasure AS known (queue, what, seconds, measured, measured_at)
VALUES (%(queue)s, %(what)s, %(seconds)s, 1, %(now)s)
ON CONFLICT (queue, what) DO UPDATE SET
    seconds = known.seconds + (excluded.seconds - known.seconds) / least(known.measured + 1, %(memory)s),
    measured = known.measured + 1, measured_at = excluded.measured_at
"""


@dataclass(frozen=True)
class Position:
    """Where an owner stands in its queue.

    `ewt` in seconds, None while nobody who could take the call is logged in. `position`: 1 is next. `total_waiting`
    includes the owner. `ready_threshold_passed`: an agent is there for it, or could be given to it now.
    """

    ewt: float | None
    position: int
    total_waiting: int
    ready_threshold_passed: bool


@dataclass(frozen=True)
class _Figures:
    waiting: int
    ahead: int
    agents: int
    handling: timedelta
    last_start: timedelta | None


def estimate(queue: str, target: str, *, now: datetime, owner: str | None = None) -> Estimate:
    """What the owner's entry can expect; without an owner, what a new one could. Raises BadValue for the target."""
    return _estimate(_figures(queue, targets.parse(target).steps[0].target.key, owner))


def for_starts(queue: str, target: str, *, now: datetime) -> Starts:
    """By how much to start a queue's scheduled callbacks early. Raises BadValue for the target.

    The wait is stored as the last known one whenever it has changed, while somebody is logged in.
    """
    figures = _figures(queue, targets.parse(target).steps[0].target.key, None)
    last_known = figures.last_start or timedelta()
    agents = [AgentsNow(frozenset({queue}), figures.agents)]
    outlook = Outlook(queue, {queue: figures.ahead}, agents) if figures.agents else None
    starts = Starts(outlook, last_known)
    next_one = starts.ewt(already_started=0)
    if figures.agents and (figures.last_start is None or abs(next_one - last_known) >= WORTH_STORING):
        stored = QueueMeasure(
            queue=queue, what=QueueMeasure.What.START, seconds=next_one.total_seconds(), measured_at=now
        )
        QueueMeasure.objects.bulk_create(
            [stored], update_conflicts=True, unique_fields=["queue", "what"], update_fields=["seconds", "measured_at"]
        )
    return starts


def position(owner: str, *, now: datetime) -> Position | None:
    """Where an owner stands; None when it has no place in a queue."""
    entry = QueueEntry.objects.filter(pk=owner).first()
    if entry is None:
        return None
    expected = _estimate(_figures(entry.queue, entry.target_key, owner))
    ready = (
        entry.granted
        or Agent.objects.filter(reserved_for=owner).exists()
        or (not entry.paused and matching.ready_agents(entry.target_key).count() > expected.ahead)
    )
    return Position(
        ewt=expected.ewt.total_seconds() if expected.is_known else None,
        position=expected.ahead + 1,
        # One that is paused is not among those who wait, and stands in the line all the same.
        total_waiting=expected.waiting + entry.paused,
        ready_threshold_passed=ready,
    )


def measure(queue: str, what: What, seconds: float, now: datetime) -> None:
    """Take a measurement into the queue's running mean, in the caller's transaction and one statement.

    "handling": how long one call took up an agent; "reach": how long from a dial until a human was on the line.
    """
    # Clocks of two machines may make a moment look older than what came before it.
    positive = max(seconds, 0.0)
    with connection.cursor() as cursor:
        cursor.execute(_MEASURE, {"queue": queue, "what": what, "seconds": positive, "now": now, "memory": MEMORY})


def _figures(queue: str, target_key: str, owner: str | None) -> _Figures:
    kind, _, name = target_key.partition(":")
    names = {"agent": name if kind == "A" else None, "group": name if kind == "GA" else None}
    with connection.cursor() as cursor:
        cursor.execute(_FIGURES, {"queue": queue, "owner": owner, **names})
        waiting, ahead, agents, handling, last_start = cursor.fetchone()
    return _Figures(
        waiting,
        ahead,
        agents,
        HANDLING if handling is None else timedelta(seconds=handling),
        None if last_start is None else timedelta(seconds=last_start),
    )


def _estimate(figures: _Figures) -> Estimate:
    known = figures.ahead * figures.handling / figures.agents if figures.agents else None
    ewt = figures.last_start or timedelta() if known is None else known
    return Estimate(ewt, figures.ahead, figures.waiting, figures.agents, figures.handling)
