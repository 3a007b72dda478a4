"""Callbacks from the request to their end, on the simulator, every process of the service in one thread."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from callbacks import actions
from callbacks.models import Attempt, Callback, Pending
from scheduling.models import Timer
from telephony import agents
from telephony.models import Agent, Call, Leg, QueueEntry, RoutePoint
from tests.world import World

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _fast(settings: Any) -> None:
    settings.SIMULATOR_SPEED = 200.0


def number(ending: str) -> str:
    """A customer of the simulator who behaves as the ending says (docs/simulator.md)."""
    return f"9165046612{ending}"


def results(callback: Callback, party: str = "customer") -> list[str]:
    return list(callback.attempts.filter(party=party).order_by("number").values_list("result", flat=True))


def stages(callback: Callback) -> list[str]:
    """The stages in order, without repetitions."""
    seen: list[str] = []
    for stage in callback.journal.order_by("id").values_list("stage", flat=True):
        if not seen or seen[-1] != stage:
            seen.append(stage)
    return seen


def assert_nothing_is_left() -> None:
    """Hot tables hold only what is alive."""
    for table in (Pending, Timer, Call, Leg, QueueEntry):
        assert table.objects.count() == 0, f"{table.__name__} is not empty"


def test_a_human_is_joined_to_an_agent() -> None:
    world = World()
    world.ready()
    callback = world.finish(world.start())
    assert (callback.state, callback.reason, callback.agent) == ("COMPLETED", "AGENT_CONNECTED", "kate")
    assert stages(callback) == [
        "held",
        "dialling",
        "ringing",
        "detecting",
        "waiting",
        "connecting",
        "joining",
        "talking",
        "ended",
    ]
    assert results(callback) == ["PERSON"]
    assert results(callback, "agent") == ["CONNECTED"]
    assert Agent.objects.get().state == Agent.State.WRAP_UP
    assert_nothing_is_left()


def test_wrap_up_ends_by_itself() -> None:
    world = World(_wrap_up_time="7")
    world.ready()
    world.finish(world.start())
    agent = Agent.objects.get()
    assert agent.wrap_up_until is not None
    assert (agent.wrap_up_until - agent.state_since).total_seconds() == 7
    world.run(lambda: Agent.objects.get().state == Agent.State.READY)


def test_the_connect_treatment_is_heard_before_an_agent_is_looked_for() -> None:
    world = World(_treatment_customer_connect="SampleTreatments/customer_announcement.wav")
    world.ready()
    callback = world.finish(world.start())
    assert callback.reason == "AGENT_CONNECTED"
    assert stages(callback)[3:6] == ["detecting", "greeting", "waiting"]


def test_processing_is_shown_when_the_session_is_retained(settings: Any) -> None:
    settings.SIMULATOR_SPEED = 20.0  # the talk is still going on when the cancel comes
    world = World(_retain_session_until_ixn_deleted="true")
    world.ready()
    callback = world.start(number("89"))
    world.run(lambda: Callback.objects.get().state == "PROCESSING")
    with pytest.raises(actions.Refused, match="Callback is PROCESSING and cannot be cancelled"):
        actions.cancel(callback_id=callback.pk, actor="customer", now=world.now())
    callback = world.finish(callback)
    assert (callback.state, callback.reason) == ("COMPLETED", "AGENT_CONNECTED")


@pytest.mark.parametrize(
    ("ending", "attempt_results", "reason"),
    [
        ("80", ["BUSY", "BUSY", "BUSY"], "FAIL_CALL_TO_CUSTOMER"),
        ("81", ["NO_ANSWER", "NO_ANSWER", "NO_ANSWER"], "FAIL_CALL_TO_CUSTOMER"),
        ("82", ["CREATE_CALL_ERROR"] * 3, "FAIL_CALL_TO_CUSTOMER"),
        ("83", ["ANSWERING_MACHINE"] * 3, "FAIL_CALL_TO_CUSTOMER"),
        ("84", ["FAX"] * 3, "FAIL_CALL_TO_CUSTOMER"),
        ("93", ["ERROR_TONE"] * 3, "FAIL_CALL_TO_CUSTOMER"),
        ("85", ["PERSON"], "AGENT_CONNECTED"),
        ("86", ["UNKNOWN"], "FAIL_INTERACTION_DELETED"),
        ("92", ["BUSY", "PERSON"], "AGENT_CONNECTED"),
    ],
)
def test_every_kind_of_answer(ending: str, attempt_results: list[str], reason: str) -> None:
    world = World()
    world.ready()
    callback = world.finish(world.start(number(ending)))
    assert (callback.state, callback.reason) == ("COMPLETED", reason), world.story()
    assert results(callback) == attempt_results
    assert_nothing_is_left()


def test_a_retry_waits_for_the_dial_retry_timeout() -> None:
    world = World(_dial_retry_timeout="300", _max_dial_attempts="2")
    callback = world.finish(world.start(number("80")))
    first, second = Attempt.objects.filter(callback=callback).order_by("number")
    assert first.ended_at is not None
    assert 300 <= (second.began_at - first.ended_at).total_seconds() < 310


def test_unsure_is_a_machine_where_the_service_says_so() -> None:
    world = World(_cpd_unsure="machine", _max_dial_attempts="1")
    callback = world.finish(world.start(number("85")))
    assert results(callback) == ["ANSWERING_MACHINE"]
    assert callback.reason == "FAIL_CALL_TO_CUSTOMER"


def test_an_empty_message_plays_nothing_to_a_machine() -> None:
    world = World(_treatment_call_failure_answering_machine="{ }", _max_dial_attempts="1")
    callback = world.finish(world.start(number("83")))
    assert "message" not in stages(callback)
    assert results(callback) == ["ANSWERING_MACHINE"]


def test_without_detection_whoever_answers_is_a_human() -> None:
    world = World(_cpd_enable="false")
    world.ready()
    callback = world.finish(world.start(number("83")))
    assert "detecting" not in stages(callback)
    assert results(callback) == ["PERSON"]


def test_a_dead_trunk_uses_no_attempt() -> None:
    world = World(_urs_queued_ttl="600", _max_dial_attempts="1", _ixn_createcall_timeout="5")
    callback = world.finish(world.start(number("90")))
    assert callback.reason == "FAIL_TARGET_NOT_FOUND", world.story()
    assert len(results(callback)) > 3
    assert set(results(callback)) == {"CREATE_CALL_ERROR"}
    assert '"attempts_used": 0' in str(callback.session).replace("'", '"')


def test_the_customer_hangs_up_while_waiting() -> None:
    world = World()
    callback = world.finish(world.start(number("87")))
    assert callback.reason == "FAIL_INTERACTION_DELETED"
    assert stages(callback)[-2:] == ["waiting", "ended"]
    assert_nothing_is_left()


def test_an_agent_who_does_not_answer_becomes_not_ready_and_the_next_one_gets_the_call() -> None:
    world = World(agents=("kate?noanswer", "omar"))
    world.ready("kate")
    world.ready("omar")
    callback = world.finish(world.start())
    assert (callback.reason, callback.agent) == ("AGENT_CONNECTED", "omar"), world.story()
    assert results(callback, "agent") == ["NO_ANSWER", "CONNECTED"]
    kate = Agent.objects.get(name="kate")
    assert (kate.state, kate.reason) == (Agent.State.NOT_READY, "no answer")


def test_after_the_last_transfer_attempt_the_customer_hears_so() -> None:
    world = World(agents=("kate?busy", "omar?busy", "mia"), _max_transfer_to_agent_attempts="2")
    world.ready("kate")
    world.ready("omar")
    world.ready("mia")
    callback = world.finish(world.start())
    assert callback.reason == "FAIL_AGENT_CONNECT"
    assert stages(callback)[-2:] == ["apology", "ended"]
    assert Agent.objects.get(name="mia").state == Agent.State.READY


def test_nobody_in_time_ends_with_an_apology() -> None:
    world = World(_max_time_to_wait_for_agent_on_the_call="30")
    callback = world.finish(world.start())
    assert callback.reason == "FAIL_TARGET_NOT_FOUND"
    assert stages(callback)[-3:] == ["waiting", "apology", "ended"]


def test_an_agent_who_turns_ready_gets_whoever_waits() -> None:
    world = World()
    callback = world.start()
    world.run(lambda: Callback.objects.get().stage == "waiting")
    world.ready()
    assert world.finish(callback).reason == "AGENT_CONNECTED"


@pytest.mark.parametrize(
    "stage", ["scheduled", "dialling", "ringing", "detecting", "waiting", "connecting", "retrying"]
)
def test_a_cancel_is_confirmed_at_every_stage(stage: str, settings: Any) -> None:
    # Slow enough for the stage to be met: answer and verdict would else be read together.
    settings.SIMULATOR_SPEED = {"detecting": 0.7, "ringing": 20.0, "connecting": 20.0}.get(stage, 200.0)
    world = World(agents=("kate?answer=20",))
    endings = {"ringing": "91", "retrying": "80"}
    callback = world.start(number(endings.get(stage, "32")), **({"desired_in": "1000"} if stage == "scheduled" else {}))
    if stage == "connecting":
        world.ready()
    world.run(lambda: Callback.objects.get().stage == stage)
    with world.patched():
        actions.cancel(callback_id=callback.pk, actor="customer", now=world.now())
    callback.refresh_from_db()
    assert (callback.state, callback.reason) == ("COMPLETED", "CANCELLED")
    world.finish(callback)
    assert_nothing_is_left()
    if stage == "connecting":
        assert Agent.objects.get().state == Agent.State.READY
    with pytest.raises(actions.Refused, match="Callback is COMPLETED and cannot be cancelled"):
        actions.cancel(callback_id=callback.pk, actor="customer", now=world.now())


def test_a_scheduled_callback_starts_within_its_buffer_and_dials_at_the_desired_time() -> None:
    world = World(_request_execution_time_buffer="120")
    world.ready()
    callback = world.start(desired_in="900")
    assert callback.state == "SCHEDULED"
    world.run(lambda: Callback.objects.get().state == "QUEUED")
    callback = world.finish(callback)
    assert callback.reason == "AGENT_CONNECTED"
    dialled = callback.attempts.get(party="customer").began_at
    started = callback.journal.get(kind="started").at
    assert 118 <= (callback.desired_at - started).total_seconds() <= 120
    assert 0 <= (dialled - callback.desired_at).total_seconds() < 10


def test_a_delayed_callback_is_dialled_when_an_agent_is_ready() -> None:
    world = World(_wait_for_agent="true")
    callback = world.start()
    world.run(lambda: Callback.objects.get().stage == "awaiting")
    world.offset += timedelta(seconds=60)
    world.tick()
    assert not callback.attempts.exists()
    world.ready()
    assert world.finish(callback).reason == "AGENT_CONNECTED"


def test_delayed_callbacks_are_not_dialled_beyond_the_agents_they_could_use(settings: Any) -> None:
    settings.SIMULATOR_SPEED = 20.0  # those who are dialled ring long enough to be counted
    world = World(agents=("kate", "omar"), _wait_for_agent="true")
    world.ready()
    for _ in range(5):
        world.start(number("91"))
    world.run(lambda: Callback.objects.filter(stage="ringing").count() == 2)
    assert Callback.objects.filter(stage="awaiting").count() == 3


def test_not_ready_during_a_call_is_taken_up_after_it(settings: Any) -> None:
    settings.SIMULATOR_SPEED = 20.0  # the talk is still going on when they ask
    world = World(_wrap_up_time="0")
    world.ready()
    callback = world.start(number("89"))
    world.run(lambda: Callback.objects.get().stage == "talking")
    with pytest.raises(agents.AgentBusy):
        agents.go_not_ready(Agent.objects.get(), "lunch", world.now())
    world.finish(callback)
    assert (Agent.objects.get().state, Agent.objects.get().reason) == (Agent.State.NOT_READY, "lunch")


def test_a_service_that_cannot_be_resolved_ends_the_callback_and_names_the_option() -> None:
    world = World(_target="")
    callback = world.start()
    assert (callback.state, callback.reason) == ("COMPLETED", "FAIL_ERROR")
    assert "_target" in callback.journal.get().text


def test_an_expired_callback_ends_and_is_removed() -> None:
    world = World(_wait_for_agent="true", _ttl="3600", _urs_queued_ttl="86400")
    callback = world.start()
    world.run(lambda: Callback.objects.get().state == "COMPLETED")
    assert Callback.objects.get().reason == "FAIL_TIMEOUT_TTL"
    world.run(lambda: not Callback.objects.filter(pk=callback.pk).exists())
    assert_nothing_is_left()


def test_nothing_is_dialled_while_nobody_listens_to_the_switch() -> None:
    world = World()
    world.ready()
    world.switch.lease_until = None
    world.switch.save(update_fields=["lease_until"])
    callback = world.start()
    world.step()
    callback.refresh_from_db()
    assert callback.stage == "retrying"
    refusal = callback.journal.get(kind="put-off")
    assert refusal.text.startswith("Not dialled: nobody listens to switch SIP_Switch")
    assert world.finish(callback).reason == "AGENT_CONNECTED"
    assert results(callback) == ["PERSON"]


def test_what_holds_a_dial_back_is_written_down_once() -> None:
    world = World(_urs_queued_ttl="3600")
    RoutePoint.objects.all().delete()
    callback = world.finish(world.start())
    assert callback.reason == "FAIL_TARGET_NOT_FOUND"
    assert not callback.attempts.exists()
    kinds = list(callback.journal.order_by("id").values_list("kind", flat=True))
    assert kinds == ["started", "dialling", "put-off", "ended"]
