"""A full afternoon of promised times on a clock of its own: who is started when, and who is dialled.

Five agents, three minutes a call, a hundred customers who were promised 14:00 and twenty every quarter of an hour
after it. The rule and the wait are the ones of the service (`ewt.Starts`, design section 6); around them the smallest
contact centre that can be: customers are reached after twenty seconds and served in the order of their places.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from telephony import ewt
from telephony.ewt import HANDLING, REACH, AgentsNow, Measured, Outlook, Starts

BUFFER = timedelta(minutes=2)
THRESHOLD = timedelta(minutes=3)
MINUTE = timedelta(minutes=1)
STEP = timedelta(seconds=5)


def clock(hours: int, minutes: int = 0) -> datetime:
    return datetime(2026, 3, 2, hours, minutes, tzinfo=UTC)


AFTERNOON = [clock(14)] * 100 + [clock(14) + quarter * 15 * MINUTE for quarter in range(1, 17) for _ in range(20)]


@dataclass
class Customer:
    desired: datetime
    started: datetime | None = None
    dialled: datetime | None = None
    served: datetime | None = None


def five_agents(now: datetime) -> int:
    return 5


def live(agents: Callable[[datetime], int], *, until: datetime) -> list[Customer]:
    """Let the afternoon go by."""
    customers = [Customer(desired) for desired in AFTERNOON]
    busy_until: list[datetime] = []
    last_known, now = timedelta(), clock(12)
    while now < until:
        busy_until = [end for end in busy_until if end > now]
        queue = [customer for customer in customers if customer.started and not customer.served]
        for customer in queue:
            reached = customer.dialled and customer.dialled + REACH <= now
            if reached and len(busy_until) < agents(now):
                customer.served = now
                busy_until.append(now + HANDLING)
        ahead = sum(1 for customer in queue if not customer.served)
        starts = Starts(outlook(ahead, agents(now), busy_until, now), last_known)
        last_known = starts.ewt(0)
        start(customers, starts, now)
        now += STEP
    return customers


def outlook(ahead: int, agents: int, busy_until: list[datetime], now: datetime) -> Outlook:
    """What the line is then: who is on a call has been since a handling time before its end."""
    line = frozenset({"line"})
    busy = [AgentsNow(line, busy_for=(now - end + HANDLING).total_seconds()) for end in busy_until[:agents]]
    free = AgentsNow(line, agents - len(busy))
    return Outlook("line", {"line": ahead}, [*busy, free], {"line": Measured(HANDLING.total_seconds(), spread=0.2)})


def start(customers: list[Customer], starts: Starts, now: datetime) -> None:
    """One after the other, while the wait says so; each is dialled when its own wait, or the threshold, allows it."""
    for already_started, customer in enumerate([customer for customer in customers if not customer.started]):
        wait = starts.ewt(already_started)
        if customer.desired - BUFFER > now + wait:
            return
        customer.started = now
        customer.dialled = max(now, customer.desired - THRESHOLD, customer.desired - wait)


def started_by(customers: list[Customer], now: datetime) -> list[datetime]:
    return [customer.desired for customer in customers if customer.started and customer.started <= now]


def test_a_hundred_at_two_do_not_start_the_whole_day() -> None:
    customers = live(five_agents, until=clock(19, 30))
    assert all(customer.served for customer in customers)
    # Nobody is started before the first of them is due, and then those of the next half an hour, not one more.
    assert started_by(customers, clock(13, 58) - STEP) == []
    assert Counter(started_by(customers, clock(13, 58))) == {clock(14): 100, clock(14, 15): 20, clock(14, 30): 20}
    for customer in customers:
        assert customer.started is not None
        assert customer.dialled is not None
        assert customer.started >= customer.desired - BUFFER - 30 * MINUTE
        assert customer.dialled >= customer.desired - THRESHOLD
    # The wait did draw them in: who was promised 16:00 was started well before their own time.
    four = [customer.started for customer in customers if customer.desired == clock(16)]
    assert max(start for start in four if start) < clock(15, 50)


def test_without_the_bound_nearly_the_whole_day_starts_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ewt, "EARLIEST_START", timedelta(days=1))
    customers = live(five_agents, until=clock(14))
    assert len(started_by(customers, clock(13, 58))) >= 0.95 * len(AFTERNOON)


def test_the_last_wait_is_kept_while_everybody_is_at_lunch() -> None:
    """All five log out at 14:10, when the line is long: whoever is promised 14:45 is started as early as before."""

    def until_ten_past(now: datetime) -> int:
        return 5 if now < clock(14, 10) else 0

    customers = live(until_ten_past, until=clock(15))
    started = {customer.desired: customer.started for customer in customers}
    assert started[clock(14, 45)] == clock(14, 45) - BUFFER - 30 * MINUTE
    assert started[clock(15, 15)] == clock(15, 15) - BUFFER - 30 * MINUTE
    assert not any(customer.served and customer.served >= clock(14, 10) for customer in customers)


def test_where_nobody_has_logged_in_yet_each_is_started_at_their_own_time() -> None:
    customers = live(lambda now: 0, until=clock(15))
    assert {customer.started for customer in customers if customer.started} == {
        desired - BUFFER for desired in AFTERNOON if desired - BUFFER < clock(15)
    }
