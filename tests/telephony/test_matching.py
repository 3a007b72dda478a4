"""Who gets whom, against the database: targets of every type, priorities, ageing, who was passed over."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest

from telephony import lines, matching, plans, queues, upwards
from telephony.audience import profiles
from telephony.events import AgentReserved
from telephony.models import Agent, Call, Leg, QueueEntry
from telephony.ready import profiles_of, ready
from telephony.switch import LegState
from tests.factories import NOON
from tests.telephony.waiting import Recorder, State, floor, hire, minutes, seconds, take_place

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def told() -> Iterator[Recorder]:
    recorder = Recorder()
    with mock.patch.object(upwards, "owner", return_value=recorder):
        yield recorder


@pytest.fixture(autouse=True)
def _unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow the machine is, a pass is one batch."""
    monkeypatch.setattr(matching, "BATCH_SECONDS", 60.0)


# An agent turns ready


@pytest.mark.parametrize(
    "target",
    [
        "kate@StatServer.A",
        "Desk1@StatServer.AP",
        "Billing@StatServer.GA",
        "Floor2@StatServer.GP",
        "Billing@StatServer.GC",
        "?:English>=20&(Loans>2|Cards=1)@StatServer.GA",
    ],
)
def test_an_agent_is_found_by_every_type_of_target(told: Recorder, target: str) -> None:
    hire("liam", "Sales", place="Desk2", skills={"English": 19, "Cards": 1})
    hire("kate", "Billing", place="Desk1", skills={"English": 20, "Cards": 1})
    floor("Floor2", "Desk1", "Desk3")
    take_place("ada", target)
    assert not matching.match_agent("liam", now=NOON)
    assert matching.match_agent("kate", now=NOON)
    assert told.reserved == [("ada", "kate")]
    kate = Agent.objects.get(name="kate")
    assert (kate.state, kate.reserved_for, kate.reserved_until) == (State.RESERVED, "ada", NOON + seconds(30))
    assert told.told == [("ada", AgentReserved("kate", kate.reservation, 3))]


def test_the_first_of_all_queues_is_served_whatever_the_queue(told: Recorder) -> None:
    hire("kate", "Billing", "Sales", skills={"English": 5})
    take_place("ada", since=3)
    take_place("ben", "Sales@S.GA", queue="Sales_VQ", since=9)
    take_place("cem", "?:English>3", queue="English_VQ", since=7, priority=1)
    take_place("dee", "Sales@S.GA", queue="Sales_VQ", since=8, priority=1)
    for owner in ("dee", "cem", "ben", "ada"):
        assert matching.match_agent("kate", now=NOON)
        assert told.reserved[-1] == (owner, "kate")
        queues.leave(owner)
        Agent.objects.update(state=State.READY, reserved_for=None)
    assert not matching.match_agent("kate", now=NOON)


def test_a_priority_that_grows_overtakes_one_that_does_not(told: Recorder) -> None:
    hire("kate", "Billing")
    take_place("ada", since=4, priority_increment=2, priority_interval=60)
    take_place("vip", since=1, priority=9)
    assert matching.match_agent("kate", now=NOON)
    assert told.reserved == [("vip", "kate")]
    Agent.objects.update(state=State.READY, reserved_for=None)
    take_place("zoe", since=1, priority=9)
    queues.leave("vip")
    assert matching.match_agent("kate", now=NOON + minutes(1))
    assert told.reserved[-1] == ("ada", "kate")


def test_who_has_waited_for_half_an_hour_is_served_before_the_important(told: Recorder) -> None:
    hire("kate", "Billing")
    take_place("vip", since=29, priority=1000)
    take_place("ada", since=31)
    assert matching.match_agent("kate", now=NOON)
    assert told.reserved == [("ada", "kate")]


def test_an_agent_who_has_refused_goes_to_whoever_is_behind(told: Recorder) -> None:
    hire("kate", "Billing")
    take_place("ada", since=9, not_to={"kate": NOON + seconds(30)})
    assert not matching.match_agent("kate", now=NOON)
    take_place("ben", since=1)
    assert matching.match_agent("kate", now=NOON)
    assert told.reserved == [("ben", "kate")]


def test_who_was_passed_over_is_matched_again_when_it_runs_out(told: Recorder) -> None:
    hire("kate", "Billing")
    take_place("ada", not_to={"kate": NOON + seconds(30)})
    assert matching.match_all(NOON + seconds(29.9)) == 0
    assert matching.match_all(NOON + seconds(30)) == 1
    assert told.reserved == [("ada", "kate")]


@pytest.mark.parametrize("state", [State.NOT_READY, State.LOGGED_OUT])
def test_an_agent_who_is_not_ready_gets_nobody(told: Recorder, state: str) -> None:
    hire("kate", "Billing", state=state)
    take_place("ada")
    assert not matching.match_agent("kate", now=NOON)
    assert not matching.match_entry("ada", now=NOON)
    assert matching.match_all(NOON) == 0
    assert told.told == []


