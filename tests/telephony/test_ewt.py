"""What somebody in a line has to expect, without a database."""

from __future__ import annotations

import random
import time
from datetime import timedelta
from statistics import fmean, quantiles

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from telephony.ewt import (
    LONGEST,
    AgentsNow,
    Correction,
    Estimate,
    Expectation,
    Measured,
    Outlook,
    Starts,
    learn,
)
from telephony.renewal import AGES, STEP, renewals
from telephony.sharing import left_for

MINUTE = timedelta(minutes=1)
BILLING = frozenset({"Billing"})
LINES = ("Billing", "Sales", "Support")


def expect(
    ahead: int, *agents: AgentsNow, ready_in: float = 0.0, measured: Measured | None = None
) -> Expectation | None:
    known = {"Billing": measured or Measured(180)}
    return Outlook("Billing", {"Billing": ahead}, agents, known).expect(ready_in=ready_in)


def wait(ahead: int, *agents: AgentsNow, measured: Measured | None = None) -> Expectation:
    found = expect(ahead, *agents, measured=measured)
    assert found is not None
    return found


# One line


def test_who_finds_an_agent_free_waits_only_for_their_own_phone() -> None:
    free = AgentsNow(BILLING, 3)
    assert expect(0, free) == Expectation(0.0, 0.0)
    assert expect(2, free) == Expectation(0.0, 0.0)
    assert expect(2, free, ready_in=20.0) == Expectation(20.0, 20.0)
    assert wait(3, free).ewt > 20


def test_without_agents_it_cannot_be_known() -> None:
    assert expect(0) is None
    assert expect(3, AgentsNow(frozenset({"Sales"}), 5)) is None
    assert not Estimate(timedelta(), ahead=7, waiting=7, agents=0, handling=3 * MINUTE).is_known


def test_an_agent_in_wrap_up_is_free_when_it_ends() -> None:
    wrapping_up = AgentsNow(BILLING, ends_in=8.0)
    found = wait(0, wrapping_up)
    assert found.ewt == pytest.approx(8, abs=0.3)
    assert found.p90 == pytest.approx(8, abs=0.3)
    assert wait(0, wrapping_up, AgentsNow(BILLING, busy_for=60)).ewt <= 8.3
    # The next one waits for the call that the first one takes.
    assert wait(1, wrapping_up).ewt > 60


def test_a_long_line_takes_as_long_as_its_work_shared_by_the_agents() -> None:
    line = wait(100, AgentsNow(BILLING, 10, busy_for=90.0))
    assert line.ewt == pytest.approx(101 * 180 / 10, rel=0.05)
    assert 1.05 * line.ewt < line.p90 < 1.35 * line.ewt


def test_who_does_not_show_up_takes_nobody_and_who_overtakes_does() -> None:
    agents = AgentsNow(BILLING, 10, busy_for=90.0)
    plain = wait(100, agents).ewt
    assert wait(100, agents, measured=Measured(no_show=0.2)).ewt == pytest.approx(0.8 * plain, rel=0.03)
    # One in 36 s is half of what ten agents do.
    assert wait(100, agents, measured=Measured(overtaking=1 / 36)).ewt == pytest.approx(2 * plain, rel=0.05)
    # So much that the line never ends.
    assert wait(100, agents, measured=Measured(overtaking=1.0)).ewt == LONGEST
    # One in a thousand who wait hangs up each second: q' = -served - q / 1000.
    leaving = wait(100, agents, measured=Measured(leaving=0.001)).ewt
    assert leaving == pytest.approx(1000 * 1.025, rel=0.05)
    assert leaving < plain


def test_who_is_on_a_call_has_the_wrap_up_before_them() -> None:
    agents = AgentsNow(BILLING, 200, busy_for=90.0)
    assert wait(0, agents, measured=Measured(wrap_up=0)).ewt < 2
    assert 11 < wait(0, agents, measured=Measured(wrap_up=18)).ewt < 20


