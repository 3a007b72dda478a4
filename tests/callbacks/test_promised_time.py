"""The machine before the first dial: promised times, waits, confirmations, pauses, late starts. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from callbacks.flow import projections
from callbacks.flow.decision import Measured
from callbacks.flow.events import (
    Cancelled,
    Changed,
    Connected,
    Event,
    Paused,
    PushSettled,
    Rescheduled,
    Resumed,
    Snoozed,
    StartDue,
    Started,
    TimerFired,
)
from callbacks.flow.options import FlowOptions, Treatment
from callbacks.flow.session import SESSION, Stage
from callbacks.flow.states import MOVES, Reason, State
from telephony.events import (
    AgentReserved,
    DialGranted,
    DialRefused,
    LegAnswered,
    LegDialling,
    LegEnded,
    LegProgress,
    Party,
)
from telephony.switch import EndCause, Verdict
from tests.callbacks.test_machine import BOB, NOON, OPTIONS, Story

AT_THREE = NOON + timedelta(hours=3)
SLOT = AT_THREE
SCHEDULED = replace(BOB, desired_at=AT_THREE, slot=SLOT)
DELAYED = replace(OPTIONS, wait_for_agent=True)
CONFIRMED_FIRST = replace(DELAYED, wait_for_user_confirm=True)
WITH_DEVICE = replace(BOB, unaskable="")


def minutes(number: float) -> timedelta:
    return timedelta(minutes=number)


def scheduled(options: FlowOptions = OPTIONS) -> Story:
    return Story(options, SCHEDULED).tell(Started("test"))


def asked(options: FlowOptions = CONFIRMED_FIRST) -> Story:
    """A delayed callback for which an agent is about to be free, and whose customer is asked."""
    story = Story(options, WITH_DEVICE).tell(Started("test"))
    return granted(story)


def granted(story: Story) -> Story:
    return story.tell(DialGranted(story.session.visit))


def timer(story: Story, name: str = "stage") -> Event:
    return TimerFired(name, story.session.visit if name == "stage" else 0)


def texts(story: Story) -> list[str]:
    return [note.text for decision in story.decisions for note in decision.notes]


# Until its time


def test_a_far_time_rests_without_a_timer_and_is_found_by_its_start_base() -> None:
    story = scheduled()
    assert (story.session.stage, projections.timers(story.session, OPTIONS)) == (Stage.SCHEDULED, {})
    assert projections.start_base(story.session, OPTIONS) == AT_THREE - timedelta(seconds=120)
    assert projections.queue_place(story.session, OPTIONS) is None
    assert projections.expires_at(story.session, OPTIONS) == AT_THREE + timedelta(days=1)


@pytest.mark.parametrize(
    ("buffer", "ahead", "state"),
    [
        (15, 15, State.QUEUED),
        (15, 30, State.SCHEDULED),
        (180, 180, State.QUEUED),
        (120, 10, State.QUEUED),
        (120, 15, State.QUEUED),
        (120, 180, State.SCHEDULED),
        (120, 200, State.SCHEDULED),
        (120, 900, State.SCHEDULED),
        (120, 3600, State.SCHEDULED),
    ],
)
def test_the_buffer_decides_whether_a_request_is_queued_at_once(buffer: int, ahead: int, state: State) -> None:
    """Wire contract, section 4, first row."""
    options = replace(OPTIONS, request_execution_time_buffer=buffer, desired_connect_time_threshold=buffer + 1)
    story = Story(options, replace(BOB, desired_at=NOON + timedelta(seconds=ahead))).tell(Started("test"))
    assert projections.public_state(story.session) is state


@pytest.mark.parametrize(
    ("ewt", "dials"),
    [
        (0, AT_THREE),
        (60, AT_THREE - timedelta(seconds=60)),
        # Not earlier than _desired_connect_time_threshold before the time.
        (600, AT_THREE - timedelta(seconds=180)),
    ],
)
def test_not_delayed_it_is_dialled_so_much_before_its_time_as_it_will_wait(ewt: float, dials: datetime) -> None:
    story = scheduled()
    story.now = AT_THREE - timedelta(seconds=120 + ewt)
    story.tell(StartDue(AT_THREE, ewt))
    assert (story.session.stage, story.session.deadline) == (Stage.HELD, dials)


def test_delayed_it_waits_for_the_grant_from_the_threshold_on() -> None:
    story = scheduled(DELAYED)
    story.now = AT_THREE - minutes(20)
    story.tell(StartDue(AT_THREE, 1080.0))
    assert (story.session.stage, story.session.deadline) == (Stage.HELD, AT_THREE - timedelta(seconds=180))
    story.now = AT_THREE - timedelta(seconds=180)
    story.tell(timer(story))
    assert story.session.stage is Stage.AWAITING
    # Four hours in the queue count from the threshold, not from the early start.
    due = projections.timers(story.session, DELAYED)["queue_ttl"]
    assert due == AT_THREE - timedelta(seconds=180) + timedelta(hours=4)


def test_a_start_that_workers_came_to_hours_late_has_all_its_time_in_the_queue() -> None:
    story = scheduled(DELAYED)
    found_at = AT_THREE - timedelta(seconds=120)
    story.now = handled_at = AT_THREE + timedelta(hours=5)
    story.tell(StartDue(AT_THREE, 0.0, found_at))
    assert (story.session.stage, story.session.queued_at) == (Stage.AWAITING, found_at)
    assert projections.timers(story.session, DELAYED)["queue_ttl"] == handled_at + timedelta(hours=4)


def test_a_start_for_a_time_that_was_moved_since_is_dropped() -> None:
    story = scheduled().tell(StartDue(AT_THREE - minutes(30), 0.0))
    assert story.session.stage is Stage.SCHEDULED
    assert projections.start_base(story.session, OPTIONS) is not None
    assert texts(story)[-1] == "StartDue came too late and changed nothing."


@pytest.mark.parametrize(("late", "ends"), [(minutes(1439), False), (minutes(1441), True)])
def test_after_an_outage_nobody_is_called_later_than_the_recovery_window(late: timedelta, ends: bool) -> None:
    story = scheduled()
    story.now = AT_THREE + late
    story.tell(StartDue(AT_THREE, 0.0))
    assert (story.session.reason is Reason.FAIL_TOO_LATE) is ends
    if ends:
        assert texts(story)[-1] == (
            "It was due at 2026-03-02 15:00:00 UTC and is late by more than 1440 min (_queue_poll_period_recovery); "
            "nobody is called that late."
        )


def test_a_retry_that_an_outage_made_a_day_late_is_not_made_up_for() -> None:
    story = Story().tell(Started("test"), LegDialling(Party.CUSTOMER, 1), LegEnded(Party.CUSTOMER, 1, EndCause.BUSY))
    assert story.session.stage is Stage.RETRYING
    story.now += timedelta(days=2)
    story.tell(timer(story))
    assert (story.session.stage, story.session.reason) == (Stage.ENDED, Reason.FAIL_TOO_LATE)


# The place in the slot


def test_a_place_in_a_slot_is_given_back_unless_the_customer_was_dialled() -> None:
    story = scheduled()
    assert projections.booked_slot(story.session) == SLOT
    assert projections.booked_slot(story.tell(Cancelled("Kate")).session) is None

    story = scheduled()
    story.now = AT_THREE
    story.tell(StartDue(AT_THREE, 0.0), LegDialling(Party.CUSTOMER, 1), Cancelled("Kate"))
    assert (story.session.stage, projections.booked_slot(story.session)) == (Stage.ENDED, SLOT)


# Another time


def test_another_far_time_lets_a_queued_one_rest_again() -> None:
    story = Story(DELAYED).tell(Started("test"))
    assert projections.public_state(story.session) is State.QUEUED
    story.tell(Rescheduled("app", AT_THREE, SLOT))
    assert projections.public_state(story.session) is State.SCHEDULED
    assert (story.session.slot, story.session.queued_at) == (SLOT, None)
    assert projections.start_base(story.session, DELAYED) == AT_THREE - timedelta(seconds=120)
    assert texts(story)[-2:] == [
        "Another time was asked for by app: 2026-03-02 15:00:00 UTC.",
        "Scheduled for 2026-03-02 15:00:00 UTC.",
    ]


def test_a_near_time_starts_a_resting_one_and_keeps_the_place_of_one_under_way() -> None:
    story = scheduled().tell(Rescheduled("app", NOON, None))
    assert story.session.stage is Stage.DIALLING

    story = Story(DELAYED).tell(Started("test"))
    place = story.session.queued_at
    story.tell(Rescheduled("app", NOON + minutes(1), SLOT))
    assert (story.session.stage, story.session.queued_at) == (Stage.AWAITING, place)
    assert len([text for text in texts(story) if text.startswith("Execution started")]) == 1


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ([], "Callback is QUEUED and cannot be given another time: the customer is being called"),
        (
            [LegDialling(Party.CUSTOMER, 1)],
            "Callback is ROUTING and cannot be given another time: the customer is being called",
        ),
        ([Cancelled("Kate")], "Callback is COMPLETED and cannot be given another time"),
    ],
)
def test_who_is_being_called_or_is_done_gets_no_other_time(told: list[Event], why: str) -> None:
    story = Story().tell(Started("test"), *told)
    before = story.session
    for _ in range(3):
        story.tell(Rescheduled("app", AT_THREE, SLOT))
        assert (replace(story.session, refusal=""), story.decisions[-1].refused) == (before, why)
    # Each time it is told so, and written down once.
    assert len([text for text in texts(story) if "was refused" in text]) == 1


def test_changed_keys_are_written_down_by_name_until_it_is_over() -> None:
    story = scheduled().tell(Changed("app", "Changed: _customer_id.", ""))
    assert (texts(story)[-1], story.session.unaskable) == ("Changed: _customer_id. By app.", "")
    story.tell(Cancelled("Kate"), Changed("app", "Removed: _customer_id.", ""))
    assert story.decisions[-1].refused == "Callback is COMPLETED and cannot be changed"


# Asking the customer


def test_the_customer_confirms_and_is_called_once() -> None:
    story = asked()
    assert (story.session.stage, projections.public_state(story.session)) == (Stage.CONFIRMING, State.QUEUED)
    place = projections.queue_place(story.session, CONFIRMED_FIRST)
    assert place is not None
    assert place.granted
    # The agent is counted on for the half minute of the question and the call that follows it.
    assert story.session.deadline is not None
    assert place.counted_until == story.session.deadline + timedelta(seconds=20)
    story.tell(Connected("app"))
    assert (story.session.stage, story.session.attempt) == (Stage.DIALLING, 1)
    story.tell(Connected("app"))
    assert (story.session.attempt, story.decisions[-1].refused) == (1, "")


@pytest.mark.parametrize(
    "story", [scheduled(CONFIRMED_FIRST), Story(CONFIRMED_FIRST, WITH_DEVICE).tell(Started("test"))]
)
def test_a_confirmation_that_nobody_asked_for_is_refused(story: Story) -> None:
    stage = story.session.stage
    for said in (Connected("app"), Snoozed("app")):
        story.tell(said)
        state = projections.public_state(story.session)
        assert story.decisions[-1].refused == f"Callback is {state} and is not waiting for a confirmation"
    assert story.session.stage is stage


@pytest.mark.parametrize(
    ("on_timeout", "stage", "reason"),
    [("CONNECT-ANYWAY", Stage.DIALLING, None), ("GIVE-UP", Stage.ENDED, Reason.FAIL_USER_NO_CONFIRM)],
)
def test_who_does_not_answer_is_asked_three_times(on_timeout: str, stage: Stage, reason: Reason | None) -> None:
    story = asked(replace(CONFIRMED_FIRST, on_user_confirm_timeout=on_timeout))
    for _ in range(2):
        asked_at = story.now
        story.tell(timer(story))
        # The agent is left to others meanwhile.
        assert (story.session.stage, story.session.deadline) == (Stage.HELD, asked_at + timedelta(seconds=30))
        place = projections.queue_place(story.session, story.options)
        assert place is not None
        assert not place.granted
        granted(story.tell(timer(story)))
    assert (story.session.stage, story.session.asked) == (Stage.CONFIRMING, 3)
    story.tell(timer(story))
    assert (story.session.stage, story.session.reason) == (stage, reason)


def test_later_puts_the_question_off_and_counts_no_attempt() -> None:
    story = asked()
    said_at = story.now
    story.tell(Snoozed("app"))
    assert (story.session.stage, story.session.deadline) == (Stage.HELD, said_at + timedelta(seconds=300))
    granted(story.tell(timer(story)))
    assert (story.session.stage, story.session.asked) == (Stage.CONFIRMING, 1)


@pytest.mark.parametrize(
    ("on_timeout", "stage", "reason"),
    [("CONNECT-ANYWAY", Stage.DIALLING, None), ("GIVE-UP", Stage.ENDED, Reason.FAIL_USER_NO_CONFIRM)],
)
def test_a_device_that_is_gone_is_not_asked_again(on_timeout: str, stage: Stage, reason: Reason | None) -> None:
    """An agent is about to be free; to ask twice more would only lose them."""
    story = asked(replace(CONFIRMED_FIRST, on_user_confirm_timeout=on_timeout))
    gone = "attempt 1 of 3, FCM answered 404 UNREGISTERED: the app is no longer there"
    story.tell(PushSettled(story.session.visit, delivered=False, detail=gone, gone=True))
    assert (story.session.stage, story.session.asked, story.session.reason) == (stage, 1, reason)
    assert f"The customer's device could not be told ({gone})." in next(
        note.text for decision in story.decisions for note in decision.notes if gone in note.text
    )


def test_a_push_that_arrives_nowhere_counts_as_no_answer() -> None:
    story = asked()
    stages = []
    for settled in (
        PushSettled(1, delivered=False),  # of another visit
        PushSettled(story.session.visit, delivered=True, detail="attempt 1 of 3"),
        PushSettled(story.session.visit, delivered=False, detail="attempt 3 of 3, 404"),
    ):
        stages.append(story.tell(settled).session.stage)
    assert stages == [Stage.CONFIRMING, Stage.CONFIRMING, Stage.HELD]
    assert "could not be told (attempt 3 of 3, 404)" in texts(story)[-1]


def test_who_has_no_device_is_called_without_being_asked() -> None:
    story = granted(Story(CONFIRMED_FIRST).tell(Started("test")))
    assert story.session.stage is Stage.DIALLING
    assert "The customer is not asked: the request names no device." in texts(story)


def test_who_confirmed_is_not_asked_again_before_a_second_attempt() -> None:
    story = asked().tell(Connected("app"), LegDialling(Party.CUSTOMER, 1), LegEnded(Party.CUSTOMER, 1, EndCause.BUSY))
    granted(story.tell(timer(story)))
    assert (story.session.stage, story.session.attempt) == (Stage.DIALLING, 2)


def test_who_confirmed_a_call_that_is_put_off_to_the_morning_is_asked_again_then() -> None:
    story = asked().tell(Connected("app"))
    story.tell(DialRefused(Party.CUSTOMER, 1, "the office is closed", NOON + timedelta(hours=21)))
    assert story.session.stage is Stage.RETRYING
    story.now = NOON + timedelta(hours=21)
    granted(story.tell(timer(story)))
    assert (story.session.stage, story.session.attempt, story.session.asked) == (Stage.CONFIRMING, 1, 1)


# Pauses


def retrying() -> Story:
    busy = LegEnded(Party.CUSTOMER, 1, EndCause.BUSY)
    return Story(DELAYED).tell(Started("t"), DialGranted(2), LegDialling(Party.CUSTOMER, 1), busy)


def held() -> Story:
    story = scheduled(DELAYED)
    story.now = AT_THREE - minutes(10)
    return story.tell(StartDue(AT_THREE, 480.0))


@pytest.mark.parametrize("build", [held, lambda: Story(DELAYED).tell(Started("t")), asked, retrying])
def test_a_pause_keeps_the_place_and_lets_nobody_dial(build: object) -> None:
    story: Story = build()  # type: ignore[operator]
    before = story.session
    place = projections.queue_place(before, story.options)
    story.tell(Paused())
    paused = projections.queue_place(story.session, story.options)
    assert place is not None
    assert paused is not None
    assert (projections.public_state(story.session), paused.place_at) == (State.PAUSED, place.place_at)
    assert (paused.paused, paused.wants, paused.granted) == (True, "", False)
    assert not projections.wanted_call(story.session, story.options).customer
    assert granted(story).session.stage is Stage.PAUSED  # a grant that comes now is too late
    story.tell(Resumed())
    again = Stage.AWAITING if before.stage is Stage.CONFIRMING else before.stage
    assert story.session.stage is again
    if before.stage in {Stage.HELD, Stage.RETRYING}:
        assert story.session.deadline == before.deadline


def test_what_was_due_during_a_pause_goes_on_at_its_end() -> None:
    story = retrying().tell(Paused())
    story.now += timedelta(hours=30)
    story.tell(Resumed())
    assert story.session.deadline == story.now - timedelta(seconds=1)
    assert story.tell(timer(story)).session.stage is Stage.AWAITING


def test_who_is_being_called_or_rests_is_not_paused() -> None:
    for story in (Story().tell(Started("test")), scheduled()):
        before = story.session
        assert story.tell(Paused()).session == before


def test_one_who_is_to_call_us_is_asked_again_after_a_pause_whether_or_not_an_agent_is_free() -> None:
    story = Story(replace(OPTIONS, call_direction="USERORIGINATED"), replace(WITH_DEVICE, desired_at=AT_THREE))
    story.tell(Started("test"), StartDue(AT_THREE, 0.0))
    story.now = AT_THREE
    story.tell(timer(story))
    assert (story.session.stage, story.session.asked) == (Stage.CONFIRMING, 1)
    story.tell(Paused(), Resumed())
    assert (story.session.stage, story.session.asked) == (Stage.CONFIRMING, 2)


def test_a_paused_one_can_get_another_time() -> None:
    story = Story(DELAYED).tell(Started("t"), Paused(), Rescheduled("app", AT_THREE, SLOT))
    assert projections.public_state(story.session) is State.SCHEDULED

    story = Story(DELAYED).tell(Started("t"), Paused())
    story.tell(Rescheduled("app", story.now + minutes(2), SLOT), Resumed())
    assert story.session.stage is Stage.HELD


# What the moment of ringing says


def refused(story: Story, **what: object) -> Story:
    return story.tell(DialRefused(Party.CUSTOMER, story.session.attempt, "the office is closed", **what))  # type: ignore[arg-type]


def test_a_dial_outside_the_hours_is_put_off_and_the_night_does_not_count() -> None:
    opens = NOON + timedelta(hours=20)
    story = refused(Story().tell(Started("test")), retry_at=opens)
    assert (story.session.stage, story.session.deadline, story.session.attempts_used) == (Stage.RETRYING, opens, 0)
    assert texts(story)[-1] == (
        "Not dialled: the office is closed. Next try at 2026-03-03 08:00:00 UTC; no attempt was used."
    )
    assert projections.timers(story.session, OPTIONS)["queue_ttl"] == opens + timedelta(hours=4)


def test_a_dial_that_could_be_made_only_after_its_time_to_live_ends_at_once() -> None:
    story = refused(Story().tell(Started("test")), retry_at=NOON + timedelta(days=3))
    assert (story.session.stage, story.session.reason) == (Stage.ENDED, Reason.FAIL_TOO_LATE)


def test_a_blocked_number_is_never_dialled() -> None:
    story = refused(Story().tell(Started("test")), final=True)
    assert (story.session.stage, story.session.reason) == (Stage.ENDED, Reason.FAIL_NUMBER_BLOCKED)


# What estimates are made of


def test_a_talk_and_a_dial_are_measured() -> None:
    story = Story(replace(OPTIONS, treatment_customer_connect=Treatment("")))
    story.tell(Started("test"), LegDialling(Party.CUSTOMER, 1), LegAnswered(Party.CUSTOMER, 1))
    story.tell(LegProgress(Party.CUSTOMER, 1, Verdict.HUMAN))
    assert story.decisions[-1].measured == (Measured("reach", 2.0),)
    story.tell(AgentReserved("kate", "r1", story.session.visit), LegAnswered(Party.AGENT, 1))
    story.session = replace(story.session, stage=Stage.TALKING)
    story.now += minutes(3)
    story.tell(LegEnded(Party.CUSTOMER, 1, EndCause.HANGUP))
    # From the reservation to the hang-up, and the wrap-up that follows.
    assert story.decisions[-1].measured == (Measured("handling", 182.0 + 10),)


def test_every_new_stage_has_a_public_state_and_is_stored_as_it_is() -> None:
    for story in (asked(), retrying().tell(Paused())):
        assert SESSION.validate_python(SESSION.dump_python(story.session, mode="json")) == story.session
    assert MOVES[State.PAUSED] == {State.QUEUED, State.SCHEDULED, State.COMPLETED}
