"""The pages in a real browser: a supervisor's look, an agent in two tabs, what is live and what is not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import BrowserContext, Page, expect
from pytest_django.live_server_helper import LiveServer

from callbacks.flow.decision import DialResult
from callbacks.flow.states import Reason, State
from callbacks.models import Callback
from callbacks.status.models import StatusNotice
from telephony.models import Agent
from tests.factories import (
    PASSWORD,
    AgentFactory,
    AttemptFactory,
    CallbackFactory,
    JournalEntryFactory,
    UserFactory,
    supervisor,
)
from tests.pages.browser import assert_accessible, assert_fits

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def sign_in(live_server: LiveServer) -> Callable[[Page, str], None]:
    def sign_in(page: Page, username: str) -> None:
        page.goto(live_server.url)
        page.get_by_label("Username").fill(username)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()

    return sign_in


def told(state: State = State.QUEUED, **fields: Any) -> Callback:
    """A callback with a story."""
    now = timezone.now()
    callback: Callback = CallbackFactory.create(**{"created_at": now, "desired_at": now, "state": state, **fields})
    AttemptFactory.create(callback=callback, result=DialResult.BUSY, began_at=timezone.now())
    JournalEntryFactory.create(callback=callback, at=timezone.now())
    return callback


def parked(callback: Callback) -> StatusNotice:
    """What a receiver did not take."""
    now = timezone.now()
    times = dict.fromkeys(("made_at", "give_up_at", "due_at", "settled_at"), now)
    receiver = "https://a-customer-relationship-management.example.org:8443"
    fields = {"event": "_cbe_on_connect_treatment_start", "receiver": receiver, "target": receiver, "state": "parked"}
    return StatusNotice.objects.create(callback=callback.pk, reason="it answered 500", attempt=34, **fields, **times)


def test_a_supervisor_signs_in_and_reads_a_callback(page: Page, sign_in: Callable[[Page, str], None]) -> None:
    supervisor(username="sue")
    told(state=State.COMPLETED, reason=Reason.FAIL_CALL_TO_CUSTOMER)
    sign_in(page, "sue")
    expect(page.get_by_role("heading", name="Board", exact=True)).to_be_visible()
    page.get_by_role("link", name="Callbacks", exact=True).click()
    expect(page.get_by_role("heading", name="Callbacks", exact=True)).to_be_visible()
    expect(page.locator("#live")).to_have_text("Live")
    page.get_by_role("link", name="Completed").click()
    expect(page.get_by_role("heading", name="Timeline")).to_be_visible()
    expect(page.get_by_text("The customer was not reached")).to_be_visible()
    expect(page.get_by_text("Dialling the customer, attempt 1 of 3.")).to_be_visible()
    # Over: nothing is left that could change.
    expect(page.locator("#live")).to_have_count(0)


def test_the_list_takes_up_new_rows_and_keeps_the_focus(page: Page, sign_in: Callable[[Page, str], None]) -> None:
    supervisor(username="sue")
    first = told()
    sign_in(page, "sue")
    page.get_by_role("link", name="Callbacks", exact=True).click()
    page.locator(f"#row-{first.pk}").focus()
    second = told(state=State.ROUTING)
    expect(page.locator(f"#row-{second.pk}")).to_be_visible()
    expect(page.locator(f"#row-{first.pk}")).to_be_focused()


def test_a_callback_takes_up_its_story_and_keeps_its_folds(
    page: Page, sign_in: Callable[[Page, str], None], live_server: LiveServer
) -> None:
    supervisor(username="sue")
    callback = told(overrides={"_wait_for_agent": "false"})
    sign_in(page, "sue")
    page.goto(f"{live_server.url}/callbacks/{callback.pk}/")
    page.get_by_text("Options it runs with").click()
    expect(page.get_by_text("Set by the request itself")).to_be_visible()
    JournalEntryFactory.create(callback=callback, at=timezone.now(), text="The call was answered.")
    expect(page.get_by_text("The call was answered.")).to_be_visible()
    expect(page.get_by_text("Set by the request itself")).to_be_visible()
    Callback.objects.update(
        state=State.COMPLETED, stage="ended", reason=Reason.AGENT_CONNECTED, completed_at=timezone.now()
    )
    expect(page.get_by_text("Connected to an agent")).to_be_visible()
    expect(page.locator("#live")).to_have_count(0)


def test_a_page_says_when_it_is_not_live(
    page: Page, context: BrowserContext, sign_in: Callable[[Page, str], None]
) -> None:
    supervisor(username="sue")
    sign_in(page, "sue")
    expect(page.locator("#live")).to_have_text("Live")
    context.set_offline(True)
    expect(page.locator("#live")).to_contain_text("Not live: last refreshed at")
    context.set_offline(False)
    expect(page.locator("#live")).to_have_text("Live")


def test_a_page_whose_session_has_ended_leads_to_the_login(
    page: Page, context: BrowserContext, sign_in: Callable[[Page, str], None]
) -> None:
    supervisor(username="sue")
    sign_in(page, "sue")
    expect(page.locator("#live")).to_have_text("Live")
    context.clear_cookies()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.get_by_label("Username").fill("sue")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Board", exact=True)).to_be_visible()


def test_two_tabs_of_a_desk_agree(page: Page, context: BrowserContext, sign_in: Callable[[Page, str], None]) -> None:
    kate = AgentFactory.create(name="kate", user=UserFactory.create(username="kate"))
    sign_in(page, "kate")
    other = context.new_page()
    other.goto(page.url)
    state, other_state = page.locator("#desk-state"), other.locator("#desk-state")
    expect(state).to_have_text("Logged out")

    page.get_by_role("button", name="Ready", exact=True).click()
    expect(state).to_have_text("Ready")
    expect(other_state).to_have_text("Ready")
    expect(other).to_have_title("Ready · Desk · Callbacksite")

    other.get_by_label("Reason").select_option("Lunch")
    other.get_by_label("In your own words").fill("back at two")
    other.get_by_role("button", name="Not ready").click()
    expect(other_state).to_have_text("Not ready: Lunch: back at two")
    expect(state).to_have_text("Not ready: Lunch: back at two")

    callback = CallbackFactory.create(user_data={"topic": "<b>bill</b>"})
    Agent.objects.filter(pk=kate.pk).update(state="on_call", reserved_for=callback.pk, reservation="r1", reason="")
    expect(page.get_by_text("916504661232")).to_be_visible()
    expect(page.get_by_text("<b>bill</b>")).to_be_visible()
    page.get_by_role("button", name="Log out of the desk").click()
    expect(other.get_by_text("After the present call you will be logged out")).to_be_visible()
    Agent.objects.filter(pk=kate.pk).update(state="logged_out", next_state="", reserved_for=None, reservation="")
    expect(other.get_by_text("916504661232")).to_have_count(0)
    expect(page.locator("#live")).to_have_text("Live")


def test_the_desk_works_by_keyboard_and_its_refresh_disturbs_nobody(
    page: Page, sign_in: Callable[[Page, str], None]
) -> None:
    kate = AgentFactory.create(name="kate", user=UserFactory.create(username="kate"))
    sign_in(page, "kate")
    words = page.get_by_label("In your own words")
    words.focus()
    page.keyboard.type("half a sen")
    Agent.objects.filter(pk=kate.pk).update(state="ready")
    expect(page.locator("#desk-state")).to_have_text("Ready")
    expect(words).to_be_focused()
    page.keyboard.type("tence")
    page.keyboard.press("Enter")
    expect(page.locator("#desk-state")).to_have_text("Not ready: Break: half a sentence")


def test_without_scripts_the_desk_works_all_the_same(
    browser: Any, live_server: LiveServer, sign_in: Callable[[Page, str], None]
) -> None:
    AgentFactory.create(name="kate", user=UserFactory.create(username="kate"))
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    sign_in(page, "kate")
    page.get_by_role("button", name="Ready", exact=True).click()
    expect(page.locator("#desk-state")).to_have_text("Ready")
    expect(page.locator("#live noscript")).to_be_visible()
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_pages_are_accessible(
    page: Page, live_server: LiveServer, sign_in: Callable[[Page, str], None], scheme: Any, width: int
) -> None:
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 900})
    sue = supervisor(username="sue", is_staff=True)
    kate = AgentFactory.create(name="kate", user=sue)
    page.goto(f"{live_server.url}/login/")
    assert_accessible(page)
    sign_in(page, "sue")
    page.goto(f"{live_server.url}/callbacks/")
    assert_accessible(page)
    for state in State:
        told(state=state)
    failed = told(state=State.COMPLETED, reason=Reason.FAIL_ERROR)
    parked(failed)
    paths = ("callbacks/", "callbacks/?q=nothing", f"callbacks/{failed.pk}/", "callbacks/unknown/")
    for path in (*paths, "notifications/", "notifications/?q=nothing"):
        page.goto(f"{live_server.url}/{path}")
        assert_accessible(page)
        assert_fits(page)
    for agent_state in ("logged_out", "ready", "not_ready", "reserved"):
        owner = {"reserved_for": failed.pk, "next_state": "not_ready"} if agent_state == "reserved" else {}
        Agent.objects.filter(pk=kate.pk).update(state=agent_state, **owner)
        page.goto(f"{live_server.url}/desk/")
        assert_accessible(page)
        assert_fits(page)
