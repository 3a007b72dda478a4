"""Lines of a virtual queue: those in it who want the same, at the same priority. In each, the order is by place alone.

So whoever looks for the best of all who wait looks at the first of each line, by one step into an index, and then
goes by `routing.rank`: how many wait behind them makes no difference. A line is no row of its own; its digest is on
the entries, and the lines there are come from stepping through the index from one to the next.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db import connection

from telephony import lease
from telephony.routing import Waiter


@dataclass(frozen=True)
class Line:
    """Who wants the same of a queue: "dial" or "agent" (`wants`), and of whom (`keys`)."""

    wants: str
    digest: str
    queue: str
    keys: frozenset[str]


@dataclass(frozen=True)
class Head:
    """An entry at the head of its line, as it was read."""

    line: Line
    waiter: Waiter
    visit: int
    reserve_seconds: int
    eligible_at: datetime

    @property
    def owner(self) -> str:
        return self.waiter.owner


# Which lines somebody is in who may be served: one step through the index for each, not one for each entry.
_LINES = """
WITH RECURSIVE line AS (
    (SELECT wants, line FROM telephony_queueentry WHERE eligible_at IS NOT NULL ORDER BY wants, line LIMIT 1)
    UNION ALL
    SELECT following.* FROM line CROSS JOIN LATERAL (
        SELECT entry.wants, entry.line FROM telephony_queueentry AS entry
        WHERE entry.eligible_at IS NOT NULL AND (entry.wants, entry.line) > (line.wants, line.line)
        ORDER BY entry.wants, entry.line LIMIT 1
    ) AS following
)
SELECT wants, line FROM line WHERE line <> ''
"""

# What their digests stand for; none of a line in which nobody is any more.
_MEANINGS = """
SELECT wanted.line, one.queue, one.keys FROM unnest(%(wants)s::text[], %(lines)s::text[]) AS wanted (wants, line)
CROSS JOIN LATERAL (
    SELECT entry.queue, entry.keys FROM telephony_queueentry AS entry
    WHERE entry.eligible_at IS NOT NULL AND entry.wants = wanted.wants AND entry.line = wanted.line LIMIT 1
) AS one
"""
# What digests stand for never changes, so that this process asks once for each. So many take some megabytes.
_MOST_KNOWN = 10_000
_meanings: dict[str, tuple[str, frozenset[str]]] = {}

# Who may be served now. An owner whose last agent is not yet given back waits for that: one agent an owner. Whoever is
# on a switch that nobody listens to (`lease.live_switches`) cannot be joined now: agent after agent would be rung for
# nothing.
_SERVABLE = """
entry.eligible_at <= %(now)s
AND NOT EXISTS (SELECT FROM telephony_agent AS agent WHERE agent.reserved_for = entry.owner)
AND NOT EXISTS (
    SELECT FROM telephony_leg AS leg JOIN telephony_switch AS switch ON switch.id = leg.switch_id
    WHERE leg.call_id = entry.owner AND leg.state <> 'ended' AND (
        switch.lease_until > statement_timestamp()
        AND switch.reachable_at > statement_timestamp() - %(lease)s
    ) IS NOT TRUE
)
"""
_STATED = """
entry.wants, entry.line, entry.owner, entry.place_at, entry.priority, entry.priority_increment,
entry.priority_interval, entry.passed_over, entry.visit, entry.reserve_seconds, entry.eligible_at
"""

# The first of each of these lines whom an agent may be given now.
_HEADS = f"""
SELECT head.* FROM unnest(%(wants)s::text[], %(lines)s::text[]) AS wanted (wants, line) CROSS JOIN LATERAL (
    SELECT {_STATED} FROM telephony_queueentry AS entry
    WHERE entry.wants = wanted.wants AND entry.line = wanted.line AND {_SERVABLE}
        AND coalesce((entry.passed_over ->> %(agent)s)::double precision <= %(seconds)s, true)
    ORDER BY entry.place_at, entry.owner LIMIT %(most)s
) AS head
"""  # noqa: S608 (made of the texts above)

# One entry, if anybody at all is ready, or for a dial about to be: mostly nobody is.
_ENTRY = f"""
SELECT entry.queue, entry.keys, {_STATED} FROM telephony_queueentry AS entry
WHERE entry.owner = %(owner)s AND entry.line <> '' AND {_SERVABLE} AND EXISTS (
    SELECT FROM telephony_agent AS agent
    WHERE agent.state = 'ready' OR entry.wants = 'dial' AND agent.state = 'wrap_up' AND agent.next_state = ''
)
"""  # noqa: S608 (made of the texts above)

# Who is counted on an agent: granted dials while they last, and whoever is on the line.
_COUNTED = """
SELECT entry.queue, entry.keys, count(*) FROM telephony_queueentry AS entry
WHERE (entry.granted AND entry.granted_until > %(now)s OR entry.wants = 'agent' AND entry.eligible_at IS NOT NULL)
    AND NOT EXISTS (SELECT FROM telephony_agent AS agent WHERE agent.reserved_for = entry.owner)
    AND coalesce(entry.place_at < %(before)s, true)
