"""What a queue's figures say to who waits in it, against the database."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from services.kinds import BadValue
from telephony import estimates, queues
from telephony.ewt import Estimate
from telephony.models import Agent, AgentGroup, QueueEntry, QueueMeasure
from telephony.queueplace import QueuePlace
from tests.factories import NOON, AgentFactory, AgentGroupFactory

pytestmark = pytest.mark.django_db

TARGET = "Billing@StatServer.GA"
State = Agent.State
HANDLING = timedelta(seconds=180)


@pytest.fixture
def billing() -> AgentGroup:
    return AgentGroupFactory.create(name="Billing")


def hire(group: AgentGroup, *states: State) -> list[Agent]:
    times = {"wrap_up_until": NOON + timedelta(hours=1)}
    agents = [AgentFactory.create(state=state, **(times if state is State.WRAP_UP else {})) for state in states]
    group.agents.add(*agents)
    return agents


def join(owner: str, minute: int, *, queue: str = "Billing_VQ", priority: int = 0, **fields: Any) -> None:
    """Take a place in the line, that many minutes after noon."""
    stated = {"wants": "agent", "visit": 1, "reserve_seconds": 30, "granted": False, **fields}
    place = QueuePlace(queue=queue, target=TARGET, place_at=NOON + timedelta(minutes=minute), **stated)
    queues.take_place(owner, place, NOON)
    QueueEntry.objects.filter(pk=owner).update(priority=priority)


def ahead_of(owner: str | None) -> int:
    return estimates.estimate("Billing_VQ", TARGET, now=NOON, owner=owner).ahead


def test_who_waits_for_whom(billing: AgentGroup) -> None:
    hire(billing, State.READY, State.NOT_READY, State.WRAP_UP, State.LOGGED_OUT)
    join("ada", 0)
    join("ben", 1, wants="dial")
    join("cyd", 2, wants="")
    join("dan", 3, wants="", paused=True)
    join("eve", 4)
    join("vip", 5, priority=1)
    join("zoe", 0, queue="Sales_VQ")
    # Five of Billing are not paused and three agents are logged in: five calls of 180 s, shared by three.
    expected = Estimate(timedelta(seconds=300), ahead=5, waiting=5, agents=3, handling=HANDLING)
    assert estimates.estimate("Billing_VQ", TARGET, now=NOON) == expected
    assert {owner: ahead_of(owner) for owner in ("vip", "ada", "ben", "cyd", "dan", "eve")} == {
        "vip": 0,
        "ada": 1,
        "ben": 2,
        "cyd": 3,
        "dan": 4,
        "eve": 4,
    }


def test_two_who_came_in_the_same_moment_have_one_order(billing: AgentGroup) -> None:
    join("ada", 0)
    join("ben", 0)
    assert (ahead_of("ada"), ahead_of("ben")) == (0, 1)


def test_a_place_taken_again_keeps_its_moment_and_who_pauses_is_not_counted(billing: AgentGroup) -> None:
    join("ada", 0)
    join("ben", 1)
    join("ada", 9, wants="", paused=True)
    assert ahead_of("ben") == 0
    join("ada", 9, wants="dial")
    assert ahead_of("ben") == 1


def test_an_agent_may_be_the_target(billing: AgentGroup) -> None:
    AgentFactory.create(name="kate", state=State.READY)
    AgentFactory.create(name="liam", state=State.READY)
    join("ada", 0)
    assert estimates.estimate("Billing_VQ", "kate@StatServer.A", now=NOON) == Estimate(HANDLING, 1, 1, 1, HANDLING)
    with pytest.raises(BadValue):
        estimates.estimate("Billing_VQ", "kate", now=NOON)


def test_an_estimate_is_one_statement(billing: AgentGroup, django_assert_num_queries: Any) -> None:
    hire(billing, State.READY)
    for n in range(20):
        join(f"owner{n}", n)
    with django_assert_num_queries(1):
        estimates.estimate("Billing_VQ", TARGET, now=NOON)
    with django_assert_num_queries(1):
        estimates.estimate("Billing_VQ", TARGET, now=NOON, owner="owner7")


def test_with_nobody_logged_in_it_is_not_known(billing: AgentGroup) -> None:
    hire(billing, State.LOGGED_OUT)
    join("ada", 0)
    estimate = estimates.estimate("Billing_VQ", TARGET, now=NOON)
    assert (estimate.is_known, estimate.ewt, estimate.agents) == (False, timedelta(), 0)


# What is measured


def measured(what: str, queue: str = "Billing_VQ") -> tuple[float, int]:
    row = QueueMeasure.objects.get(queue=queue, what=what)
    return row.seconds, row.measured


def test_what_is_measured_takes_the_place_of_the_default_and_is_a_mean_at_first(billing: AgentGroup) -> None:
    hire(billing, State.READY)
    join("ada", 0)
    assert estimates.estimate("Billing_VQ", TARGET, now=NOON).ewt == HANDLING
    for seconds, mean in [(60, 60), (120, 90), (180, 120), (40, 100)]:
        estimates.measure("Billing_VQ", "handling", seconds, NOON)
        assert measured("handling")[0] == pytest.approx(mean)
    assert measured("handling")[1] == 4
    assert estimates.estimate("Billing_VQ", TARGET, now=NOON).ewt == timedelta(seconds=100)
    assert estimates.estimate("Sales_VQ", TARGET, now=NOON).handling == HANDLING


def test_after_fifty_a_measurement_counts_for_a_fiftieth() -> None:
    for _ in range(200):
        estimates.measure("Billing_VQ", "reach", 10, NOON)
    estimates.measure("Billing_VQ", "reach", 60, NOON)
    mean, number = measured("reach")
    assert mean == pytest.approx(11)
    assert number == 201


def test_clocks_that_disagree_measure_nothing_negative() -> None:
    estimates.measure("Billing_VQ", "reach", -0.5, NOON)
    assert measured("reach") == (0, 1)


def test_a_measurement_is_one_statement(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1):
        estimates.measure("Billing_VQ", "handling", 60, NOON)


# Starts


def test_starts_keep_the_last_wait_while_nobody_is_logged_in(billing: AgentGroup) -> None:
    agents = hire(billing, State.READY, State.READY)
    for n in range(4):
        join(f"owner{n}", n)
    starts = estimates.for_starts("Billing_VQ", TARGET, now=NOON)
    assert [starts.ewt(n) for n in (0, 1)] == [timedelta(minutes=6), timedelta(minutes=7, seconds=30)]

    Agent.objects.filter(pk__in=[agent.pk for agent in agents]).update(state=State.LOGGED_OUT)
    QueueEntry.objects.all().delete()
    starts = estimates.for_starts("Billing_VQ", TARGET, now=NOON)
    assert {starts.ewt(n) for n in (0, 1, 50)} == {timedelta(minutes=6)}
    assert estimates.estimate("Billing_VQ", TARGET, now=NOON).ewt == timedelta(minutes=6)

    Agent.objects.filter(pk=agents[0].pk).update(state=State.NOT_READY)
    assert estimates.for_starts("Billing_VQ", TARGET, now=NOON).ewt(0) == timedelta()
    assert measured("start") == (0, 1)


def test_a_queue_of_which_nothing_is_known_starts_nobody_early(billing: AgentGroup) -> None:
    assert estimates.for_starts("Billing_VQ", TARGET, now=NOON).ewt(5) == timedelta()
    assert not QueueMeasure.objects.exists()


def test_the_last_wait_is_stored_when_it_changed(billing: AgentGroup, django_assert_num_queries: Any) -> None:
    hire(billing, State.READY)
    join("ada", 0)
    with django_assert_num_queries(2):
        estimates.for_starts("Billing_VQ", TARGET, now=NOON)
    assert measured("start") == (180, 1)
    with django_assert_num_queries(1):
        estimates.for_starts("Billing_VQ", TARGET, now=NOON)
    QueueMeasure.objects.create(queue="Billing_VQ", what="handling", seconds=180.9, measured_at=NOON)
    with django_assert_num_queries(1):
        estimates.for_starts("Billing_VQ", TARGET, now=NOON)
    QueueMeasure.objects.filter(what="handling").update(seconds=181)
    with django_assert_num_queries(2):
        estimates.for_starts("Billing_VQ", TARGET, now=NOON)
    assert measured("start") == (181, 1)


# Positions


def is_ready(owner: str) -> bool:
    found = estimates.position(owner, now=NOON)
    assert found is not None
    return found.ready_threshold_passed


def test_positions_in_the_line(billing: AgentGroup) -> None:
    hire(billing, State.READY, State.NOT_READY)
    join("ada", 0)
    join("ben", 1, wants="dial")
    join("cyd", 2, wants="", granted=True)
    assert {owner: estimates.position(owner, now=NOON) for owner in ("ada", "ben", "cyd", "nobody")} == {
        # One agent is ready: the first could have them now, the second could not; the third may dial already.
        "ada": estimates.Position(ewt=0, position=1, total_waiting=3, ready_threshold_passed=True),
        "ben": estimates.Position(ewt=90, position=2, total_waiting=3, ready_threshold_passed=False),
        "cyd": estimates.Position(ewt=180, position=3, total_waiting=3, ready_threshold_passed=True),
        "nobody": None,
    }


def test_the_position_of_one_that_is_paused_and_without_agents(billing: AgentGroup) -> None:
    join("ada", 0)
    join("ben", 1, wants="", paused=True)
    assert estimates.position("ben", now=NOON) == estimates.Position(
        ewt=None, position=2, total_waiting=2, ready_threshold_passed=False
    )
    hire(billing, State.READY, State.READY)
    assert not is_ready("ben")


def test_one_for_whom_an_agent_is_reserved_has_its_agent(billing: AgentGroup) -> None:
    (kate,) = hire(billing, State.READY)
    join("ada", 0, wants="")
    join("ben", 1)
    Agent.objects.filter(pk=kate.pk).update(state=State.RESERVED, reserved_for="ben", reservation="r1")
    assert (is_ready("ada"), is_ready("ben")) == (False, True)
