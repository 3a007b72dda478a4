"""What a queue's figures say to who waits in it, against the database.

What follows from them is `telephony.ewt`'s to say, and is asked of it here: these tests are about what it is told.
"""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from services.kinds import BadValue
from telephony import estimates, queues, routing, targets, workforce
from telephony.ewt import AgentsNow, Expectation, Measured, Outlook
from telephony.models import (
    Agent,
    AgentGroup,
    AgentSkill,
    HourMeasure,
    Place,
    PlaceGroup,
    QueueEntry,
    QueueMeasure,
    Skill,
)
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
    agents = [
        AgentFactory.create(state=state, state_since=NOON, **(times if state is State.WRAP_UP else {}))
        for state in states
    ]
    group.agents.add(*agents)
    return agents


def join(owner: str, minute: float, *, queue: str = "Billing_VQ", target: str = TARGET, **fields: Any) -> QueuePlace:
    """Take a place in the line, that many minutes after noon."""
    stated = {"wants": "agent", "visit": 1, "reserve_seconds": 30, "granted": False, **fields}
    place = QueuePlace(queue=queue, target=target, place_at=NOON + timedelta(minutes=minute), **stated)
    queues.take_place(owner, place, NOON)
    return place


def expected(
    ahead: int, *agents: AgentsNow, handling: float = 180.0, line: str = "Billing", **known: Any
) -> Expectation:
    """What the estimator says for so many ahead in the line of Billing."""
    measured = {line: Measured(handling, **known)}
    found = Outlook(line, {line: ahead}, agents, measured).expect()
    assert found is not None
    return found


def of_billing(number: int = 1, **doing: float) -> AgentsNow:
    return AgentsNow(frozenset({"Billing"}), number, **doing)


def ahead_of(owner: str | None) -> int:
    return estimates.estimate("Billing_VQ", TARGET, now=NOON, owner=owner).ahead


# Who is ahead


def test_who_waits_for_whom(billing: AgentGroup) -> None:
    hire(billing, State.READY, State.NOT_READY, State.WRAP_UP, State.LOGGED_OUT)
    join("ada", 0)
    join("ben", 1, wants="dial")
    join("cyd", 2, wants="")
    join("dan", 3, wants="", paused=True)
    join("eve", 4)
    join("vip", 5, priority=1)
    join("zoe", 0, queue="Sales_VQ")
    found = estimates.estimate("Billing_VQ", TARGET, now=NOON)
    # Five of Billing are not paused, and three agents are logged in.
    assert (found.ahead, found.waiting, found.agents, found.handling) == (5, 5, 3, HANDLING)
    assert {owner: ahead_of(owner) for owner in ("vip", "ada", "ben", "cyd", "dan", "eve")} == {
        "vip": 0,
        "ada": 1,
        "ben": 2,
        "cyd": 3,
        "dan": 4,
        "eve": 4,
    }


def test_a_new_one_of_a_higher_priority_waits_for_those_of_its_own_and_higher_ones(billing: AgentGroup) -> None:
    for number, priority in enumerate((0, 0, 5, 5, 9)):
        join(f"owner{number}", number, priority=priority)
    found = {p: estimates.estimate("Billing_VQ", TARGET, now=NOON, priority=p).ahead for p in (-1, 0, 5, 6, 10)}
    assert found == {-1: 5, 0: 5, 5: 3, 6: 1, 10: 0}


def test_the_order_is_that_of_the_matcher(billing: AgentGroup) -> None:
    """Priorities that grow, and who has waited for half an hour, against the pure rule."""
    now = NOON + timedelta(hours=2)
    stated = [
        (minute, priority, increment, interval)
        for minute in (0, 40, 89, 90, 91, 119)
        for priority, increment, interval in ((0, 0, 0), (3, 0, 0), (0, 2, 300), (-2, 1, 60), (1, -5, 60))
    ]
    waiters = []
    for number, (minute, priority, increment, interval) in enumerate(stated):
        owner = f"owner{number:02d}"
        join(owner, minute, priority=priority, priority_increment=increment, priority_interval=interval)
        at = NOON + timedelta(minutes=minute)
        waiters.append(routing.Waiter(owner, frozenset(), at, priority, increment, interval))
    order = [waiter.owner for waiter in sorted(waiters, key=lambda waiter: routing.rank(waiter, now))]
    found = {owner: estimates.estimate("Billing_VQ", TARGET, now=now, owner=owner).ahead for owner in order}
    assert found == {owner: place for place, owner in enumerate(order)}


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


