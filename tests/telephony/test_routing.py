"""Who is served first: the order of all who wait, and that nobody starves in it."""

from __future__ import annotations

import heapq
import random
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telephony import routing
from telephony.routing import STARVED, Waiter, assign, effective_priority, first_of, rank
from telephony.targets import Profile
from tests.factories import NOON

BILLING, SALES = frozenset({"GA:Billing"}), frozenset({"GA:Sales"})
KATE = Profile("kate", groups=frozenset({"Billing"}))
LIAM = Profile("liam", groups=frozenset({"Billing", "Sales"}))


def minutes(number: float) -> timedelta:
    return timedelta(minutes=number)


def waits(owner: str, since: float, **fields: Any) -> Waiter:
    """Somebody who has waited for so many minutes at noon."""
    return Waiter(owner, **{"keys": BILLING, "place_at": NOON - minutes(since), **fields})


def test_the_earlier_place_comes_first() -> None:
    assert first_of([waits("ada", 1), waits("ben", 2), waits("cem", 0)], KATE, NOON) == waits("ben", 2)


def test_the_higher_priority_comes_before_the_earlier_place() -> None:
    assert first_of([waits("ada", 9), waits("ben", 1, priority=1)], KATE, NOON) == waits("ben", 1, priority=1)


@pytest.mark.parametrize(("waited", "priority"), [(0, 5), (1.99, 5), (2, 8), (5, 11), (-1, 5)])
def test_a_priority_grows_with_every_interval_that_has_passed(waited: float, priority: int) -> None:
    ada = waits("ada", waited, priority=5, increment=3, interval=120)
    assert effective_priority(ada, NOON) == priority


@pytest.mark.parametrize("fields", [{"increment": 3, "interval": 0}, {"increment": -3, "interval": 60}])
def test_a_priority_without_interval_stays_and_none_falls(fields: dict[str, int]) -> None:
    assert effective_priority(waits("ada", 20, priority=5, **fields), NOON) == 5


def test_ageing_lets_the_old_overtake_the_important() -> None:
    ada = waits("ada", 10, increment=1, interval=60)
    assert first_of([ada, waits("ben", 0, priority=9)], KATE, NOON) == ada
    assert first_of([ada, waits("ben", 0, priority=11)], KATE, NOON) != ada


def test_who_has_waited_for_more_than_half_an_hour_comes_before_every_priority() -> None:
    ada, vip = waits("ada", 30), waits("vip", 1, priority=1000)
    assert first_of([ada, vip], KATE, NOON) == vip
    assert first_of([ada, vip], KATE, NOON + timedelta(microseconds=1)) == ada


def test_among_those_the_oldest_is_first_whatever_the_priority() -> None:
    assert first_of([waits("ada", 40), waits("vip", 35, priority=1000)], KATE, NOON) == waits("ada", 40)


def test_an_agent_is_given_only_who_looks_for_them() -> None:
    zoe = waits("zoe", 9, keys=SALES)
    assert first_of([zoe, waits("ada", 1)], KATE, NOON) == waits("ada", 1)
    assert first_of([zoe], KATE, NOON) is None
    assert first_of([zoe, waits("ada", 1)], LIAM, NOON) == zoe


def test_an_agent_who_has_refused_is_not_given_them_before_that_moment() -> None:
    ada = waits("ada", 9, passed_over={"kate": NOON})
    assert first_of([ada], KATE, NOON - timedelta(seconds=1)) is None
    assert first_of([ada], LIAM, NOON - timedelta(seconds=1)) == ada
    assert first_of([ada], KATE, NOON) == ada


WAITERS = st.builds(
    Waiter,
    owner=st.text("abc", min_size=1, max_size=3),
    keys=st.just(BILLING),
    place_at=st.integers(-3600, 60).map(lambda seconds: NOON + timedelta(seconds=seconds)),
    priority=st.integers(-3, 3),
    increment=st.integers(-2, 3),
    interval=st.sampled_from([0, 1, 60, 600]),
)
LATER = st.integers(0, 7200).map(lambda seconds: NOON + timedelta(seconds=seconds))


@given(st.lists(WAITERS, unique_by=lambda waiter: waiter.owner), LATER)
def test_the_order_is_total(waiters: list[Waiter], now: datetime) -> None:
    ranks = sorted(rank(waiter, now) for waiter in waiters)
    assert all(before < after for before, after in pairwise(ranks))


