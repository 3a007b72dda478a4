"""The list of callbacks in a real browser: every filter, sorting, pages, ticks that stay, views that are kept."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from callbacks.flow.states import Reason, State
from callbacks.models import Callback
from callbacks.pages import listing
from tests.factories import PASSWORD, CallbackFactory, ServiceFactory, supervisor
from tests.pages.browser import SECONDS, assert_accessible, assert_fits

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]

Open = Callable[[str], Page]


@pytest.fixture
def sue(page: Page, live_server: LiveServer) -> Open:
    """A supervisor's browser, signed in."""
    supervisor(username="sue")
    page.set_default_timeout(SECONDS * 1000)
    expect.set_options(timeout=SECONDS * 1000)
    return signed_in(page, live_server)


def signed_in(page: Page, live_server: LiveServer) -> Open:
    page.goto(f"{live_server.url}/login/")
    page.get_by_label("Username").fill("sue")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()

    def open_list(query: str = "") -> Page:
        page.goto(f"{live_server.url}/callbacks/{query}")
        return page

    return open_list


@pytest.fixture
def three() -> dict[str, Callback]:
    """Ada waits for billing; Bob was reached by kate; Cleo is scheduled for tomorrow."""
    now = timezone.now()
    billing, sales = ServiceFactory.create(name="billing"), ServiceFactory.create(name="sales")
    return {
        "ada": CallbackFactory.create(
            service=billing, queue="Q1", created_at=now, customer_number="4930111", user_data={"plan": "gold"}
        ),
        "bob": CallbackFactory.create(
            service=sales,
            state=State.COMPLETED,
            reason=Reason.AGENT_CONNECTED,
            agent="kate",
            queue="Q2",
            created_at=now - timedelta(seconds=1),
            customer_number="4930222",
        ),
        "cleo": CallbackFactory.create(
            service=sales, state=State.SCHEDULED, created_at=now, desired_at=now + timedelta(days=2)
        ),
    }


def rows(page: Page) -> list[str]:
    ids: list[str] = page.locator("tbody a[id^=row-]").evaluate_all("links => links.map(link => link.id.slice(4))")
    return ids


def test_every_filter(sue: Open, three: dict[str, Callback]) -> None:
    """By the form, as a person does; the address then holds the whole view."""
    ada, bob, cleo = (three[name].pk for name in ("ada", "bob", "cleo"))

    def filtered(fill: Callable[[Page], object]) -> tuple[list[str], str]:
        page = sue("?range=last-7-days")
        page.locator("#advanced summary").click()
        fill(page)
        page.locator("#advanced").get_by_role("button", name="Show").click()
        expect(page.locator("#found")).to_contain_text("found")
        return rows(page), page.url

    page = sue("?range=last-7-days")
    assert rows(page) == [ada, bob]
    page.get_by_label("Desired time").select_option("next-7-days")
    page.get_by_role("button", name="Show").first.click()
    expect(page.locator(f"#row-{cleo}")).to_be_visible()
    assert rows(page) == [cleo]
    assert "?range=next-7-days" in page.url

    for name, found in (
        ("last-24-hours", [ada, bob]),
        ("last-7-days", [ada, bob]),
        ("last-30-days", [ada, bob]),
        ("next-24-hours", []),
        ("next-30-days", [cleo]),
    ):
        page.get_by_label("Desired time").select_option(name)
        page.get_by_role("button", name="Show").first.click()
        page.wait_for_url(re.compile(rf"/callbacks/\?range={name}"))
        assert rows(page) == found

    for fill, found, address in (
        (lambda page: page.get_by_role("checkbox", name="Queued", exact=True).check(), [ada], "state=QUEUED"),
        (lambda page: page.locator("#id_reason").select_option("AGENT_CONNECTED"), [bob], "reason=AGENT_CONNECTED"),
        (lambda page: page.get_by_role("checkbox", name="billing", exact=True).check(), [ada], "service=billing"),
        (lambda page: page.locator("#id_queue").fill("Q2"), [bob], "queue=Q2"),
        (lambda page: page.locator("#id_agent").fill("kate"), [bob], "agent=kate"),
        (lambda page: page.get_by_label("Callback id or number").fill("4930111"), [ada], "number=4930111"),
        (lambda page: page.get_by_label("Callback id or number").fill("*222"), [bob], "number=%2A222"),
        (lambda page: page.get_by_label("User data 1, as key=value").fill("plan=gold"), [ada], "data=plan%3Dgold"),
    ):
        shown, url = filtered(fill)
        assert shown == found
        assert f"&{address}" in url
    page = sue("?agent=nobody")
    expect(page.locator("#found")).to_have_text("No callbacks found.")
    page.get_by_role("link", name="The same, last 30 days").click()
    expect(page.locator("#advanced summary")).to_contain_text("agent nobody")


