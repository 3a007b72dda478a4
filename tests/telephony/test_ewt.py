"""The plain estimate, without a database."""

from __future__ import annotations

from datetime import timedelta

import pytest

from telephony.ewt import Estimate, Starts, wait

MINUTE = timedelta(minutes=1)
HANDLING = 3 * MINUTE


@pytest.mark.parametrize(
    ("ahead", "agents", "minutes"),
    [(0, 1, 0), (0, 5, 0), (1, 1, 3), (5, 5, 3), (10, 5, 6), (10, 1, 30), (100, 5, 60), (1, 5, 0.6)],
)
def test_agents_share_the_work_of_those_ahead(ahead: int, agents: int, minutes: float) -> None:
    assert wait(ahead, HANDLING, agents) == minutes * MINUTE


@pytest.mark.parametrize("ahead", [0, 7])
def test_without_agents_it_cannot_be_known(ahead: int) -> None:
    assert wait(ahead, HANDLING, 0) is None
    assert not Estimate(timedelta(), ahead=ahead, waiting=ahead, agents=0, handling=HANDLING).is_known


def test_each_start_makes_the_wait_of_the_next_one_longer() -> None:
    starts = Starts(ahead=2, handling=HANDLING, agents=5, last_known=timedelta())
    assert [starts.ewt(n).total_seconds() for n in range(4)] == [72, 108, 144, 180]


def test_nobody_is_started_more_than_half_an_hour_before_their_time() -> None:
    starts = Starts(ahead=0, handling=HANDLING, agents=5, last_known=timedelta())
    # Fifty calls of 180 s, shared by five agents, are 30 minutes.
    assert [starts.ewt(n) / MINUTE for n in (49, 50, 51, 1000)] == [29.4, 30, 30, 30]


@pytest.mark.parametrize(("last_known", "minutes"), [(12 * MINUTE, 12), (-MINUTE, 0), (90 * MINUTE, 30)])
def test_with_nobody_logged_in_the_last_known_wait_is_kept(last_known: timedelta, minutes: int) -> None:
    starts = Starts(ahead=40, handling=HANDLING, agents=0, last_known=last_known)
    assert {starts.ewt(n) for n in (0, 10, 1000)} == {minutes * MINUTE}