@given(st.lists(WAITERS, min_size=1, unique_by=lambda waiter: waiter.owner), LATER)
def test_the_first_of_a_line_is_the_one_with_the_earliest_place(waiters: list[Waiter], now: datetime) -> None:
    """What lets the matcher look at one of each line: the first by place is the first by rank, at any moment."""
    lines: dict[tuple[int, int, int], list[Waiter]] = {}
    for waiter in waiters:
        lines.setdefault((waiter.priority, waiter.increment, waiter.interval), []).append(waiter)
    heads = [min(line, key=lambda waiter: (waiter.place_at, waiter.owner)) for line in lines.values()]
    assert first_of(heads, KATE, now) == first_of(waiters, KATE, now)


@given(st.integers(0, 2**32))
def test_everybody_is_assigned_in_order_and_nobody_is_left_idle(seed: int) -> None:
    chance = random.Random(seed)
    groups = ["Billing", "Sales", "Loans"]
    agents = [
        Profile(f"agent{number}", groups=frozenset(chance.sample(groups, chance.randint(0, 3))))
        for number in range(chance.randint(0, 6))
    ]
    waiters = [
        waits(
            f"owner{number}",
            chance.randint(0, 60),
            keys=frozenset(f"GA:{group}" for group in chance.sample(groups, chance.randint(1, 2))),
            passed_over={f"agent{chance.randint(0, 5)}": NOON + minutes(chance.choice([-1, 1]))},
        )
        for number in range(chance.randint(0, 8))
    ]
    pairs = assign(waiters, agents, NOON)
    expected, free = [], list(agents)
    for waiter in sorted(waiters, key=lambda one: rank(one, NOON)):
        able = [agent for agent in free if routing.may_have(waiter, agent, NOON)]
        if able:
            free.remove(able[0])
            expected.append((waiter, able[0]))
    assert pairs == expected
    left = [waiter for waiter in waiters if waiter not in [served for served, _ in pairs]]
    assert not any(routing.may_have(waiter, agent, NOON) for waiter in left for agent in free)


def longest_wait(*, starved: timedelta, monkeypatch: pytest.MonkeyPatch) -> timedelta:
    """How long the plainest customer waits at two agents who could be busy with important ones for ever.

    Ada comes at noon behind twenty others; from then on important ones come as fast as they are served.
    """
    monkeypatch.setattr(routing, "STARVED", starved)
    line = [waits(f"owner{number:02}", 21 - number) for number in range(20)] + [waits("ada", 0)]
    free_at, arrived = [NOON, NOON], 0
    while True:
        now = heapq.heappop(free_at)
        if now > NOON + timedelta(hours=6):
            return timedelta.max
        while NOON + minutes(1.5 * arrived) <= now:
            came = NOON + minutes(1.5 * arrived)
            line.append(Waiter(f"vip{arrived:03}", BILLING, came, priority=100, increment=1, interval=60))
            arrived += 1
        served = first_of(line, KATE, now)
        assert served is not None
        if served.owner == "ada":
            return now - NOON
        line.remove(served)
        heapq.heappush(free_at, now + minutes(3))


def test_nobody_waits_longer_than_the_bound_and_those_before_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty before her, two agents, three minutes each: half an hour after the bound at the latest."""
    assert longest_wait(starved=STARVED, monkeypatch=monkeypatch) <= STARVED + 21 * minutes(3) / 2


def test_without_the_bound_she_would_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    assert longest_wait(starved=timedelta.max / 2, monkeypatch=monkeypatch) == timedelta.max


def mean_waits(seed: int) -> dict[str, timedelta]:
    """Two queues share four agents for ten hours: three of four customers come to Billing, all at one priority."""
    chance = random.Random(seed)
    arrivals = sorted((chance.uniform(0, 600), chance.random() < 0.75) for _ in range(780))
    coming = [
        Waiter(f"owner{number:03}", BILLING if billing else SALES, NOON + minutes(at))
        for number, (at, billing) in enumerate(arrivals)
    ]
    line: list[Waiter] = []
    free_at, waited = [NOON] * 4, {"Billing": timedelta(), "Sales": timedelta()}
    while coming or line:
        now = heapq.heappop(free_at)
        while coming and (coming[0].place_at <= now or not line):
            line.append(coming.pop(0))
        served = first_of(line, LIAM, now)
        assert served is not None
        line.remove(served)
        began = max(now, served.place_at)
        waited["Billing" if served.keys == BILLING else "Sales"] += began - served.place_at
        heapq.heappush(free_at, began + minutes(chance.expovariate(1 / 3)))
    number = sum(billing for _, billing in arrivals)
    return {"Billing": waited["Billing"] / number, "Sales": waited["Sales"] / (len(arrivals) - number)}


@pytest.mark.parametrize("seed", range(5))
def test_queues_that_share_agents_wait_alike_whatever_comes_to_them(seed: int) -> None:
    waits_in = mean_waits(seed)
    assert waits_in["Billing"] > minutes(1)
    assert waits_in["Sales"] / waits_in["Billing"] == pytest.approx(1, abs=0.15)
