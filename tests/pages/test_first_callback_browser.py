"""The JavaScript of the integrators' page, in a real browser."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.conf import settings
from playwright.sync_api import Page
from pytest_django.live_server_helper import LiveServer

from callbacks.models import Callback
from services.models import START, ApiKey
from tests.api.conftest import furnish_telephony, make_service

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]

PAGE = Path(settings.BASE_DIR) / "docs" / "integrators.md"


def test_it_starts_a_callback(live_server: LiveServer, page: Page) -> None:
    furnish_telephony()
    make_service("voice-userterm-immediate")
    _, key = ApiKey.objects.create_key(name="app", scopes=[START])
    (source,) = re.findall(r"^```js\n(.*?)^```$", PAGE.read_text(), re.M | re.S)
    page.goto(f"{live_server.url}/login/")
    base = f"{live_server.url}/genesys/1"
    started = page.evaluate(f"async ([BASE, KEY]) => {{ {source} }}", [base, key])
    assert started == Callback.objects.get().pk
