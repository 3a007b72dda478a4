"""A real browser finds nothing on our pages that the content security policy forbids."""

from __future__ import annotations

import pytest
from django.test import Client
from playwright.sync_api import BrowserContext, Page, expect
from pytest_django.live_server_helper import LiveServer

from callbacks.flow.states import State
from services.models import ConfiguredService
from tests.factories import AgentFactory, CallbackFactory, ServiceFactory, UserFactory

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]

# Kept in the page that complains; the console has the same as a text.
LISTEN = """
    window.violations = [];
    addEventListener("securitypolicyviolation", (found) =>
        violations.push(`${found.effectiveDirective} ${found.blockedURI} ${found.sourceFile}:${found.lineNumber}`));
"""


@pytest.fixture
def pages(context: BrowserContext, live_server: LiveServer) -> dict[str, str]:
    """Signed in as somebody who may see every page; the pages, by what shows that they are there."""
    anna = UserFactory.create(username="anna", is_staff=True, is_superuser=True)
    AgentFactory.create(name="anna", user=anna)
    client = Client()
    client.force_login(anna)
    context.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}])
    context.add_init_script(LISTEN)
    callback = CallbackFactory.create(state=State.QUEUED)
    hours = ConfiguredService.objects.create(
        name="office", type="office-hours", configuration="Custom", options={"_timezone": "Europe/Berlin"}
    )
    service = ServiceFactory.create()
    change = "/admin/services/configuredservice/{}/change/".format
    return {
        "/callbacks/": "#live",
        f"/callbacks/{callback.pk}/": "#live",
        "/desk/": "#desk-state",
        "/estimates/": "#live",
        "/admin/": "#content",
        "/admin/services/configuredservice/": "#result_list",
        change(service.pk): "form",
        change(hours.pk): ".schedule-editor",
        "/admin/auth/user/add/": "form",
        "/api/docs/": ".swagger-ui .opblock",
    }


def violations(page: Page) -> list[str]:
    found: list[str] = page.evaluate("window.violations")
    return found


def test_no_page_does_what_the_policy_forbids(page: Page, pages: dict[str, str], live_server: LiveServer) -> None:
    complaints: dict[str, list[str]] = {}
    for url, there in pages.items():
        page.goto(live_server.url + url)
        expect(page.locator(there).first).to_be_visible(timeout=30_000)
        if found := violations(page):
            complaints[url] = found
    assert complaints == {}


def test_the_login_page_neither(page: Page, live_server: LiveServer) -> None:
    page.add_init_script(LISTEN)
    page.goto(f"{live_server.url}/login/")
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    assert violations(page) == []


def test_an_operation_of_the_api_can_be_tried(page: Page, pages: dict[str, str], live_server: LiveServer) -> None:
    page.goto(f"{live_server.url}/api/docs/")
    page.locator(".opblock-summary-control").first.click()
    page.get_by_role("button", name="Try it out").click()
    expect(page.get_by_role("button", name="Execute")).to_be_visible()
    assert violations(page) == []


@pytest.mark.parametrize(
    "smuggled",
    [
        "<img src=x onerror=\"document.title='owned'\">",
        "<a id=x href=\"javascript:document.title='owned'\">x</a>",
        "<iframe srcdoc=\"<script>parent.document.title='owned'</script>\"></iframe>",
        '<p style="color:red">x</p>',
    ],
)
def test_what_was_smuggled_in_does_nothing_and_is_reported(
    page: Page, pages: dict[str, str], live_server: LiveServer, smuggled: str
) -> None:
    page.goto(f"{live_server.url}/callbacks/")
    with page.expect_console_message(lambda said: "Content Security Policy" in said.text):
        page.evaluate("(html) => document.body.insertAdjacentHTML('beforeend', html)", smuggled)
        page.evaluate("document.getElementById('x')?.click()")
    assert page.title() != "owned"
