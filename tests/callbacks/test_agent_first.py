"""The agent comes first: reserved, perhaps asked at the desk, and called before the customer is."""

from __future__ import annotations

from datetime import timedelta

import pytest

from callbacks import actions, desk, inbox
from callbacks.flow.events import TimerFired
from callbacks.models import Attempt, Callback
from telephony import agents
from telephony.models import Agent, AgentSkill, BlockedNumber, Leg, QueueEntry, Skill
from telephony.switch import LegState
from telephony.upwards import Choice, DeskStage, NotPossible, TooLate
from tests.world import HUMAN, World

pytestmark = pytest.mark.django_db(transaction=True)

AGENT_FIRST = {"_userterminated_first_connect_party": "AGENT"}
PREVIEW = {**AGENT_FIRST, "_agent_preview": "true", "_wait_for_agent": "true"}
BUSY, MACHINE = "03012380", "03012383"
SECOND = timedelta(seconds=1)


def first(*names: str, **options: str) -> World:
    world = World(agents=names or ("kate",), **{**AGENT_FIRST, **options})
    world.ready()
    return world


def preview(*names: str, **options: str) -> World:
    world = World(agents=names or ("kate",), **{**PREVIEW, **options})
    world.ready()
    return world


def at(callback: Callback, stage: str) -> bool:
    return Callback.objects.filter(pk=callback.pk, stage=stage).exists()


def told(callback: Callback) -> list[str]:
    return [entry.text for entry in callback.journal.order_by("id")]


def offered(world: World, callback: Callback) -> Agent:
    """Run until somebody is asked; who."""
    world.run(lambda: at(callback, "previewing"))
    return Agent.objects.get(reserved_for=callback.pk)


def decide(world: World, verb: object, callback: Callback, reservation: str, **more: object) -> None:
    with world.patched():
        verb(callback.pk, reservation, now=world.now(), **more)  # type: ignore[operator]


def rung(party: str) -> list[tuple[str, str]]:
    attempts = Attempt.objects.filter(party=party, dialled_at__isnull=False).order_by("number")
    return [(attempt.agent, attempt.result) for attempt in attempts]


# Without a preview


def test_the_agent_is_called_first_and_then_the_customer() -> None:
    world = first()
    callback = world.start()
    world.run(lambda: Leg.objects.filter(party="agent", state=LegState.UP).exists())
    assert not Leg.objects.filter(party="customer").exists()
    assert Callback.objects.get(pk=callback.pk).state == "QUEUED"

    callback = world.finish(callback)
    assert (callback.state, callback.reason, callback.agent) == ("COMPLETED", "AGENT_CONNECTED", "kate")
    customer = Attempt.objects.get(party="customer")
    agent = Attempt.objects.get(party="agent")
    assert agent.answered_at is not None
    assert customer.dialled_at is not None
    assert agent.answered_at <= customer.dialled_at
    story = told(callback)
    assert "Agent kate is being called first." in story
    assert "Joining the customer with agent kate." in story
    # Nothing comes between the customer and the agent who is there.
    assert not [text for text in story if text.startswith("The customer hears")]


def test_nobody_is_called_while_no_agent_is_there() -> None:
    world = World(**AGENT_FIRST)  # type: ignore[arg-type]
    callback = world.start()
    world.tick()
    assert at(callback, "reserving")
    assert not Leg.objects.exists()
    world.ready()
    assert world.finish(callback).reason == "AGENT_CONNECTED"


def test_a_busy_customer_gives_the_agent_back_and_is_tried_again() -> None:
    world = first()
    callback = world.start(BUSY)
    world.run(lambda: at(callback, "retrying"))
    world.run(lambda: Agent.objects.filter(state="ready").exists())
    kate = Agent.objects.get()
    assert (kate.state, kate.reserved_for) == ("ready", None)
    callback = world.finish(callback)
    assert callback.reason == "FAIL_CALL_TO_CUSTOMER"
    assert [result for _, result in rung("customer")] == ["BUSY", "BUSY", "BUSY"]
    # Each time the agent was called first.
    assert len(rung("agent")) == 3


