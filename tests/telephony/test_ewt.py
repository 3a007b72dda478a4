"""What somebody in a line has to expect, without a database."""

from __future__ import annotations

from datetime import timedelta

from telephony.ewt import AgentsNow, Estimate, Expectation, Measured, Outlook, Starts

MINUTE = timedelta(minutes=1)
BILLING = frozenset({"Billing"})


def expect(ahead: int, *agents: AgentsNow, ready_in: float = 0.0) -> Expectation | None:
    return Outlook("Billing", {"Billing": ahead}, agents, {"Billing": Measured(180)}).expect(ready_in=ready_in)


def test_who_finds_an_agent_free_waits_only_for_their_own_phone() -> None:
    free = AgentsNow(BILLING, 3)
    assert expect(0, free) == Expectation(0.0, 0.0)
    assert expect(2, free) == Expectation(0.0, 0.0)
    assert expect(2, free, ready_in=20.0) == Expectation(20.0, 20.0)


def test_without_agents_it_cannot_be_known() -> None:
    assert expect(0) is None
    assert expect(3, AgentsNow(frozenset({"Sales"}), 5)) is None
    assert not Estimate(timedelta(), ahead=7, waiting=7, agents=0, handling=3 * MINUTE).is_known


def starts(ahead: int, agents: int, last_known: timedelta = timedelta()) -> Starts:
    return Starts(Outlook("Billing", {"Billing": ahead}, [AgentsNow(BILLING, agents, busy_for=60.0)]), last_known)


def test_nobody_is_started_more_than_half_an_hour_before_their_time() -> None:
    line = starts(ahead=0, agents=5)
    waits = [line.ewt(number) / MINUTE for number in range(80)]
    assert waits == sorted(waits)
    assert waits[0] < 1
    assert waits[-1] == line.ewt(1000) / MINUTE == 30


def test_with_nobody_logged_in_the_last_known_wait_is_kept() -> None:
    for last_known, minutes in [(12 * MINUTE, 12), (-MINUTE, 0), (90 * MINUTE, 30)]:
        line = starts(ahead=40, agents=0, last_known=last_known)
        assert {line.ewt(number) for number in (0, 10, 1000)} == {minutes * MINUTE}
