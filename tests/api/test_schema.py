"""The API's description of itself: public, the committed file, and pages that load nothing from elsewhere."""

from __future__ import annotations

import re
from io import StringIO
from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from django.test import Client

from callbacks.api import schema
from tests.api.test_seeds import SEED_1, SEED_2


def test_the_committed_file_is_what_the_code_says() -> None:
    written = StringIO()
    call_command("spectacular", "--validate", "--fail-on-warn", stdout=written)

    committed = (Path(settings.BASE_DIR) / "docs" / "openapi.yaml").read_text()
    assert written.getvalue().strip() == committed.strip(), "make schema"


def test_it_is_served_to_everybody(db: None) -> None:
    response = Client().get("/api/schema/")

    assert response.status_code == 200
    assert b"/genesys/1/service/callback/{name}/{callback_id}" in response.content


def test_the_page_loads_nothing_from_elsewhere(db: None) -> None:
    response = Client().get("/api/docs/")

    assert response.status_code == 200
    loaded = re.findall(r'(?:src|href)="([^"]+)"', response.content.decode())
    assert loaded
    for address in loaded:
        # The page's own script has an address of its own.
        assert address.startswith(("/static/", "/api/docs/"))
        assert Client().get(address).status_code == 200


def test_the_examples_are_the_requests_of_the_seed_documents() -> None:
    assert schema._SEED_1 == SEED_1
    assert schema._SEED_2 == SEED_2
