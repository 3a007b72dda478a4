"""Who is served another way is not called again: said over the API, or seen by the number when an agent talks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from callbacks import actions
from callbacks.flow.events import Served
from callbacks.flow.session import Stage
from callbacks.flow.states import State
from callbacks.inbox import put
from callbacks.models import Callback, JournalEntry, Pending
from scheduling import kick
from services.models import ConfiguredService
from telephony.models import Leg, QueueEntry
from tests.api.conftest import make_service, playing
from tests.api.test_errors import FAMILY
from tests.api.test_seeds import IMMEDIATE
from tests.world import OPTIONS, World

CUSTOMER = "916504661232"


@pytest.fixture
def world(transactional_db: None) -> Iterator[World]:
    world = World(_wait_for_agent="true")
    with playing(world):
        yield world


def start(world: World, service: ConfiguredService | None = None, number: str = CUSTOMER, days: int = 0) -> str:
    now = world.now()
    return actions.start(
        service=service or world.service,
        parameters={"_customer_number": number},
        desired_at=now + timedelta(days=days) if days else None,
        actor="test",
        now=now,
    ).pk


def served(client: Client, callback: str, service: str = "voice-userterm-immediate") -> Any:
    return client.post(f"/genesys/1/service/callback/{service}/{callback}/served")


def settle(world: World) -> None:
    """Let everybody do what there is to do now."""
    while world.step():
        pass


def last(callback: str) -> JournalEntry:
    return JournalEntry.objects.filter(callback=callback).latest("id")


def states() -> dict[str, tuple[str, str]]:
    return {callback.pk: (callback.state, callback.reason) for callback in Callback.objects.all()}


class TestSaidSo:
    def test_it_is_over_and_the_timeline_says_who(self, client: Client, world: World) -> None:
        callback = start(world)
        assert QueueEntry.objects.count() == 1

        response = served(client, callback)

        assert response.status_code == 200
        assert list(response.json().items()) == [
            ("_dialog_id", "0"),
            ("_action", "ConfirmationDialog"),
            ("_text", "The customer is not called for this any more"),
            ("_ok_title", "Ok"),
            ("_id", callback),
        ]
        assert states() == {callback: ("COMPLETED", "CANCELLED_SERVED")}
        line = last(callback)
        assert (line.kind, line.cause, line.actor) == ("ended", "Served", "API key mobile app")
        assert line.text == "Marked as served by API key mobile app."
        assert not QueueEntry.objects.exists()

    @pytest.mark.parametrize("days", [0, 1])
    def test_nobody_is_called_any_more(self, client: Client, world: World, days: int) -> None:
        callback = start(world, days=days)
        served(client, callback)

        world.ready("kate")
        world.offset += timedelta(days=days)
        settle(world)

        assert not Leg.objects.exists()

    def test_a_phone_that_rings_is_let_be(self, client: Client, world: World) -> None:
        callback = start(world)
        world.ready("kate")
        world.run(lambda: Callback.objects.get().state == State.ROUTING)

        assert served(client, callback).status_code == 200

        world.run(lambda: not Leg.objects.exclude(state="ended").exists())
        assert states() == {callback: ("COMPLETED", "CANCELLED_SERVED")}

    def test_a_second_time(self, client: Client, world: World) -> None:
        callback = start(world)
        served(client, callback)

        response = served(client, callback)

        assert response.status_code == 400
        assert response.json() == {
            "exception": f"{FAMILY}InvalidState",
            "message": "Callback is COMPLETED and cannot be marked as served",
        }
        assert states() == {callback: ("COMPLETED", "CANCELLED_SERVED")}

    def test_who_talks_is_being_served(self, client: Client, world: World) -> None:
        world.service.options |= {"_retain_session_until_ixn_deleted": "true"}
        world.service.save()
        callback = start(world)
        world.ready("kate")
        world.run(lambda: Callback.objects.get().stage == Stage.TALKING)

        response = served(client, callback)

        assert response.status_code == 400
        assert response.json()["message"] == "Callback is PROCESSING and cannot be marked as served"
        assert states() == {callback: ("PROCESSING", "")}

    def test_of_another_service(self, client: Client, world: World) -> None:
        make_service("sales")
        callback = start(world)

        response = served(client, callback, "sales")

        assert response.status_code == 404
        assert states() == {callback: ("QUEUED", "")}

    def test_without_a_working_configuration(self, client: Client, world: World) -> None:
        callback = start(world, days=1)
        ConfiguredService.objects.update(configuration="Gone")

        assert served(client, callback).status_code == 200
        assert states() == {callback: ("COMPLETED", "CANCELLED_SERVED")}


class TestByNumber:
    def talk(self, world: World, callback: str) -> None:
        """Let the agent come to the customer of this callback, which is the first in line."""
        world.ready("kate")
        world.run(lambda: Callback.objects.get(pk=callback).stage == Stage.TALKING)
        settle(world)

    def test_the_others_of_a_customer_who_talks_are_over(self, world: World) -> None:
        first = start(world)
        others = [start(world), start(world)]
        stranger = start(world, number="916504661132")

        self.talk(world, first)

        assert states() == {
            first: ("COMPLETED", "AGENT_CONNECTED"),
            **dict.fromkeys(others, ("COMPLETED", "CANCELLED_SERVED")),
            stranger: ("QUEUED", ""),
        }
        line = last(others[0])
        assert (line.kind, line.cause, line.actor) == ("ended", "Served", "kate")
        assert line.text == f"Agent kate talks with the customer in callback {first}."
        assert list(QueueEntry.objects.values_list("owner", flat=True)) == [stranger]

    def test_of_another_service_in_the_same_queue(self, world: World) -> None:
        app = ConfiguredService.objects.create(
            name="app", type="callback", configuration="User Terminated Delayed", options=dict(OPTIONS)
        )
        first, second = start(world), start(world, app)

        self.talk(world, first)

        assert states()[second] == ("COMPLETED", "CANCELLED_SERVED")

    def test_another_matter_waits_on(self, world: World) -> None:
        """A service with a queue of its own is about something else."""
        loans = ConfiguredService.objects.create(
            name="loans",
            type="callback",
            configuration="User Terminated Delayed",
            options={**OPTIONS, "_urs_virtual_queue": "Loans_VQ", "_target": "Loans@StatServer.GA"},
        )
        first, second = start(world), start(world, loans)

        self.talk(world, first)

        assert states()[second] == ("QUEUED", "")

    def test_a_promised_time_is_kept(self, world: World) -> None:
        first, tomorrow = start(world), start(world, days=1)

        self.talk(world, first)

        assert states()[tomorrow] == ("SCHEDULED", "")
        assert not Pending.objects.exists()

    def test_one_that_is_paused_is_over_too(self, world: World) -> None:
        first, second = start(world), start(world)
        Callback.objects.filter(pk=second).update(state=State.PAUSED)
        row = Callback.objects.get(pk=second)
        row.session["stage"], row.session["paused_from"] = "paused", "awaiting"
        Callback.objects.filter(pk=second).update(session=row.session, stage=Stage.PAUSED)

        self.talk(world, first)

        assert states()[second] == ("COMPLETED", "CANCELLED_SERVED")

    def test_one_whose_phone_rings_goes_on(self, world: World) -> None:
        """The event comes late: their phone rings by then."""
        callback = start(world)
        world.ready("kate")
        world.run(lambda: Callback.objects.get().state == State.ROUTING)

        put([(callback, Served("joe", "369-other"))], world.now())
        kick.publish("callbacks.tasks.advance", (callback,))
        world.run(lambda: not Pending.objects.exists())

        dropped = JournalEntry.objects.get(callback=callback, cause="Served")
        assert (dropped.kind, dropped.actor) == ("dropped", "joe")
        assert dropped.text == "The customer talks in callback 369-other; this one goes on as ROUTING."
        assert states()[callback][1] != "CANCELLED_SERVED"

    def test_one_that_is_over_stays_what_it_was(self, world: World) -> None:
        callback = start(world)
        actions.cancel(callback_id=callback, actor="test", now=world.now())
        before = JournalEntry.objects.filter(callback=callback).count()

        put([(callback, Served("joe", "369-other"))], world.now())
        actions.advance(callback, now=world.now())

        assert states() == {callback: ("COMPLETED", "CANCELLED")}
        assert JournalEntry.objects.filter(callback=callback).count() == before

    def test_who_has_no_number_is_nobody_else(self, world: World) -> None:
        first, nameless = start(world), start(world)
        Callback.objects.filter(pk=nameless).update(customer_number="")

        self.talk(world, first)

        assert states()[nameless] == ("QUEUED", "")


def test_the_seed_services_answer_too(client: Client, service: ConfiguredService) -> None:
    callback = client.post(IMMEDIATE, {"_customer_number": "5115"}).json()["_id"]

    assert client.post(f"{IMMEDIATE}/{callback}/served", {"note": "walked in"}).status_code == 200
    assert Callback.objects.get().reason == "CANCELLED_SERVED"
