"""Acts in a real browser: by keyboard alone, two supervisors on one callback, and what assistive technology finds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, BrowserContext, Error, Page, Route, expect
from pytest_django.live_server_helper import LiveServer

from callbacks.flow.session import Stage
from callbacks.flow.states import Reason, State
from callbacks.models import Callback, JournalEntry
from callbacks.pages.times import value_of
from telephony.models import QueueEntry
from tests.factories import PASSWORD, supervisor
from tests.pages.browser import assert_accessible
from tests.world import World

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]

# A machine under load answers in seconds.
expect.set_options(timeout=30_000)

NUMBER = "+498912345678"
MOVED = "Nothing was changed: the callback has moved on since you looked."
Open = Callable[[Page, Callback], None]


@pytest.fixture
def world(transactional_db: None) -> Iterator[World]:
    """A service that waits for an agent, and nobody logged in."""
    world = World(agents=("kate", "liam"), _wait_for_agent="true", _default_country="DE")
    with world.patched():
        yield world


@pytest.fixture
def sign_in(live_server: LiveServer) -> Callable[[Page, str], None]:
    def sign_in(page: Page, username: str) -> None:
        page.set_default_timeout(30_000)
        page.goto(f"{live_server.url}/login/")
        page.get_by_label("Username").fill(username)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("button", name="Sign out")).to_be_visible()

    return sign_in


@pytest.fixture
def open_page(live_server: LiveServer) -> Open:
    def open_page(page: Page, callback: Callback) -> None:
        page.goto(f"{live_server.url}/callbacks/{callback.pk}/")
        expect(page.locator("#acts-buttons")).to_be_visible()

    return open_page


@pytest.fixture
def sue(page: Page, sign_in: Callable[[Page, str], None]) -> Page:
    supervisor(username="sue")
    sign_in(page, "sue")
    return page


@pytest.fixture
def sam(browser: Browser, sign_in: Callable[[Page, str], None]) -> Iterator[Page]:
    """Another supervisor, in a browser of their own."""
    context: BrowserContext = browser.new_context()
    supervisor(username="sam")
    page = context.new_page()
    sign_in(page, "sam")
    yield page
    context.close()


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def tab_to(page: Page, selector: str) -> None:
    """Go there as somebody without a mouse does."""
    for _ in range(60):
        if page.evaluate(f"document.activeElement.matches({selector!r})"):
            return
        press(page, "Tab")
    raise AssertionError(f"{selector} cannot be reached by Tab")


def choose(page: Page, act: str) -> None:
    tab_to(page, f"#act-{act}")
    press(page, "Enter")
    expect(page.locator(f"#act-card[data-act={act}]")).to_be_visible()
    # The focus follows the form a moment later; a key before that would be the button's.
    expect(page.locator("#act-card :focus, #act-card:focus")).to_have_count(1)


def row(callback: Callback) -> Callback:
    return Callback.objects.get(pk=callback.pk)


def in_hours(hours: int) -> datetime:
    return (timezone.now() + timedelta(hours=hours)).replace(minute=0, second=0, microsecond=0)


# ---- the five commonest acts, by keyboard alone


def test_create_by_keyboard(sue: Page, world: World, live_server: LiveServer) -> None:
    sue.goto(f"{live_server.url}/callbacks/new/")
    # With one service it is chosen already, and the number is what is asked for.
    expect(sue.locator("#id_number")).to_be_focused()
    sue.keyboard.type("089 12345678")
    expect(sue.locator("#number-said")).to_contain_text("+49 89 12345678")
    tab_to(sue, "[name=at]")
    press(sue, "Space")
    tab_to(sue, ".act-do")
    press(sue, "Enter")
    expect(sue.get_by_text("Created.")).to_be_visible()
    made = Callback.objects.get()
    assert (made.state, made.customer_number) == (State.QUEUED, "08912345678")


def test_another_time_by_keyboard(sue: Page, world: World, open_page: Open) -> None:
    callback = world.start(NUMBER, desired_in="90000")
    open_page(sue, callback)
    choose(sue, "reschedule")
    expect(sue.locator("#at-now")).to_be_focused()
    press(sue, "Space")
    tab_to(sue, ".act-do")
    press(sue, "Enter")
    expect(sue.locator("#act-said")).to_contain_text("It is called as soon as possible.")
    expect(sue.locator("#act-said")).to_be_focused()
    # The page shows it at once, and so does the bar.
    expect(sue.locator("#live-part .state").first).to_have_text("Queued")
    assert row(callback).state == State.QUEUED


def test_cancel_by_keyboard_and_think_again(sue: Page, world: World, open_page: Open) -> None:
    callback = world.start(NUMBER)
    open_page(sue, callback)
    choose(sue, "cancel")
    press(sue, "Escape")
    expect(sue.locator("#act-card")).to_have_count(0)
    expect(sue.locator("#act-cancel")).to_be_focused()
    assert row(callback).state == State.QUEUED
    press(sue, "Enter")
    expect(sue.locator(".act-do")).to_be_focused()
    press(sue, "Enter")
    expect(sue.locator("#act-said")).to_contain_text("Cancelled: nobody is called for it any more.")
    # What is possible follows.
    expect(sue.locator("#act-recreate")).to_be_visible()
    expect(sue.locator("#act-cancel")).to_have_count(0)
    assert row(callback).reason == Reason.CANCELLED


def test_call_now_by_keyboard(sue: Page, world: World, open_page: Open) -> None:
    callback = world.start(NUMBER, desired_in="90000")
    open_page(sue, callback)
    choose(sue, "call-now")
    expect(sue.locator("#act-card")).to_contain_text("A phone that rang cannot be taken back.")
    press(sue, "Enter")
    expect(sue.locator("#act-said")).to_be_visible()
    assert row(callback).stage == Stage.DIALLING


def test_note_by_keyboard(sue: Page, world: World, open_page: Open) -> None:
    callback = world.start(NUMBER)
    open_page(sue, callback)
    choose(sue, "note")
    expect(sue.locator("#id_text")).to_be_focused()
    sue.keyboard.type("He called the branch.")
    tab_to(sue, ".act-do")
    press(sue, "Enter")
    expect(sue.locator("#act-said")).to_have_text("Written into the timeline.")
    expect(sue.locator("#live-part").get_by_text("He called the branch.").first).to_be_visible()
    assert JournalEntry.objects.filter(callback=callback, kind="note", actor="sue").count() == 1


# ---- the others, by mouse


def test_served_another_way_and_then_created_again(sue: Page, world: World, open_page: Open) -> None:
    callback = world.start(NUMBER, plan="gold")
    open_page(sue, callback)
    sue.locator("#act-served").click()
    sue.locator(".act-do").click()
    expect(sue.locator("#act-said")).to_be_visible()
    assert row(callback).reason == Reason.CANCELLED_SERVED
    sue.locator("#act-recreate").click()
    # What the request had stands in the form.
    expect(sue.locator("#id_number")).to_have_value(NUMBER)
    expect(sue.locator("[name=key]").first).to_have_value("plan")
    expect(sue.locator("[name=value]").first).to_have_value("gold")
    sue.locator("#at-now").check()
    sue.locator(".act-do").click()
    expect(sue.get_by_text("Created.", exact=True)).to_be_visible()
    made = Callback.objects.exclude(pk=callback.pk).get()
    assert (made.state, made.customer_number, made.user_data) == (State.QUEUED, NUMBER, {"plan": "gold"})
    expect(sue.locator("#live-part").get_by_text(callback.pk).first).to_be_visible()


# ---- two supervisors on one callback


def test_two_priorities(sue: Page, sam: Page, world: World, open_page: Open) -> None:
    callback = world.start(NUMBER)
    for page in (sue, sam):
        open_page(page, callback)
        page.locator("#act-priority").click()
        expect(page.locator("#id_priority")).to_have_value("0")
    sam.locator("#id_priority").fill("20")
    sam.locator(".act-do").click()
    expect(sam.locator("#act-said")).to_contain_text("Its priority is now 20.")
    sue.locator("#id_priority").fill("30")
    sue.locator(".act-do").click()
    expect(sue.locator("#act-card")).to_contain_text(MOVED)
    expect(sue.locator("#act-card")).to_contain_text("Priority 20 instead of 0, by sam.")
    expect(sue.locator("#id_priority")).to_have_value("30")
    assert QueueEntry.objects.get().priority == 20
    sue.locator(".act-do").click()
    expect(sue.locator("#act-said")).to_contain_text("Its priority is now 30.")
    # One click takes it back.
    sue.get_by_role("button", name="Undo: back to 20").click()
    expect(sue.locator("#act-said")).to_contain_text("Its priority is now 20.")
    assert QueueEntry.objects.get().priority == 20


def test_two_times(sue: Page, sam: Page, world: World, open_page: Open) -> None:
    callback = world.start(NUMBER, desired_in="90000")
    times = {sue: in_hours(27), sam: in_hours(29)}
    for page, at in times.items():
        open_page(page, callback)
        page.locator("#act-reschedule").click()
        page.locator("#id_day").fill(f"{at:%Y-%m-%d}")
        # The day's times come in anew, even when they are the same.
        expect(page.locator(".htmx-request")).to_have_count(0)
        page.locator(f'[name=at][value="{value_of(at)}"]').check()
    sam.locator(".act-do").click()
    expect(sam.locator("#act-said")).to_contain_text("It is now for")
    sue.locator(".act-do").click()
    expect(sue.locator("#act-card")).to_contain_text(MOVED)
    expect(sue.locator("#act-card")).to_contain_text("Another time was asked for by sam")
    expect(sue.locator(f'[name=at][value="{value_of(times[sue])}"]')).to_be_checked()
    assert row(callback).desired_at == times[sam]


def test_two_assignments(sue: Page, sam: Page, world: World, open_page: Open) -> None:
    callback = world.start(NUMBER)
    for page, agent in ((sue, "liam"), (sam, "kate")):
        open_page(page, callback)
        page.locator("#act-assign").click()
        page.locator("#id_agent").select_option(agent)
    sam.locator(".act-do").click()
    expect(sam.locator("#act-said")).to_contain_text("It is assigned to kate")
    sue.locator(".act-do").click()
    expect(sue.locator("#act-card")).to_contain_text("Assigned to agent kate by sam")
    expect(sue.locator("#id_agent")).to_have_value("liam")
    sue.get_by_role("button", name="Take it back from kate").click()
    expect(sue.locator("#act-said")).to_contain_text("It is assigned to nobody any more.")
    assert QueueEntry.objects.get().preferred_agent == ""


def test_one_cancels_while_the_other_asks_for_a_call(sue: Page, sam: Page, world: World, open_page: Open) -> None:
    callback = world.start(NUMBER)
    for page, act in ((sue, "call-now"), (sam, "cancel")):
        open_page(page, callback)
        page.locator(f"#act-{act}").click()
    sam.locator(".act-do").click()
    expect(sam.locator("#act-said")).to_be_visible()
    sue.locator(".act-do").click()
    expect(sue.locator("#act-card")).to_contain_text("Nothing was changed: this cannot be done now.")
    expect(sue.locator("#act-card")).to_contain_text("Cancelled by sam.")
    assert JournalEntry.objects.filter(callback=callback, kind="dialling").count() == 0


def test_two_edits(sue: Page, sam: Page, world: World, open_page: Open) -> None:
    callback = world.start(NUMBER, first_name="Ada")
    for page, name in ((sue, "Sues"), (sam, "Sams")):
        open_page(page, callback)
        page.locator("#act-edit").click()
        page.get_by_label("first_name").fill(name)
    sam.locator(".act-do").click()
    expect(sam.locator("#act-said")).to_contain_text("Saved")
    sue.locator(".act-do").click()
    expect(sue.locator("#act-card")).to_contain_text("Now: Sams")
    expect(sue.get_by_label("first_name")).to_have_value("Sues")
    assert row(callback).user_data == {"first_name": "Sams"}


# ---- for everybody


def test_a_double_click_acts_once(sue: Page, world: World, open_page: Open) -> None:
    callback = world.start(NUMBER)
    open_page(sue, callback)
    sue.locator("#act-note").click()
    sue.locator("#id_text").fill("Twice?")
    sue.locator(".act-do").dblclick()
    expect(sue.locator("#act-said")).to_be_visible()
    assert JournalEntry.objects.filter(callback=callback, kind="note").count() == 1


def test_a_refresh_of_the_buttons_takes_no_click_back(sue: Page, world: World, open_page: Open) -> None:
    open_page(sue, world.start(NUMBER))
    held: list[Route] = []
    sue.route("**/note/", lambda route: held.append(route))
    sue.locator("#act-note").click()
    sue.evaluate("""
        document.getElementById("acts-buttons").dataset.old = "yes";
        const part = document.getElementById("live-part");
        part.dispatchEvent(new CustomEvent("htmx:afterSettle", {bubbles: true, detail: {target: part}}));
    """)
    expect(sue.locator("#acts-buttons[data-old]")).to_have_count(0)
    held[0].continue_()
    expect(sue.locator("#act-card[data-act=note]")).to_be_visible()


def test_of_two_clicks_the_last_one_counts(sue: Page, world: World, open_page: Open) -> None:
    open_page(sue, world.start(NUMBER))
    held: list[Route] = []
    sue.route("**/cancel/", lambda route: held.append(route))
    sue.locator("#act-cancel").click()
    sue.locator("#act-note").click()
    expect(sue.locator("#act-card[data-act=note]")).to_be_visible()
    # What was asked for before comes too late; with the button to cancel in focus it would be dangerous.
    with suppress(Error):
        held[0].continue_()
    sue.wait_for_timeout(500)
    expect(sue.locator("#act-card[data-act=note]")).to_be_visible()


def test_every_form_is_accessible(sue: Page, world: World, open_page: Open, live_server: LiveServer) -> None:
    callback = world.start(NUMBER, first_name="Ada")
    open_page(sue, callback)
    for act in ("call-now", "reschedule", "priority", "assign", "edit", "note", "served", "cancel"):
        sue.locator(f"#act-{act}").click()
        expect(sue.locator(f"#act-card[data-act={act}]")).to_be_visible()
        assert_accessible(sue)
    sue.goto(f"{live_server.url}/callbacks/new/?service={world.service.name}")
    assert_accessible(sue)
    sue.locator(".act-do").click()
    sue.locator("#id_number").fill("abc")
    sue.locator("#at-now").check()
    sue.locator(".act-do").click()
    expect(sue.locator("#create-said")).to_be_visible()
    assert_accessible(sue)


def test_without_javascript_acts_are_pages(
    browser: Browser, sign_in: Callable[[Page, str], None], world: World, live_server: LiveServer
) -> None:
    callback = world.start(NUMBER)
    supervisor(username="sue")
    context = browser.new_context(java_script_enabled=False, viewport={"width": 390, "height": 844})
    page = context.new_page()
    sign_in(page, "sue")
    page.goto(f"{live_server.url}/callbacks/{callback.pk}/")
    page.locator("#act-priority").click()
    page.locator("#id_priority").fill("7")
    page.locator(".act-do").click()
    expect(page.locator("#act-said")).to_contain_text("Its priority is now 7.")
    page.get_by_role("button", name="Undo: back to 0").click()
    expect(page.locator("#act-said")).to_contain_text("Its priority is now 0.")
    page.goto(f"{live_server.url}/callbacks/{callback.pk}/note/")
    page.locator("#id_text").fill("A note.")
    page.locator(".act-do").click()
    expect(page.get_by_text("Written into the timeline.")).to_be_visible()
    context.close()
    assert JournalEntry.objects.filter(callback=callback, kind="note").count() == 1
