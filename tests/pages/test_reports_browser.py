"""Reports in a real browser: chosen by keyboard, readable for everybody from a phone to a wall, printed."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from callbacks.reporting import sweep
from tests import reports
from tests.factories import PASSWORD, supervisor
from tests.pages.browser import assert_accessible, assert_fits

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]


def furnish() -> None:
    reports.make(21, 80, start=timezone.now() - timedelta(days=13), days=12)
    while sweep.report_batch(100):
        pass


@pytest.fixture
def signed_in(live_server: LiveServer, page: Page) -> Page:
    page.set_default_timeout(30_000)
    expect.set_options(timeout=30_000)
    supervisor(username="sue")
    page.goto(f"{live_server.url}/login/")
    page.get_by_label("Username").fill("sue")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    return page


def test_a_period_is_chosen_by_keyboard(signed_in: Page) -> None:
    furnish()
    signed_in.get_by_role("link", name="Reports").click()
    expect(signed_in.get_by_role("heading", name="How far callbacks came")).to_be_visible()
    signed_in.get_by_label("Period", exact=True).select_option("28d")
    signed_in.get_by_label("By", exact=True).focus()
    signed_in.keyboard.press("s")
    signed_in.keyboard.press("Tab")
    signed_in.keyboard.press("Enter")
    expect(signed_in).to_have_url(re.compile("period=28d.*by=service"))
    rows = signed_in.get_by_role("table", name="Service by service").get_by_role("row")
    expect(rows).to_have_count(4)
    accepted = signed_in.get_by_role("table", name="How far callbacks came").get_by_role("row", name="Accepted")
    expect(accepted).to_contain_text("80")


def test_a_wrong_period_is_said_at_the_form(signed_in: Page) -> None:
    signed_in.get_by_role("link", name="Reports").click()
    signed_in.get_by_label("Period", exact=True).select_option("custom")
    signed_in.get_by_role("button", name="Show").click()
    expect(signed_in.get_by_role("alert")).to_have_text("Give the first and the last day, each as YYYY-MM-DD.")
    today = timezone.localdate().isoformat()
    signed_in.get_by_label("From").fill(today)
    signed_in.get_by_label("To", exact=True).fill(today)
    signed_in.get_by_role("button", name="Show").click()
    expect(signed_in.get_by_role("heading", name="Nothing ended in this period")).to_be_visible()


def test_tables_and_callbacks_can_be_taken_along(signed_in: Page) -> None:
    furnish()
    signed_in.get_by_role("link", name="Reports").click()
    with signed_in.expect_download() as table:
        signed_in.get_by_role("link", name="CSV: How callbacks ended").click()
    assert table.value.suggested_filename.startswith("outcomes-")
    with signed_in.expect_download() as facts:
        signed_in.get_by_role("link", name="Every callback of the period, as CSV").click()
    assert facts.value.path().read_text().startswith("SEQ,_CB_SERVICE_ID,")


def test_it_can_be_read_by_everybody(signed_in: Page, live_server: LiveServer) -> None:
    furnish()
    for scheme, width in (("light", 390), ("dark", 1280), ("light", 2560)):
        chosen: Any = scheme
        signed_in.emulate_media(color_scheme=chosen)
        signed_in.set_viewport_size({"width": width, "height": 900})
        signed_in.goto(f"{live_server.url}/reports/?period=28d")
        expect(signed_in.get_by_role("heading", name="What agents did")).to_be_visible()
        assert_accessible(signed_in)
        assert_fits(signed_in)


def test_it_prints_without_the_form(signed_in: Page, live_server: LiveServer) -> None:
    furnish()
    signed_in.goto(f"{live_server.url}/reports/?period=28d")
    signed_in.emulate_media(media="print", color_scheme="dark")
    expect(signed_in.get_by_role("button", name="Show")).to_be_hidden()
    expect(signed_in.get_by_role("link", name="Reports")).to_be_hidden()
    expect(signed_in.get_by_role("table", name="How far callbacks came")).to_be_visible()
    # Black on white, whatever the screen is like.
    assert signed_in.evaluate("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