def test_one_that_the_release_before_put_in_is_in_the_line_of_its_target(billing: AgentGroup) -> None:
    hire(billing, State.READY)
    QueueEntry.objects.create(
        owner="old", queue="Billing_VQ", target_key="GA:Billing", visit=1, place_at=NOON, reserve_seconds=30
    )
    found = estimates.estimate("Billing_VQ", TARGET, now=NOON)
    assert found.ahead == 1
    assert found.ewt.total_seconds() == pytest.approx(expected(1, of_billing()).ewt)
    assert ahead_of("old") == 0


# What the estimator is told


def ewt(queue: str = "Billing_VQ", target: str = TARGET, **asked: Any) -> float:
    return estimates.estimate(queue, target, now=NOON, **asked).ewt.total_seconds()


def test_agents_are_free_or_busy_for_so_long_or_until_then(billing: AgentGroup) -> None:
    ready, on_call, resting, wrapping = hire(billing, State.READY, State.READY, State.NOT_READY, State.WRAP_UP)
    Agent.objects.filter(pk=on_call.pk).update(
        state=State.ON_CALL, state_since=NOON - timedelta(seconds=100), reserved_for="talking"
    )
    Agent.objects.filter(pk=resting.pk).update(state_since=NOON - timedelta(seconds=700))
    Agent.objects.filter(pk=wrapping.pk).update(wrap_up_until=NOON + timedelta(seconds=15))
    for number in range(6):
        join(f"owner{number}", number)
    told = (of_billing(), of_billing(busy_for=100.0), of_billing(busy_for=700.0), of_billing(ends_in=15.0))
    found = estimates.estimate("Billing_VQ", TARGET, now=NOON)
    assert found.ewt.total_seconds() == pytest.approx(expected(6, *told).ewt)
    assert found.p90.total_seconds() == pytest.approx(expected(6, *told).p90)
    assert found.p90 > found.ewt > timedelta()
    assert ready.state == State.READY


def test_who_has_an_agent_already_takes_no_other_one(billing: AgentGroup) -> None:
    (kate, _) = hire(billing, State.READY, State.READY)
    join("ada", 0, wants="")
    join("ben", 1)
    Agent.objects.filter(pk=kate.pk).update(state=State.RESERVED, reserved_for="ada", reservation="r1")
    found = estimates.estimate("Billing_VQ", TARGET, now=NOON, owner="ben")
    # It stands in the line until they are joined, but the other agent is free for the next one.
    assert (found.ahead, found.ewt) == (1, timedelta())


@pytest.mark.parametrize(
    "target",
    ["kate@S.A", "Desk1@S.AP", "Billing@S.GA", "Billing@S.GC", "Floor2@S.GP", "?:English>=20&Loans=3@S.GA"],
)
def test_every_kind_of_target_has_its_agents(billing: AgentGroup, target: str) -> None:
    switch = hire(billing)  # nobody yet
    assert switch == []
    kate = AgentFactory.create(name="kate", state=State.READY, state_since=NOON)
    AgentFactory.create(name="liam", state=State.READY, state_since=NOON)
    billing.agents.add(kate)
    desk = Place.objects.create(name="Desk1", switch=kate.switch, phone="sim:desk1")
    PlaceGroup.objects.create(name="Floor2").places.add(desk)
    Agent.objects.filter(pk=kate.pk).update(place=desk)
    for name, level in (("English", 25), ("Loans", 3)):
        AgentSkill.objects.create(agent=kate, skill=Skill.objects.create(name=name), level=level)
    join("ada", 0, target=target)
    found = estimates.estimate("Billing_VQ", target, now=NOON)
    assert found.agents == 1
    assert found.ewt.total_seconds() == pytest.approx(expected(1, of_billing()).ewt)