def test_a_custom_range_and_what_is_wrong_with_one(sue: Open, three: dict[str, Callback]) -> None:
    page = sue("")
    expect(page.get_by_label("From")).to_be_hidden()
    page.get_by_label("Desired time").select_option("custom")
    page.get_by_label("From").fill("2026-03-02T12:00")
    page.get_by_label("To", exact=True).fill("2026-03-02T11:00")
    page.get_by_role("button", name="Show").first.click()
    expect(page.get_by_role("alert")).to_contain_text("The start is not before the end.")
    expect(page.get_by_label("From")).to_have_value("2026-03-02T12:00")
    page.get_by_label("To", exact=True).fill("2026-05-02T11:00")
    page.get_by_role("button", name="Show").first.click()
    expect(page.get_by_role("alert")).to_contain_text("The maximum range is one month")
    page.get_by_label("To", exact=True).fill("2026-03-03T11:00")
    page.get_by_role("button", name="Show").first.click()
    expect(page.locator("#found")).to_have_text("No callbacks found.")
    assert page.url.endswith("?range=custom&from=2026-03-02T12%3A00Z&to=2026-03-03T11%3A00Z")


def test_a_refresh_keeps_focus_and_ticks(sue: Open, three: dict[str, Callback]) -> None:
    page = sue("")
    ada, bob = three["ada"].pk, three["bob"].pk
    page.locator(f"#tick-{bob}").check()
    page.locator(f"#row-{ada}").focus()
    arrived = CallbackFactory.create(created_at=timezone.now())
    expect(page.locator(f"#row-{arrived.pk}")).to_be_visible()
    expect(page.locator(f"#row-{ada}")).to_be_focused()
    expect(page.locator(f"#tick-{bob}")).to_be_checked()
    expect(page.locator(f"#tick-{ada}")).not_to_be_checked()


def test_sorted_and_paged_by_the_keyboard_alone(
    sue: Open, three: dict[str, Callback], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "PAGE_SIZE", 1)
    ada, bob = three["ada"].pk, three["bob"].pk
    page = sue("?range=last-7-days")
    page.locator("#sort-agent").press("Enter")
    expect(page.locator("th[aria-sort=ascending]")).to_have_text("Agent")
    assert rows(page) == [ada]
    page.locator("#page-next").press("Enter")
    expect(page.locator(f"#row-{bob}")).to_be_visible()
    expect(page.get_by_text("An earlier page: it does not refresh itself.")).to_be_visible()
    page.locator("#page-previous").press("Enter")
    expect(page.locator(f"#row-{ada}")).to_be_visible()
    page.get_by_label("Callback id or number").fill(bob)
    page.get_by_label("Callback id or number").press("Enter")
    expect(page.locator("h1")).to_contain_text(bob)


def test_a_view_is_kept_and_shared(sue: Open, three: dict[str, Callback]) -> None:
    page = sue("?range=last-7-days&agent=kate")
    page.get_by_text("Save or change views").click()
    page.get_by_label("Name of the view as it is shown now").fill("Kate's week")
    page.get_by_role("button", name="Save view").click()
    expect(page.get_by_text("The view “Kate's week” is saved.")).to_be_visible()
    sue("").get_by_role("link", name="Kate's week").click()
    expect(page.locator(f"#row-{three['bob'].pk}")).to_be_visible()
    page.get_by_text("Save or change views").click()
    page.get_by_role("button", name="Delete the view Kate's week").click()
    expect(page.get_by_role("link", name="Kate's week")).to_have_count(0)


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_the_list_is_accessible(sue: Open, three: dict[str, Callback], width: int, scheme: str) -> None:
    page = sue("")
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.locator("#advanced summary").click()
    page.get_by_text("Save or change views").click()
    assert_accessible(page)
    assert_fits(page)


def test_the_list_works_without_javascript(
    sue: Open, three: dict[str, Callback], browser: Browser, live_server: LiveServer
) -> None:
    page = browser.new_context(java_script_enabled=False).new_page()
    open_list = signed_in(page, live_server)
    open_list("?range=last-7-days")
    page.get_by_label("Callback id or number").fill("4930222")
    page.get_by_role("button", name="Show").first.click()
    expect(page.locator(f"#row-{three['bob'].pk}")).to_be_visible()
    expect(page.locator("#found")).to_have_text("1 callback found")
    expect(page.locator("#live noscript")).to_be_visible()
