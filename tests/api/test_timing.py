"""When a callback is SCHEDULED and when it is QUEUED, as functional tests of the vendor's system show it.

Each row of the timing table in the wire contract, section 4, over the API and with all processes played. Where the
vendor's tests wait for polls of many seconds, the same is so within a second or two here.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from callbacks.models import Callback
from services.models import ADMIN, QUERY, START, NamedList
from telephony.models import Agent
from tests.api.conftest import client_with, playing
from tests.world import World

pytestmark = pytest.mark.django_db(transaction=True)
SERVICE = "/genesys/1/service/callback/voice-userterm-immediate"
PAUSED_SERVICES = "GMS_Paused_Services"


class Player:
    """The vendor's tester: it sends requests, moves the clock, and looks at records."""

    def __init__(self, *, agents: tuple[str, ...] = ("kate",), **options: str) -> None:
        self.world = World(agents=agents, **options)
        self.client = client_with(START, QUERY, ADMIN)
        # Whole seconds, as the tester writes them.
        self.world.offset = datetime(2026, 8, 3, 12, 0, tzinfo=UTC) - datetime.now(UTC)

    def send(self, method: str, path: str, **parameters: str) -> Any:
        with playing(self.world):
            if method == "GET":
                return self.client.get(path, parameters)
            return self.client.generic(
                method, path, "&".join(f"{k}={v}" for k, v in parameters.items()), "application/x-www-form-urlencoded"
            )

    def start(self, seconds_ahead: int | None = None) -> str:
        parameters = {"_customer_number": "916504661232"}
        if seconds_ahead is not None:
            desired = self.world.now() + timedelta(seconds=seconds_ahead)
            parameters["_desired_time"] = f"{desired:%Y-%m-%dT%H:%M:%S}.000Z"
        response = self.send("POST", SERVICE, **parameters)
        assert response.status_code == 200, response.content
        return str(response.json()["_id"])

    def state(self, callback_id: str) -> str:
        (record,) = self.send("GET", "/genesys/1/service/callback", _id=callback_id).json()
        return str(record["_callback_state"])

    def wait(self, seconds: float) -> None:
        """Let this much time pass, in steps of a tick."""
        until = self.world.now() + timedelta(seconds=seconds)
        while (now := self.world.now()) < until:
            self.world.offset += min(timedelta(seconds=1), until - now)
            self.world.tick()
            while self.world.step():
                pass


@pytest.mark.parametrize(
    ("buffer", "ahead", "state"),
    [
        (15, 15, "QUEUED"),
        (15, 30, "SCHEDULED"),
        (180, 180, "QUEUED"),
        (120, 10, "QUEUED"),
        (120, 15, "QUEUED"),
        (120, 180, "SCHEDULED"),
        (120, 200, "SCHEDULED"),
        (120, 900, "SCHEDULED"),
        (120, 3600, "SCHEDULED"),
    ],
)
def test_what_is_within_the_buffer_is_queued_at_once(buffer: int, ahead: int, state: str) -> None:
    tester = Player(_request_execution_time_buffer=str(buffer), _desired_connect_time_threshold=str(buffer + 60))

    assert tester.state(tester.start(ahead)) == state


def test_what_is_immediate_is_queued_at_once() -> None:
    tester = Player()

    assert tester.state(tester.start()) == "QUEUED"


def test_a_scheduled_one_is_queued_when_it_enters_the_buffer() -> None:
    """+180 s with a buffer of 120: the vendor's tests allow 80 seconds; it is the sixtieth."""
    tester = Player(_request_execution_time_buffer="120")
    callback_id = tester.start(180)

    tester.wait(57)
    assert tester.state(callback_id) == "SCHEDULED"
    tester.wait(5)
    assert tester.state(callback_id) == "QUEUED"


@pytest.mark.parametrize("phase", ["ringing", "waiting", "connecting"])
def test_each_phase_of_routing_can_be_cancelled(phase: str) -> None:
    tester = Player(agents=("kate?noanswer",) if phase == "connecting" else ("kate",))
    callback_id = tester.start()
    if phase == "connecting":
        tester.world.ready()
    tester.world.run(lambda: Callback.objects.get().stage == phase, seconds=30)
    assert tester.state(callback_id) == "ROUTING"

    assert tester.send("DELETE", f"{SERVICE}/{callback_id}").status_code == 200

    callback = tester.world.finish(Callback.objects.get())
    assert (callback.state, callback.reason) == ("COMPLETED", "CANCELLED")
    assert Agent.objects.get().reserved_for is None


def test_processing_is_shown_only_on_demand_and_cannot_be_cancelled() -> None:
    tester = Player(_retain_session_until_ixn_deleted="true")
    callback_id = tester.start()
    tester.world.ready()
    tester.world.run(lambda: Callback.objects.get().stage == "talking", seconds=30)
    assert tester.state(callback_id) == "PROCESSING"

    response = tester.send("DELETE", f"{SERVICE}/{callback_id}")

    assert (response.status_code, response.json()["message"]) == (
        400,
        "Callback is PROCESSING and cannot be cancelled",
    )
    assert tester.state(callback_id) == "PROCESSING"


def test_without_that_demand_it_is_completed_while_they_talk() -> None:
    tester = Player()
    callback_id = tester.start()
    tester.world.ready()
    tester.world.run(lambda: Callback.objects.get().stage == "talking", seconds=30)

    assert tester.state(callback_id) == "COMPLETED"


@pytest.mark.parametrize("key", ["voice-userterm-immediate", "billing", "all"])
def test_pausing_and_resuming(key: str) -> None:
    """The vendor's tests allow 80 seconds each way; here it takes a few."""
    tester = Player(_wait_for_agent="true", _paused_services_id="billing")
    flags = NamedList.objects.create(name=PAUSED_SERVICES, sections={"services": {key: "false"}})
    callback_id = tester.start()
    tester.wait(1)
    assert tester.state(callback_id) == "QUEUED"

    flags.sections = {"services": {key: "true"}}
    flags.save()
    tester.wait(5)
    assert tester.state(callback_id) == "PAUSED"

    flags.sections = {"services": {key: "false"}}
    flags.save()
    tester.wait(5)
    assert tester.state(callback_id) == "QUEUED"
    assert tester.send("DELETE", f"{SERVICE}/{callback_id}").status_code == 200
    assert tester.state(callback_id) == "COMPLETED"
