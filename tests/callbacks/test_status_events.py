"""Which status notifications a decision tells, told as stories of whole callbacks. Pure: no database, no clock."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callbacks.flow import machine
from callbacks.flow.decision import AttemptChange
from callbacks.flow.events import (
    Cancelled,
    Disposed,
    Event,
    Expired,
    Paused,
    Rescheduled,
    Resumed,
    SetAside,
    StartDue,
    Started,
    TimerFired,
)
from callbacks.flow.options import FlowOptions
from callbacks.flow.session import Session, Stage
from callbacks.flow.states import Reason
from callbacks.status import events
from callbacks.status.events import Facts
from callbacks.status.reports import DEFAULT_EVENTS, KEYS, Reports, Told
from telephony.events import (
    AgentReserved,
    DialGranted,
    LegAnswered,
    LegDialling,
    LegEnded,
    LegProgress,
    LegsJoined,
    LegSoundsFinished,
    Party,
    TrunkUnavailable,
)
from telephony.switch import EndCause, Verdict
from telephony.upwards import Choice
from tests.callbacks.test_machine import ANY_EVENT, BOB, NOON, OPTIONS, dialled

ALL = Reports(
    target="https://crm.example.org/hook",
    events=tuple((event.value, KEYS[event]) for event in Told),
    remind_seconds=300,
    outbound_queue="Outbound_VQ",
)
TELLING = replace(OPTIONS, reports=ALL)
FACTS = Facts("369-b1641633", "voice-userterm-immediate", {"usr_customer_name": "Bob Markel", "vip": True})
STARTED = ("submitted", "service_create", "virtual_ixn_create", "queued", "status_updated")
HUMAN = LegProgress(Party.CUSTOMER, 1, Verdict.HUMAN)
JOINED = (LegAnswered(Party.AGENT, 1), LegsJoined(1))


class Listener:
    """A callback to whose machine events are told, and what receivers were told of each."""

    def __init__(self, options: FlowOptions = TELLING, session: Session = BOB) -> None:
        self.options, self.session, self.before = options, session, None if session is BOB else session
        self.now = NOON
        self.attempts: list[AttemptChange] = []
        self.bodies: list[dict[str, Any]] = []

    def tell(self, *told: Event) -> list[str]:
        """The names of the events that were told, without what all begin with."""
        path: list[tuple[Event, Session]] = []
        self.attempts = []
        for event in told:
            decision = machine.decide(self.session, self.options, event, self.now)
            path += [*((event, note.session) for note in decision.notes), (event, decision.session)]
            self.attempts += decision.attempts
            self.session = decision.session
            self.now += timedelta(seconds=1)
        reports = self.options.reports
        assert reports is not None
        found = list(events.told(self.before, path, self.options, reports))
        self.before = self.session
        self.bodies += [
            json.loads(events.body(event, session, self.options, reports, FACTS, self.attempts, self.now))
            for event, session in found
        ]
        return [event.removeprefix("_cbe_on_").removeprefix("callback_") for event, _ in found]

    def body(self, event: Told) -> dict[str, Any]:
        """The last that was sent for an event."""
        return next(body for body in reversed(self.bodies) if body["type"] == event)


def reserved(story: Listener) -> AgentReserved:
    return AgentReserved("kate", "r1", story.session.visit)


def test_a_callback_that_is_served_at_once() -> None:
    story = Listener()
    told = [story.tell(Started("test"))]
    for event in (*dialled(), HUMAN, LegSoundsFinished(Party.CUSTOMER, 1, 1)):
        told.append(story.tell(event))
    told.append(story.tell(reserved(story)))
    told += [story.tell(event) for event in JOINED]
    told.append(story.tell(LegEnded(Party.CUSTOMER, 1, EndCause.HANGUP)))
    assert told == [
        list(STARTED),
        ["dial_init", "status_updated"],
        [],
        ["dial_done", "connect_treatment_start"],
        ["customer_queued"],
        ["target_found"],
        [],
        ["route_to_agent", "status_updated", "service_exit"],
        [],
    ]
    assert story.body(Told.SERVICE_EXIT)["data"]["_c_termination_type"] == "AGENT_CONNECTED"
    assert story.body(Told.DIAL_DONE)["data"]["_dial_result"] == "PERSON"
    assert story.body(Told.ROUTE_TO_AGENT)["data"]["_agent"] == "kate"


def test_what_is_told_does_not_depend_on_how_many_events_are_decided_at_once() -> None:
    story = Listener()
    told = story.tell(Started("test"), *dialled(), HUMAN, LegSoundsFinished(Party.CUSTOMER, 1, 1))
    told += story.tell(reserved(story), *JOINED)
    assert told == [
        *STARTED,
        "dial_init",
        "status_updated",
        "dial_done",
        "connect_treatment_start",
        "customer_queued",
        "target_found",
        "route_to_agent",
        "status_updated",
        "service_exit",
    ]


def test_a_talk_that_is_retained_exits_when_it_is_over() -> None:
    story = Listener(replace(TELLING, retain_session=True))
    story.tell(Started("test"), *dialled(), HUMAN, LegSoundsFinished(Party.CUSTOMER, 1, 1))
    assert story.tell(reserved(story), *JOINED) == ["target_found", "route_to_agent", "status_updated"]
    assert story.body(Told.STATUS_UPDATED)["data"]["_callback_state"] == "PROCESSING"
    assert story.tell(LegEnded(Party.CUSTOMER, 1, EndCause.HANGUP)) == ["status_updated", "service_exit"]
    assert story.body(Told.STATUS_UPDATED)["data"]["_callback_reason"] == "AGENT_CONNECTED"


def test_a_delayed_callback_finds_its_target_before_the_dial() -> None:
    story = Listener(replace(TELLING, wait_for_agent=True))
    assert story.tell(Started("test")) == list(STARTED)
    assert story.tell(DialGranted(story.session.visit)) == ["target_found"]
    assert story.body(Told.TARGET_FOUND)["data"]["_agent"] == ""
    assert story.tell(LegDialling(Party.CUSTOMER, 1)) == ["dial_init", "status_updated"]


def test_an_agent_who_comes_first_is_a_target_found() -> None:
    story = Listener(replace(TELLING, wait_for_agent=True, first_connect_party="AGENT"))
    story.tell(Started("test"))
    assert story.tell(reserved(story)) == ["target_found"]
    assert story.tell(LegAnswered(Party.AGENT, 1), LegDialling(Party.CUSTOMER, 1)) == ["dial_init", "status_updated"]
    told = story.tell(LegAnswered(Party.CUSTOMER, 1), HUMAN, LegsJoined(1))
    assert told == ["dial_done", "route_to_agent", "status_updated", "service_exit"]


def later(**changes: Any) -> Listener:
    """A callback for in two hours."""
    story = Listener(replace(TELLING, **changes), replace(BOB, desired_at=NOON + timedelta(hours=2)))
    story.before = None
    assert story.tell(Started("test")) == ["scheduled", "status_updated"]
    return story


def test_a_callback_for_later_is_told_when_its_execution_starts() -> None:
    story = later()
    assert story.tell(StartDue(story.session.desired_at, 0.0)) == list(STARTED)


def test_a_reminder_is_told_once_and_before_the_dial() -> None:
    story = later()
    assert story.session.remind_at == NOON + timedelta(hours=2, minutes=-5)
    assert story.tell(TimerFired("reminder", 0)) == ["reminder"]
    assert story.tell(TimerFired("reminder", 0)) == []
    assert story.tell(StartDue(story.session.desired_at, 0.0)) == list(STARTED)


def test_who_is_called_before_the_reminder_is_due_is_not_reminded() -> None:
    story = later(desired_connect_time_threshold=3600)
    story.now += timedelta(hours=1)
    story.tell(StartDue(story.session.desired_at, 3600.0))
    assert (story.session.stage, story.session.remind_at) == (Stage.DIALLING, None)
    assert story.tell(TimerFired("reminder", 0)) == []


@pytest.mark.parametrize(("minutes", "reminded"), [(6, True), (5, False), (4, False)])
def test_who_asked_for_a_time_that_is_near_is_not_reminded(minutes: int, reminded: bool) -> None:
    story = Listener(TELLING, replace(BOB, desired_at=NOON + timedelta(minutes=minutes)))
    story.tell(Started("test"))
    assert story.session.stage is Stage.SCHEDULED
    assert (story.session.remind_at is not None) is reminded


def test_another_time_is_told_and_has_a_reminder_of_its_own() -> None:
    story = later()
    story.tell(TimerFired("reminder", 0))
    tomorrow = NOON + timedelta(days=1)
    assert story.tell(Rescheduled("app", tomorrow, None)) == ["rescheduled"]
    assert story.session.remind_at == tomorrow - timedelta(minutes=5)
    assert story.body(Told.RESCHEDULED)["data"]["_desired_time"] == "2026-03-03T12:00:00.000Z"


def test_one_that_is_put_back_to_another_day_leaves_its_execution() -> None:
    story = Listener(replace(TELLING, wait_for_agent=True))
    story.tell(Started("test"))
    told = story.tell(Rescheduled("app", NOON + timedelta(days=1), None))
    assert told == ["rescheduled", "status_updated", "service_exit"]
    assert story.tell(StartDue(NOON + timedelta(days=1), 0.0)) == list(STARTED)


def test_a_cancel_is_told_in_every_stage() -> None:
    story = later()
    assert story.tell(Cancelled("customer")) == ["cancelled", "status_updated"]
    story = Listener()
    story.tell(Started("test"), LegDialling(Party.CUSTOMER, 1))
    told = story.tell(Cancelled("sue", Reason.CANCELLED_BY_ADMIN))
    assert told == ["dial_done", "cancelled", "status_updated", "service_exit"]
    assert story.body(Told.SERVICE_EXIT)["data"]["_c_termination_type"] == "CANCELLED_BY_ADMIN"
    assert story.body(Told.DIAL_DONE)["data"]["_dial_result"] == ""


def test_nobody_answers_as_often_as_they_are_called() -> None:
    story = Listener(replace(TELLING, max_dial_attempts=2))
    story.tell(Started("test"))
    rings = LegDialling(Party.CUSTOMER, 1)
    nobody = LegEnded(Party.CUSTOMER, 1, EndCause.NO_ANSWER)
    assert story.tell(rings, nobody) == ["dial_init", "status_updated", "dial_done", "queued", "status_updated"]
    assert story.body(Told.DIAL_DONE)["data"] == {
        "_service_id": "369-b1641633",
        "_service_name": "voice-userterm-immediate",
        "_c_dialed_number": "91916504661232",
        "_dial_result": "NO_ANSWER",
    }
    story.tell(TimerFired("stage", story.session.visit))
    told = story.tell(replace(rings, attempt=2), replace(nobody, attempt=2, cause=EndCause.BUSY))
    assert told == [
        "dial_init",
        "status_updated",
        "dial_done",
        "processing_failed",
        "status_updated",
        "service_exit",
    ]
    assert story.body(Told.DIAL_DONE)["data"]["_dial_result"] == "BUSY"
    assert story.body(Told.PROCESSING_FAILED)["data"]["_callback_reason"] == "FAIL_CALL_TO_CUSTOMER"


def test_a_machine_that_hears_a_message_is_a_dial_under_way() -> None:
    story = Listener()
    story.tell(Started("test"), *dialled())
    assert story.tell(LegProgress(Party.CUSTOMER, 1, Verdict.MACHINE)) == []
    told = story.tell(LegSoundsFinished(Party.CUSTOMER, 1, story.session.sounds))
    assert told == ["dial_done", "queued", "status_updated"]
    assert story.body(Told.DIAL_DONE)["data"]["_dial_result"] == "ANSWERING_MACHINE"


def test_a_dial_that_no_trunk_carried_is_done_as_well() -> None:
    story = Listener()
    story.tell(Started("test"), LegDialling(Party.CUSTOMER, 1))
    down = TrunkUnavailable(Party.CUSTOMER, 1, "down", NOON + timedelta(minutes=1))
    assert story.tell(down) == ["dial_done", "queued", "status_updated"]
    assert story.body(Told.DIAL_DONE)["data"]["_dial_result"] == "CREATE_CALL_ERROR"


def test_a_pause_is_a_state_like_any_other() -> None:
    story = Listener(replace(TELLING, wait_for_agent=True))
    story.tell(Started("test"))
    assert story.tell(Paused()) == ["status_updated"]
    assert story.body(Told.STATUS_UPDATED)["data"]["_callback_state"] == "PAUSED"
    assert story.tell(Resumed()) == ["queued", "status_updated"]


@pytest.mark.parametrize(
    ("session", "event", "reason"),
    [
        (replace(BOB, number=""), Started("test"), "FAIL_NO_CUSTOMER_NUMBER"),
        (BOB, SetAside("The configuration cannot be resolved."), "FAIL_ERROR"),
    ],
)
def test_what_never_began_is_a_failed_submission(session: Session, event: Event, reason: str) -> None:
    story = Listener(session=session)
    story.before = None
    assert story.tell(event) == ["submit_failed", "status_updated"]
    assert story.body(Told.SUBMIT_FAILED)["data"]["_callback_reason"] == reason


def test_one_that_rested_for_too_long_was_never_submitted() -> None:
    story = later()
    assert story.tell(Expired()) == ["submit_failed", "status_updated"]
    assert story.body(Told.SUBMIT_FAILED)["data"]["_callback_reason"] == "FAIL_TIMEOUT_TTL"


def test_a_configuration_that_cannot_be_resolved_is_told_with_what_is_known() -> None:
    ended = replace(BOB, stage=Stage.ENDED, reason=Reason.FAIL_ERROR)
    [(event, session), _] = events.told(None, [(SetAside("boom"), ended)], None, ALL)
    body = json.loads(events.body(event, session, None, ALL, FACTS, [], NOON))
    assert body == {
        "type": "_cbe_on_callback_submit_failed",
        "timestamp": "2026-03-02T12:00:00.000Z",
        "data": {
            "_service_id": "369-b1641633",
            "_service_name": "voice-userterm-immediate",
            "_desired_time": "2026-03-02T12:00:00.000Z",
            "_customer_number": "916504661232",
            "_v_queue": "",
            "_callback_reason": "FAIL_ERROR",
        },
    }


def test_what_the_agent_decides_after_the_talk_is_told() -> None:
    story = Listener(replace(TELLING, enable_disposition_dialog=True))
    story.tell(Started("test"), *dialled(), HUMAN, LegSoundsFinished(Party.CUSTOMER, 1, 1))
    story.tell(reserved(story), *JOINED, LegEnded(Party.CUSTOMER, 1, EndCause.HANGUP))
    assert story.session.stage is Stage.DISPOSITION
    at = NOON + timedelta(hours=3)
    told = story.tell(Disposed("kate", Choice.CALL_AT, at, at))
    assert told == ["rescheduled", "status_updated", "service_exit"]
    assert story.tell(StartDue(at, 0.0)) == list(STARTED)


def test_a_list_says_which_events_are_told_and_with_which_keys() -> None:
    keys = ("_service_id", "usr_customer_name", "vip", "_vq_for_outbound_calls", "_v_queue", "_unknown", "_id")
    reports = replace(ALL, events=((Told.QUEUED.value, keys),))
    story = Listener(replace(TELLING, reports=reports))
    assert story.tell(Started("test")) == ["queued"]
    assert story.bodies[-1]["data"] == {
        "_service_id": "369-b1641633",
        "usr_customer_name": "Bob Markel",
        "vip": "true",
        "_vq_for_outbound_calls": "Outbound_VQ",
        "_v_queue": "Billing_VQ",
        "_unknown": "",
        "_id": "369-b1641633",
    }


def test_a_key_of_the_request_does_not_pass_for_a_fact() -> None:
    facts = replace(FACTS, keys={"_service_id": "forged", "_callback_state": "COMPLETED"})
    session = replace(BOB, stage=Stage.HELD, queued_at=NOON)
    body = json.loads(events.body(Told.STATUS_UPDATED, session, TELLING, ALL, facts, [], NOON))
    assert body["data"]["_service_id"] == "369-b1641633"
    assert body["data"]["_callback_state"] == "QUEUED"


def test_every_event_has_the_keys_of_the_reference() -> None:
    assert set(KEYS) == set(Told)
    assert len(DEFAULT_EVENTS) == 9
    record = "_service_id,_service_name,_desired_time,_customer_number,_v_queue"
    vendors: dict[str, str] = {
        "_cbe_on_service_create": "_service_id,_service_name,_customer_number,_urs_virtual_queue",
        "_cbe_on_virtual_ixn_create": "_service_id,_service_name",
        "_cbe_on_dial_init": "_service_id,_service_name,_customer_number,_c_dialed_number",
        "_cbe_on_connect_treatment_start": "_service_id,_service_name,_vq_for_outbound_calls,_c_dialed_number",
        "_cbe_on_service_exit": "_service_id,_service_name,_c_dialed_number,_c_termination_type",
        **dict.fromkeys([event.value for event in Told if "_on_callback_" in event], record),
    }
    for event, keys in vendors.items():
        assert set(keys.split(",")) <= set(KEYS[Told(event)]), event


STORIES: list[Callable[[], None]] = [
    test_a_callback_that_is_served_at_once,
    test_a_reminder_is_told_once_and_before_the_dial,
    test_another_time_is_told_and_has_a_reminder_of_its_own,
    test_a_cancel_is_told_in_every_stage,
    test_nobody_answers_as_often_as_they_are_called,
    test_one_that_rested_for_too_long_was_never_submitted,
]


def test_every_event_of_the_reference_is_reached_by_a_story(monkeypatch: pytest.MonkeyPatch) -> None:
    reached: set[str] = set()
    body = events.body

    def noting(event: Told, *rest: Any) -> str:
        reached.add(event)
        return body(event, *rest)

    monkeypatch.setattr(events, "body", noting)
    for story in STORIES:
        story()
    assert reached == set(Told)


@settings(max_examples=60, deadline=None)
@given(st.lists(ANY_EVENT, max_size=25))
def test_whatever_happens_creates_and_exits_take_turns_and_every_dial_is_done(happened: list[Event]) -> None:
    story = Listener()
    told = [name for event in (Started("test"), *happened) for name in story.tell(event)]
    sessions = [name for name in told if name in {"service_create", "service_exit"}]
    assert sessions == ["service_create", "service_exit"] * (len(sessions) // 2) + ["service_create"] * (
        len(sessions) % 2
    )
    dials = [name for name in told if name in {"dial_init", "dial_done"}]
    assert dials[::2] == ["dial_init"] * len(dials[::2])
    assert dials[1::2] == ["dial_done"] * len(dials[1::2])
