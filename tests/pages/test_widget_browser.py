"""The widget in a real browser: a visitor asks to be called, picks a time, moves it, and thinks again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from django.conf import settings
from django.utils import timezone
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from callbacks import demo
from callbacks.flow.states import Reason, State
from callbacks.models import Callback
from services.models import ApiKey, ConfiguredService
from tests.pages.browser import assert_accessible, assert_fits

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]

FILE = Path(settings.BASE_DIR) / "static" / "widget" / "callbacksite.js"
NUMBER = "+1 650 466 1232"


def furnish(folder: Path) -> None:
    # The logins are another story.
    with mock.patch.object(demo, "_logins"):
        demo.load(folder, timezone.now())


@pytest.fixture
def shop(live_server: LiveServer, page: Page, tmp_path: Path) -> Iterator[Page]:
    """The demo's page, which a visitor has just opened; whatever the browser complains about fails the test."""
    furnish(tmp_path)
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"{live_server.url}/demo/")
    yield page
    # The page asks again and again: not while the tables are emptied.
    page.wait_for_load_state("networkidle")
    page.goto("about:blank")
    # An answer with an error status is told there, too.
    assert [each for each in complaints if "Failed to load resource" not in each] == []


def fill_in(shop: Page, *, number: str = NUMBER) -> None:
    shop.get_by_label("Your telephone number").fill(number)


def pick_a_time(shop: Page) -> str:
    """The last time of the last day that is offered; its moment as it is sent."""
    times = shop.get_by_label("Time", exact=True)
    expect(times.locator("option").first).to_be_attached()
    shop.get_by_label("Day").select_option(index=2)
    times.select_option(index=1)
    return times.input_value()


def test_a_visitor_is_called_as_soon_as_possible(shop: Page) -> None:
    fill_in(shop)
    shop.get_by_role("button", name="Call me").click()
    expect(shop.get_by_text(f"Thank you. We call {NUMBER} as soon as somebody is free.")).to_be_focused()
    callback = Callback.objects.get()
    assert (callback.customer_number, callback.service_name) == ("+16504661232", demo.IMMEDIATE)

    # Whoever comes back finds their call, and may do without it.
    shop.reload()
    shop.get_by_role("button", name="Cancel the call").click()
    expect(shop.get_by_text("Do you want us not to call you?")).to_be_focused()
    shop.get_by_role("button", name="Back").click()
    shop.get_by_role("button", name="Cancel the call").click()
    shop.get_by_role("button", name="Cancel the call").click()
    expect(shop.get_by_text("The call is cancelled.")).to_be_focused()
    callback.refresh_from_db()
    assert (callback.state, callback.reason) == (State.COMPLETED, Reason.CANCELLED)
    shop.get_by_role("button", name="Ask for another call").click()
    expect(shop.get_by_label("Your telephone number")).to_be_visible()


def test_a_visitor_picks_a_time_and_then_another(shop: Page) -> None:
    fill_in(shop)
    shop.get_by_label("At a time of your choice").check()
    first = pick_a_time(shop)
    shop.get_by_role("button", name="Call me").click()
    expect(shop.get_by_text(f"Thank you. We call {NUMBER} on ")).to_be_visible()
    callback = Callback.objects.get()
    assert (f"{callback.desired_at:%Y-%m-%dT%H:%M:%S}.000Z", callback.state) == (first, State.SCHEDULED)

    shop.get_by_role("button", name="Choose another time").click()
    times = shop.get_by_label("Time", exact=True)
    expect(times.locator("option").first).to_be_attached()
    shop.get_by_label("Day").select_option(index=3)
    second = times.input_value()
    assert second > first
    shop.get_by_role("button", name="Choose another time").click()
    expect(shop.get_by_text(f"Thank you. We call {NUMBER} on ")).to_be_visible()
    callback.refresh_from_db()
    assert f"{callback.desired_at:%Y-%m-%dT%H:%M:%S}.000Z" == second


def test_a_visitor_confirms_that_now_is_the_time(shop: Page) -> None:
    fill_in(shop)
    shop.get_by_role("button", name="Call me").click()
    expect(shop.get_by_text(f"Thank you. We call {NUMBER}")).to_be_visible()
    # An agent is about to be free, and nobody but the visitor is awaited.
    asked = f"**/service/{Callback.objects.get().pk}/dialog"
    answer = {"_dialog_id": "0", "_action": "ConfirmationDialog", "_text": "", "_ok_title": "Ok", "_id": "369"}
    shop.route(asked, lambda route: route.fulfill(json=answer))
    connected: list[str] = []

    def connect(route: Any) -> None:
        connected.append(route.request.method)
        route.fulfill(json=answer)

    shop.route("**/connect", connect)
    shop.reload()
    expect(shop.get_by_text("Somebody is about to be free for you.")).to_be_focused()
    shop.unroute(asked)
    shop.get_by_role("button", name="Call me now").click()
    expect(shop.get_by_text(f"Thank you. We call {NUMBER}")).to_be_focused()
    assert connected == ["POST"]
    assert Callback.objects.get().properties["_device_os"] == "comet", "else nobody would ask"


def test_without_a_number_nothing_is_asked_for(shop: Page) -> None:
    shop.get_by_role("button", name="Call me").click()
    expect(shop.get_by_role("alert")).to_have_text("Enter the number at which we may call you.")
    expect(shop.get_by_label("Your telephone number")).to_be_focused()
    assert not Callback.objects.exists()


