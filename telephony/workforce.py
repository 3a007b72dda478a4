"""The agents who are logged in, as estimates see them: which targets they serve, and how long they have been at it."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from django.db import connection
from django.db.models import Value

from telephony import audience
from telephony.models import Agent

# Who serves which target changes when an administrator changes it, or an agent sits down elsewhere: it is asked again
# after so many seconds, and at once when an agent or a target is new. To ask it each time would cost more than all
# else (tests/bench/estimates.py).
AUDIENCE_SECONDS = 10.0

# Seconds, since a thousand times of day take longer to read than all the rest.
_LOGGED_IN = """
SELECT id,
    CASE WHEN state NOT IN ('ready', 'wrap_up') THEN date_part('epoch', %(now)s - state_since) END,
    CASE WHEN state = 'wrap_up' THEN date_part('epoch', wrap_up_until - %(now)s) END
FROM telephony_agent WHERE state <> 'logged_out'
"""


class AtWork(NamedTuple):
    """One agent who is logged in. `serves` are keys of targets, of those that were asked about.

    `busy_for`: so many seconds in a state of which nobody knows the end; `ends_in`: what they do ends in so many
    seconds. Neither: they are ready.
    """

    serves: frozenset[str]
    busy_for: float | None
    ends_in: float | None


@dataclass(frozen=True)
class _Audience:
    """Who served which of these targets at a moment (of the monotonic clock), of these agents."""

    asked_at: float
    keys: frozenset[str]
    agents: frozenset[int]
    served: dict[int, frozenset[str]]


_known = _Audience(0.0, frozenset(), frozenset(), {})


def at_work(keys: Collection[str], now: datetime) -> list[AtWork]:
    """Agents who are logged in and serve one of the targets.

    Who is not ready counts as on a call that began when they became so: they come back, nobody knows when.
    """
    with connection.cursor() as cursor:
        cursor.execute(_LOGGED_IN, {"now": now})
        rows = cursor.fetchall()
    served = _served(frozenset(keys), frozenset(row[0] for row in rows))
    return [AtWork(served[pk], busy_for, ends_in) for pk, busy_for, ends_in in rows if pk in served]


def _served(keys: frozenset[str], agents: frozenset[int]) -> dict[int, frozenset[str]]:
    """The targets that each agent serves, these and maybe others."""
    global _known
    known, now = _known, time.monotonic()
    is_recent = now - known.asked_at < AUDIENCE_SECONDS
    if is_recent and keys <= known.keys and agents <= known.agents:
        return known.served
    # What others asked about is kept with it, else two who ask in turns would each time ask anew.
    wanted = keys | known.keys if is_recent else keys
    _known = _Audience(now, wanted, *_ask(wanted))
    return _known.served


def _ask(keys: Collection[str]) -> tuple[frozenset[int], dict[int, frozenset[str]]]:
    """All agents there are, and the targets that each of them serves."""
    everybody = Agent.objects.order_by().values_list("pk", Value(""))
    each = [Agent.objects.filter(audience.agents_of([key])).order_by().values_list("pk", Value(key)) for key in keys]
    agents: set[int] = set()
    served: defaultdict[int, set[str]] = defaultdict(set)
    for pk, key in everybody.union(*each, all=True):
        if key:
            served[pk].add(key)
        else:
            agents.add(pk)
    # Agents of the same targets share one set: estimates tell kinds of agents apart by it.
    kinds: dict[frozenset[str], frozenset[str]] = {}
    return frozenset(agents), {pk: kinds.setdefault(kind := frozenset(found), kind) for pk, found in served.items()}
