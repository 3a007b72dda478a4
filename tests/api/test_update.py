"""Another time and other properties for a callback that Ada asked for, for Monday at ten."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client

from callbacks.models import Callback
from scheduling.models import Booking, SlotCounter
from services.models import START, ConfiguredService
from tests.api.conftest import at, book, client_with, make_office, make_service
from tests.api.test_errors import FAMILY
from tests.api.test_seeds import multipart

SHOP = "/genesys/1/service/callback/shop"
# A Monday, before the office opens.
MONDAY = datetime(2026, 8, 3, 6, 0, tzinfo=UTC)
TEN, NOON = MONDAY.replace(hour=10), MONDAY.replace(hour=12)


@pytest.fixture
def shop(telephony: None) -> ConfiguredService:
    make_office(_bh_regular1="Mon-Fri 09:00-17:00")
    return make_service(
        "shop",
        "User Terminated Delayed",
        _business_hours_service="hours",
        _request_time_bucket="60",
        _max_request_by_time_bucket="2",
        _customer_lookup_keys="_customer_number,first_name,CB_SUBSCRIPTION_ID,_note",
        _overwritable_options="_max_dial_attempts",
    )


@pytest.fixture
def known(client: Client, shop: ConfiguredService) -> str:
    request = {
        "_customer_number": "5115",
        "_desired_time": "2026-08-03T10:00:00.000Z",
        "_wait_for_agent": "true",
        "_max_dial_attempts": "2",
        "_device_os": "comet",
        "first_name": "Ada",
        "CB_SUBSCRIPTION_ID": "12",
    }
    with at(MONDAY):
        response = client.post(SHOP, request)
    assert response.status_code == 200, response.content
    return str(response.json()["_id"])


def put(client: Client, known: str, now: datetime = MONDAY, /, **changes: str) -> Any:
    with at(now):
        return client.put(f"{SHOP}/{known}", json.dumps(changes), content_type="application/json")


def changed(response: Any) -> None:
    assert (response.status_code, response.content) == (200, b"{}")


def refused(response: Any, exception: str, status: int = 400) -> str:
    """The message of a refusal, after which everything is as it was."""
    answer = response.json()
    assert (response.status_code, answer["exception"]) == (status, f"{FAMILY}{exception}")
    callback = Callback.objects.get()
    assert callback.desired_at == TEN
    assert callback.user_data == {"first_name": "Ada", "CB_SUBSCRIPTION_ID": "12"}
    assert Booking.objects.get(owner=callback.pk).slot_start == TEN
    return str(answer["message"])


def places() -> dict[datetime, int]:
    return {counter.start: counter.booked for counter in SlotCounter.objects.filter(booked__gt=0)}


@pytest.mark.parametrize(
    "changes",
    [
        {"_new_desired_time": "2026-08-03T12:00:00.000Z"},
        {"_desired_time": "2026-08-03T12:00:00.000Z"},
        {"_new_desired_time": "2026-08-03T12:00:00Z", "_desired_time": "2026-08-03T11:00:00.000Z"},
        {"_new_desired_time": "2026-08-03T12:00:00.000Z", "_callback_state": "SCHEDULED"},
        {"_new_desired_time": "2026-08-03T12:00:00.000Z", "_callback_state": "QUEUED"},
    ],
)
def test_another_time(client: Client, known: str, changes: dict[str, str]) -> None:
    changed(put(client, known, **changes))

    callback = Callback.objects.get()
    assert (callback.state, callback.desired_at) == ("SCHEDULED", NOON)
    assert callback.properties["_desired_time"] == "2026-08-03T12:00:00.000Z"
    assert "_new_desired_time" not in callback.properties
    assert "_callback_state" not in callback.properties
    assert places() == {NOON: 1}
    (record,) = client.get(SHOP).json()
    assert record["_desired_time"] == "2026-08-03T12:00:00.000Z"
    assert "API key mobile app" in [entry.actor for entry in callback.journal.all()][-1]


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (multipart("x", {"_new_desired_time": "2026-08-03T12:00:00.000Z"}), "multipart/form-data; boundary=x"),
        (b"_new_desired_time=2026-08-03T12:00:00.000Z", "application/x-www-form-urlencoded"),
        (b'{"_new_desired_time": "2026-08-03T12:00:00.000Z"}', "application/json"),
    ],
    ids=["multipart", "form", "json"],
)
def test_each_encoding(client: Client, known: str, body: bytes, content_type: str) -> None:
    with at(MONDAY):
        changed(client.generic("PUT", f"{SHOP}/{known}", body, content_type))

    assert Callback.objects.get().desired_at == NOON


def test_now(client: Client, known: str) -> None:
    """An empty `_new_desired_time` means now: Ada joins the queue, and her place at ten is another's."""
    now = MONDAY.replace(hour=9, minute=30)

    changed(put(client, known, now, _new_desired_time=""))

    callback = Callback.objects.get()
    assert (callback.state, callback.desired_at) == ("QUEUED", now)
    assert places() == {}


