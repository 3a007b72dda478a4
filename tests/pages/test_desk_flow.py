"""An hour at the desk, in a real browser over the real flow and the simulator: nothing is played but the people."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.db import connection
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from callbacks.models import Attempt, Callback
from telephony.models import Agent, Leg
from telephony.switch import LegState
from tests.factories import PASSWORD, UserFactory
from tests.world import World

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]

# Both talk for a minute unless somebody hangs up.
ADA, BOB = "916504661189", "916504661289"


class Backstage(threading.Thread):
    """The worker, Beat and the telephony process of a world, in real time beside the browser."""

    def __init__(self, world: World) -> None:
        super().__init__(daemon=True)
        self.world = world
        self.over = threading.Event()
        self.failure: Exception | None = None

    def run(self) -> None:
        ticked = 0.0
        try:
            while not self.over.wait(0.02):
                self.world.step()
                if time.monotonic() - ticked > 1:
                    ticked = time.monotonic()
                    self.world.tick()
        except Exception as error:  # noqa: BLE001 (told to the test)
            self.failure = error
        finally:
            connection.close()


@pytest.fixture
def centre(transactional_db: None) -> Iterator[World]:
    """Kate is asked before anybody is called, and afterwards what came of it."""
    world = World(
        _userterminated_first_connect_party="AGENT",
        _agent_preview="true",
        _wait_for_agent="true",
        _agent_preview_allow_reject="3",
        _agent_preview_data="first_name,usr_reason",
        _enable_disposition_dialog="true",
    )
    Agent.objects.update(user=UserFactory.create(username="kate"))
    backstage = Backstage(world)
    with world.patched():
        backstage.start()
        yield world
        backstage.over.set()
        backstage.join(20)
    assert backstage.failure is None, f"{backstage.failure!r}\n{world.story()}"


def test_an_hour_at_the_desk(page: Page, live_server: LiveServer, centre: World, tmp_path: Path) -> None:
    page.set_viewport_size({"width": 1280, "height": 900})
    page.goto(live_server.url)
    page.get_by_label("Username").fill("kate")
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    state, heading, said = page.locator("#desk-state"), page.locator("#call-heading"), page.locator("#said")
    page.get_by_role("button", name="Ready", exact=True).click()
    expect(state).to_have_text("Ready")

    # Ada wants something that kate does not know.
    ada = centre.start(ADA, first_name="Ada", usr_reason="my policy ends in March", iban="DE02")
    expect(heading).to_have_text("Offer")
    expect(page.locator("#call")).to_contain_text("my policy ends in March")
    expect(page.locator("#call")).not_to_contain_text("DE02")
    page.keyboard.press("Alt+r")
    expect(said).to_have_text("You rejected the offer.")
    expect(state).to_have_text("Ready")
    assert not Leg.objects.exists()

    # Bob is offered, and called when kate has accepted and answered her phone.
    bob = centre.start(BOB, first_name="Bob", usr_reason="a new address")
    expect(heading).to_have_text("Offer")
    expect(page).to_have_title("● Offer ●")
    # What was said of Ada's offer is not said of his.
    expect(said).to_be_empty()
    page.screenshot(path=tmp_path / "offer.png")
    assert not Leg.objects.exists()
    page.keyboard.press("Alt+a")
    expect(heading).to_have_text(re.compile("Your phone rings|Calling the customer"))
    expect(heading).to_have_text("Talking", timeout=20_000)
    expect(state).to_have_text("On a call")
    expect(page.locator("#call")).to_contain_text(BOB)

    page.keyboard.press("Alt+h")
    expect(heading).to_have_text("On hold")
    page.keyboard.press("Alt+h")
    expect(heading).to_have_text("Talking")
    page.screenshot(path=tmp_path / "talking.png")
    page.keyboard.press("Alt+x")
    expect(said).to_have_text("You ended the call.")

    # What came of it: Bob is called again at a time of his choice.
    expect(heading).to_have_text("What came of it?", timeout=10_000)
    expect(state).to_have_text("Wrap-up")
    again = (datetime.now(UTC) + timedelta(days=1)).replace(second=0, microsecond=0)
    page.get_by_label("or at another time").fill(f"{again:%Y-%m-%dT%H:%M}")
    expect(page.get_by_label("Call again at a time")).to_be_checked()
    page.screenshot(path=tmp_path / "disposition.png")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(said).to_contain_text("Saved: call again, ")
    page.get_by_label("Reason").select_option("Paperwork")
    page.get_by_role("button", name="Not ready").click()
    expect(state).to_have_text("Not ready: Paperwork")

    callback = Callback.objects.get(pk=bob.pk)
    assert (callback.state, callback.desired_at) == ("SCHEDULED", again)
    # My day knows the talk.
    expect(page.locator("#day .sums")).to_have_text(re.compile("^1 call, talked for 0:[0-9]{2}$"))
    assert Attempt.objects.filter(party="customer").count() == 1
    assert not Leg.objects.exclude(state=LegState.ENDED).exists()
    assert Callback.objects.get(pk=ada.pk).state == "QUEUED"
