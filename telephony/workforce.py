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
from django.db.models.functions import Concat

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
    CASE WHEN state = 'wrap_up' THEN date_part('epoch', wrap_up_until - %(now)s) END,
    state
FROM telephony_agent WHERE state <> 'logged_out'
"""


class AtWork(NamedTuple):
    """One agent who is logged in. `serves` are keys of targets, of those that were asked about.

    `busy_for`: so many seconds in a state of which nobody knows the end; `ends_in`: what they do ends in so many
    seconds. Neither: they are ready. `state` is that of `Agent.State`.
    """

    serves: frozenset[str]
    busy_for: float | None
    ends_in: float | None
    state: str


@dataclass(frozen=True)
class _Audience:
    """Who served which of these targets at a moment (of the monotonic clock), of these agents."""

    asked_at: float
    keys: frozenset[str]
    agents: frozenset[int]
    served: dict[int, frozenset[str]]


_NONE: frozenset[str] = frozenset()
_known = _Audience(0.0, _NONE, frozenset(), {})


def at_work(keys: Collection[str], now: datetime) -> list[AtWork]:
    """Agents who are logged in and serve one of the targets.

    Who is not ready counts as on a call that began when they became so: they come back, nobody knows when.
    """
    with connection.cursor() as cursor:
        cursor.execute(_LOGGED_IN, {"now": now})
        rows = cursor.fetchall()
    served = _served(frozenset(keys), frozenset(row[0] for row in rows))
    return [AtWork(served[pk], *rest) for pk, *rest in rows if pk in served]


def _served(keys: frozenset[str], agents: frozenset[int]) -> dict[int, frozenset[str]]:
    """The targets that each agent serves, these and maybe others."""
    global _known
    known, now = _known, time.monotonic()
    if now - known.asked_at >= AUDIENCE_SECONDS or not agents <= known.agents:
        _known = _Audience(now, keys, *_ask(keys))
    elif missing := keys - known.keys:
        # Kept beside what others asked about, for no longer than that: else it would grow for as long as there is ever
        # something new to ask. Whom only this answer knows is asked about anew by the next one.
        asked_of, more = _ask(missing)
        served = {pk: known.served.get(pk, _NONE) | more.get(pk, _NONE) for pk in known.served.keys() | more}
        _known = _Audience(known.asked_at, known.keys | missing, known.agents & asked_of, _shared(served))
    return _known.served


def _ask(keys: Collection[str]) -> tuple[frozenset[int], dict[int, frozenset[str]]]:
    """All agents there are, and the targets that each of them serves."""
    # Everybody is a target of their own, by name: there may be as many of these as there are agents.
    everybody = Agent.objects.order_by().values_list("pk", Concat(Value("A:"), "name"))
    each = [
        Agent.objects.filter(audience.agents_of([key])).order_by().values_list("pk", Value(key))
        for key in keys
        if not key.startswith("A:")
    ]
    agents: set[int] = set()
    served: defaultdict[int, set[str]] = defaultdict(set)
    for pk, key in everybody.union(*each, all=True) if each else everybody:
        agents.add(pk)
        if key in keys:
            served[pk].add(key)
    return frozenset(agents), _shared({pk: frozenset(found) for pk, found in served.items()})


def _shared(served: dict[int, frozenset[str]]) -> dict[int, frozenset[str]]:
    """Agents of the same targets share one set: estimates tell kinds of agents apart by it."""
    kinds: dict[frozenset[str], frozenset[str]] = {}
    return {pk: kinds.setdefault(kind, kind) for pk, kind in served.items()}
