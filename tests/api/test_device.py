"""What the customer's device asks and says while an agent is looked for, with all processes of the service played."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from callbacks.models import Callback
from services.models import QUERY, START, ConfiguredService
from telephony import agents
from telephony.models import Agent
from tests.api.conftest import OPTIONS, client_with, playing
from tests.api.test_errors import FAMILY
from tests.world import World

# What is kicked is kicked after the commit.
pytestmark = pytest.mark.django_db(transaction=True)

SERVICE = "/genesys/1/service/callback/voice-userterm-immediate"
COMING = "You will receive the call shortly"


class Device:
    """The customer's app, which knows the id of its callback."""

    def __init__(self, world: World, client: Client, **parameters: str) -> None:
        self.world = world
        self.client = client
        answer = self._send("POST", SERVICE, {"_customer_number": "916504661232", "_device_os": "comet", **parameters})
        assert answer.status_code == 200, answer.content
        self.id = answer.json()["_id"]

    def _send(self, method: str, path: str, parameters: dict[str, str] | None = None) -> Any:
        with playing(self.world):
            return self.client.generic(
                method,
                path,
                "&".join(f"{key}={value}" for key, value in (parameters or {}).items()),
                "application/x-www-form-urlencoded",
            )

    def ask(self, what: str, method: str = "GET") -> Any:
        return self._send(method, f"/genesys/1/service/{self.id}/{what}")

    def callback(self) -> Callback:
        return Callback.objects.get(pk=self.id)

    def stage(self, *stages: str) -> Any:
        return lambda: self.callback().stage in stages


def dialog(device: Device, text: str = COMING) -> list[tuple[str, str]]:
    return [
        ("_dialog_id", "0"),
        ("_action", "ConfirmationDialog"),
        ("_text", text),
        ("_ok_title", "Ok"),
        ("_id", device.id),
    ]


def refusal(response: Any) -> tuple[int, str, str]:
    answer = response.json()
    assert list(answer) == ["exception", "message"]
    return response.status_code, answer["exception"].removeprefix(FAMILY), answer["message"]


@pytest.fixture
def world(transactional_db: None) -> World:
    return World(_wait_for_agent="true", _wait_for_user_confirm="true", _user_confirm_timeout="60")


@pytest.fixture
def asked(world: World, client: Client) -> Device:
    """The device of a customer who is being asked: kate is ready."""
    device = Device(world, client)
    world.ready()
    world.run(device.stage("confirming"))
    return device


def test_the_device_learns_that_the_customer_is_asked(world: World, client: Client) -> None:
    device = Device(world, client)
    assert device.ask("dialog").json() == {"_id": device.id}
    world.ready()
    world.run(device.stage("confirming"))

    response = device.ask("dialog")

    assert list(response.json().items()) == dialog(device)
    assert response["Expires"] == "Thu, 01 Jan 1970 00:00:00 GMT"


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_the_customer_wants_to_be_called(world: World, asked: Device, method: str) -> None:
    response = asked.ask("connect", method)

    assert response.status_code == 200
    assert list(response.json().items()) == dialog(asked)
    assert response["Expires"] == "Thu, 01 Jan 1970 00:00:00 GMT"
    assert asked.ask("dialog").json() == {"_id": asked.id}
    # Said again, by a client that did not hear the answer.
    assert list(asked.ask("connect", method).json().items()) == dialog(asked)
    world.run(lambda: asked.callback().state == "COMPLETED")
    callback = asked.callback()
    assert (callback.state, callback.reason) == ("COMPLETED", "AGENT_CONNECTED")
    assert callback.attempts.filter(party="customer").count() == 1
    assert "The customer wants to be called now (API key mobile app)." in [e.text for e in callback.journal.all()]


def test_too_early_and_too_late(world: World, client: Client) -> None:
    device = Device(world, client)
    early = refusal(device.ask("connect", "POST"))
    world.ready()
    world.run(device.stage("confirming"))
    device.client.delete(f"{SERVICE}/{device.id}")
    late = refusal(device.ask("connect", "POST"))

    assert early == (400, "InvalidState", "Callback is QUEUED and is not waiting for a confirmation")
    assert late == (400, "InvalidState", "Callback is COMPLETED and is not waiting for a confirmation")