@pytest.mark.parametrize("changes", [{"wants": ""}, {"wants": "", "paused": True}])
def test_nobody_gets_an_agent_who_wants_none(told: Recorder, changes: dict[str, Any]) -> None:
    hire("kate", "Billing")
    take_place("ada")
    take_place("ada", **changes)
    assert not matching.match_agent("kate", now=NOON)
    assert told.told == []


# Somebody joins the line


def test_the_longest_idle_is_taken_of_those_who_may(told: Recorder) -> None:
    hire("kate", "Billing", idle=10)
    hire("liam", "Billing", idle=30)
    hire("mona", "Billing", idle=20)
    hire("nora", "Sales", idle=99)
    take_place("ada", not_to={"liam": NOON + seconds(1)})
    take_place("ben")
    assert matching.match_entry("ada", now=NOON)
    assert matching.match_entry("ben", now=NOON)
    assert told.reserved == [("ada", "mona"), ("ben", "liam")]


# The tick's pass


def test_a_pass_leaves_nobody_idle_and_serves_in_order(told: Recorder) -> None:
    hire("kate", "Billing", idle=1)
    hire("liam", "Sales", "Billing", idle=2)
    hire("mona", "Sales", idle=3)
    take_place("ada", since=5)
    take_place("ben", since=6, not_to={"liam": NOON + seconds(5)})
    take_place("cem", "Sales@S.GA", queue="Sales_VQ", since=4, priority=1)
    take_place("dee", "Sales@S.GA", queue="Sales_VQ", since=9)
    assert matching.match_all(NOON) == 3
    assert told.reserved == [("cem", "mona"), ("dee", "liam"), ("ben", "kate")]


def test_a_pass_finds_somebody_behind_those_who_were_passed_over(told: Recorder) -> None:
    hire("kate", "Billing")
    for number in range(3):
        take_place(f"owner{number}", since=9 - number, not_to={"kate": NOON + seconds(5)})
    take_place("zoe", since=1)
    assert matching.match_all(NOON) == 1
    assert told.reserved == [("zoe", "kate")]


def test_entries_of_the_release_before_are_given_a_line_and_served(told: Recorder) -> None:
    hire("kate", "Billing")
    QueueEntry.objects.create(
        owner="ada",
        queue="Billing_VQ",
        target_key="GA:Billing",
        wants="agent",
        visit=2,
        place_at=NOON,
        eligible_at=NOON,
        reserve_seconds=30,
    )
    assert matching.match_all(NOON) == 0
    assert plans.adopt(NOON) == 1
    assert plans.adopt(NOON) == 0
    assert matching.match_all(NOON) == 1
    assert told.reserved == [("ada", "kate")]


# Dials


def wait_for_dial(owner: str, **fields: Any) -> None:
    take_place(owner, wants="dial", **fields)


def test_a_dial_is_granted_for_whoever_is_wanted(told: Recorder) -> None:
    hire("kate", skills={"Loans": 3})
    hire("liam", place="Desk1")
    floor("Floor2", "Desk1")
    wait_for_dial("ada", target="?:Loans>2", since=3)
    wait_for_dial("ben", target="?:Loans>2", since=2)
    wait_for_dial("cem", target="Floor2@S.GP", since=1)
    assert matching.match_all(NOON) == 2
    assert told.granted == ["ada", "cem"]


def test_a_ready_agent_lets_the_first_dial_whom_they_may_serve(told: Recorder) -> None:
    hire("kate", "Sales")
    wait_for_dial("ada", since=9)
    wait_for_dial("ben", target="Sales@S.GA", since=3)
    wait_for_dial("cem", target="Sales@S.GA", since=2, priority=1)
    assert matching.match_agent("kate", now=NOON)
    assert told.granted == ["cem"]
    assert not matching.match_agent("kate", now=NOON)


def flood(number: int = 5) -> None:
    """Customers on the line, more than there are agents, who came a minute ago."""
    for each in range(number):
        take_place(f"caller{each}", since=1, granted=True)


def test_customers_on_the_line_do_not_starve_who_is_yet_to_be_dialled(told: Recorder) -> None:
    """There is always somebody on the line for kate. Ada is dialled all the same, and is then the next."""
    hire("kate", "Billing")
    flood()
    wait_for_dial("ada", since=31)
    wait_for_dial("ben", since=32)
    assert matching.match_agent("kate", now=NOON)
    assert told.granted == ["ben"]
    assert told.reserved == [("caller0", "kate")]
    # One at a time: ben counts until he is served.
    Agent.objects.update(state=State.READY, reserved_for=None)
    queues.leave("caller0")
    assert matching.match_agent("kate", now=NOON + seconds(10))
    assert told.granted == ["ben"]
    Agent.objects.update(state=State.READY, reserved_for=None)
    take_place("ben", since=32, visit=8, granted=True)
    assert matching.match_agent("kate", now=NOON + seconds(20))
    assert told.reserved[-1] == ("ben", "kate")


