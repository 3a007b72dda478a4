"""Cancelling over the API."""

from __future__ import annotations

from unittest import mock

import pytest
from django.test import Client

from callbacks import actions
from callbacks.models import Callback
from services.models import ConfiguredService
from tests.api.conftest import make_service
from tests.api.test_errors import FAMILY
from tests.api.test_seeds import IMMEDIATE


@pytest.fixture
def known(client: Client, service: ConfiguredService) -> str:
    return str(client.post(IMMEDIATE, {"_customer_number": "5115"}).json()["_id"])


def test_a_cancelled_callback(client: Client, known: str) -> None:
    response = client.delete(f"{IMMEDIATE}/{known}", content_type="application/json")

    assert response.status_code == 200
    assert list(response.json().items()) == [
        ("_dialog_id", "0"),
        ("_action", "ConfirmationDialog"),
        ("_text", "The callback has been cancelled"),
        ("_ok_title", "Ok"),
        ("_id", known),
    ]
    callback = Callback.objects.get()
    assert (callback.state, callback.reason) == ("COMPLETED", "CANCELLED")
    last = callback.journal.order_by("id").last()
    assert last is not None
    assert last.text == "Cancelled by API key mobile app."


def test_a_callback_is_cancelled_once(client: Client, known: str) -> None:
    client.delete(f"{IMMEDIATE}/{known}")

    response = client.delete(f"{IMMEDIATE}/{known}")

    assert response.status_code == 400
    assert response.json() == {
        "exception": f"{FAMILY}InvalidState",
        "message": "Callback is COMPLETED and cannot be cancelled",
    }


@pytest.mark.parametrize("callback_id", ["369-unknown", "%00", "a" * 65, "%D0%B0", "a%20b"])
def test_an_unknown_callback(client: Client, service: ConfiguredService, callback_id: str) -> None:
    response = client.delete(f"{IMMEDIATE}/{callback_id}")

    assert response.status_code == 404
    assert response.json()["exception"] == f"{FAMILY}NotFound"


@pytest.mark.parametrize("name", ["sales", "nobody", "%00"])
def test_a_callback_of_another_service(client: Client, known: str, name: str) -> None:
    make_service("sales")

    response = client.delete(f"/genesys/1/service/callback/{name}/{known}")

    assert response.status_code == 404
    assert Callback.objects.get().state == "QUEUED"


def test_a_callback_that_others_hold(client: Client, known: str) -> None:
    with mock.patch.object(actions, "cancel", side_effect=actions.Busy):
        response = client.delete(f"{IMMEDIATE}/{known}")

    assert response.status_code == 503
    assert response["Retry-After"] == "1"
    assert Callback.objects.get().state == "QUEUED"
