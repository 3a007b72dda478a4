"""What the app of a customer who calls us is answered: the number to call, by a start or by connect."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from callbacks.models import Callback
from telephony import access
from tests.api.conftest import playing
from tests.callbacks.test_originated import NUMBER, centre
from tests.world import HUMAN

pytestmark = pytest.mark.django_db(transaction=True)

SERVICE = "/genesys/1/service/callback/voice-userterm-immediate"


def start(client: Client, number: str = HUMAN, **keys: str) -> Any:
    return client.post(SERVICE, {"_customer_number": number, **keys}, content_type="application/json")


def held_until(callback: str) -> str:
    booking = access.booking_of(callback)
    assert booking is not None
    return f"{booking.expires_at:%Y-%m-%dT%H:%M:%S}.{booking.expires_at.microsecond // 1000:03d}Z"


def test_a_start_is_answered_with_the_number_to_call(client: Client) -> None:
    world = centre()
    with playing(world):
        response = start(client)
    callback = Callback.objects.get()
    assert response.status_code == 200
    assert list(response.json().items()) == [
        ("_dialog_id", "0"),
        ("_action", "DialNumber"),
        ("_tel_url", f"tel:{NUMBER}"),
        ("_label", f"Call {NUMBER}"),
        ("_id", callback.pk),
        ("_access_number", NUMBER),
        ("_expiration_time", held_until(callback.pk)),
    ]
    assert response["Expires"] == "Thu, 01 Jan 1970 00:00:00 GMT"


def test_the_code_is_part_of_what_is_dialled(client: Client) -> None:
    world = centre(_access_code_length="4")
    with playing(world):
        # Clients say with each request whether they want one.
        dialog = start(client, _provide_code="true").json()
    assert re.fullmatch(r"\d{4}", dialog["_access_code"])
    assert dialog["_tel_url"] == f"tel:{NUMBER},,{dialog['_access_code']}"


def test_a_full_pool_is_a_clear_error_and_nothing_is_stored(client: Client) -> None:
    world = centre()
    with playing(world):
        start(client)
        response = start(client, "916504661001")
    assert response.status_code == 503
    assert response.json()["message"] == "No access number of DNIS is free."
    assert Callback.objects.count() == 1


def test_delayed_the_number_is_given_by_connect_and_shown_by_dialog(client: Client) -> None:
    world = centre(_wait_for_agent="true", _userorig_connect_limit="2")
    with playing(world):
        answer = start(client, _device_os="comet").json()
    assert list(answer) == ["_id"]
    path = f"/genesys/1/service/{answer['_id']}"
    world.ready()
    world.run(lambda: Callback.objects.get().stage == "confirming")
    with playing(world):
        asked = client.get(f"{path}/dialog").json()
        assert (asked["_action"], asked["_text"]) == ("connect", "An agent is about to be free for you")
        given = client.post(f"{path}/connect").json()
        assert (given["_action"], given["_access_number"]) == ("DialNumber", NUMBER)
        assert client.get(f"{path}/dialog").json() == given
        again = client.get(f"{path}/connect").json()
        assert (again["_action"], again["_expiration_time"]) == ("DialNumber", held_until(answer["_id"]))
        refused = client.post(f"{path}/connect")
    assert refused.status_code == 400
    assert refused.json()["message"] == (
        "Callback is QUEUED and has been given an access number as often as it may be (_userorig_connect_limit)"
    )
