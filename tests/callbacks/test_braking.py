"""Toll fraud in the life of a callback: what is refused at the start and at the ring; the brake, and its release."""

from __future__ import annotations

from datetime import timedelta
from unittest import mock

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from callbacks.limits.number_rules import NumberDisallowed
from callbacks.models import Callback
from callbacksite import metrics
from services.models import Section
from telephony import brake
from telephony.models import BrakeRelease, DialCount
from tests.factories import AgentFactory, UserFactory, supervisor
from tests.pages.test_callbacks import text_of
from tests.world import HUMAN, World

pytestmark = pytest.mark.django_db(transaction=True)

PULLED = "the spending brake is pulled: at most 1 are dialled per hour for service voice-userterm-immediate"


@pytest.fixture(autouse=True)
def quick_people(settings: object) -> None:
    settings.SIMULATOR_SPEED = 200.0  # type: ignore[attr-defined]


def centre(**options: str) -> World:
    """Of an hour that has just begun; what was dialled before does not count in the next one."""
    world = World(agents=("kate",), _wrap_up_time="0", **options)
    world.ready()
    world.offset = timedelta(hours=1, minutes=-world.now().minute, seconds=30 - world.now().second)
    return world


def story(callback: Callback) -> list[str]:
    return list(callback.journal.order_by("id").values_list("text", flat=True))


def put_off(world: World) -> tuple[Callback, Callback]:
    """Of two customers one is dialled, which is all that the hour allows; the other waits for the next hour."""
    first = world.start()
    world.finish(first)
    second = world.start()
    world.run(lambda: Callback.objects.filter(pk=second.pk, stage="retrying").exists() and not world.unsettled())
    second.refresh_from_db()
    return first, second


def test_who_is_held_back_is_dialled_when_the_hour_is_over() -> None:
    world = centre(_max_dials_per_hour="1")
    first, second = put_off(world)
    assert first.reason == "AGENT_CONNECTED"
    [pulled] = brake.pulled(world.now())
    assert story(second)[-1] == (
        f"Not dialled: {PULLED} (_max_dials_per_hour). Next try at {pulled.ends_at:%Y-%m-%d %H:%M:%S} UTC; no attempt "
        "was used."
    )
    assert second.session["deadline"] is not None
    assert second.session["attempts_used"] == 0
    # The events that are still to come change nothing: it is said once.
    world.tick()
    assert sum("Not dialled" in text for text in story(second)) == 1
    over = world.finish(second)
    assert over.reason == "AGENT_CONNECTED"
    assert world.now() >= pulled.ends_at
    assert over.attempts.filter(party="customer").exclude(result="").count() == 1


def test_a_supervisor_sees_it_and_releases_it(client: Client) -> None:
    world = centre(_max_dials_per_hour="1")
    _, second = put_off(world)
    client.force_login(supervisor())
    with mock.patch.object(timezone, "now", world.now):
        _see_and_release(client, world)
    world.keep_lease()
    over = world.finish(second)
    assert over.reason == "AGENT_CONNECTED"
    assert over.completed_at is not None
    assert over.completed_at < DialCount.objects.get(service=world.service.name, period="hour").ends_at
    assert sum("Not dialled" in text for text in story(over)) == 1


def _see_and_release(client: Client, world: World) -> None:
    listed = text_of(client.get(reverse("callback-list")).content.decode())
    assert "The spending brake is pulled for voice-userterm-immediate. At most 1 are dialled in this hour" in listed
    page = client.get(reverse("dialled")).content.decode()
    assert "Release 1 more" in text_of(page)

    [pulled] = DialCount.objects.filter(pulled_at__isnull=False)
    refused = client.post(reverse("dialled-release"), {"brake": pulled.pk, "reason": " "})
    assert refused.status_code == 422
    assert "Say why dialling is to go on, in at most 200 characters." in refused.content.decode()
    assert not BrakeRelease.objects.exists()

    with world.patched():
        answer = client.post(
            reverse("dialled-release"), {"brake": pulled.pk, "reason": "A mailing went out"}, follow=True
        )
    said = text_of(answer.content.decode())
    assert "Released for voice-userterm-immediate: 1 more in this hour." in said
    assert "by sue: A mailing went out" in said
    assert "spending brake" not in client.get(reverse("callback-list")).content.decode()
    # Said twice it releases nothing twice.
    answer = client.post(reverse("dialled-release"), {"brake": pulled.pk, "reason": "again"}, follow=True)
    assert "nothing was released" in answer.content.decode()
    assert BrakeRelease.objects.count() == 1


def test_only_supervisors_release(client: Client) -> None:
    release, page = reverse("dialled-release"), reverse("dialled")
    assert client.get(page).status_code == 302
    assert client.post(release, {"brake": 1, "reason": "x"}).status_code == 302
    kate = UserFactory.create(username="kate")
    AgentFactory.create(user=kate)
    client.force_login(kate)
    assert client.get(page).status_code == 403
    assert client.post(release, {"brake": 1, "reason": "x"}).status_code == 403
    client.force_login(supervisor())
    assert client.get(release).status_code == 405
    assert Client(enforce_csrf_checks=True).post(release, {"brake": 1, "reason": "x"}).status_code == 403


def test_all_services_together() -> None:
    Section.objects.create(name="callback", options={"_max_dials_per_day_all_services": "1"})
    world = centre()
    _, second = put_off(world)
    assert "at most 1 are dialled per day for all services (_max_dials_per_day_all_services)" in story(second)[-1]
    with mock.patch.object(timezone, "now", world.now):
        told = metrics._expose().decode()
    assert 'callbacksite_brake_pulled{period="day",service="all services"} 1.0' in told
    assert f'callbacksite_dialled{{period="hour",service="{world.service.name}"}} 1.0' in told


def test_a_number_that_was_dialled_often_enough_waits() -> None:
    world = centre(_max_attempts_per_number_per_day="1")
    _, second = put_off(world)
    assert "the number was dialled 1 times within 24 hours, for whichever service" in story(second)[-1]
    other = world.start("916504661291")
    assert world.finish(other).reason == "AGENT_CONNECTED"


def test_a_costly_number_is_refused_at_the_start() -> None:
    world = World()
    with pytest.raises(NumberDisallowed, match="because it is the number of a satellite phone"):
        world.start("+881 6 12345678")
    assert not Callback.objects.exists()
    assert world.start(HUMAN).pk


def test_a_costly_number_is_asked_again_at_the_ring() -> None:
    """What an administrator forbids counts for those who wait already."""
    world = World()
    callback = world.start("+49 30 123456")
    world.service.options["_allowed_countries"] = "AT"
    world.service.save()
    over = world.finish(callback)
    assert over.reason == "FAIL_NUMBER_BLOCKED"
    assert story(over)[-1] == (
        "Not dialled: the number may not be called: it is a number of DE; allowed is AT (_allowed_countries)."
    )
    assert not over.attempts.exclude(dialled_at=None).exists()
    assert not DialCount.objects.exists()


def test_before_a_customer_is_asked_or_an_agent_called_the_brake_is_looked_at() -> None:
    world = centre(_max_dials_per_hour="1", _userterminated_first_connect_party="AGENT", _wait_for_agent="true")
    first, second = put_off(world)
    assert first.reason == "AGENT_CONNECTED"
    assert sum(PULLED in text for text in story(second)) == 1
    # Nobody's phone rang for it.
    assert not second.attempts.exists()