def test_the_correction_stretches_both() -> None:
    agents = AgentsNow(BILLING, 10, busy_for=90.0)
    plain = wait(50, agents)
    stretched = wait(50, agents, measured=Measured(correction=Correction(1.2, 1.5)))
    assert stretched.ewt == pytest.approx(1.2 * plain.ewt)
    assert stretched.p90 == pytest.approx(1.5 * plain.p90)


def test_half_of_the_waits_are_below_the_ewt_and_nine_of_ten_below_the_p90() -> None:
    """Four agents who have been on calls for a while, six callers ahead: played ten thousand times."""
    chance = random.Random(1)

    def call(age: float = 0.0) -> float:
        # By rejection: of all calls, one that lasts longer than its age.
        while (length := chance.lognormvariate(4.94, 0.703)) <= age:
            pass
        return length - age

    def play() -> float:
        free_at = [call(30), call(90), call(150), call(400)]
        for _ in range(6):
            free_at.sort()
            free_at[0] += call()
        return min(free_at)

    waits = [play() for _ in range(10_000)]
    tenths = quantiles(waits, n=10)
    agents = [AgentsNow(BILLING, busy_for=age) for age in (30, 90, 150, 400)]
    found = wait(6, *agents, measured=Measured(handling=179, spread=0.8))
    assert found.ewt == pytest.approx(tenths[4], rel=0.08)
    assert found.p90 == pytest.approx(tenths[8], rel=0.12)
    assert fmean(waits) > found.ewt


# What is expected of any estimate

agents_now = st.builds(
    AgentsNow,
    serves=st.sets(st.sampled_from(LINES), min_size=1).map(frozenset),
    number=st.integers(1, 30),
    busy_for=st.none() | st.floats(0, 1000),
    ends_in=st.none() | st.floats(0, 60),
)
lines_ahead = st.dictionaries(st.sampled_from(LINES), st.integers(0, 200))
figures = st.builds(
    Measured,
    handling=st.floats(30, 900),
    spread=st.floats(0.2, 1.6),
    wrap_up=st.floats(0, 20),
    no_show=st.floats(0, 0.5),
)


def of(ahead: dict[str, int], agents: list[AgentsNow], known: Measured) -> Expectation:
    found = Outlook("Billing", ahead, agents, dict.fromkeys(LINES, known)).expect()
    return found or Expectation(LONGEST, LONGEST)


# What bisection leaves open.
SLACK = 1.03


@settings(max_examples=100, deadline=None)
@given(lines_ahead, st.lists(agents_now, max_size=6), figures, st.sampled_from(LINES))
@example({"Sales": 1}, [AgentsNow(frozenset(LINES[:2])), AgentsNow(frozenset({"Support"}))], Measured(), "Support")
def test_more_ahead_never_wait_less(ahead: dict[str, int], agents: list[AgentsNow], known: Measured, line: str) -> None:
    fewer, more = of(ahead, agents, known), of(ahead | {line: ahead.get(line, 0) + 1}, agents, known)
    assert fewer.ewt <= more.ewt * SLACK + 1
    assert fewer.ewt <= fewer.p90


@settings(max_examples=100, deadline=None)
@given(lines_ahead, st.lists(agents_now, max_size=6), figures, agents_now)
def test_with_more_agents_nobody_waits_longer(
    ahead: dict[str, int], agents: list[AgentsNow], known: Measured, another: AgentsNow
) -> None:
    assert of(ahead, [*agents, another], known).ewt <= of(ahead, agents, known).ewt * SLACK + 1


# Lines that share agents


