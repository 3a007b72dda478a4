"""Waiting for what a page's script does, on pages whose policy forbids Playwright's own way: it evaluates texts."""

from __future__ import annotations

import time

from playwright.sync_api import Page

SECONDS = 30.0


def until(page: Page, expression: str) -> None:
    """Return as soon as this JavaScript expression is true."""
    ends = time.monotonic() + SECONDS
    while not page.evaluate(expression):
        assert time.monotonic() < ends, f"not true within {SECONDS:g} s: {expression}"
        page.wait_for_timeout(50)
