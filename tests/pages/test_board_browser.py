"""The board and the agents' pages in a real browser: live or not, folded, on every screen; and at two desks at once."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from callbacks.flow.states import State
from services import pausing
from telephony import agents
from telephony.models import Agent, ForcedChange, QueueEntry
from tests.factories import (
    PASSWORD,
    AgentFactory,
    AgentGroupFactory,
    CallbackFactory,
    ServiceFactory,
    UserFactory,
    VirtualQueueFactory,
    supervisor,
)
from tests.pages.browser import SECONDS, assert_accessible, assert_fits

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]

OPTIONS = {"_route_point": "8999@SIP_Switch", "_urs_virtual_queue": "Billing_VQ", "_target": "Billing@StatServer.GA"}


@pytest.fixture(autouse=True)
def patience() -> None:
    expect.set_options(timeout=SECONDS * 1000)


@pytest.fixture
def kate(transactional_db: None) -> Agent:
    """Ready, in the group Billing, and signs in as kate."""
    agent: Agent = AgentFactory.create(name="kate", user=UserFactory.create(username="kate"))
    AgentGroupFactory.create().agents.add(agent)
    agents.go_ready(agent, timezone.now())
    return agent


@pytest.fixture
def centre(kate: Agent) -> None:
    """Two services in one queue, and a third by itself."""
    VirtualQueueFactory.create(ewt_limit=600)
    for name, queue in (("billing", "Billing_VQ"), ("disputes", "Billing_VQ"), ("sales", "Sales_VQ")):
        ServiceFactory.create(name=name, options={**OPTIONS, "_urs_virtual_queue": queue})


@pytest.fixture
def signed_in(live_server: LiveServer) -> Callable[[Page, str, str], None]:
    def sign_in(page: Page, username: str, path: str) -> None:
        page.goto(f"{live_server.url}/login/?next={path}")
        page.get_by_label("Username").fill(username)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        expect(page.locator("#live")).to_have_text("Live")

    return sign_in


def wait_in(service: str) -> None:
    from services.models import ConfiguredService

    at = timezone.now() - timedelta(minutes=2)
    callback = CallbackFactory.create(
        service=ConfiguredService.objects.get(name=service), state=State.QUEUED, created_at=at
    )
    QueueEntry.objects.create(
        owner=callback.pk, queue="Billing_VQ", visit=1, place_at=at, reserve_seconds=20, keys=["GA:Billing"]
    )


def test_the_board_lives_and_says_when_it_does_not(
    page: Page, signed_in: Callable[[Page, str, str], None], centre: None
) -> None:
    supervisor()
    signed_in(page, "sue", "/board/")
    waiting = page.get_by_role("row", name="disputes").get_by_role("cell").nth(0)
    expect(waiting).to_have_text("0")
    wait_in("disputes")
    expect(waiting).to_have_text("1")

    # Folded away, it stays so over refreshes and over a reload; its queue still counts it.
    fold = page.get_by_role("button", name="Billing_VQ")
    fold.focus()
    page.keyboard.press("Enter")
    expect(fold).to_have_attribute("aria-expanded", "false")
    expect(page.get_by_role("row", name="disputes")).to_be_hidden()
    wait_in("disputes")
    expect(page.get_by_role("row", name="Billing_VQ").get_by_role("cell").nth(0)).to_have_text("2")
    expect(page.get_by_role("button", name="Billing_VQ")).to_be_focused()
    expect(page.get_by_role("row", name="disputes")).to_be_hidden()
    page.reload()
    expect(page.get_by_role("row", name="disputes")).to_be_hidden()

    pausing.pause("sales", actor="sue", now=timezone.now())
    expect(page.locator(".alarms")).to_contain_text("Service sales is paused.")
    page.context.set_offline(True)
    expect(page.locator("#live")).to_contain_text("Not live: last refreshed at")
    page.context.set_offline(False)
    expect(page.locator("#live")).to_have_text("Live")


@pytest.mark.parametrize(
    ("path", "width", "scheme"),
    [
        ("/board/", 1280, "light"),
        ("/board/", 390, "dark"),
        ("/board/?wall=1", 1920, "dark"),
        ("/agents/?state=all", 1280, "dark"),
        ("/agents/?state=all", 390, "light"),
        ("/agents/{pk}/", 1280, "light"),
        ("/agents/{pk}/", 390, "dark"),
    ],
)
def test_every_screen(
    page: Page,
    signed_in: Callable[[Page, str, str], None],
    centre: None,
    kate: Agent,
    path: str,
    width: int,
    scheme: str,
) -> None:
    supervisor()
    for service in ("billing", "billing", "disputes"):
        wait_in(service)
    pausing.pause("sales", actor="sue", now=timezone.now())
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    signed_in(page, "sue", path.format(pk=kate.pk))
    assert_accessible(page)
    assert_fits(page)


def test_a_supervisor_and_an_agent(
    page: Page, browser: Browser, live_server: LiveServer, signed_in: Callable[[Page, str, str], None], kate: Agent
) -> None:
    supervisor()
    desk = browser.new_context(base_url=live_server.url).new_page()
    signed_in(desk, "kate", "/desk/")
    signed_in(page, "sue", "/agents/")

    # By keyboard alone, from the list to the state.
    page.get_by_role("link", name="kate").focus()
    page.keyboard.press("Enter")
    page.get_by_label("Set to").select_option("Not ready")
    page.get_by_label("Reason", exact=True).select_option("Meeting")
    page.get_by_label("Why").fill("The team meets at two")
    page.keyboard.press("Enter")
    expect(page.get_by_text("kate is not ready.")).to_be_visible()
    expect(desk.get_by_role("heading", name=re.compile("Not ready ?: Meeting"))).to_be_visible()
    told = desk.get_by_label("From your supervisor")
    expect(told).to_contain_text("sue set you at")
    expect(told).to_contain_text("Not ready: Meeting: “The team meets at two”")
    assert_accessible(desk)
    desk.get_by_role("button", name="I have read it").click()
    expect(told).to_have_count(0)
    expect(page.get_by_text("not yet")).to_have_count(0)
    assert ForcedChange.objects.get().told_at is not None

    # The agent is quicker: what the supervisor saw a moment ago is not so any more.
    page.get_by_label("Set to").select_option("Logged out")
    page.get_by_label("Why").fill("End of the shift")
    page.evaluate("document.querySelector('#live-part').removeAttribute('hx-get')")
    shown = page.locator("input[name=shown]").get_attribute("value")
    desk.get_by_role("button", name="Ready", exact=True).click()
    expect(desk.get_by_role("heading", name="Ready", exact=True)).to_be_visible()
    page.evaluate(f"document.querySelector('input[name=shown]').value = {shown!r}")
    page.get_by_role("button", name="Set the state").click()
    expect(page.get_by_role("alert").first).to_contain_text("kate is ready by now. Nothing was changed")
    kate.refresh_from_db()
    assert kate.state == "ready"
    assert ForcedChange.objects.count() == 1