def test_properties_are_set_changed_and_removed(client: Client, known: str) -> None:
    changed(put(client, known, first_name="Grace", CB_SUBSCRIPTION_ID="", _note="after lunch", _device_os="httpcb"))

    callback = Callback.objects.get()
    assert callback.user_data == {"first_name": "Grace"}
    assert callback.properties["_note"] == "after lunch"
    assert callback.properties["_device_os"] == "httpcb"
    (record,) = client.get(SHOP).json()
    assert (record["first_name"], record["_note"]) == ("Grace", "after lunch")
    assert "CB_SUBSCRIPTION_ID" not in record
    # Nothing was said of the time.
    assert (callback.desired_at, places()) == (TEN, {TEN: 1})


def test_the_present_time_is_no_new_one(client: Client, known: str) -> None:
    """Clients send back what they read, with properties of their own."""
    for _ in range(2):
        changed(put(client, known, _desired_time="2026-08-03T10:00:00.000Z", first_name="Grace"))

    callback = Callback.objects.get()
    assert (callback.desired_at, callback.user_data["first_name"], places()) == (TEN, "Grace", {TEN: 1})
    assert not callback.journal.filter(kind="rescheduled").exists()


def test_the_time_of_a_call_at_once_is_no_new_one_either(client: Client, shop: ConfiguredService) -> None:
    """It was never written but in records, which end at the millisecond."""
    now = MONDAY.replace(hour=9, microsecond=123_456)
    with at(now):
        known = client.post(SHOP, {"_customer_number": "5115"}).json()["_id"]
    (record,) = client.get(SHOP).json()

    changed(put(client, known, now.replace(hour=10), _desired_time=record["_desired_time"], first_name="Ada"))

    callback = Callback.objects.get()
    assert (callback.desired_at, callback.user_data) == (now, {"first_name": "Ada"})


def test_a_request_that_says_nothing_changes_nothing(client: Client, known: str) -> None:
    before = Callback.objects.values().get()

    changed(put(client, known))

    assert Callback.objects.values().get() == before


def test_a_full_slot(client: Client, known: str, shop: ConfiguredService) -> None:
    book(shop, NOON, 2)
    book(shop, MONDAY.replace(hour=13), 1)

    response = put(client, known, _new_desired_time="2026-08-03T12:00:00.000Z", first_name="Grace")

    message = refused(response, "Availability")
    assert message == "The desired time 2026-08-03T12:00:00Z is not available: its time slot is full."
    answer = response.json()
    assert list(answer) == ["exception", "message", "availability"]
    assert list(answer["availability"].items()) == [
        ("2026-08-03T09:00:00.000Z", 2),
        ("2026-08-03T10:00:00.000Z", 1),
        ("2026-08-03T11:00:00.000Z", 2),
        ("2026-08-03T13:00:00.000Z", 1),
        ("2026-08-03T14:00:00.000Z", 2),
        ("2026-08-03T15:00:00.000Z", 2),
        ("2026-08-03T16:00:00.000Z", 2),
        ("2026-08-04T09:00:00.000Z", 2),
    ]
    assert places() == {TEN: 1, NOON: 2, MONDAY.replace(hour=13): 1}


def test_a_time_at_which_the_office_is_closed(client: Client, known: str) -> None:
    response = put(client, known, _new_desired_time="2026-08-03T20:00:00.000Z")

    assert "the office is closed" in refused(response, "Availability")
    offered = list(response.json()["availability"])
    assert offered[4:6] == ["2026-08-03T16:00:00.000Z", "2026-08-04T09:00:00.000Z"]


def test_a_callback_that_is_over(client: Client, known: str) -> None:
    client.delete(f"{SHOP}/{known}")

    for changes in ({"_new_desired_time": "2026-08-03T12:00:00.000Z"}, {"first_name": "Grace"}, {}):
        response = put(client, known, **changes)
        assert response.status_code == 400
        assert response.json() == {
            "exception": f"{FAMILY}InvalidState",
            "message": "Callback is COMPLETED and cannot be changed",
        }
    callback = Callback.objects.get()
    assert (callback.desired_at, callback.user_data["first_name"]) == (TEN, "Ada")


