"""Looking callbacks up: which are found, in which order, and what their records show."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from unittest import mock

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from callbacks import actions, queries
from callbacks.flow.states import Reason
from services.models import QUERY, ConfiguredService
from tests.api.conftest import client_with, make_service

ALL = "/genesys/1/service/callback"
NOW = datetime(2026, 7, 30, 15, 0, 0, 123456, tzinfo=UTC)
KEYS = "_customer_number,CB_SUBSCRIPTION_ID,_wait_for_agent"


@pytest.fixture
def billing(telephony: None) -> ConfiguredService:
    return make_service("billing", _customer_lookup_keys=KEYS)


def start(service: ConfiguredService, number: str, after: int = 0, **parameters: str) -> str:
    now = NOW + timedelta(seconds=after)
    desired_at = now + timedelta(days=1) if parameters.pop("scheduled", "") else None
    request = {"_customer_number": number, **parameters}
    return actions.start(service=service, parameters=request, desired_at=desired_at, actor="test", now=now).pk


def found(client: Client, path: str = ALL, **query: str) -> list[str]:
    response = client.get(path, query)
    assert response.status_code == 200, response.content
    return [record["_id"] for record in response.json()]


def test_a_record(client: Client, billing: ConfiguredService) -> None:
    callback = start(billing, "5115", CB_SUBSCRIPTION_ID="s-1", first_name="John")

    response = client.get(ALL, {"_id": callback})

    assert list(response.json()[0].items()) == [
        ("_id", callback),
        ("_desired_time", "2026-07-30T15:00:00.123Z"),
        ("_service_name", "billing"),
        ("_callback_state", "QUEUED"),
        ("_expiration_time", "2026-07-31T15:00:00.123Z"),
        ("_customer_number", "5115"),
        ("_url", f"http://testserver/genesys/1/service/callback/billing/{callback}"),
        ("CB_SUBSCRIPTION_ID", "s-1"),
    ]
    assert response["Cache-Control"] == "no-cache, no-store"
    assert "X-Callback-Limit-Reached" not in response


def test_a_completed_record_has_its_reason(client: Client, billing: ConfiguredService) -> None:
    callback = start(billing, "5115")
    actions.cancel(callback_id=callback, actor="test", now=NOW, reason=Reason.CANCELLED_BY_ADMIN)

    (record,) = client.get(ALL, {"_id": callback}).json()

    assert record["_callback_state"] == "COMPLETED"
    assert record["_callback_reason"] == "CANCELLED_BY_ADMIN"


def test_an_address_of_a_record_is_the_one_that_cancels_it(client: Client, billing: ConfiguredService) -> None:
    callback = start(billing, "5115")
    (record,) = client.get(ALL, {"_id": callback}).json()

    assert client.delete(record["_url"].removeprefix("http://testserver")).status_code == 200


def test_by_properties(client: Client, billing: ConfiguredService) -> None:
    sales = make_service("sales")
    first = start(billing, "5115", CB_SUBSCRIPTION_ID="s-1")
    second = start(billing, "5116", after=1, CB_SUBSCRIPTION_ID="s-2", _wait_for_agent="true")
    third = start(sales, "5115", after=2, CB_SUBSCRIPTION_ID="s-1", scheduled="yes")
    fourth = start(sales, "+16504661232", after=3)
    actions.cancel(callback_id=first, actor="test", now=NOW)

    assert found(client, _id=first) == [first]
    assert found(client, _id="369-unknown") == []
    assert found(client, _customer_number="5115") == [third, first]
    assert found(client, _customer_number="+1 (650) 466-1232") == [fourth]
    assert found(client, _callback_state="SCHEDULED") == [third]
    assert found(client, _callback_state="!COMPLETED") == [fourth, third, second]
    assert found(client, _callback_state="NONSENSE") == []
    assert found(client, _customer_number="5115", _callback_state="!COMPLETED") == [third]
    assert found(client, _customer_number="!5115", _callback_state="QUEUED") == [fourth, second]
    assert found(client, _customer_number="5116", _callback_state="SCHEDULED", operand="OR") == [third, second]
    assert found(client, _customer_number="5115", _service_name="sales") == [third]
    # Only in services that have the key as a lookup key.
    assert found(client, _customer_number="5115", CB_SUBSCRIPTION_ID="s-1") == [first]
    assert found(client, f"{ALL}/billing") == [second, first]
    assert found(client, f"{ALL}/billing", CB_SUBSCRIPTION_ID="s-1") == [first]
    assert found(client, f"{ALL}/billing", CB_SUBSCRIPTION_ID="!s-1") == [second]
    assert found(client, f"{ALL}/billing", _wait_for_agent="true") == [second]
    assert found(client, f"{ALL}/billing", CB_SUBSCRIPTION_ID="s-1", _customer_number="5116", operand="OR") == [
        second,
        first,
    ]
    assert found(client, f"{ALL}/sales", _customer_number="5116") == []
    # What jQuery adds against caching.
    assert found(client, _id=first, _="1406647599350") == [first]


def test_a_form_content_type_on_a_get_is_ignored(client: Client, billing: ConfiguredService) -> None:
    callback = start(billing, "5115")
    response = client.get(ALL, {"_id": callback}, headers={"Content-Type": "application/x-www-form-urlencoded"})
    assert len(response.json()) == 1


BAD = [
    ("", "without a service, one of the keys must be one of"),
    ("_service_name=billing", "without a service, one of the keys must be one of"),
    ("_callback_reason=!CANCELLED", "without a service, one of the keys must be one of"),
    ("_id=!1", "without a service, one of the keys must be one of"),
    ("_customer_number=5115&_service_name=a&operand=OR", "without a service, each of the keys must be one of"),
    ("_customer_number=5115&operand=XOR", "operand 'XOR' is neither AND nor OR"),
    ("_customer_number=5115&first_name=John", "key 'first_name' is not one of _customer_lookup_keys"),
    ("_customer_number=5115&session__stage=x", "key 'session__stage' is not one of _customer_lookup_keys"),
    ("_id=1&_id=2", "Key '_id' is given twice."),
    ("_id=%00", "The value of '_id' has a NUL character."),
    ("%00=1", "A key has a NUL character."),
    ("_id=%FF", "The form is not UTF-8 text."),
    ("_id=\udcff", "The form is not UTF-8 text."),
    ("_id=" + "1" * 5000, "The value of '_id' is longer than 4096 characters."),
    ("&".join(f"k{n}=1" for n in range(201)), "The request has more than 200 keys."),
]


@pytest.mark.parametrize(("query", "message"), BAD)
def test_a_query_that_is_refused(client: Client, billing: ConfiguredService, query: str, message: str) -> None:
    raw = query.encode("utf-8", "surrogateescape").decode("latin-1")

    response = client.generic("GET", ALL, QUERY_STRING=raw)

    assert response.status_code == 400
    assert message in response.json()["message"]


def test_what_is_stored_is_found_while_its_service_cannot_work(client: Client, billing: ConfiguredService) -> None:
    callback = start(billing, "5115")
    ConfiguredService.objects.update(configuration="Gone")

    assert found(client, _customer_number="5115") == [callback]


def test_the_newest_records_and_that_there_are_more(client: Client, billing: ConfiguredService) -> None:
    callbacks = [start(billing, "5115", after=n) for n in range(4)]

    with mock.patch.object(queries, "MOST_RECORDS", 3):
        response = client.get(f"{ALL}/billing")

    assert [record["_id"] for record in response.json()] == callbacks[:0:-1]
    assert response["X-Callback-Limit-Reached"] == "3"
    assert queries.MOST_RECORDS == 500


def test_a_lookup_takes_so_many_statements_however_much_it_finds(
    billing: ConfiguredService, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    client = client_with(QUERY)
    for n in range(5):
        start(billing, "5115", after=n)
    make_service("sales")

    with django_assert_num_queries(5):
        assert len(found(client, _customer_number="5115")) == 5
    with django_assert_num_queries(6):
        assert len(found(client, f"{ALL}/billing")) == 5
