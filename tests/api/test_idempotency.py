"""A start that is repeated with its `Idempotency-Key` is answered as the first one, also when both come at once."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from pytest_django import Settings

from callbacks import sweeps
from callbacks.limits.idempotency import Once
from callbacks.limits.models import StartAnswer, StartTotal
from callbacks.models import Callback
from services.models import START as MAY_START
from services.models import ConfiguredService
from tests.api.conftest import at, client_with, make_service

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
START = "/genesys/1/service/callback/voice-userterm-immediate"
ADA = {"_customer_number": "5115", "usr_name": "Ada"}
A_KEY = "8e03978e-40d5-43dd-bc93-6894a57f9324"


def ask(
    client: Client, request: dict[str, str] = ADA, *, key: str | None = A_KEY, after: float = 0, **more: Any
) -> Any:
    """The answer to a start so many seconds after noon."""
    headers = {} if key is None else {"Idempotency-Key": key}
    with at(NOON + timedelta(seconds=after)):
        return client.post(more.pop("path", START), request, headers=headers, **more)


def test_it_is_answered_byte_for_byte_and_nothing_is_stored_again(client: Client, service: ConfiguredService) -> None:
    first, again = ask(client), ask(client, after=60)
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json()["_text"] == "You will receive the call shortly"
    assert again.content == first.content
    assert again["Expires"] == first["Expires"] == "Thu, 01 Jan 1970 00:00:00 GMT"
    assert (Callback.objects.count(), StartTotal.objects.get().accepted) == (1, 1)


def test_without_a_key_or_with_another_it_is_another_request(client: Client, service: ConfiguredService) -> None:
    answers = [ask(client), ask(client, key=None), ask(client, key=None), ask(client, key=A_KEY.upper())]
    assert len({answer.json()["_id"] for answer in answers}) == 4
    assert Callback.objects.count() == 4


def test_the_same_keys_and_values_are_the_same_request_in_any_encoding(
    client: Client, service: ConfiguredService
) -> None:
    first = ask(client)
    as_json = ask(client, dict(reversed(ADA.items())), content_type="application/json")
    with at(NOON):
        as_form = client.generic(
            "POST",
            START,
            b"usr_name=Ada&_customer_number=5115",
            "application/x-www-form-urlencoded",
            headers={"Idempotency-Key": A_KEY},
        )
    assert as_json.content == as_form.content == first.content


def test_another_request_with_the_same_key_is_refused(client: Client, service: ConfiguredService) -> None:
    first = ask(client)
    for other in ({**ADA, "usr_name": "Eve"}, {"_customer_number": "5115"}):
        answer = ask(client, other)
        assert (answer.status_code, answer.json()) == (
            422,
            {
                "exception": "com.genesyslab.gsg.GSGException",
                "message": f"The Idempotency-Key {A_KEY} was used with another request. Use a new one for each.",
            },
        )
    assert ask(client).content == first.content
    assert Callback.objects.count() == 1


@pytest.mark.parametrize("key", ["", " ", "a b", "ü", "x" * 256])
def test_a_key_is_visible_text(client: Client, service: ConfiguredService, key: str) -> None:
    answer = client.generic("POST", START, b"{}", "application/json", HTTP_IDEMPOTENCY_KEY=key)
    assert (answer.status_code, answer.json()["message"]) == (
        400,
        "The header Idempotency-Key must have 1 to 255 visible ASCII characters.",
    )
    assert Callback.objects.count() == 0


def test_another_client_and_another_service_have_keys_of_their_own(
    client: Client, service: ConfiguredService, settings: Settings
) -> None:
    make_service("sales")
    # The second client's key has the same name.
    clients = [client, client_with(MAY_START)]
    ids = {ask(each).json()["_id"] for each in clients}
    ids.add(ask(client, path="/genesys/1/service/callback/sales").json()["_id"])
    settings.API_ALLOW_ANONYMOUS = True
    ids.add(ask(Client()).json()["_id"])
    assert len(ids) == 4


def test_it_is_answered_although_it_would_be_refused_by_now(client: Client, service: ConfiguredService) -> None:
    request = {**ADA, "_desired_time": "2026-03-02T13:00:00.000Z"}
    first = ask(client, request)
    service.options |= {"_mandatory_customer_lookup_keys": "usr_id", "_enable_in_queue_checking": "strict"}
    service.save(update_fields=["options"])
    # The desired time has passed.
    again = ask(client, request, after=7200)
    assert (again.status_code, again.content) == (200, first.content)


def test_what_was_refused_is_not_remembered(client: Client, service: ConfiguredService) -> None:
    service.options |= {"_throttle_callbacks_per_service_1": "0"}
    service.save(update_fields=["options"])
    assert ask(client).status_code == 503
    assert ask(client, {"usr_name": "Ada"}).status_code == 400
    service.options |= {"_throttle_callbacks_per_service_1": "5"}
    service.save(update_fields=["options"])
    # The key is still new: also for another request.
    assert ask(client, {**ADA, "usr_name": "Eve"}).status_code == 200
    assert Callback.objects.get().user_data == {"usr_name": "Eve"}


def test_it_is_kept_for_a_day_and_then_swept(client: Client, service: ConfiguredService) -> None:
    day = 24 * 3600
    first = ask(client)
    sweeps.forget_counts(NOON + timedelta(seconds=day - 1))
    assert ask(client, after=day - 1).content == first.content
    # Whether or not a sweep has come by.
    second = ask(client, after=day)
    assert second.json()["_id"] != first.json()["_id"]
    assert ask(client, after=2 * day - 1).content == second.content
    assert StartAnswer.objects.count() == 1
    sweeps.forget_counts(NOON + timedelta(seconds=2 * day))
    assert StartAnswer.objects.count() == 0


def test_nothing_personal_is_kept_with_it(client: Client, service: ConfiguredService) -> None:
    ask(client)
    stored = StartAnswer.objects.get()
    assert set(json.loads(stored.answer)) == {"_dialog_id", "_action", "_text", "_ok_title", "_id"}
    assert len(stored.digest) == len(stored.request) == 32


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("guarded", [True, False])
def test_of_16_at_once_one_is_stored_and_all_are_answered_alike(
    guarded: bool, service: ConfiguredService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first waits, with its callback stored and not committed, until the others have come. Without the lock they
    find nothing and are stored as well.
    """
    client = client_with(MAY_START)
    came, replay, remember = threading.Semaphore(0), Once.replay, Once.remember

    def come(once: Once, now: datetime) -> None:
        came.release()
        replay(once, now)

    def wait_for_others(once: Once, callback: Callback, now: datetime) -> None:
        for _ in range(16):
            assert came.acquire(timeout=30)
        for _ in range(16):
            came.release()
        remember(once, callback, now)

    monkeypatch.setattr(Once, "replay", come if guarded else lambda once, now: came.release())
    monkeypatch.setattr(Once, "remember", wait_for_others)

    def request(n: int) -> bytes:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SET lock_timeout = '60s'; SET statement_timeout = '60s'")
            return bytes(client.post(START, ADA, headers={"Idempotency-Key": A_KEY}).content)
        finally:
            connection.close()

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(request, range(16)))
    assert Callback.objects.count() == (1 if guarded else 16)
    assert len(set(answers)) == (1 if guarded else 16)