@pytest.mark.parametrize(
    ("changes", "exception", "message"),
    [
        ({"_new_desired_time": "noon"}, "InvalidOption", "Invalid option: _new_desired_time 'noon' is not a UTC time"),
        ({"_desired_time": ""}, "InvalidOption", "Invalid option: _desired_time nothing is not a UTC time"),
        (
            {"_callback_state": "COMPLETED"},
            "InvalidOption",
            "Invalid option: _callback_state 'COMPLETED' cannot be set, it follows from what happens; "
            "SCHEDULED, QUEUED are accepted and change nothing.",
        ),
        (
            {"_customer_number": "5116"},
            "Number",
            "The customer number cannot be changed after the start; cancel this callback and start another.",
        ),
        ({"_customer_number": ""}, "Number", "The customer number cannot be changed after the start;"),
        (
            {"_customer_timezone": "EST"},
            "InvalidOption",
            "Invalid option: _customer_timezone 'EST' is not a time zone such as Europe/Berlin or UTC;",
        ),
        (
            {"_wait_for_agent": "false"},
            "InvalidOption",
            "Invalid option: _wait_for_agent cannot be changed after the start.",
        ),
        (
            {"_max_dial_attempts": "5"},
            "InvalidOption",
            "Invalid option: _max_dial_attempts cannot be changed after the start.",
        ),
        (
            {"_max_dial_attempts": ""},
            "InvalidOption",
            "Invalid option: _max_dial_attempts cannot be changed after the start.",
        ),
        (
            {"_wait_for_agent": "maybe"},
            "InvalidOption",
            "Option _wait_for_agent: 'maybe' was given, allowed is true or false.",
        ),
    ],
)
def test_what_cannot_be_changed(
    client: Client, known: str, changes: dict[str, str], exception: str, message: str
) -> None:
    response = put(client, known, first_name="Grace", **changes)

    assert refused(response, exception).startswith(message)


def test_what_stays_as_it_is_may_be_said_again(client: Client, known: str) -> None:
    same = {
        "_customer_number": "51-15",
        "_wait_for_agent": "TRUE",
        "_max_dial_attempts": "2",
        "_media_type": "voice",
        "_callback_state": "SCHEDULED",
    }

    changed(put(client, known, **same, first_name="Grace"))

    callback = Callback.objects.get()
    assert callback.user_data["first_name"] == "Grace"
    assert callback.overrides == {"_wait_for_agent": "true", "_max_dial_attempts": "2"}
    assert callback.properties["_customer_number"] == "5115"
    assert not {"_wait_for_agent", "_media_type", "_callback_state"} & callback.properties.keys()


def test_a_mandatory_key_stays(client: Client, known: str, shop: ConfiguredService) -> None:
    shop.options["_mandatory_customer_lookup_keys"] = "_customer_number,first_name"
    shop.save()

    message = refused(put(client, known, first_name=" "), "InvalidOption")

    assert message == "Invalid option: mandatory key first_name is missing (option _mandatory_customer_lookup_keys)."


def test_a_callback_holds_no_more_keys_than_a_request_may_bring(client: Client, known: str) -> None:
    changed(put(client, known, **{f"key{n}": "x" for n in range(150)}))

    response = put(client, known, **{f"more{n}": "x" for n in range(50)})

    assert response.status_code == 400
    assert response.json()["message"] == "The callback would have more than 200 keys."
    assert len(Callback.objects.get().user_data) == 152
    changed(put(client, known, **{f"key{n}": "" for n in range(150)}))
    assert Callback.objects.get().user_data == {"first_name": "Ada", "CB_SUBSCRIPTION_ID": "12"}


@pytest.mark.parametrize("path", ["sales/{known}", "shop/369-nobody", "nobody/{known}"])
def test_a_callback_that_is_not_there(client: Client, known: str, path: str) -> None:
    make_service("sales")

    with at(MONDAY):
        response = client.put(
            f"/genesys/1/service/callback/{path.format(known=known)}", b"{}", content_type="application/json"
        )

    refused(response, "NotFound", 404)


def test_a_callback_of_other_keys(known: str) -> None:
    limited = client_with(START, services=(make_service("sales"),))

    refused(put(limited, known, _new_desired_time="2026-08-03T12:00:00.000Z"), "NotFound", 404)
