"""Events that come late, twice or in another order than they happened: the machine alone, no database, no clock."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from callbacks.flow import projections
from callbacks.flow.decision import ReleaseAgent
from callbacks.flow.events import Disposed, Event, HungUp, PreviewAccepted, Started, TimerFired
from callbacks.flow.options import FlowOptions, Treatment
from callbacks.flow.session import Stage
from callbacks.flow.states import Reason
from telephony.events import (
    AgentReserved,
    DialRefused,
    LegAnswered,
    LegDialling,
    LegEnded,
    LegProgress,
    LegsJoined,
    Party,
    ReservationExpired,
    TargetSwitched,
    TrunkUnavailable,
)
from telephony.switch import EndCause, Verdict
from telephony.upwards import Choice
from tests.callbacks.test_machine import OPTIONS, Story, connecting, dialled

AGENT_FIRST = replace(OPTIONS, first_connect_party="AGENT")
PREVIEW = replace(AGENT_FIRST, agent_preview=True)
ASKS = replace(OPTIONS, enable_disposition_dialog=True)


def reserved(story: Story, reservation: str) -> Story:
    return story.tell(AgentReserved("kate", reservation, story.session.visit))


def agent_there(options: FlowOptions = AGENT_FIRST) -> Story:
    """Kate was called first and answered: the customer is about to be called."""
    return reserved(Story(options).tell(Started("test")), "r1").tell(LegAnswered(Party.AGENT, 1))


def called_again() -> Story:
    """They talked, and kate wants the customer called again now."""
    story = Story(replace(ASKS, treatment_customer_connect=Treatment("")))
    story.tell(Started("test"), *dialled(), LegProgress(Party.CUSTOMER, 1, Verdict.HUMAN))
    reserved(story, "r1").tell(LegAnswered(Party.AGENT, 1), LegsJoined(1), HungUp("kate", "r1"))
    assert story.session.stage is Stage.DISPOSITION
    return story.tell(Disposed("kate", Choice.CALL_NOW, story.now))


def kinds(story: Story) -> list[str]:
    return [note.kind for note in story.decisions[-1].notes]


@pytest.mark.parametrize("before", [(), (LegDialling(Party.CUSTOMER, 2),), dialled(2)])
def test_the_end_of_the_last_talks_leg_takes_no_new_call_back(before: tuple[Event, ...]) -> None:
    """The switch was out of reach: it tells only now that kate's leg of the talk is gone."""
    story = called_again().tell(*before)
    at_present = story.session
    assert at_present.stage in {Stage.DIALLING, Stage.RINGING, Stage.DETECTING}
    story.tell(LegEnded(Party.AGENT, 1, EndCause.UNKNOWN))
    assert story.session == at_present
    assert kinds(story) == []


def test_a_ring_that_is_told_after_the_agent_hung_up_has_used_an_attempt() -> None:
    """Both happened at the same moment: the customer's phone may have rung, and must not ring once more at once."""
    story = agent_there().tell(LegEnded(Party.AGENT, 1, EndCause.HANGUP))
    assert story.session.stage is Stage.RESERVING
    story.tell(LegDialling(Party.CUSTOMER, 1))
    assert (story.session.stage, story.session.attempts_used) == (Stage.RETRYING, 1)
    [first, last] = story.decisions[-1].attempts
    assert (first.number, first.dialled_at, last.number) == (1, story.now - timedelta(seconds=1), 1)
    assert last.ended_at is not None


def test_the_last_attempt_that_may_have_rung_is_the_last() -> None:
    story = agent_there(replace(AGENT_FIRST, max_dial_attempts=1)).tell(LegEnded(Party.AGENT, 1, EndCause.HANGUP))
    story.tell(LegDialling(Party.CUSTOMER, 1))
    assert story.session.reason is Reason.FAIL_CALL_TO_CUSTOMER


def test_agents_who_answered_do_not_count_as_tried_in_vain() -> None:
    """Three times the customer is not reached with an agent on the line; the first agent who fails is the first."""
    story = Story(replace(AGENT_FIRST, max_transfer_to_agent_attempts=2, max_dial_attempts=9)).tell(Started("test"))
    for attempt in (1, 2, 3):
        reserved(story, f"r{attempt}").tell(LegAnswered(Party.AGENT, attempt), LegDialling(Party.CUSTOMER, attempt))
        story.tell(LegEnded(Party.CUSTOMER, attempt, EndCause.BUSY)).tell(TimerFired("stage", story.session.visit))
    reserved(story, "r4").tell(LegEnded(Party.AGENT, 4, EndCause.NO_ANSWER))
    assert story.session.stage is Stage.RESERVING
    reserved(story, "r5").tell(LegEnded(Party.AGENT, 5, EndCause.NO_ANSWER))
    assert story.session.reason is Reason.FAIL_AGENT_CONNECT