def test_who_is_ahead_elsewhere_counts_as_far_as_agents_are_shared() -> None:
    own = AgentsNow(BILLING, 5, busy_for=90)
    theirs = AgentsNow(frozenset({"Sales"}), 5, busy_for=90)
    both = AgentsNow(frozenset({"Billing", "Sales"}), 5, busy_for=90)
    known = Measured(180)
    apart = of({"Billing": 20, "Sales": 200}, [own, theirs], known).ewt
    assert apart == pytest.approx(of({"Billing": 20}, [own], known).ewt, rel=0.02)
    # Few are ahead in Sales, whose own agents serve them: all the others are for Billing.
    few = of({"Billing": 20, "Sales": 1}, [own, theirs, both], known).ewt
    assert few == pytest.approx(of({"Billing": 20}, [own, both], known).ewt, rel=0.02)
    # Many are ahead there: they compete for those who serve both, but not for those of Billing.
    many = of({"Billing": 20, "Sales": 200}, [own, theirs, both], known).ewt
    assert few < many <= apart * SLACK


def _most(work: dict[str, float], capacity: dict[frozenset[str], float]) -> float:
    """The maximum flow, as the minimum cut over all sets of lines."""
    lines = list(work)
    cuts = []
    for bits in range(2 ** len(lines)):
        cut = {each for number, each in enumerate(lines) if bits >> number & 1}
        cuts.append(
            sum(work[each] for each in lines if each not in cut)
            + sum(number for kind, number in capacity.items() if kind & cut)
        )
    return min(cuts)


@pytest.mark.parametrize("seed", range(60))
def test_as_much_is_left_as_one_more_could_be_given(seed: int) -> None:
    chance = random.Random(seed)
    names = ["a", "b", "c", "d"]
    work = {name: float(chance.randint(0, 6)) for name in names}
    kinds = [frozenset(chance.sample(names, chance.randint(1, 3))) for _ in range(chance.randint(1, 5))]
    capacity = {kind: float(chance.randint(0, 6)) for kind in kinds}
    left = _most(work | {"a": work["a"] + 1}, capacity) - _most(work, capacity)
    assert left_for("a", work, capacity, most=1.0) == pytest.approx(left)


# Starts, tables, learning, speed


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


@pytest.mark.parametrize("spread", [0.2, 0.8, 1.5])
def test_an_agent_takes_one_caller_a_handling_time(spread: float) -> None:
    tables = renewals(spread, wrap_up=0.1)
    one = round(1 / STEP)
    assert tables.after_start[6 * one] - tables.after_start[5 * one] == pytest.approx(1, abs=0.06)
    # After a long time: t + (spread² - 1) / 2.
    assert tables.after_start[8 * one] == pytest.approx(8 + (spread**2 - 1) / 2, abs=0.35)
    for taken in (tables.after_start, *tables.by_age):
        assert list(taken) == sorted(taken)
        assert taken[1] == 0
    assert len(tables.by_age) == len(AGES)
    assert tables.dispersion[-1] == pytest.approx(spread**2, abs=0.85)


def test_the_correction_rests_where_half_and_nine_of_ten_are_below() -> None:
    """Waits that are uniform up to 200 s, of which 80 and 120 are said."""
    chance, correction = random.Random(1), Correction()
    found = []
    for _ in range(4000):
        said = Expectation(80 * correction.ewt, 120 * correction.p90)
        correction = learn(correction, said, chance.uniform(0, 200))
        found.append(said)
    assert fmean(said.ewt for said in found[2000:]) == pytest.approx(100, rel=0.05)
    assert fmean(said.p90 for said in found[2000:]) == pytest.approx(180, rel=0.05)
    for _ in range(4000):
        correction = learn(correction, Expectation(1, 1), 100)
    assert correction == Correction(3.0, 3.0)


def test_ten_thousand_ahead_and_a_thousand_agents_take_less_than_five_milliseconds() -> None:
    chance = random.Random(1)
    agents = [AgentsNow(BILLING, busy_for=chance.expovariate(1 / 180)) for _ in range(1000)]

    def once() -> float:
        begun = time.thread_time()
        wait(10_000, *agents)
        return time.thread_time() - begun

    assert min(once() for _ in range(20)) < 0.005
