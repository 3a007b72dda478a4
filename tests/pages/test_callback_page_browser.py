"""One callback's page and what-if in a real browser: what is drawn, by keyboard, on a phone, and accessible."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from callbacks.flow.decision import DialResult
from callbacks.flow.session import Stage
from callbacks.flow.states import Reason, State
from callbacks.models import Callback
from tests.factories import (
    PASSWORD,
    AttemptFactory,
    CallbackFactory,
    JournalEntryFactory,
    ServiceFactory,
    frozen_options,
    supervisor,
)
from tests.pages.browser import assert_accessible, until

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]

SECOND = timedelta(seconds=1)
WIDTHS = (1280, 390)


def sign_in(page: Page, live_server: LiveServer) -> None:
    supervisor(username="sue")
    page.goto(f"{live_server.url}/login/")
    page.get_by_label("Username").fill("sue")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()


def told() -> Callback:
    """Asked for yesterday, rested over the night, called three times this morning, and never reached."""
    called = timezone.now() - timedelta(minutes=30)
    asked = called - timedelta(hours=20)
    service = ServiceFactory.create()
    callback: Callback = CallbackFactory.create(
        service=service,
        state=State.COMPLETED,
        reason=Reason.FAIL_CALL_TO_CUSTOMER,
        created_at=asked,
        desired_at=called + 20 * SECOND,
        completed_at=called + timedelta(minutes=11),
        options=frozen_options(service),
    )

    def say(at_seconds: float, stage: Stage, kind: str, text: str, **fields: object) -> None:
        at = called + at_seconds * SECOND
        JournalEntryFactory.create(callback=callback, at=at, stage=stage, kind=kind, text=text, **fields)

    JournalEntryFactory.create(callback=callback, at=asked, stage=Stage.SCHEDULED, kind="scheduled", text="Scheduled.")
    say(-60, Stage.HELD, "started", "Execution started: User Terminated Immediate.")
    say(-50, Stage.RETRYING, "put-off", "Not dialled: the service is paused. No attempt was used.")
    for number, result in ((1, DialResult.BUSY), (2, DialResult.ANSWERING_MACHINE), (3, DialResult.NO_ANSWER)):
        began = (number - 1) * 300
        say(began, Stage.DIALLING, "dialling", f"Dialling the customer, attempt {number} of 3.")
        say(began + 1, Stage.RINGING, "ringing", "The call was sent to the customer's phone.", cause="LegDialling")
        answered = None
        if result == DialResult.ANSWERING_MACHINE:
            answered = called + (began + 9) * SECOND
            say(began + 9, Stage.DETECTING, "answered", "The call was answered.")
            hears = {"hears": "SampleTreatments/call_fail_ans_machine.wav"}
            say(began + 12, Stage.MESSAGE, "message", "An answering machine answered.", data=hears)
        stage, kind = (Stage.ENDED, "ended") if number == 3 else (Stage.RETRYING, "attempt-failed")
        say(began + 30, stage, kind, f"Attempt {number} of 3 failed.", cause="LegEnded")
        AttemptFactory.create(
            callback=callback,
            number=number,
            result=result,
            began_at=called + began * SECOND,
            dialled_at=called + (began + 1) * SECOND,
            answered_at=answered,
            ended_at=called + (began + 30) * SECOND,
        )
    return callback


def assert_fits(page: Page) -> None:
    """In light and dark, wide and narrow: nothing is cut off, and nothing that a reader would stumble over."""
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            # The page is laid out anew some time after the window has its size.
            until(page, f"document.documentElement.scrollWidth <= {width}")
            assert_accessible(page)


def test_why_a_customer_was_not_reached_is_seen_at_once(page: Page, live_server: LiveServer) -> None:
    callback = told()
    sign_in(page, live_server)
    page.goto(f"{live_server.url}/callbacks/{callback.pk}/")
    expect(page.locator(".because")).to_have_text("Not reached: 3 of 3 attempts: busy, answering machine, no answer.")
    picture = page.get_by_role("img", name="Its stages against time")
    expect(picture).to_be_visible()
    expect(picture.locator(".lane .who")).to_have_text(
        ["Customer, call 1: busy", "Customer, call 2: answering machine", "Customer, call 3: no answer"]
    )
    # Each call of half a minute has its room beside a night of waiting.
    widths = [box["width"] for bar in picture.locator(".bar-rings").all() if (box := bar.bounding_box())]
    assert len(widths) == 3
    assert min(widths) > 15
    expect(page.locator("#heard ~ table q")).to_contain_text("We tried to reach you")
    assert_fits(page)


def test_a_long_journal_is_looked_through_by_keyboard(page: Page, live_server: LiveServer) -> None:
    callback = told()
    sign_in(page, live_server)
    page.goto(f"{live_server.url}/callbacks/{callback.pk}/")
    page.locator("#show-not-done").focus()
    page.keyboard.press("Enter")
    expect(page.locator("li.entry")).to_have_count(1)
    expect(page.locator("li.entry")).to_contain_text("Not done")
    assert "show=not-done" in page.url
    page.locator("#stages summary").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#stages tbody tr").first).to_contain_text("rests until its time")


def test_what_if_is_asked_by_keyboard_and_stores_nothing(page: Page, live_server: LiveServer) -> None:
    service = ServiceFactory.create()
    sign_in(page, live_server)
    page.goto(f"{live_server.url}/what-if/")
    page.get_by_label("The request comes in at").fill("2026-10-25T01:55:00")
    page.get_by_label("in the time zone").fill("Europe/Berlin")
    page.get_by_label("Customer's number").fill("916504661232")
    page.get_by_label("Wait in the queue").select_option("given")
    page.get_by_label("Seconds").fill("40")
    page.get_by_label("First attempt").select_option("busy")
    page.keyboard.press("Tab")
    page.get_by_role("button", name="What would happen?").press("Enter")
    expect(page.get_by_role("heading", name="Accepted")).to_be_visible()
    expect(page.get_by_text("Clocks go back from 03:00 to 02:00")).to_be_visible()
    expect(page.locator(".lane .who").first).to_have_text("Customer, call 1: busy")
    assert not Callback.objects.filter(service=service).exists()
    assert_fits(page)


def test_what_if_says_what_is_wrong_with_the_question(page: Page, live_server: LiveServer) -> None:
    ServiceFactory.create()
    sign_in(page, live_server)
    page.goto(
        f"{live_server.url}/what-if/?service=voice-userterm-immediate&arrives=2026-03-29T02:30&zone=Europe/Berlin"
    )
    expect(page.get_by_role("alert")).to_have_text(
        "There is no 02:30 on that day in Europe/Berlin: clocks go forward over it."
    )