def test_who_has_not_waited_too_long_is_not_dialled_into_a_full_line(told: Recorder) -> None:
    hire("kate", "Billing")
    flood()
    wait_for_dial("ada", since=29)
    assert matching.match_agent("kate", now=NOON)
    assert told.granted == []


def test_a_pass_dials_the_starved_for_a_wrap_up_that_ends(told: Recorder) -> None:
    hire("kate", "Billing", state=State.WRAP_UP, wrap_up_until=NOON + seconds(10))
    flood()
    wait_for_dial("ada", since=29)
    assert matching.match_all(NOON) == 0
    wait_for_dial("ben", since=31)
    assert matching.match_all(NOON) == 1
    assert matching.match_all(NOON) == 0
    assert told.granted == ["ben"]


# Lines


def test_those_who_want_the_same_are_one_line() -> None:
    take_place("ada", "Billing@One.GA", since=1)
    take_place("ben", "Billing@Two.GA", since=2)
    take_place("cem", priority=1)
    take_place("dee", priority_increment=1, priority_interval=5)
    take_place("eva", queue="Other_VQ")
    take_place("fay", "Sales@S.GA")
    take_place("gus", wants="dial")
    take_place("hal", wants="")
    known = lines.waiting()
    assert len(known) == 6
    assert {(line.wants, line.queue, line.keys) for line in known} == {
        ("agent", "Billing_VQ", frozenset({"GA:Billing"})),
        ("agent", "Other_VQ", frozenset({"GA:Billing"})),
        ("agent", "Billing_VQ", frozenset({"GA:Sales"})),
        ("dial", "Billing_VQ", frozenset({"GA:Billing"})),
    }
    first = {head.owner for head in lines.heads(known, now=NOON)}
    assert first == {"ben", "cem", "dee", "eva", "fay", "gus"}
    assert {head.owner for head in lines.heads(known, now=NOON, most=2)} == first | {"ada"}


def test_one_who_has_an_agent_or_is_not_eligible_yet_is_no_head(told: Recorder) -> None:
    hire("kate", "Billing")
    take_place("ada", since=2)
    take_place("ben", since=1, now=NOON + seconds(1))
    assert matching.match_entry("ada", now=NOON)
    assert lines.heads(lines.waiting(), now=NOON) == []
    assert [head.owner for head in lines.heads(lines.waiting(), now=NOON + seconds(1))] == ["ben"]


def test_an_agent_turning_ready_costs_the_same_however_many_wait(
    told: Recorder, django_assert_num_queries: Any
) -> None:
    hire("kate", "Billing", "Sales")
    for number in range(60):
        take_place(f"owner{number}", queue=f"VQ{number % 5}", since=number, priority=number % 3)
    # What a line stands for is asked once by each process.
    lines.waiting()
    # The lines, what targets ask of her if she is ready; the lock; the first of each line, the reservation. Two more
    # are the savepoint, which the transaction is in a test.
    with django_assert_num_queries(7):
        assert matching.match_agent("kate", now=NOON)


def test_a_phone_that_is_busy_makes_its_agent_unmatchable(told: Recorder) -> None:
    hire("kate", "Billing")
    take_place("ada")
    kate = Agent.objects.get()
    call = Call.objects.create(owner="gone", wish={}, look_at=NOON)
    leg = Leg.objects.create(
        id="cb-gone-agent-1",
        call=call,
        party="agent",
        attempt=1,
        switch=kate.switch,
        agent=kate,
        endpoint="sim:kate",
        state=LegState.UP,
        created_at=NOON,
    )
    assert not matching.match_agent("kate", now=NOON)
    assert not matching.match_entry("ada", now=NOON)
    leg.state = LegState.ENDED
    leg.save(update_fields=["state"])
    assert matching.match_agent("kate", now=NOON + seconds(1))
    assert told.reserved == [("ada", "kate")]


def test_who_is_ready_is_what_the_audience_says_of_them() -> None:
    hire("kate", "Billing", "Sales", place="Desk1", skills={"English": 5, "Loans": 0})
    floor("Floor2", "Desk1")
    floor("Everywhere", "Desk1")
    hire("liam")
    hire("mona", state=State.NOT_READY)
    for name in ("kate", "liam"):
        pk, profile = ready(name) or pytest.fail("is ready")
        assert {pk: profile} == profiles(Agent.objects.filter(name=name))
        assert profile.skills == profiles(Agent.objects.filter(name=name))[pk].skills
    assert ready("mona") is None
    assert profiles_of(list(Agent.objects.values_list("pk", flat=True))) == profiles(Agent.objects.all())
