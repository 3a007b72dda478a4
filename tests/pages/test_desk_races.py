"""Buttons of the desk pressed at the same moment, over the real flow: one decides, the others are told the truth."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from html import unescape
from threading import Barrier

import pytest
from django.db import connection
from django.test import Client

from callbacks.models import Callback
from scheduling.models import Timer
from telephony.models import Agent
from tests.factories import UserFactory
from tests.world import World

pytestmark = pytest.mark.django_db(transaction=True)

TABS = 6


@pytest.fixture
def world(transactional_db: None) -> World:
    """An offer waits at kate's desk."""
    world = World(
        _userterminated_first_connect_party="AGENT",
        _agent_preview="true",
        _wait_for_agent="true",
        _agent_preview_allow_reject="3",
    )
    Agent.objects.update(user=UserFactory.create(username="kate"))
    world.ready()
    callback = world.start()
    world.run(lambda: Callback.objects.filter(pk=callback.pk, stage="previewing").exists())
    return world


def told(text: str) -> int:
    return sum(callback.journal.filter(text=text).count() for callback in Callback.objects.prefetch_related("journal"))


def press(world: World, *acts: str) -> list[str]:
    """All of these at once, each in a tab of its own; what each of them was answered."""
    kate = Agent.objects.select_related("user").get()
    assert kate.user is not None
    tabs = []
    for _ in acts:
        tab = Client()
        tab.force_login(kate.user)
        tabs.append(tab)
    together = Barrier(len(acts))

    def one(tab: Client, act: str) -> str:
        together.wait()
        try:
            answer = tab.post(f"/desk/{act}/", {"reservation": kate.reservation}, headers={"HX-Request": "true"})
        finally:
            connection.close()
        found = re.search(r'hx-swap-oob="innerHTML:#said">(.*?)</div>', answer.content.decode(), re.DOTALL)
        assert found
        return unescape(re.sub(r"<[^>]+>", "", found[1])).strip()

    with world.patched(), ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(one, tabs, acts))


def test_accepted_in_six_tabs_at_once_it_is_accepted_once(world: World) -> None:
    answers = press(world, *["offer/accept"] * TABS)
    assert answers.count("") == 1
    assert all(answer.startswith("Too late") for answer in answers if answer)
    assert told("Agent kate accepted.") == 1


def test_of_accept_and_reject_at_once_one_counts(world: World) -> None:
    accepted, rejected = press(world, "offer/accept", "offer/reject")
    assert (accepted == "") != (rejected == "You rejected the offer.")
    assert (accepted + rejected).count("Too late") == 1
    assert told("Agent kate accepted.") == (1 if accepted == "" else 0)


def test_after_the_offer_lapsed_nothing_is_accepted(world: World) -> None:
    reservation = Agent.objects.get().reservation
    Timer.objects.update(due_at=world.now() - timedelta(seconds=1))
    world.tick()
    world.run(lambda: not Agent.objects.filter(reservation=reservation).exists())
    kate = Client()
    user = Agent.objects.get().user
    assert user is not None
    kate.force_login(user)
    with world.patched():
        answer = kate.post("/desk/offer/accept/", {"reservation": reservation})
    assert answer.status_code == 409
    assert "Too late: this offer is no longer yours. Nothing was changed." in answer.content.decode()
    assert told("Agent kate accepted.") == 0