def test_a_machine_costs_the_agent_no_more_time() -> None:
    world = first()
    callback = world.start(MACHINE)
    world.run(lambda: at(callback, "message") or at(callback, "retrying"))
    world.run(lambda: Agent.objects.filter(state="ready").exists())
    assert Attempt.objects.get(party="agent").detail == "an answering machine answered"


def test_an_agent_who_does_not_answer_is_followed_by_the_next() -> None:
    world = World(agents=("ann?noanswer", "kate"), _agent_reserve_timeout="3", **AGENT_FIRST)
    world.ready("ann")
    callback = world.start()
    world.run(lambda: rung("agent") != [])
    world.ready("kate")
    callback = world.finish(callback)
    assert callback.reason == "AGENT_CONNECTED"
    assert rung("agent") == [("ann", "NO_ANSWER"), ("kate", "CONNECTED")]
    assert len(rung("customer")) == 1
    ann = Agent.objects.get(name="ann")
    assert (ann.state, ann.reason) == ("not_ready", "no answer")


def test_no_agent_can_be_connected() -> None:
    world = first("ann?noanswer", _max_transfer_to_agent_attempts="1", _agent_reserve_timeout="1")
    callback = world.finish(world.start())
    assert (callback.reason, rung("customer")) == ("FAIL_AGENT_CONNECT", [])


def test_nobody_holds_an_agent_for_a_customer_who_may_not_be_called() -> None:
    world = first()
    callback = world.start()
    BlockedNumber.objects.create(number=HUMAN, reason="asked for it", created_by="test")
    callback = world.finish(callback)
    assert callback.reason == "FAIL_NUMBER_BLOCKED"
    assert not Leg.objects.exists()
    assert Agent.objects.get().state == "ready"


def test_a_cancel_while_the_agents_phone_rings_stops_it() -> None:
    world = World(agents=("ann?noanswer",), **AGENT_FIRST)
    world.ready()
    callback = world.start()
    world.run(lambda: Leg.objects.filter(party="agent", state=LegState.RINGING).exists())
    with world.patched():
        actions.cancel(callback_id=callback.pk, actor="app", now=world.now())
    callback = world.finish(callback)
    assert callback.reason == "CANCELLED"
    assert Agent.objects.get().state == "ready"


# With a preview


def test_the_agent_sees_what_the_service_shows_and_accepts() -> None:
    world = preview(_agent_preview_data="usr_reason,city", _agent_preview_allow_reject="2")
    callback = world.start(usr_reason="Billing problem", city="Ulm", iban="DE02")
    kate = offered(world, callback)
    shown = desk.describe(callback.pk, world.now())
    assert shown is not None
    assert shown.lines == (("usr_reason", "Billing problem"), ("city", "Ulm"))
    assert (shown.stage, shown.may_reject, shown.number) == (DeskStage.OFFER, True, HUMAN)
    assert shown.until is not None
    assert timedelta(seconds=25) < shown.until - world.now() <= timedelta(seconds=30)
    assert not Leg.objects.exists()

    decide(world, desk.accept, callback, kate.reservation)
    callback = world.finish(callback)
    assert (callback.reason, callback.agent) == ("AGENT_CONNECTED", "kate")
    assert "Agent kate accepted." in told(callback)


def test_a_rejection_goes_to_the_next_and_is_no_attempt_at_the_customer() -> None:
    world = preview("ann", "kate", _agent_preview_allow_reject="3")
    callback = world.start()
    one = offered(world, callback)
    decide(world, desk.reject, callback, one.reservation)
    world.run(lambda: Agent.objects.filter(reserved_for=callback.pk).exclude(pk=one.pk).exists())
    other = offered(world, callback)
    assert other.name != one.name
    assert Agent.objects.get(pk=one.pk).state == "ready"
    # What the first one decides now changes nothing.
    for verb in (desk.accept, desk.reject):
        with pytest.raises(TooLate, match="no longer yours"):
            decide(world, verb, callback, one.reservation)
    decide(world, desk.accept, callback, other.reservation)
    callback = world.finish(callback)
    assert (callback.reason, callback.agent, len(rung("customer"))) == ("AGENT_CONNECTED", other.name, 1)