def test_the_customer_wants_to_be_asked_later(world: World, asked: Device) -> None:
    response = asked.ask("snooze", "POST")

    assert list(response.json().items()) == dialog(asked, "You will be asked again later")
    assert asked.callback().stage == "held"
    assert asked.ask("dialog").json() == {"_id": asked.id}
    assert refusal(asked.ask("snooze", "POST")) == (
        400,
        "InvalidState",
        "Callback is QUEUED and is not waiting for a confirmation",
    )
    world.run(asked.stage("confirming"))
    assert list(asked.ask("dialog").json().items()) == dialog(asked)


def test_the_position_in_the_queue(world: World, client: Client) -> None:
    """One agent, who is not there yet and comes back as from a call: of three minutes until others were measured."""
    first, second = Device(world, client), Device(world, client)
    world.run(lambda: first.callback().stage == second.callback().stage == "awaiting")
    unknown = {
        "_position": "2",
        "_eta": "10000",
        "_total_waiting": "2",
        "_agent_ready_threshold_passed": False,
        "ewt": 10000,
    }
    assert second.ask("check-queue-position").json() == unknown

    agent = Agent.objects.get()
    with world.patched():
        agents.go_not_ready(agent, "lunch", world.now())

    for method in ("GET", "POST"):
        answer = second.ask("check-queue-position", method).json()
        # Behind another one: two calls.
        assert 180 < answer["ewt"] < 360
        assert answer == {**unknown, "_eta": str(round(answer["ewt"])), "ewt": answer["ewt"]}
        assert list(answer) == ["_position", "_eta", "_total_waiting", "_agent_ready_threshold_passed", "ewt"]
    ahead = first.ask("check-queue-position").json()
    assert 0 < ahead["ewt"] < 180
    assert ahead == {**unknown, "_position": "1", "_eta": str(round(ahead["ewt"])), "ewt": ahead["ewt"]}


def test_an_agent_is_about_to_be_there(asked: Device) -> None:
    answer = asked.ask("check-queue-position").json()

    assert (answer["_position"], answer["_agent_ready_threshold_passed"]) == ("1", True)


def test_of_a_scheduled_callback_what_it_would_be_now(world: World, client: Client) -> None:
    waiting = Device(world, client)
    world.run(waiting.stage("awaiting"))
    desired = world.now() + timedelta(hours=2)
    scheduled = Device(world, client, _desired_time=f"{desired:%Y-%m-%dT%H:%M:%S}.000Z")
    assert scheduled.callback().state == "SCHEDULED"

    answer = scheduled.ask("check-queue-position").json()

    assert (answer["_position"], answer["_total_waiting"], answer["ewt"]) == ("2", "2", 10000)


def test_while_they_talk_nothing_is_waited_for(client: Client) -> None:
    world = World(_retain_session_until_ixn_deleted="true")
    device = Device(world, client)
    world.ready()
    world.run(device.stage("talking"))

    assert device.callback().state == "PROCESSING"
    assert device.ask("check-queue-position").json() == {
        "_position": "0",
        "_eta": "0",
        "_total_waiting": "0",
        "_agent_ready_threshold_passed": True,
        "ewt": 0.0,
    }


def test_the_position_of_a_callback_that_is_over(asked: Device) -> None:
    asked.client.delete(f"{SERVICE}/{asked.id}")

    response = asked.ask("check-queue-position")

    assert response.status_code == 500
    assert response.json() == {
        "exception": "com.genesyslab.gsg.services.ors.OrsServiceException",
        "message": f"ORS request failed: 404 Not Found. Callback {asked.id} is COMPLETED.",
    }


QUESTIONS = [("connect", "POST"), ("connect", "GET"), ("snooze", "POST"), ("dialog", "GET")] + [
    ("check-queue-position", method) for method in ("GET", "POST")
]


@pytest.mark.parametrize(("what", "method"), QUESTIONS)
def test_a_callback_that_is_not_there(client: Client, what: str, method: str) -> None:
    for callback_id in ("369-nobody", "a" * 65, "%00", "a%20b"):
        response = client.generic(method, f"/genesys/1/service/{callback_id}/{what}")
        assert refusal(response)[:2] == (404, "NotFound")


@pytest.mark.parametrize(("what", "method"), QUESTIONS)
def test_a_callback_of_other_keys(asked: Device, what: str, method: str) -> None:
    other = ConfiguredService.objects.create(name="sales", configuration="User Terminated Immediate", options=OPTIONS)
    asked.client = client_with(START, QUERY, services=(other,))

    assert refusal(asked.ask(what, method)) == (404, "NotFound", f"Callback {asked.id} is not found.")
    assert asked.callback().stage == "confirming"