def test_what_the_service_refuses_is_said(shop: Page) -> None:
    fill_in(shop, number="12345678901234567890123456789012345")
    shop.get_by_role("button", name="Call me").click()
    expect(shop.get_by_role("alert")).to_contain_text("That did not work: ")
    assert not Callback.objects.exists()
    ApiKey.objects.update(requests_a_minute=1)
    fill_in(shop)
    shop.get_by_role("button", name="Call me").click()
    expect(shop.get_by_role("alert")).to_have_text("There were too many requests. Try again in a few minutes.")


def test_while_closed_the_times_that_are_free_are_offered(shop: Page) -> None:
    ConfiguredService.objects.create(
        name="hours", type="office-hours", configuration="Custom", options={"_timezone": "UTC", **tomorrow_only()}
    )
    service = ConfiguredService.objects.get(name=demo.IMMEDIATE)
    service.options |= {"_business_hours_service": "hours", "_enable_reject_out_of_office_hours": "true"}
    service.save(update_fields=["options"])
    fill_in(shop)
    shop.get_by_role("button", name="Call me").click()
    expect(shop.get_by_role("alert")).to_have_text("We cannot call then. These times are free:")
    expect(shop.get_by_label("At a time of your choice")).to_be_checked()
    expect(shop.get_by_label("Day").locator("option")).not_to_have_count(0)
    shop.get_by_role("button", name="Call me").click()
    expect(shop.get_by_text(f"Thank you. We call {NUMBER} on ")).to_be_visible()
    assert Callback.objects.get().state == State.SCHEDULED


def tomorrow_only() -> dict[str, str]:
    """Open on the day after the next, for an hour at noon."""
    day = timezone.now() + timedelta(days=2)
    return {"_bh_add1": f"{day:%Y-%m-%d} 12:00-13:00"}


def test_one_wish_is_one_call_however_often_it_is_sent(shop: Page) -> None:
    fill_in(shop)
    # The answer of the first try is lost on its way.
    lost: list[str] = []

    def lose_the_first(route: Any) -> None:
        if route.request.method == "POST" and not lost:
            lost.append(route.fetch().text())
            route.abort()
        else:
            route.continue_()

    shop.route("**/service/callback/*", lose_the_first)
    shop.get_by_role("button", name="Call me").click()
    expect(shop.get_by_role("alert")).to_contain_text("The service cannot be reached.")
    shop.get_by_role("button", name="Call me").click()
    expect(shop.get_by_text(f"Thank you. We call {NUMBER}")).to_be_visible()
    assert Callback.objects.count() == 1


def test_a_page_may_ask_for_a_captcha(shop: Page) -> None:
    shop.evaluate(
        """() => {
            window.solve = () => Promise.resolve("solved-it");
            const tag = document.querySelector("script[data-service]"), again = document.createElement("script");
            for (const { name, value } of tag.attributes) again.setAttribute(name, value);
            const place = document.createElement("div");
            place.id = "second";
            document.querySelector("main").replaceChildren(place);
            again.dataset.place = "#second";
            again.dataset.captcha = "solve";
            document.body.append(again);
        }"""
    )
    fill_in(shop)
    with shop.expect_request(lambda request: request.method == "POST") as sent:
        shop.get_by_role("button", name="Call me").click()
    assert sent.value.headers["x-captcha-token"] == "solved-it"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_everybody_can_read_it(shop: Page, scheme: Any, width: int) -> None:
    shop.emulate_media(color_scheme=scheme)
    shop.set_viewport_size({"width": width, "height": 900})
    shop.reload()
    shop.get_by_label("At a time of your choice").check()
    expect(shop.get_by_label("Time", exact=True).locator("option").first).to_be_attached()
    assert_accessible(shop)
    assert_fits(shop)


def test_it_speaks_the_visitors_language(live_server: LiveServer, browser: Any, tmp_path: Path) -> None:
    furnish(tmp_path)
    page = browser.new_context(locale="de-DE").new_page()
    page.goto(f"{live_server.url}/demo/")
    # The page says that it is English, and the widget goes by the page.
    expect(page.get_by_role("button", name="Call me")).to_be_visible()
    page.route("**/demo/", lambda route: route.fulfill(body=route.fetch().text().replace('lang="en"', "")))
    page.reload()
    expect(page.get_by_role("button", name="Rufen Sie mich an")).to_be_visible()
    page.context.close()


def test_it_is_small_and_every_language_has_every_sentence() -> None:
    assert FILE.stat().st_size < 20_000
    text = FILE.read_text()
    blocks = text.split("const TEXTS = {")[1].split("\n  };")[0].split("    },\n")
    keys = [
        [line.split(":")[0].strip() for line in block.splitlines() if line.startswith("      ")] for block in blocks
    ]
    assert len(keys) >= 3
    assert all(each == keys[0] for each in keys if each)


def test_the_page_is_there_only_in_the_demo(live_server: LiveServer, page: Page) -> None:
    with mock.patch.object(demo, "PAGE_KEY_NAME", "nobody's"):
        answer = page.goto(f"{live_server.url}/demo/")
    assert answer is not None
    assert answer.status == 404