def test_an_accept_at_the_moment_at_which_it_lapses_is_told_so_and_the_next_is_asked() -> None:
    world = preview("kate", "ann")
    callback = world.start()
    kate = offered(world, callback)
    with world.patched():
        inbox.put([(callback.pk, TimerFired("stage", Callback.objects.get().session["visit"]))], world.now())
    with pytest.raises(TooLate, match="no longer yours"):
        decide(world, desk.accept, callback, kate.reservation)
    # What was refused changed nothing: the end of the offer is still to be decided, and is.
    assert at(callback, "previewing")
    world.run(lambda: Agent.objects.filter(reserved_for=callback.pk).exclude(pk=kate.pk).exists())
    kate.refresh_from_db()
    assert (kate.state, kate.reserved_for) == ("ready", None)
    assert rung("agent") == []


def test_as_many_rejections_as_are_allowed_end_it() -> None:
    world = preview("ann", "kate", _agent_preview_allow_reject="2")
    callback = world.start()
    for _ in range(2):
        decide(world, desk.reject, callback, offered(world, callback).reservation)
    callback = world.finish(callback)
    assert callback.reason == "AGENT_PREVIEW_CANCEL_AFTER_2REJECTS"
    # It is part of both agents' day.
    for agent in ("ann", "kate"):
        (refused,) = desk.handled_by(agent, since=world.now() - timedelta(hours=1), now=world.now())
        assert (refused.number, refused.talk, refused.outcome) == ("9165***32", None, "rejected")
    assert not Leg.objects.exists()


def test_what_may_only_be_accepted_cannot_be_rejected() -> None:
    world = preview()
    callback = world.start()
    kate = offered(world, callback)
    with pytest.raises(NotPossible, match="may only be accepted"):
        decide(world, desk.reject, callback, kate.reservation)
    assert at(callback, "previewing")


def test_an_agent_who_rejected_is_not_asked_again_for_a_minute() -> None:
    world = preview(_agent_preview_allow_reject="5")
    callback = world.start()
    decide(world, desk.reject, callback, offered(world, callback).reservation)
    asked_first = world.now()
    offered(world, callback)
    assert world.now() - asked_first >= timedelta(seconds=59)


def test_after_a_rejection_the_service_may_wait_before_it_asks_anybody() -> None:
    world = preview("ann", "kate", _agent_preview_allow_reject="5", _agent_reject_retry_timeout="20")
    callback = world.start()
    decide(world, desk.reject, callback, offered(world, callback).reservation)
    rejected = world.now()
    assert at(callback, "held")
    offered(world, callback)
    assert timedelta(seconds=19) <= world.now() - rejected < timedelta(seconds=30)


@pytest.mark.parametrize(
    ("options", "state"),
    [
        ({}, ("ready", "")),
        ({"_agent_preview_timeout_set_notready": "true"}, ("not_ready", "no decision")),
        (
            {"_agent_preview_timeout_set_notready": "true", "_agent_preview_set_notready_reason": "7"},
            ("not_ready", "7"),
        ),
    ],
)
def test_who_does_not_decide_in_time(options: dict[str, str], state: tuple[str, str]) -> None:
    world = preview(_agent_preview_timeout="10", **options)
    callback = world.start()
    kate = offered(world, callback)
    world.run(lambda: at(callback, "reserving"))
    kate = Agent.objects.get(pk=kate.pk)
    assert (kate.state, kate.reason, kate.reserved_for) == (*state, None)
    with pytest.raises(TooLate, match="no longer yours"):
        decide(world, desk.accept, callback, "r-old")
    assert not Leg.objects.exists()


