"""What supervisors see of one callback: why its customer was called or was not, its time, and all that happened."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from callbacks.flow.decision import DialResult
from callbacks.flow.session import SESSION, Session, Stage
from callbacks.flow.states import State
from callbacks.models import JournalEntry
from callbacks.pages import callback_page
from tests.factories import (
    NOON,
    AttemptFactory,
    CallbackFactory,
    JournalEntryFactory,
    ServiceFactory,
    frozen_options,
)

pytestmark = pytest.mark.django_db

LIST = "/callbacks/"
HTMX = {"HX-Request": "true"}


def text_of(page: str) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", page)))


def shown(client: Client, url: str) -> str:
    response = client.get(url)
    assert response.status_code == 200
    return response.content.decode()


def test_a_talk_behind_a_completed_record_is_seen(as_sue: Client) -> None:
    callback = CallbackFactory.create(state=State.COMPLETED, stage=Stage.TALKING)
    assert "every 2s" in shown(as_sue, f"{LIST}{callback.pk}/")


def test_a_callback_has_a_fixed_number_of_queries(
    as_sue: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    callback = CallbackFactory.create()
    for number in range(1, 21):
        AttemptFactory.create(callback=callback, number=number)
        JournalEntryFactory.create(callback=callback)
    # As the list's, with the callback, its attempts and its journal, its place in a queue, its prediction and its
    # status notifications instead of the rows.
    with django_assert_num_queries(14):
        shown(as_sue, f"{LIST}{callback.pk}/")


def test_a_callback_with_its_story(as_sue: Client) -> None:
    service = ServiceFactory.create()
    callback = CallbackFactory.create(
        service=service,
        state=State.COMPLETED,
        agent="kate",
        queue="Billing_VQ",
        options=frozen_options(service),
        overrides={"_wait_for_agent": "false"},
    )
    AttemptFactory.create(
        callback=callback,
        dialled_at=NOON + timedelta(seconds=1),
        answered_at=NOON + timedelta(seconds=4),
        ended_at=NOON + timedelta(seconds=90),
        result=DialResult.PERSON,
    )
    AttemptFactory.create(
        callback=callback, party="agent", agent="kate", result=DialResult.NO_ANSWER, detail="rang for 12 s"
    )
    at = NOON + timedelta(milliseconds=1234)
    JournalEntryFactory.create(callback=callback, at=at, cause="TimerFired", state=State.QUEUED, stage=Stage.DIALLING)
    JournalEntryFactory.create(callback=callback, at=at, actor="mobile app", text="Cancelled by mobile app.")
    page = text_of(shown(as_sue, f"{LIST}{callback.pk}/"))
    for said in (
        "Connected to an agent",
        "AGENT_CONNECTED",
        "Queue Billing_VQ",
        "Agent kate call 1 no answer rang for 12 s",
        "Customer call 1 a person answered 2 Mar 2026 12:00:00 UTC 12:00:01 12:00:04 12:01:30",
        "2 Mar 2026 12:00:01.234 UTC Dialling the customer, attempt 1 of 3. by a timer, system",
        "then queued: about to call the customer",
        "mobile app",
        "first_name Ada",
        "_max_dial_attempts 3",
        "_wait_for_agent false",
    ):
        assert said in page
    assert page.index("Dialling the customer") < page.index("Cancelled by mobile app.")


def test_what_waits_says_until_when(as_sue: Client) -> None:
    at_three = NOON + timedelta(hours=3)
    resting = CallbackFactory.create(state=State.SCHEDULED, stage=Stage.SCHEDULED, start_base=at_three)
    assert "Starts by 2 Mar 2026 15:00:00 UTC" in text_of(shown(as_sue, f"{LIST}{resting.pk}/"))
    session = SESSION.dump_python(
        Session(number="1", desired_at=NOON, stage=Stage.RETRYING, deadline=at_three), mode="json"
    )
    retrying = CallbackFactory.create(state=State.QUEUED, stage=Stage.RETRYING, session=session)
    assert "Next step by 2 Mar 2026 15:00:00 UTC" in text_of(shown(as_sue, f"{LIST}{retrying.pk}/"))
    assert "step by" not in text_of(shown(as_sue, f"{LIST}{CallbackFactory.create(state=State.COMPLETED).pk}/"))


def test_a_callback_that_is_over_does_not_refresh_itself(as_sue: Client) -> None:
    over = CallbackFactory.create(state=State.COMPLETED)
    live = CallbackFactory.create()
    assert f'hx-get="/callbacks/{over.pk}/"' not in shown(as_sue, f"{LIST}{over.pk}/")
    page = shown(as_sue, f"{LIST}{live.pk}/")
    assert f'hx-get="/callbacks/{live.pk}/"' in page
    assert "every 2s" in page


@pytest.mark.parametrize("path", ["369-unknown", "%00", "x" * 300, "369-unknown%00", "a.b"])
def test_an_unknown_callback_has_a_page_that_says_so(as_sue: Client, path: str) -> None:
    response = as_sue.get(f"{LIST}{path}/")
    assert response.status_code == 404
    assert "There is no such page" in response.content.decode()


def test_the_service_is_a_link_for_those_who_may_follow_it(as_sue: Client, admin_client: Client) -> None:
    callback = CallbackFactory.create()
    url = f"/admin/services/configuredservice/{callback.service_id}/change/"
    assert url not in shown(as_sue, f"{LIST}{callback.pk}/")
    assert url in shown(admin_client, f"{LIST}{callback.pk}/")


def test_a_story_without_end_shows_its_last_part(as_sue: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(callback_page, "MOST_ENTRIES", 3)
    callback = CallbackFactory.create()
    JournalEntry.objects.bulk_create(
        JournalEntryFactory.build(callback=callback, text=f"Entry {number}.") for number in range(5)
    )
    page = text_of(shown(as_sue, f"{LIST}{callback.pk}/"))
    assert "Only the last 3 entries are shown." in page
    assert re.findall(r"Entry \d", page) == ["Entry 2", "Entry 3", "Entry 4"]