def test_lines_that_share_agents_compete(billing: AgentGroup) -> None:
    sales = AgentGroupFactory.create(name="Sales")
    both, only_sales = hire(billing, State.READY)[0], hire(sales, State.READY)[0]
    sales.agents.add(both)
    for number in range(4):
        join(f"sales{number}", number, queue="Sales_VQ", target="Sales@S.GA")
    shared = AgentsNow(frozenset({"Billing", "Sales"}))
    alone = AgentsNow(frozenset({"Sales"}))
    found = Outlook("Billing", {"Sales": 4}, [shared, alone], {}).expect()
    assert found is not None
    assert ewt() == pytest.approx(found.ewt)
    assert ewt() > 0
    sales.agents.remove(both)
    forget_who_serves_what()
    assert ewt() == 0
    assert only_sales.state == State.READY


def forget_who_serves_what() -> None:
    """As ten seconds later."""
    workforce._known = workforce._Audience(0.0, frozenset(), frozenset(), {})


def test_a_new_agent_counts_at_once_and_a_change_of_groups_within_seconds(
    billing: AgentGroup, monkeypatch: pytest.MonkeyPatch
) -> None:
    (kate,) = hire(billing, State.READY)
    assert estimates.estimate("Billing_VQ", TARGET, now=NOON).agents == 1
    hire(billing, State.READY)
    assert estimates.estimate("Billing_VQ", TARGET, now=NOON).agents == 2
    billing.agents.remove(kate)
    assert estimates.estimate("Billing_VQ", TARGET, now=NOON).agents == 2
    monkeypatch.setattr(workforce, "AUDIENCE_SECONDS", 0.0)
    assert estimates.estimate("Billing_VQ", TARGET, now=NOON).agents == 1