# The talk, and what comes of it


def talking(world: World, callback: Callback) -> Agent:
    world.run(lambda: at(callback, "talking"))
    return Agent.objects.get(reserved_for=callback.pk)


def test_the_customer_waits_on_hold_and_talks_again() -> None:
    world = first(_retain_session_until_ixn_deleted="true")
    callback = world.start("916504661288")
    kate = talking(world, callback)
    decide(world, desk.hold, callback, kate.reservation, on=True)
    world.run(lambda: Leg.objects.filter(party="customer", bridge="", sounds__gt=0, sounds_over=False).exists())
    shown = desk.describe(callback.pk, world.now())
    assert shown is not None
    assert shown.stage is DeskStage.HELD
    decide(world, desk.hold, callback, kate.reservation, on=False)
    world.run(lambda: Leg.objects.filter(bridge__gt="").count() == 2)
    decide(world, desk.hang_up, callback, kate.reservation)
    callback = world.finish(callback)
    assert callback.reason == "AGENT_CONNECTED"
    assert "Agent kate ended the talk." in told(callback)
    with pytest.raises(TooLate):
        decide(world, desk.hang_up, callback, kate.reservation)


def disposing(**options: str) -> tuple[World, Callback]:
    world = first(_enable_disposition_dialog="true", **options)
    callback = world.start("916504661288")
    kate = talking(world, callback)
    decide(world, desk.hang_up, callback, kate.reservation)
    assert at(callback, "disposition")
    world.run(lambda: Agent.objects.filter(state="wrap_up", wrap_up_for=callback.pk).exists())
    return world, callback


def dispose(world: World, callback: Callback, choice: Choice, in_seconds: int | None = None) -> None:
    at_time = world.now() + timedelta(seconds=in_seconds) if in_seconds is not None else None
    with world.patched():
        desk.dispose(callback.pk, "kate", choice=choice, at=at_time, now=world.now())


def test_done() -> None:
    world, callback = disposing()
    callback.refresh_from_db()
    assert callback.state == "PROCESSING"
    dispose(world, callback, Choice.DONE)
    callback.refresh_from_db()
    assert (callback.state, callback.reason) == ("COMPLETED", "AGENT_CONNECTED")
    with pytest.raises(TooLate, match="decided already"):
        dispose(world, callback, Choice.CALL_NOW)
    assert not QueueEntry.objects.exists()


def test_who_has_said_what_came_of_it_need_not_wait_for_the_end_of_the_time_to_say_it() -> None:
    world, callback = disposing(_agent_disposition_timeout="300", _wrap_up_time="7")
    said_at = world.now()
    dispose(world, callback, Choice.DONE)
    kate = Agent.objects.get()
    assert kate.wrap_up_until is not None
    assert abs(kate.wrap_up_until - said_at - timedelta(seconds=7)) < SECOND
    world.run(lambda: Agent.objects.filter(state="ready").exists())
    assert world.now() - said_at < timedelta(seconds=15)


def test_nothing_said_in_time_is_done() -> None:
    world, callback = disposing(_agent_disposition_timeout="20")
    world.run(lambda: at(callback, "ended"))
    assert Callback.objects.get().reason == "AGENT_CONNECTED"
    assert "The agent said nothing of the talk: it is taken as done." in told(callback)


def test_call_again_now() -> None:
    world, callback = disposing()
    dispose(world, callback, Choice.CALL_NOW)
    with world.patched():
        agents.go_ready(Agent.objects.get(), world.now())
    world.run(lambda: at(callback, "talking"))
    assert len(rung("customer")) == 2


