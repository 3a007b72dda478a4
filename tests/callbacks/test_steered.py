"""What the machine makes of a supervisor's acts: pure, in every stage where they make sense and where they do not."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from callbacks.flow import machine, projections
from callbacks.flow.events import (
    Assigned,
    CalledNow,
    Cancelled,
    Event,
    Noted,
    NumberChanged,
    Paused,
    Prioritised,
    Recreated,
    Rescheduled,
    Started,
)
from callbacks.flow.options import FlowOptions
from callbacks.flow.session import SESSION, Session, Stage
from callbacks.flow.states import State
from telephony.events import AgentReserved, DialGranted, LegAnswered, LegDialling, LegEnded, LegsJoined, Party
from telephony.switch import EndCause
from tests.callbacks.test_machine import BOB, NOON, OPTIONS, Story, connecting, waiting

TOMORROW = NOON + timedelta(days=1)
DELAYED = replace(OPTIONS, wait_for_agent=True)
ASKED = replace(DELAYED, wait_for_user_confirm=True)
AGENT_FIRST = replace(OPTIONS, first_connect_party="AGENT")
CALLS_US = replace(DELAYED, call_direction="USERORIGINATED")


def scheduled(options: FlowOptions = OPTIONS) -> Story:
    story = Story(options, replace(BOB, desired_at=TOMORROW, slot=TOMORROW)).tell(Started("app"))
    assert story.session.stage is Stage.SCHEDULED
    return story


def awaiting(options: FlowOptions = DELAYED) -> Story:
    story = Story(options).tell(Started("app"))
    assert story.session.stage is Stage.AWAITING
    return story


def retrying() -> Story:
    story = Story().tell(Started("app"), LegDialling(Party.CUSTOMER, 1), LegEnded(Party.CUSTOMER, 1, EndCause.BUSY))
    assert story.session.stage is Stage.RETRYING
    return story


def talking() -> Story:
    story = connecting().tell(LegAnswered(Party.AGENT, 1))
    return story.tell(LegsJoined(1))


def over() -> Story:
    return scheduled().tell(Cancelled("app"))


def assert_refused(story: Story, event: Event, why: str) -> None:
    """Refused with the reason, written down, and nothing else is changed."""
    before = story.session
    decision = machine.decide(before, story.options, event, story.now)
    assert why in decision.refused
    assert replace(decision.session, refusal=before.refusal) == before
    assert (decision.attempts, decision.agents, decision.arrivals) == ((), (), ())
    assert [note.kind for note in decision.notes] == ["refused"]


# ---- call now


def test_one_for_tomorrow_is_dialled_at_once_and_its_place_given_back() -> None:
    story = scheduled().tell(CalledNow("sue"))
    assert story.session.stage is Stage.DIALLING
    assert (story.session.desired_at, story.session.slot) == (NOON + timedelta(seconds=1), None)
    assert [note.text for note in story.decisions[-1].notes] == [
        "To be called at once, says sue.",
        "Execution started: User Terminated Immediate.",
        "Dialling the customer, attempt 1 of 3.",
    ]
    assert projections.wanted_call(story.session, OPTIONS).customer is not None


def test_the_next_attempt_is_not_waited_for() -> None:
    story = retrying()
    story.tell(CalledNow("sue"))
    assert (story.session.stage, story.session.attempt, story.session.attempts_used) == (Stage.DIALLING, 2, 1)


def test_no_agent_is_waited_for_either() -> None:
    story = awaiting().tell(CalledNow("sue"))
    assert story.session.stage is Stage.DIALLING


def test_who_is_being_asked_is_called_without_an_answer() -> None:
    session = replace(BOB, unaskable="")
    story = Story(ASKED, session).tell(Started("app"))
    story.tell(DialGranted(story.session.visit))
    assert story.session.stage is Stage.CONFIRMING
    assert story.tell(CalledNow("sue")).session.stage is Stage.DIALLING


def test_where_an_agent_is_called_first_one_is_looked_for_at_once() -> None:
    story = scheduled(AGENT_FIRST).tell(CalledNow("sue"))
    assert story.session.stage is Stage.RESERVING
    assert_refused(story, CalledNow("sue"), "an agent is called first, and is being looked for already")


@pytest.mark.parametrize(
    ("story", "why"),
    [
        (awaiting(CALLS_US), "the customer calls us"),
        (awaiting().tell(Paused()), "its service is paused"),
        (waiting(), "the customer is being called already"),
        (talking(), "the customer is being called already"),
        (over(), "it is over"),
    ],
    ids=["calls us", "paused", "on the line", "talks", "over"],
)
def test_a_call_now_is_refused_with_the_reason(story: Story, why: str) -> None:
    assert_refused(story, CalledNow("sue"), why)


# ---- priority


def place_of(session: Session, options: FlowOptions = DELAYED) -> tuple[int, str, int]:
    place = projections.queue_place(session, options)
    assert place is not None
    return place.priority, place.preferred_agent, place.preferred_seconds


def test_another_priority_moves_its_place_at_once_and_is_kept() -> None:
    story = awaiting(replace(DELAYED, vq_priority=3))
    assert place_of(story.session, story.options)[0] == 3
    story.tell(Prioritised("sue", 70))
    assert place_of(story.session, story.options)[0] == 70
    note = story.decisions[-1].notes[0]
    assert (note.kind, note.text) == ("prioritised", "Priority 70 instead of 3, by sue.")
    stored = SESSION.validate_python(SESSION.dump_python(story.session, mode="json"))
    assert place_of(stored, story.options)[0] == 70


def test_a_priority_given_ahead_counts_once_it_queues() -> None:
    story = scheduled(DELAYED).tell(Prioritised("sue", 70))
    assert projections.queue_place(story.session, DELAYED) is None
    story.tell(Rescheduled("sue", story.now, None))
    assert place_of(story.session)[0] == 70


@pytest.mark.parametrize("story", [connecting(), talking(), over()], ids=["has an agent", "talks", "over"])
def test_who_waits_no_more_is_given_no_priority(story: Story) -> None:
    assert_refused(story, Prioritised("sue", 5), "does not wait in a queue any more")


# ---- assignment


def test_an_assignment_looks_for_one_agent_first_and_can_be_taken_back() -> None:
    story = awaiting(replace(DELAYED, preferred_agent="liam", preferred_agent_timeout=20))
    assert place_of(story.session, story.options)[1:] == ("liam", 20)
    story.tell(Assigned("sue", "kate", 300))
    assert place_of(story.session, story.options)[1:] == ("kate", 300)
    assert story.decisions[-1].notes[0].text == "Assigned to agent kate by sue; after 300 s anybody may have it."
    story.tell(Assigned("sam", "", 0))
    assert place_of(story.session, story.options)[1:] == ("", 0)
    assert story.decisions[-1].notes[0].text == "No longer assigned to agent kate, by sam."


def test_who_waits_on_the_line_can_be_assigned_too() -> None:
    story = waiting()
    offered = story.session.visit
    story.tell(Assigned("sue", "kate", 60))
    assert place_of(story.session, OPTIONS)[1:] == ("kate", 60)
    # Somebody else who was found a moment before, for whoever had this place, is given back.
    story.tell(AgentReserved("liam", "r1", offered))
    assert story.session.stage is Stage.WAITING
    assert [move.reservation for move in story.released()] == ["r1"]


def test_a_question_that_is_under_way_is_not_asked_twice() -> None:
    story = Story(ASKED, replace(BOB, unaskable="")).tell(Started("app"))
    story.tell(DialGranted(story.session.visit))
    visit = story.session.visit
    story.tell(Assigned("sue", "kate", 60), Prioritised("sue", 9))
    assert (story.session.stage, story.session.visit) == (Stage.CONFIRMING, visit)


@pytest.mark.parametrize(
    ("story", "why"),
    [(connecting(), "has agent kate already"), (talking(), "looks for no agent"), (over(), "looks for no agent")],
    ids=["has an agent", "talks", "over"],
)
def test_an_assignment_is_refused_with_the_reason(story: Story, why: str) -> None:
    assert_refused(story, Assigned("sue", "liam", 60), why)


def test_an_agent_who_was_called_first_is_not_taken_away() -> None:
    story = Story(AGENT_FIRST).tell(Started("app"))
    story.tell(AgentReserved("kate", "r1", story.session.visit), LegAnswered(Party.AGENT, 1))
    assert story.session.stage is Stage.DIALLING
    assert_refused(story, Assigned("sue", "liam", 60), "has agent kate already")
    assert_refused(story, Prioritised("sue", 5), "does not wait in a queue any more")


# ---- number


@pytest.mark.parametrize("story", [scheduled(), awaiting(), retrying()], ids=["rests", "waits", "retries"])
def test_another_number_is_the_one_that_is_dialled(story: Story) -> None:
    story.tell(NumberChanged("sue", "5115"), CalledNow("sue"))
    customer = projections.wanted_call(story.session, story.options).customer
    assert customer is not None
    assert customer.number == "915115"
    said = [note.text for decision in story.decisions for note in decision.notes]
    assert "The customer's number was changed by sue." in said
    assert not any("5115" in text for text in said)


@pytest.mark.parametrize(
    ("story", "why"),
    [(waiting(), "the customer is being called"), (over(), "it is over")],
    ids=["on the line", "over"],
)
def test_a_number_that_is_being_called_stays(story: Story, why: str) -> None:
    assert_refused(story, NumberChanged("sue", "5115"), why)


# ---- notes and repetitions


@pytest.mark.parametrize("story", [scheduled(), waiting(), talking(), over()], ids=["rests", "waits", "talks", "over"])
def test_a_note_can_be_written_at_any_time_and_changes_nothing(story: Story) -> None:
    before = story.session
    story.tell(Noted("sue", "Call the branch instead.", "form-1"))
    assert story.session == before
    note = story.decisions[-1].notes[0]
    assert (note.kind, note.text, note.data) == ("note", "Call the branch instead.", {"form": "form-1"})


def test_only_what_is_over_is_asked_for_anew() -> None:
    story = over().tell(Recreated("sue", "369-2"))
    note = story.decisions[-1].notes[0]
    assert (note.text, note.data) == ("Asked for anew by sue, as callback 369-2.", {"callback": "369-2"})
    assert_refused(awaiting(), Recreated("sue", "369-2"), "cannot be repeated before it is over")
    assert projections.public_state(talking().session) is State.COMPLETED
    assert_refused(talking(), Recreated("sue", "369-2"), "cannot be repeated before it is over")


def test_a_repetition_says_of_what() -> None:
    story = Story().tell(Started("sue", of="369-1"))
    note = story.decisions[0].notes[0]
    assert (note.text, note.data) == ("Asks anew for what callback 369-1 was about.", {"callback": "369-1"})
    assert story.session.stage is Stage.DIALLING


def test_a_session_of_the_release_before_knows_nothing_of_supervisors() -> None:
    stored = SESSION.dump_python(awaiting().session, mode="json")
    for new in ("priority", "assigned_to", "assigned_seconds"):
        del stored[new]
    session = SESSION.validate_python(stored)
    assert place_of(session, replace(DELAYED, vq_priority=3, preferred_agent="liam")) == (3, "liam", 60)
    assert projections.public_state(session) is State.QUEUED
