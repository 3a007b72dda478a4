"""Who is served first, and by whom. Pure: the matcher goes by these rules, and so does the simulation.

One order over all who wait, whatever their queue: whoever has waited longer than `STARVED` comes before all who have
not, oldest first; then the higher priority, with its ageing; then the earlier place. Why nobody starves under it is
explained in docs/routing.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from telephony import targets

# Beyond that no priority counts any more, only who came first.
STARVED = timedelta(minutes=30)

Rank = tuple[bool, int, datetime, str]


@dataclass(frozen=True)
class Waiter:
    """Somebody in a virtual queue, as far as the order is concerned.

    `keys` are the targets that are looked for now (`Target.key`). `priority` grows by `increment` whenever `interval`
    seconds have passed since `place_at`; an interval of 0: never. `passed_over`: agents who are not offered this one
    before that moment.
    """

    owner: str
    keys: frozenset[str]
    place_at: datetime
    priority: int = 0
    increment: int = 0
    interval: int = 0
    passed_over: Mapping[str, datetime] = field(default_factory=dict)


def effective_priority(waiter: Waiter, now: datetime) -> int:
    """The priority with what it has grown by. It never falls: a negative increment counts as none.

    So those who share priority, increment and interval keep the order of their places however long they wait, which
    is what lets the matcher look at one entry of such a line instead of all.
    """
    if waiter.interval <= 0:
        return waiter.priority
    intervals = max(now - waiter.place_at, timedelta()) // timedelta(seconds=waiter.interval)
    return waiter.priority + max(waiter.increment, 0) * intervals


def is_starved(place_at: datetime, now: datetime) -> bool:
    """True when somebody with that place has waited for so long that no priority comes before them."""
    return now - place_at > STARVED


def rank(waiter: Waiter, now: datetime) -> Rank:
    """Smaller is served first; no two waiters have the same."""
    if is_starved(waiter.place_at, now):
        return (False, 0, waiter.place_at, waiter.owner)
    return (True, -effective_priority(waiter, now), waiter.place_at, waiter.owner)


def serves(profile: targets.Profile, keys: Iterable[str]) -> bool:
    """Whether an agent is one of those who are looked for."""
    return any(targets.target_of(key).matches(profile) for key in keys)


def may_have(waiter: Waiter, profile: targets.Profile, now: datetime) -> bool:
    """Whether an agent may be given this waiter now."""
    return not _is_passed_over(waiter, profile.name, now) and serves(profile, waiter.keys)


def first_of(waiters: Iterable[Waiter], profile: targets.Profile, now: datetime) -> Waiter | None:
    """Whom an agent is given who has just become free."""
    return min((one for one in waiters if may_have(one, profile, now)), key=lambda one: rank(one, now), default=None)


def assign(
    waiters: Iterable[Waiter], agents: Sequence[targets.Profile], now: datetime
) -> list[tuple[Waiter, targets.Profile]]:
    """Give agents, who come longest idle first, to those who wait, in their order.

    No agent is left over whom somebody without an agent may have.
    """
    able: dict[frozenset[str], list[targets.Profile]] = {}
    taken: set[str] = set()
    pairs = []
    for waiter in sorted(waiters, key=lambda one: rank(one, now)):
        if waiter.keys not in able:
            able[waiter.keys] = [profile for profile in agents if serves(profile, waiter.keys)]
        free = (profile for profile in able[waiter.keys] if profile.name not in taken)
        taker = next((profile for profile in free if not _is_passed_over(waiter, profile.name, now)), None)
        if taker is not None:
            taken.add(taker.name)
            pairs.append((waiter, taker))
    return pairs


def _is_passed_over(waiter: Waiter, agent: str, now: datetime) -> bool:
    until = waiter.passed_over.get(agent)
    return until is not None and until > now
