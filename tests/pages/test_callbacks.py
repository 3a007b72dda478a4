"""What supervisors see: the list and one callback."""

from __future__ import annotations

import re
from html import unescape

import pytest
from django.test import Client
from django.utils import timezone

from callbacks.audit import repair
from callbacks.flow import events
from callbacks.flow.decision import DialResult
from callbacks.flow.session import Stage
from callbacks.flow.states import Reason
from callbacks.templatetags import callback_words
from tests.factories import (
    AttemptFactory,
    CallbackFactory,
    JournalEntryFactory,
    ServiceFactory,
    frozen_options,
)

pytestmark = pytest.mark.django_db

LIST = "/callbacks/"
HTMX = {"HX-Request": "true", "HX-Current-URL": "http://testserver/callbacks/?state=QUEUED"}
HOSTILE = "<script>alert('x')</script>\"'&"


def text_of(page: str) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", page)))


def shown(client: Client, url: str = LIST) -> str:
    response = client.get(url)
    assert response.status_code == 200
    return response.content.decode()


@pytest.mark.parametrize(
    ("user", "status"), [("as_sue", 200), ("admin_client", 200), ("as_kate", 403), ("as_nobody", 403), ("client", 302)]
)
def test_who_may_see(user: str, status: int, request: pytest.FixtureRequest) -> None:
    callback = CallbackFactory.create(created_at=timezone.now())
    client: Client = request.getfixturevalue(user)
    for url in (LIST, f"{LIST}{callback.pk}/"):
        response = client.get(url)
        assert response.status_code == status
        assert (callback.pk in response.content.decode()) == (status == 200)
        if status == 302:
            assert response["Location"] == f"/login/?next={url}"


def test_pages_are_only_read(as_sue: Client) -> None:
    callback = CallbackFactory.create()
    assert as_sue.post(LIST).status_code == 405
    assert as_sue.post(f"{LIST}{callback.pk}/").status_code == 405


def test_a_refresh_after_the_session_has_ended_leads_to_the_login(client: Client) -> None:
    moved = client.get(LIST, headers=HTMX, follow=True)
    assert moved.headers["HX-Redirect"] == "/login/?next=%2Fcallbacks%2F%3Fstate%3DQUEUED"
    assert moved.content == b""


def test_what_clients_send_is_shown_as_text(as_sue: Client) -> None:
    service = ServiceFactory.create()
    callback = CallbackFactory.create(
        service=service,
        customer_number=HOSTILE,
        user_data={HOSTILE: HOSTILE},
        properties={f"_{HOSTILE}": HOSTILE},
        overrides={"_x": HOSTILE},
        options=frozen_options(service, target=HOSTILE),
        agent=HOSTILE[:60],
        queue=HOSTILE[:60],
    )
    JournalEntryFactory.create(callback=callback, text=HOSTILE, actor=HOSTILE, cause=HOSTILE, kind='"><script>')
    AttemptFactory.create(callback=callback, party="agent", agent=HOSTILE, detail=HOSTILE)
    page = shown(as_sue, f"{LIST}{callback.pk}/")
    assert "<script>" not in page
    assert re.findall(r"<script[^>]*>", page) == re.findall(r'<script src="[^"]*" defer>', page)


def test_pages_are_not_kept_by_browsers(as_sue: Client) -> None:
    assert "no-store" in as_sue.get(LIST)["Cache-Control"]


def test_there_is_a_word_for_everything_the_flow_says() -> None:
    assert callback_words.STAGES.keys() == {*Stage}
    assert callback_words.REASONS.keys() == {*Reason}
    assert callback_words.RESULTS.keys() == {*DialResult}
    assert callback_words.CAUSES.keys() == {*events._ADAPTERS, repair.CAUSE}
