"""Pausing and the calendar in real browsers: two people at once, by keyboard, in light and dark, wide and narrow."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from callbacks.flow.states import State
from callbacks.models import Callback
from callbacks.pages.times import value_of
from scheduling import blocks, bookings, offices
from scheduling.models import SlotBlock
from services import pausing
from services.models import ConfiguredService
from tests.factories import PASSWORD, CallbackFactory, ServiceFactory, supervisor
from tests.pages.browser import assert_accessible, assert_fits

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("reads_pauses")]

BERLIN = ZoneInfo("Europe/Berlin")
PATIENCE = 30_000


@pytest.fixture
def open_as(browser: Browser, live_server: LiveServer) -> Callable[[str], Page]:
    """A browser of somebody's own, signed in."""

    def open_as(username: str) -> Page:
        page = browser.new_context().new_page()
        page.set_default_timeout(PATIENCE)
        page.goto(f"{live_server.url}/login/")
        page.get_by_label("Username").fill(username)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("button", name="Sign out")).to_be_visible(timeout=PATIENCE)
        return page

    return open_as


@pytest.fixture
def billing(transactional_db: None) -> ConfiguredService:
    """Open all day in Berlin, four callbacks each half hour."""
    hours = {"_timezone": "Europe/Berlin", "_bh_regular1": "Mon-Sun 09:00-17:00"}
    ServiceFactory.create(name="berlin", type="office-hours", configuration="Custom", options=hours)
    slots = {"_business_hours_service": "berlin", "_request_time_bucket": "30", "_max_request_by_time_bucket": "4"}
    flow = {"_route_point": "8999@SIP_Switch", "_urs_virtual_queue": "Billing_VQ", "_target": "Billing@StatServer.GA"}
    ServiceFactory.create(name="billing", options={**flow, **slots})
    return ConfiguredService.objects.get(name="billing")


def tomorrow(clock: int = 9) -> datetime:
    """A full hour of tomorrow in Berlin."""
    day = timezone.now().astimezone(BERLIN).date() + timedelta(days=1)
    return datetime(day.year, day.month, day.day, clock, tzinfo=BERLIN)


def book(service: ConfiguredService, at: datetime) -> str:
    pk: str = CallbackFactory.create(
        service=service, state=State.SCHEDULED, created_at=timezone.now(), desired_at=at
    ).pk
    bookings.book(pk, service_id=service.pk, plan=offices.plan_of(service), desired_at=at)
    return pk


def cell(page: Page, at: datetime) -> Any:
    return page.locator(f"#slot-{at.astimezone(ZoneInfo('UTC')):%Y%m%dT%H%M}")


def test_one_pauses_everything_and_another_sees_it_and_resumes(
    billing: ConfiguredService, open_as: Callable[[str], Page], live_server: LiveServer
) -> None:
    supervisor(username="sam")
    supervisor(username="sue")
    sam, sue = open_as("sam"), open_as("sue")
    # A page that refreshes itself, and one that does not.
    sue.goto(f"{live_server.url}/estimates/")
    sam.goto(f"{live_server.url}/pauses/")
    sam.get_by_role("link", name="Pause everything…").click()
    expect(sam.get_by_role("heading", name="Pause everything?")).to_be_visible()
    sam.get_by_label("Why").fill("fire drill")
    sam.keyboard.press("Enter")
    expect(sam.locator("#pauses")).to_contain_text("Everything is paused by sam")
    expect(sue.locator("#pauses")).to_contain_text("Everything is paused by sam", timeout=PATIENCE)
    expect(sue.locator("#pauses")).to_contain_text(": fire drill")
    sue.get_by_role("button", name="Resume").click()
    expect(sue.get_by_role("heading", name="Estimates")).to_be_visible()
    expect(sue.get_by_text("Everything is resumed.")).to_be_visible()
    expect(sam.locator("#pauses .notice")).to_have_count(0, timeout=PATIENCE)
    assert pausing.paused_services() == set()


def test_one_blocks_a_slot_while_another_looks_at_it(
    billing: ConfiguredService, open_as: Callable[[str], Page], live_server: LiveServer
) -> None:
    supervisor(username="sam")
    supervisor(username="sue")
    at = tomorrow()
    pk = book(billing, at)
    sam, sue = open_as("sam"), open_as("sue")
    for page in (sam, sue):
        page.goto(f"{live_server.url}/calendar/?service=billing")
        cell(page, at).click()
        expect(page.get_by_role("link", name="Book", exact=True)).to_be_visible()
    # What is typed outlives the refreshes that others cause.
    sam.get_by_label("Why").fill("team tr")
    book(billing, at)
    expect(cell(sam, at)).to_have_text("2/4", timeout=PATIENCE)
    sam.get_by_label("Why").press_sequentially("aining")
    sam.get_by_role("button", name="Block", exact=True).click()
    expect(sam.get_by_text("Blocked by sam: team training")).to_be_visible()
    expect(sue.get_by_text("Blocked by sam: team training")).to_be_visible(timeout=PATIENCE)
    # Nothing more is booked, and who is booked can be reached to be rescheduled.
    expect(sue.get_by_role("link", name="Book", exact=True)).to_have_count(0)
    expect(sue.locator(f'#slot-panel a[href="/callbacks/{pk}/"]')).to_be_visible()
    with pytest.raises(bookings.Full):
        bookings.book("late", service_id=billing.pk, plan=offices.plan_of(billing), desired_at=at)
    sue.get_by_role("button", name="Unblock", exact=True).click()
    expect(sue.get_by_text("Unblocked: it can be booked again.")).to_be_visible()
    expect(sam.get_by_role("link", name="Book", exact=True)).to_be_visible(timeout=PATIENCE)
    assert SlotBlock.objects.count() == 0


