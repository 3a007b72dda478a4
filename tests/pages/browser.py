"""What tests in a browser share: what every page must be, and what is needed because of the pages' policy."""

from __future__ import annotations

import time

from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Page, Route

SECONDS = 30.0


def until(page: Page, expression: str) -> None:
    """Return as soon as this JavaScript expression is true; Playwright's own way is forbidden, it evaluates a text."""
    ends = time.monotonic() + SECONDS
    while not page.evaluate(expression):
        assert time.monotonic() < ends, f"not true within {SECONDS:g} s: {expression}"
        page.wait_for_timeout(50)


def assert_accessible(page: Page, *, context: str | None = None) -> None:
    """Nothing that axe finds, of whatever weight, in the page or in the part of it that `context` selects."""
    found = Axe().run(page, context=context).response["violations"]
    told = [(each["id"], [node["html"] for node in each["nodes"]][:3]) for each in found]
    assert not told, f"{page.url}: {told}"


def assert_fits(page: Page) -> None:
    """Nothing has to be scrolled sideways but what scrolls by itself."""
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{page.url} is too wide"


def without_policy(page: Page) -> None:
    """From now on pages of admin come without the policy: what looks for faults brings styles of its own."""

    def loosely(route: Route) -> None:
        answer = route.fetch()
        kept = {name: text for name, text in answer.headers.items() if name != "content-security-policy"}
        route.fulfill(response=answer, headers=kept)

    page.route("**/change/", loosely)