GROUP BY entry.queue, entry.keys
"""


def digest_of(queue: str, keys: Iterable[str], priority: int, increment: int, interval: int) -> str:
    """What all entries of a line have in common, in 32 characters: a list of targets is too long for an index."""
    same = json.dumps([queue, sorted(keys), priority, increment, interval])
    return hashlib.blake2b(same.encode(), digest_size=16).hexdigest()


def waiting() -> list[Line]:
    """The lines somebody is in who wants something."""
    with connection.cursor() as cursor:
        cursor.execute(_LINES)
        found = cursor.fetchall()
    # One dictionary for the whole look: another thread may put a new one in its place meanwhile.
    meanings = _meanings
    if unknown := [(wants, digest) for wants, digest in found if digest not in meanings]:
        meanings = _learn(unknown, meanings)
    return [Line(wants, digest, *meanings[digest]) for wants, digest in found if digest in meanings]


def _learn(
    unknown: list[tuple[str, str]], known: dict[str, tuple[str, frozenset[str]]]
) -> dict[str, tuple[str, frozenset[str]]]:
    """What is known, and what these stand for."""
    global _meanings
    with connection.cursor() as cursor:
        cursor.execute(_MEANINGS, {"wants": [each[0] for each in unknown], "lines": [each[1] for each in unknown]})
        more = {digest: (queue, frozenset(keys)) for digest, queue, keys in cursor.fetchall()}
    _meanings = {**(known if len(known) < _MOST_KNOWN else {}), **more}
    return {**known, **more}


def heads(lines: Iterable[Line], *, now: datetime, agent: str = "", most: int = 1) -> list[Head]:
    """The first `most` of each line who may be served now; with `agent`, by them. In no order."""
    known = {(line.wants, line.digest): line for line in lines}
    if not known:
        return []
    values: dict[str, Any] = {
        "wants": [wants for wants, _ in known],
        "lines": [line for _, line in known],
        "now": now,
        "seconds": now.timestamp(),
        "agent": agent,
        "lease": lease.LEASE,
        "most": most,
    }
    with connection.cursor() as cursor:
        cursor.execute(_HEADS, values)
        rows = cursor.fetchall()
    return [_head(known[wants, digest], *stated) for wants, digest, *stated in rows]


def entry_of(owner: str, *, now: datetime) -> Head | None:
    """An owner's entry, wherever in its line it stands; None when it may not be served now, or nobody is ready."""
    values: dict[str, Any] = {"owner": owner, "now": now, "lease": lease.LEASE}
    with connection.cursor() as cursor:
        cursor.execute(_ENTRY, values)
        row = cursor.fetchone()
    if row is None:
        return None
    queue, keys, wants, digest, *stated = row
    return _head(Line(wants, digest, queue, frozenset(keys)), *stated)


def counted(now: datetime, before: datetime | None) -> dict[tuple[str, frozenset[str]], int]:
    """How many are counted on an agent, by queue and targets; with `before` those only whose place is earlier."""
    found: Counter[tuple[str, frozenset[str]]] = Counter()
    with connection.cursor() as cursor:
        cursor.execute(_COUNTED, {"now": now, "before": before})
        for queue, keys, number in cursor.fetchall():
            found[queue, frozenset(keys)] += number
    return found


def _head(
    line: Line,
    owner: str,
    place_at: datetime,
    priority: int,
    increment: int,
    interval: int,
    passed_over: str,
    *stated: Any,
) -> Head:
    # A cursor of its own does not know that the column is JSON.
    moments = {agent: datetime.fromtimestamp(until, UTC) for agent, until in json.loads(passed_over).items()}
    return Head(line, Waiter(owner, line.keys, place_at, priority, increment, interval, moments), *stated)