def test_one_blocks_a_slot_for_which_another_fills_in_the_form(
    billing: ConfiguredService, open_as: Callable[[str], Page], live_server: LiveServer
) -> None:
    supervisor(username="sam")
    supervisor(username="sue")
    at = tomorrow()
    sam, sue = open_as("sam"), open_as("sue")
    for page in (sam, sue):
        page.goto(f"{live_server.url}/calendar/?service=billing")
        cell(page, at).click()
    sue.get_by_role("link", name="Book", exact=True).click()
    chosen = sue.locator("[name=at]:checked")
    expect(chosen).to_have_count(1)
    taken = chosen.get_attribute("value")
    sue.get_by_label("Number", exact=True).fill("+4930123456")
    sam.get_by_label("Why").fill("team training")
    sam.get_by_role("button", name="Block", exact=True).click()
    expect(sam.get_by_text("Blocked by sam: team training")).to_be_visible()
    # The slot went while she typed: nothing is created, what she typed stays, and other times are offered.
    sue.locator(".act-do").click()
    expect(sue.locator("#create-said")).to_contain_text("Nothing was created.")
    expect(sue.get_by_label("Number", exact=True)).to_have_value("+4930123456")
    expect(sue.locator(f'[name=at][value="{taken}"]')).to_have_count(0)
    assert Callback.objects.count() == 0
    free = sue.locator(f'[name=at][value="{value_of(at + timedelta(minutes=30))}"]')
    free.check()
    sue.locator(".act-do").click()
    expect(sue.get_by_text("Created.", exact=True)).to_be_visible()
    made = Callback.objects.get()
    assert (made.state, made.desired_at) == (State.SCHEDULED, at + timedelta(minutes=30))
    expect(cell(sam, made.desired_at)).to_have_text("1/4", timeout=PATIENCE)


def test_a_slot_is_found_and_blocked_by_keyboard_alone(
    billing: ConfiguredService, open_as: Callable[[str], Page], live_server: LiveServer
) -> None:
    supervisor(username="sue")
    page = open_as("sue")
    first = tomorrow()
    page.goto(f"{live_server.url}/calendar/?service=billing&date={first:%Y-%m-%d}")
    cell(page, first).focus()
    page.keyboard.press("ArrowDown")
    expect(cell(page, first + timedelta(minutes=30))).to_be_focused()
    page.keyboard.press("ArrowRight")
    second = first + timedelta(days=1, minutes=30)
    expect(cell(page, second)).to_be_focused()
    page.keyboard.press("End")
    page.keyboard.press("Home")
    page.keyboard.press("ArrowUp")
    expect(cell(page, first)).to_be_focused()
    # One stop of the Tab key for the whole grid, also after a refresh, which leaves the focus where it was.
    assert page.locator(".calendar tbody a[tabindex='0']").count() == 1
    book(billing, second)
    expect(cell(page, second)).to_have_text("1/4", timeout=PATIENCE)
    expect(cell(page, first)).to_be_focused()
    assert page.locator(".calendar tbody a[tabindex='0']").count() == 1
    page.keyboard.press("Enter")
    expect(page.locator("#slot-panel")).to_be_focused()
    page.keyboard.press("Escape")
    expect(cell(page, first)).to_be_focused()
    page.get_by_label("Why").focus()
    page.keyboard.type("drill")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Blocked by sue: drill")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_the_pages_are_accessible(
    billing: ConfiguredService, open_as: Callable[[str], Page], live_server: LiveServer, scheme: Any, width: int
) -> None:
    supervisor(username="sue")
    at, now = tomorrow(), timezone.now()
    for _ in range(4):
        book(billing, at)
    book(billing, at + timedelta(hours=1))
    later = at + timedelta(hours=2)
    blocks.block(billing, later, later + timedelta(hours=1), reason="drill", actor="sam", now=now)
    pausing.pause("billing", actor="sam", reason="power cut", now=now)
    page = open_as("sue")
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 900})
    chosen = f"{later.astimezone(ZoneInfo('UTC')):%Y-%m-%dT%H:%M:00.000Z}"
    for path in (
        "calendar/?service=billing",
        f"calendar/?service=billing&view=day&slot={chosen}",
        "calendar/?service=billing&date=2026-02-30",
        "pauses/",
        "pauses/ask/?service=all",
    ):
        page.goto(f"{live_server.url}/{path}")
        assert_accessible(page)
        assert_fits(page)
