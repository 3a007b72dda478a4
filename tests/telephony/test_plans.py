"""Lists of targets that go on by themselves, and the agent who is preferred to them, against the database."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from django.conf import settings
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from telephony import estimates, matching, plans, statistics, statnames, upwards
from telephony.models import Agent, QueueEntry
from telephony.targets import target_of
from tests.factories import NOON
from tests.telephony.waiting import Recorder, State, floor, hire, minutes, seconds, take_place

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def told() -> Iterator[Recorder]:
    recorder = Recorder()
    with mock.patch.object(upwards, "owner", return_value=recorder):
        yield recorder


def plan(*elements: dict[str, Any]) -> str:
    return json.dumps([{"timeout": 15, **element} for element in elements])


GOLD, SILVER, BRONZE = "Gold@S.GA", "Silver@S.GA", "?:Metal>1@S.GA"
TWO = plan({"target": GOLD}, {"target": SILVER})


def looked_for(owner: str = "ada") -> list[str]:
    return QueueEntry.objects.get(pk=owner).keys


def go_on(after: float) -> int:
    return plans.go_on(NOON + seconds(after))


# A list


def test_the_next_target_follows_when_the_time_of_the_first_is_over(told: Recorder) -> None:
    hire("kate", "Silver")
    take_place("ada", TWO)
    assert looked_for() == ["GA:Gold"]
    assert go_on(14.9) == 0
    assert not matching.match_agent("kate", now=NOON + seconds(14.9))
    assert go_on(15) == 1
    assert looked_for() == ["GA:Silver"]
    assert told.switched == [("ada", SILVER, "no agent was found in 15 s")]
    assert matching.match_all(NOON + seconds(15)) == 1
    assert told.reserved == [("ada", "kate")]
    assert go_on(9999) == 0


def test_what_does_not_clear_stays(told: Recorder) -> None:
    take_place("ada", plan({"target": GOLD, "clear": "false"}, {"target": BRONZE}))
    assert go_on(15) == 1
    assert looked_for() == ["GA:Gold", "?:Metal>1"]
    assert told.switched == [("ada", f"{GOLD}, {BRONZE}", "no agent was found in 15 s")]


def test_after_an_outage_it_is_where_it_would_be(told: Recorder) -> None:
    take_place("ada", plan({"target": GOLD}, {"target": SILVER}, {"target": BRONZE}, {"target": GOLD}))
    assert go_on(40) == 1
    assert looked_for() == ["?:Metal>1"]
    assert QueueEntry.objects.get().step_until == NOON + seconds(45)
    assert len(told.switched) == 1


def test_the_clock_begins_when_it_first_wants_something_and_runs_on_over_retries(told: Recorder) -> None:
    take_place("ada", TWO, wants="")
    assert looked_for() == ["GA:Gold"]
    assert go_on(100) == 0
    take_place("ada", TWO, now=NOON + seconds(100))
    take_place("ada", TWO, wants="", now=NOON + seconds(105))
    assert go_on(114.9) == 0
    assert go_on(115) == 1
    take_place("ada", TWO, now=NOON + seconds(400))
    assert looked_for() == ["GA:Silver"]
    assert [why for _, _, why in told.switched] == ["no agent was found in 15 s"]


def test_another_list_begins_anew(told: Recorder) -> None:
    take_place("ada", TWO)
    go_on(15)
    take_place("ada", plan({"target": BRONZE}, {"target": GOLD}), now=NOON + seconds(20))
    assert looked_for() == ["?:Metal>1"]
    assert go_on(34.9) == 0
    assert go_on(35) == 1


def test_a_single_target_never_goes_on(told: Recorder) -> None:
    take_place("ada", GOLD)
    assert go_on(99999) == 0
    assert told.switched == []


def test_an_element_is_skipped_by_what_is_so_when_it_would_follow(told: Recorder) -> None:
    some = {"stat_to_check": "RStatAgentsReadyvoice", "stat_operator": "<", "stat_value": "1"}
    three = plan({"target": GOLD}, {"target": SILVER, **some}, {"target": BRONZE})
    take_place("ada", three)
    take_place("ben", three, now=NOON + seconds(5))
    assert go_on(15) == 1
    hire("kate", "Silver")
    assert go_on(20) == 1
    assert (looked_for("ada"), looked_for("ben")) == (["?:Metal>1"], ["GA:Silver"])
    assert told.switched == [
        ("ada", BRONZE, f"no agent was found in 15 s; {SILVER} was skipped: RStatAgentsReadyvoice < 1, it is 0"),
        ("ben", SILVER, "no agent was found in 15 s"),
    ]


def test_the_first_element_may_be_skipped_at_once_and_the_owner_is_told(told: Recorder) -> None:
    busy = {"stat_to_check": "StatCallsInQueue", "stat_operator": ">", "stat_value": "0"}
    elements = plan({"target": GOLD, **busy}, {"target": SILVER})
    take_place("ada", elements)
    take_place("ben", elements)
    assert (looked_for("ada"), looked_for("ben")) == (["GA:Gold"], ["GA:Silver"])
    assert told.switched == [("ben", SILVER, f"{GOLD} was skipped: StatCallsInQueue > 0, it is 1")]


@pytest.mark.django_db(transaction=True)
def test_an_entry_that_its_owner_is_changing_is_looked_at_a_second_later(told: Recorder) -> None:
    with transaction.atomic():
        take_place("ada", TWO)
    other = connection.copy()
    try:
        with transaction.atomic(), other.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute("SELECT 1 FROM telephony_queueentry WHERE owner = 'ada' FOR NO KEY UPDATE")
            assert go_on(15) == 0
    finally:
        other.close()
    assert go_on(16) == 1


# The preferred agent

ASKED: dict[str, Any] = {"preferred_agent": "kate", "preferred_seconds": 60}


def test_only_the_preferred_agent_is_looked_for_at_first(told: Recorder) -> None:
    hire("kate", state=State.ON_CALL, reserved_for="zoe")
    hire("liam", "Gold")
    take_place("ada", TWO, **ASKED)
    assert looked_for() == ["A:kate"]
    assert not matching.match_entry("ada", now=NOON)
    Agent.objects.filter(name="kate").update(state=State.READY, reserved_for=None)
    assert matching.match_agent("kate", now=NOON + seconds(59))
    assert told.reserved == [("ada", "kate")]


def test_then_the_list_begins_and_its_clock_with_it(told: Recorder) -> None:
    hire("kate", state=State.NOT_READY)
    take_place("ada", TWO, **ASKED)
    assert go_on(59.9) == 0
    assert go_on(60) == 1
    assert looked_for() == ["GA:Gold"]
    assert go_on(74.9) == 0
    assert go_on(75) == 1
    assert told.switched == [
        ("ada", GOLD, "kate, who was asked for, did not become free in time"),
        ("ada", SILVER, "no agent was found in 15 s"),
    ]


def test_a_single_target_follows_the_preferred_agent(told: Recorder) -> None:
    hire("kate", state=State.NOT_READY)
    take_place("ada", GOLD, **ASKED)
    assert go_on(60) == 1
    take_place("ada", GOLD, **ASKED, now=NOON + seconds(99))
    assert looked_for() == ["GA:Gold"]
    assert go_on(9999) == 0


@pytest.mark.parametrize(
    ("state", "why"),
    [
        (None, "there is no agent kate, who was asked for"),
        (State.LOGGED_OUT, "kate, who was asked for, is not logged in"),
    ],
)
def test_a_preferred_agent_who_is_not_there_is_not_waited_for(told: Recorder, state: Any, why: str) -> None:
    if state:
        hire("kate", state=state)
    take_place("ada", TWO, **ASKED)
    assert looked_for() == ["GA:Gold"]
    assert told.switched == [("ada", GOLD, why)]


def test_a_preferred_agent_who_logs_out_is_waited_for_no_longer(told: Recorder) -> None:
    hire("kate", state=State.NOT_READY)
    take_place("ada", TWO, **ASKED)
    assert go_on(10) == 0
    Agent.objects.update(state=State.LOGGED_OUT)
    assert go_on(11) == 1
    assert told.switched == [("ada", GOLD, "kate, who was asked for, is not logged in")]
    assert QueueEntry.objects.get().step_until == NOON + seconds(26)


def test_nobody_is_asked_for_without_seconds(told: Recorder) -> None:
    hire("kate")
    take_place("ada", TWO, preferred_agent="kate")
    assert (looked_for(), told.switched) == (["GA:Gold"], [])


# The tick


def test_many_lists_that_go_on_at_once_ask_for_a_statistic_once(told: Recorder) -> None:
    """Their entries are held meanwhile, and who changes one waits for that."""
    busy = {"stat_to_check": "StatEstimatedWaitingTime", "stat_operator": ">", "stat_value": "99999"}
    elements = plan({"target": GOLD}, {"target": SILVER, **busy}, {"target": BRONZE})
    for number in range(40):
        take_place(f"ada{number}", elements)
    with CaptureQueriesContext(connection) as asked:
        assert go_on(15) == 40
    assert looked_for("ada39") == ["GA:Silver"]
    assert len(asked) < 15


def test_nothing_due_costs_two_statements(django_assert_num_queries: Any) -> None:
    take_place("ada", TWO)
    # Two more are the savepoint, which the transaction is in a test.
    with django_assert_num_queries(4):
        assert go_on(1) == 0


# Statistics


def staff(now: datetime = NOON) -> None:
    hire("kate", "Gold", idle=40, place="Desk1")
    hire("liam", "Gold", "Silver", idle=90)
    hire("mona", "Gold", state=State.ON_CALL, reserved_for="zoe")
    hire("nora", "Gold", state=State.WRAP_UP, wrap_up_until=now + seconds(9))
    hire("olaf", "Gold", state=State.NOT_READY)
    hire("pete", "Gold", state=State.LOGGED_OUT)
    floor("Floor2", "Desk1")


@pytest.mark.parametrize(
    ("statistic", "gold", "floor2"),
    [
        ("RStatAgentsReadyvoice", 2, 1),
        ("RStatAgentsReady", 2, 1),
        ("RStatAgentsTotal", 5, 1),
        ("StatAgentsAvailable", 2, 1),
        ("StatAgentsBusy", 2, 0),
        ("StatAgentsInQueueLogin", 5, 1),
        ("StatAgentsTotal", 5, 1),
        ("StatCallsInQueue", 2, 0),
        ("StatCallsWaiting", 1, 0),
        ("StatTimeInReadyState", 90, 40),
    ],
)
def test_what_a_statistic_is(statistic: str, gold: float, floor2: float) -> None:
    staff()
    take_place("ada", GOLD, since=9)
    take_place("ben", GOLD, wants="")
    take_place("cem", GOLD, wants="", paused=True)
    take_place("dee", SILVER)
    found = [
        statistics.value(target_of(key), statistic, queue="Billing_VQ", now=NOON) for key in ("GA:Gold", "GP:Floor2")
    ]
    assert found == [gold, floor2]


@pytest.mark.parametrize("statistic", ["StatEstimatedWaitingTime", "StatExpectedWaitingTime"])
def test_the_wait_is_the_estimate_of_the_queue(statistic: str) -> None:
    hire("kate", "Gold", state=State.ON_CALL, reserved_for="zoe")
    for owner in ("ada", "ben"):
        take_place(owner, GOLD, since=1)
    expected = estimates.estimate("Billing_VQ", GOLD, now=NOON).ewt.total_seconds()
    assert expected > 0
    assert statistics.value(target_of("GA:Gold"), statistic, queue="Billing_VQ", now=NOON) == expected


def test_every_name_has_its_value() -> None:
    for name in (*statnames.OF_ANY_TARGET, *statnames.OF_GROUPS):
        assert statistics.value(target_of("GA:Gold"), name, queue="Billing_VQ", now=NOON + minutes(1)) == 0


def test_the_page_says_what_each_statistic_is() -> None:
    page = (Path(settings.BASE_DIR) / "docs" / "routing.md").read_text()
    for name, meaning in {**statnames.OF_ANY_TARGET, **statnames.OF_GROUPS}.items():
        assert f"| `{name}` | {meaning} |" in page
