"""What tests in a browser need because of the pages' content security policy."""

from __future__ import annotations

import time

from playwright.sync_api import Page, Route

SECONDS = 30.0


def until(page: Page, expression: str) -> None:
    """Return as soon as this JavaScript expression is true; Playwright's own way is forbidden, it evaluates a text."""
    ends = time.monotonic() + SECONDS
    while not page.evaluate(expression):
        assert time.monotonic() < ends, f"not true within {SECONDS:g} s: {expression}"
        page.wait_for_timeout(50)


def without_policy(page: Page) -> None:
    """From now on pages of admin come without the policy: what looks for faults brings styles of its own."""

    def loosely(route: Route) -> None:
        answer = route.fetch()
        kept = {name: text for name, text in answer.headers.items() if name != "content-security-policy"}
        route.fulfill(response=answer, headers=kept)

    page.route("**/change/", loosely)
