"""The content security policy: on every answer, with nothing inline in any page."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from tests.api.conftest import client_with
from tests.factories import UserFactory

POLICY = {
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "connect-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
}
TEMPLATES = sorted((Path(settings.BASE_DIR) / "templates").rglob("*.html"))
# A script without an address, a style, an attribute that is either, or an address that is a script.
INLINE = re.compile(
    r"<script(?![^>]*\b(?:src|type=.application/json)\b)|<style|\sstyle\s*=|\son[a-z]+\s*=|javascript:", re.I
)


def policy_of(answer: Any) -> set[str]:
    return set(answer["Content-Security-Policy"].split("; "))


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(settings.BASE_DIR)))
def test_no_template_has_anything_inline(path: Path) -> None:
    assert not INLINE.findall(path.read_text())


@pytest.mark.parametrize(
    "inline",
    ["<script>x", "<script defer>x", '<p style="x">', '<a onclick="x">', "<style>", '<a href="javascript:x">'],
)
def test_what_is_inline_would_be_found(inline: str) -> None:
    assert INLINE.search(inline)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "url",
    [
        "/login/",
        "/callbacks/",
        "/estimates/",
        "/desk/",
        "/admin/",
        "/api/docs/",
        "/api/schema/",
        "/nowhere",
        "/admin/nowhere/",
    ],
)
def test_every_page_has_the_policy(url: str) -> None:
    client = Client()
    client.force_login(UserFactory.create(username="anna", is_staff=True, is_superuser=True))

    answer = client.get(url)

    assert policy_of(answer) == POLICY
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["Referrer-Policy"] == "same-origin"


@pytest.mark.django_db
def test_what_the_api_answers_can_do_nothing_in_a_browser() -> None:
    """It carries texts of customers: opened as a page, not even our own scripts run in it."""
    for url in ("/genesys/1/service/callback", "/genesys/1/nothing"):
        answer = client_with("query").get(url)
        assert policy_of(answer) == {"default-src 'none'", "frame-ancestors 'none'", "sandbox"}
        assert answer["X-Content-Type-Options"] == "nosniff"