def test_what_is_remembered_of_who_serves_what_does_not_grow_with_all_that_is_ever_asked(
    billing: AgentGroup, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each second somebody prefers another agent: what was asked about first is forgotten all the same."""
    kate = AgentFactory.create(name="kate", state=State.READY)
    billing.agents.add(kate)
    seconds = iter(range(1000, 2000))
    monkeypatch.setattr(workforce, "time", SimpleNamespace(monotonic=lambda: next(seconds)))
    for number in range(30):
        found = workforce.at_work({"GA:Billing", "A:kate", f"A:ann{number}", f"GA:Sales{number}"}, NOON)
        assert [each.serves for each in found] == [{"GA:Billing", "A:kate"}]
    assert len(workforce._known.keys) <= 2 + 2 * workforce.AUDIENCE_SECONDS
    # Agents by name make the question no longer, however many there are.
    forget_who_serves_what()
    with CaptureQueriesContext(connection) as asked:
        workforce.at_work({"GA:Billing", *(f"A:ann{number}" for number in range(500))}, NOON)
    assert len(asked) == 2
    assert asked[1]["sql"].count("UNION") == 1


def test_a_list_of_targets_counts_with_the_one_that_serves_first(billing: AgentGroup) -> None:
    """Kate is busy for long; after a minute anybody of Billing will do."""
    kate = AgentFactory.create(name="kate", state=State.WRAP_UP, wrap_up_until=NOON + timedelta(minutes=20))
    hire(billing, State.READY)
    plan = "[{'target': 'kate@S.A', 'timeout': 60}, {'target': 'Billing@S.GA'}]"
    assert ewt(target="kate@S.A") == pytest.approx(1200, rel=0.01)
    assert ewt(target=plan) == 60
    # The same for one who is in the queue: of the minute, forty seconds are over.
    join("ada", -40 / 60, target=plan)
    QueueEntry.objects.filter(pk="ada").update(
        plan_since=NOON - timedelta(seconds=40), step_until=NOON + timedelta(seconds=20)
    )
    assert ewt(owner="ada") == 20
    assert kate.state == State.WRAP_UP


def test_who_is_ahead_goes_on_by_the_same_list(billing: AgentGroup) -> None:
    """Kate is logged out, so nobody serves them before they all come to Billing, one after the other."""
    AgentFactory.create(name="kate", state=State.LOGGED_OUT)
    hire(billing, State.READY)
    plan = "[{'target': 'kate@S.A', 'timeout': 60, 'clear': false}, {'target': 'Billing@S.GA'}]"
    owners = ("ada", "bob", "cleo")
    for second, owner in enumerate(owners):
        join(owner, second / 60, target=plan)
    before_all_switch = [ewt(owner=owner) for owner in owners]

    QueueEntry.objects.update(keys=["A:kate", "GA:Billing"], step=1, plan_since=NOON - timedelta(seconds=60))
    after = [ewt(owner=owner) for owner in owners]
    assert after == sorted(set(after))
    assert before_all_switch == pytest.approx([60 + seconds for seconds in after], rel=0.3)
    assert before_all_switch == sorted(set(before_all_switch))


def test_after_the_preferred_agent_anybody_will_do(billing: AgentGroup) -> None:
    AgentFactory.create(name="kate", state=State.WRAP_UP, wrap_up_until=NOON + timedelta(minutes=20))
    hire(billing, State.READY)
    place = join("ada", 0, preferred_agent="kate", preferred_seconds=45)
    forecast = estimates.forecast("ada", place, now=NOON)
    assert forecast is not None
    assert forecast.estimate.ewt == timedelta(seconds=45)
    if QueueEntry.objects.get(pk="ada").step == QueueEntry.PREFERRED:
        assert ewt(owner="ada") == 45


def test_a_target_that_cannot_be_read_is_refused(billing: AgentGroup) -> None:
    with pytest.raises(BadValue):
        estimates.estimate("Billing_VQ", "kate", now=NOON)
    assert targets.parse(TARGET).steps[0].target.key == "GA:Billing"


def test_with_nobody_logged_in_it_is_not_known(billing: AgentGroup) -> None:
    hire(billing, State.LOGGED_OUT)
    join("ada", 0)
    estimate = estimates.estimate("Billing_VQ", TARGET, now=NOON)
    assert (estimate.is_known, estimate.ewt, estimate.p90, estimate.agents) == (False, timedelta(), timedelta(), 0)


def test_an_estimate_is_three_statements_however_many_wait(billing: AgentGroup, django_assert_num_queries: Any) -> None:
    hire(billing, State.READY)
    for n in range(20):
        join(f"owner{n}", n, target=TARGET if n % 2 else f"kate{n}@S.A")
    # Who serves what is asked at first.
    with django_assert_num_queries(4):
        estimates.estimate("Billing_VQ", TARGET, now=NOON)
    with django_assert_num_queries(3):
        estimates.estimate("Billing_VQ", TARGET, now=NOON)
    # The entry, and whether an agent is there for it.
    with django_assert_num_queries(4):
        estimates.estimate("Billing_VQ", TARGET, now=NOON, owner="owner7")
    with django_assert_num_queries(6):
        estimates.position("owner7", now=NOON)


# What was measured


def known(what: str, seconds: float, *, variance: float = 0.0, measured: int = 50) -> None:
    QueueMeasure.objects.create(
        queue="Billing_VQ", what=what, seconds=seconds, variance=variance, measured=measured, measured_at=NOON
    )


def test_what_was_measured_takes_the_place_of_the_default(billing: AgentGroup) -> None:
    hire(billing, State.NOT_READY)
    join("ada", 0, wants="")
    busy = of_billing(busy_for=0.0)
    assert ewt() == pytest.approx(expected(1, busy).ewt)
    known("handling", 60)
    assert ewt() == pytest.approx(expected(1, busy, handling=60, spread=0.0).ewt)
    QueueMeasure.objects.update(variance=30.0**2)
    assert ewt() == pytest.approx(expected(1, busy, handling=60, spread=0.5).ewt)
    # So few say nothing of how much they differ.
    QueueMeasure.objects.update(measured=9)
    assert ewt() == pytest.approx(expected(1, busy, handling=60).ewt)
    assert estimates.estimate("Sales_VQ", TARGET, now=NOON).handling == HANDLING


def test_who_is_not_reached_and_who_leaves_takes_no_agent(billing: AgentGroup) -> None:
    hire(billing, State.NOT_READY)
    for number, wants in enumerate(("", "", "agent", "agent")):
        join(f"owner{number}", number, wants=wants)
    known("no_show", 0.4)
    busy = of_billing(busy_for=0.0)
    # Two of four ahead have been reached, and are no longer among those who may not be.
    assert ewt() == pytest.approx(expected(4, busy, no_show=0.2).ewt)
    known("abandoned", 0.1)
    known("waited", 50)
    assert ewt() == pytest.approx(expected(4, busy, no_show=0.2, leaving=0.002).ewt)


def test_the_hour_of_the_week_counts_once_it_has_enough(billing: AgentGroup) -> None:
    known("handling", 60)
    monday_noon = HourMeasure.objects.create(
        queue="Billing_VQ", what="handling", hour=12, mean=240, measured=9, measured_at=NOON
    )
    for hour in (11, 13):
        HourMeasure.objects.create(
            queue="Billing_VQ", what="handling", hour=hour, mean=999, measured=50, measured_at=NOON
        )
    handling = [estimates.estimate("Billing_VQ", TARGET, now=NOON).handling]
    HourMeasure.objects.filter(pk=monday_noon.pk).update(measured=10)
    handling.append(estimates.estimate("Billing_VQ", TARGET, now=NOON).handling)
    assert handling == [timedelta(seconds=60), timedelta(seconds=240)]


def test_the_correction_is_applied(billing: AgentGroup) -> None:
    hire(billing, State.NOT_READY)
    join("ada", 0)
    plain = estimates.estimate("Billing_VQ", TARGET, now=NOON)
    known("correction", 1.25)
    known("correction_p90", 1.5)
    corrected = estimates.estimate("Billing_VQ", TARGET, now=NOON)
    assert corrected.ewt.total_seconds() == pytest.approx(plain.ewt.total_seconds() * 1.25)
    assert corrected.p90.total_seconds() == pytest.approx(plain.p90.total_seconds() * 1.5)


# Starts


def test_starts_keep_the_last_wait_while_nobody_is_logged_in(billing: AgentGroup) -> None:
    agents = hire(billing, State.NOT_READY, State.NOT_READY)
    for n in range(4):
        join(f"owner{n}", n)
    starts = estimates.for_starts("Billing_VQ", TARGET, now=NOON)
    first = starts.ewt(0)
    told = [expected(ahead, of_billing(2, busy_for=0.0)).ewt for ahead in (4, 5)]
    assert [starts.ewt(n).total_seconds() for n in (0, 1)] == pytest.approx(told)

    Agent.objects.filter(pk__in=[agent.pk for agent in agents]).update(state=State.LOGGED_OUT)
    QueueEntry.objects.all().delete()
    starts = estimates.for_starts("Billing_VQ", TARGET, now=NOON)
    assert {starts.ewt(n) for n in (0, 1, 50)} == {first}
    assert estimates.estimate("Billing_VQ", TARGET, now=NOON).ewt == first

    Agent.objects.filter(pk=agents[0].pk).update(state=State.READY)
    assert estimates.for_starts("Billing_VQ", TARGET, now=NOON).ewt(0) == timedelta()
    assert QueueMeasure.objects.get(what="start").seconds == 0


def test_a_queue_of_which_nothing_is_known_starts_nobody_early(billing: AgentGroup) -> None:
    assert estimates.for_starts("Billing_VQ", TARGET, now=NOON).ewt(5) == timedelta()
    assert not QueueMeasure.objects.exists()


def test_the_last_wait_is_stored_when_it_changed(billing: AgentGroup, django_assert_num_queries: Any) -> None:
    (kate,) = hire(billing, State.WRAP_UP)
    stored = []
    for seconds, statements in ((60, 5), (60, 3), (60.9, 3), (62, 4)):
        Agent.objects.filter(pk=kate.pk).update(wrap_up_until=NOON + timedelta(seconds=seconds))
        with django_assert_num_queries(statements):
            estimates.for_starts("Billing_VQ", TARGET, now=NOON)
        stored.append(QueueMeasure.objects.get(what="start").seconds)
    assert stored == pytest.approx([60, 60, 60, 62], abs=0.3)


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
    told = [expected(ahead, of_billing(), of_billing(busy_for=0.0)) for ahead in (0, 1, 2)]
    assert {owner: estimates.position(owner, now=NOON) for owner in ("ada", "ben", "cyd", "nobody")} == {
        # One agent is ready: the first could have them now, the second could not; the third may dial already.
        "ada": placed(told[0], position=1, total_waiting=3, ready_threshold_passed=True),
        "ben": placed(told[1], position=2, total_waiting=3, ready_threshold_passed=False),
        "cyd": placed(told[2], position=3, total_waiting=3, ready_threshold_passed=True),
        "nobody": None,
    }
    assert told[0].ewt == 0 < told[1].ewt < told[2].ewt


def placed(told: Expectation, **standing: Any) -> estimates.Position:
    # Durations are told in whole microseconds.
    ewt, p90 = (timedelta(seconds=each).total_seconds() for each in (told.ewt, told.p90))
    return estimates.Position(ewt=ewt, p90=p90, **standing)


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