def test_a_callback_that_is_called_again_has_all_its_tries_at_agents() -> None:
    story = called_again()
    story.options = replace(story.options, max_transfer_to_agent_attempts=2)
    story.tell(*dialled(2), LegProgress(Party.CUSTOMER, 2, Verdict.HUMAN))
    reserved(story, "r2").tell(LegEnded(Party.AGENT, 2, EndCause.NO_ANSWER))
    stages = [story.session.stage]
    reserved(story, "r3").tell(LegEnded(Party.AGENT, 3, EndCause.NO_ANSWER))
    assert [*stages, story.session.stage] == [Stage.WAITING, Stage.APOLOGY]


def test_an_agent_is_given_back_once_and_for_the_reason_that_there_is() -> None:
    story = connecting()
    story.options = replace(story.options, max_transfer_to_agent_attempts=1, treatment_find_agent_fail=Treatment(""))
    story.tell(TimerFired("stage", story.session.visit))
    assert story.session.reason is Reason.FAIL_AGENT_CONNECT
    assert story.released() == [ReleaseAgent("r1", not_ready_reason="no answer")]


@pytest.mark.parametrize(
    ("options", "stage"), [(PREVIEW, Stage.PREVIEWING), (AGENT_FIRST, Stage.CALLING_AGENT), (OPTIONS, Stage.CONNECTING)]
)
def test_a_reservation_that_ran_out_before_it_was_heard_of_is_still_a_reservation(
    options: FlowOptions, stage: Stage
) -> None:
    """Nobody worked for a minute: the agent and the end of their reservation are told in one go.

    What is decided on the first prolongs it; nobody was asked or rung yet.
    """
    story = connecting() if options is OPTIONS else reserved(Story(options).tell(Started("test")), "r1")
    at_present = story.session
    assert at_present.stage is stage
    story.tell(ReservationExpired("kate", "r1"))
    assert story.session == at_present
    assert story.released() == []
    # Without any sign of life it runs out in the end.
    story.now += timedelta(minutes=2)
    story.tell(ReservationExpired("kate", "r1"))
    assert [move.reservation for move in story.released()] == ["r1"]


def test_the_end_of_an_older_reservation_does_not_part_those_who_are_being_joined() -> None:
    story = connecting().tell(LegAnswered(Party.AGENT, 1))
    story.tell(ReservationExpired("omar", "r0"))
    assert story.session.stage is Stage.JOINING
    assert story.released() == [ReleaseAgent("r0")]


def test_the_plan_of_targets_goes_on_from_where_it_is_when_joining_failed() -> None:
    """A place that is given up takes the clock of the list with it."""
    story = connecting()
    held = projections.queue_place(story.session, story.options)
    story.tell(LegAnswered(Party.AGENT, 1))
    assert projections.queue_place(story.session, story.options) == held
    story.tell(LegsJoined(1))
    assert projections.queue_place(story.session, story.options) is None


def test_a_supervisor_is_told_which_target_is_looked_for_now() -> None:
    story = Story(AGENT_FIRST).tell(Started("test"))
    story.tell(TargetSwitched("Silver@StatServer.GA", "no agent was found in 15 s"))
    [note] = story.decisions[-1].notes
    assert note.text == "Now looking for Silver@StatServer.GA: no agent was found in 15 s."


def test_an_accept_that_is_said_twice_calls_the_agent_once() -> None:
    story = reserved(Story(PREVIEW).tell(Started("test")), "r1").tell(PreviewAccepted("kate", "r1"))
    once = story.session
    story.tell(PreviewAccepted("kate", "r1"))
    assert replace(story.session, refusal="") == once
    assert story.decisions[-1].refused == "Callback is QUEUED and is no longer offered"


def test_a_switch_that_nobody_listens_to_for_a_moment_uses_up_no_agents() -> None:
    """Agent after agent could be reserved and refused within a second, and the customer would never be called."""
    story = reserved(Story(replace(AGENT_FIRST, max_transfer_to_agent_attempts=1)).tell(Started("test")), "r1")
    told_at = story.now
    story.tell(DialRefused(Party.AGENT, 1, "nobody listens to switch SIP_Switch"))
    assert (story.session.stage, story.session.deadline) == (Stage.RETRYING, told_at + timedelta(seconds=5))
    assert story.released() == [ReleaseAgent("r1")]
    assert story.session.passed_over == ()
    story.tell(TimerFired("stage", story.session.visit))
    assert story.session.stage is Stage.RESERVING


def test_a_trunk_that_does_not_carry_the_call_to_an_agent_is_waited_for_and_not_their_fault() -> None:
    story = reserved(Story(replace(AGENT_FIRST, max_transfer_to_agent_attempts=1)).tell(Started("test")), "r1")
    free_at = story.now + timedelta(seconds=40)
    story.tell(TrunkUnavailable(Party.AGENT, 1, "503", free_at))
    assert (story.session.stage, story.session.deadline) == (Stage.RETRYING, free_at)
    assert story.released() == [ReleaseAgent("r1")]