def test_call_again_later() -> None:
    world, callback = disposing()
    dispose(world, callback, Choice.CALL_AT, in_seconds=7200)
    callback.refresh_from_db()
    assert callback.state == "SCHEDULED"
    assert timedelta(seconds=7195) < callback.desired_at - world.now() <= timedelta(seconds=7200)
    with world.patched():
        agents.go_ready(Agent.objects.get(), world.now())
    world.run(lambda: at(callback, "talking"))
    assert world.now() >= callback.desired_at - timedelta(seconds=180)


@pytest.mark.parametrize(
    ("choice", "in_seconds", "why"),
    [
        (Choice.CALL_AT, None, "Choose when"),
        (Choice.CALL_AT, -60, "has passed"),
        (Choice.CALL_AT, 400 * 86400, "too far ahead"),
    ],
)
def test_a_time_that_cannot_be(choice: Choice, in_seconds: int | None, why: str) -> None:
    world, callback = disposing()
    with pytest.raises(NotPossible, match=why):
        dispose(world, callback, choice, in_seconds)
    assert at(callback, "disposition")


def test_no_more_contacts_than_the_service_allows() -> None:
    world, callback = disposing(_max_successful_customer_contacts="1")
    shown = desk.describe(callback.pk, world.now())
    assert shown is not None
    assert shown.choices == (Choice.DONE, Choice.WRONG_NUMBER, Choice.MACHINE, Choice.DO_NOT_CALL)
    with pytest.raises(NotPossible, match="as often as this service allows"):
        dispose(world, callback, Choice.CALL_NOW)


def test_a_customer_who_does_not_want_to_be_called_is_not_called_any_more() -> None:
    world, callback = disposing()
    dispose(world, callback, Choice.DO_NOT_CALL)
    blocked = BlockedNumber.objects.get()
    assert (blocked.number, blocked.created_by, blocked.until) == ("916504661288", "kate", None)
    assert Callback.objects.get().reason == "AGENT_CONNECTED"
    with pytest.raises(actions.NumberBlocked):
        world.start("916504661288")


def test_wrong_number_ends_it() -> None:
    world, callback = disposing()
    dispose(world, callback, Choice.WRONG_NUMBER)
    assert Callback.objects.get().session["disposition"] == "wrong-number"
    assert "Agent kate says: wrong number." in told(callback)
    assert not BlockedNumber.objects.exists()


def test_an_agents_day() -> None:
    world, callback = disposing()
    dispose(world, callback, Choice.DONE)
    (call,) = desk.handled_by("kate", since=world.now() - timedelta(hours=8), now=world.now())
    assert (call.number, call.title, call.outcome) == ("9165***88", "voice-userterm-immediate", "connected")
    assert call.talk is not None
    assert desk.handled_by("ann", since=world.now() - timedelta(hours=8), now=world.now()) == []


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({}, "You are one of Billing@StatServer.GA."),
        (
            {
                "_target": "[{'target':'?:English>5@StatServer.GA','timeout':'60','clear':false},"
                "{'target':'kate@StatServer.A'}]"
            },
            "You are one of ?:English>5@StatServer.GA.",
        ),
        ({"_preferred_agent": "kate"}, "The customer asked for you."),
    ],
)
def test_the_agent_is_told_why_it_came_to_them(options: dict[str, str], why: str) -> None:
    world = preview(**options)
    AgentSkill.objects.create(agent=Agent.objects.get(), skill=Skill.objects.create(name="English"), level=10)
    callback = world.start()
    offered(world, callback)
    shown = desk.describe(callback.pk, world.now())
    assert shown is not None
    assert shown.why == why


def test_a_call_that_came_to_nothing_is_part_of_the_day_too() -> None:
    world = first()
    callback = world.start()
    world.run(lambda: Leg.objects.filter(party="agent").exists())
    with world.patched():
        actions.cancel(callback_id=callback.pk, actor="app", now=world.now())
    assert world.finish(callback).reason == "CANCELLED"
    (call,) = desk.handled_by("kate", since=world.now() - timedelta(hours=1), now=world.now())
    assert (call.talk, call.outcome) == (None, "ended")
