"""Queries that many stored callbacks must not slow down: what they find, and whether they say where they stopped."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from unittest import mock

import pytest
from django.core.management import call_command
from django.test import Client

from callbacks import actions, lookups, queries, sweeps
from callbacks.flow.states import Reason
from callbacks.models import Callback, LookupKey
from services.models import QUERY, ConfiguredService, Section
from tests.api.conftest import client_with, make_service

ALL = "/genesys/1/service/callback"
NOW = datetime(2026, 7, 30, 15, 0, tzinfo=UTC)
REACHED = "X-Callback-Limit-Reached"


@pytest.fixture
def billing(telephony: None) -> ConfiguredService:
    return make_service("billing", _customer_lookup_keys="_customer_number,customer_id,_subscription")


def start(service: ConfiguredService, number: str = "5115", after: int = 0, **parameters: str) -> str:
    request = {"_customer_number": number, **parameters}
    now = NOW + timedelta(seconds=after)
    return actions.start(service=service, parameters=request, desired_at=None, actor="test", now=now).pk


def end(callback: str, reason: Reason = Reason.CANCELLED) -> None:
    actions.cancel(callback_id=callback, actor="test", now=NOW + timedelta(hours=1), reason=reason)


def found(client: Client, path: str = ALL, **query: str) -> list[str]:
    response = client.get(path, query)
    assert response.status_code == 200, response.content
    return [record["_id"] for record in response.json()]


def test_by_a_key_of_ones_own_over_all_services(client: Client, billing: ConfiguredService) -> None:
    sales = make_service("sales", _customer_lookup_keys="_customer_number,customer_id")
    other = make_service("other")
    first = start(billing, customer_id="c-7")
    second = start(sales, after=1, customer_id="c-7")
    start(billing, after=2, customer_id="c-8")
    # Its service is not asked by this key.
    start(other, after=3, customer_id="c-7")

    assert found(client, customer_id="c-7") == [second, first]
    assert found(client, customer_id="c-7", _subscription="s-1") == []
    assert found(client, customer_id="c-9") == []
    assert found(client, f"{ALL}/sales", customer_id="c-7") == [second]


def test_by_reason_over_all_services(client: Client, billing: ConfiguredService) -> None:
    sales = make_service("sales")
    first, second, third = start(billing), start(sales, after=1), start(billing, after=2)
    end(first)
    end(second)
    end(third, Reason.CANCELLED_BY_ADMIN)

    assert found(client, _callback_reason="CANCELLED") == [second, first]
    assert found(client, _callback_reason="CANCELLED", _service_name="sales") == [second]
    assert found(client, f"{ALL}/billing", _callback_reason="CANCELLED") == [first]
    assert found(client, _callback_reason="AGENT_CONNECTED") == []


def test_a_changed_key_is_found_by_what_it_says_now(client: Client, billing: ConfiguredService) -> None:
    callback = start(billing, customer_id="old", _subscription="s-1")

    client.put(
        f"{ALL}/billing/{callback}", {"customer_id": "new", "_subscription": ""}, content_type="application/json"
    )

    assert found(client, customer_id="new") == [callback]
    assert found(client, customer_id="old") == []
    assert found(client, _subscription="s-1") == []
    (record,) = client.get(ALL, {"customer_id": "new"}).json()
    assert record["customer_id"] == "new"
    assert "_subscription" not in record


def test_a_key_counts_from_the_moment_at_which_it_is_configured(client: Client, telephony: None) -> None:
    service = make_service("billing")
    before = start(service, customer_id="c-7")
    service.options["_customer_lookup_keys"] = "_customer_number,customer_id"
    service.save()
    after = start(service, after=1, customer_id="c-7")
    assert found(client, customer_id="c-7") == [after]

    call_command("index_lookup_keys", verbosity=0)

    assert found(client, customer_id="c-7") == [after, before]
    call_command("index_lookup_keys", verbosity=0)
    assert LookupKey.objects.count() == 2


def test_only_configured_keys_are_stored_and_nothing_that_could_be_read(billing: ConfiguredService) -> None:
    callback = start(billing, customer_id="c-7", first_name="Ada")
    start(make_service("sales"), customer_id="c-7")

    (row,) = LookupKey.objects.all()

    assert (row.callback_id, row.digest) == (callback, lookups.digest("customer_id", "c-7"))
    assert -(2**63) <= row.digest < 2**63
    assert lookups.digest("customer_id", "c-7") != lookups.digest("_subscription", "c-7")


def test_a_removed_callback_leaves_no_keys(billing: ConfiguredService) -> None:
    callback = start(billing, customer_id="c-7")
    sweeps.forget([callback])

    assert not LookupKey.objects.exists()
    assert not Callback.objects.exists()


@pytest.fixture
def few_are_read() -> Iterator[None]:
    with mock.patch.multiple(queries, MOST_RECORDS=2, MOST_READ=4):
        yield


def answer(client: Client, path: str = ALL, **query: str) -> tuple[list[str], str | None]:
    response = client.get(path, query)
    assert response.status_code == 200, response.content
    return [record["_id"] for record in response.json()], response.get(REACHED)


@pytest.mark.usefixtures("few_are_read")
def test_how_far_is_looked(client: Client, billing: ConfiguredService) -> None:
    """Five callbacks, the oldest of which is the only one of its kind: an index finds it, looking through does not."""
    oldest = start(billing, "4711", customer_id="c-1", _subscription="monthly")
    others = [start(billing, after=n, customer_id="c-2", _subscription="monthly") for n in range(1, 5)]

    assert answer(client, _customer_number="4711") == ([oldest], None)
    assert answer(client, customer_id="c-1") == ([oldest], None)
    assert answer(client, customer_id="c-1", _customer_number="!5115") == ([oldest], None)
    # Many have the one key, one has the other, in whichever order they are asked for.
    for query in (
        {"_subscription": "monthly", "customer_id": "c-1"},
        {"customer_id": "c-1", "_subscription": "monthly"},
        {"_customer_number": "4711", "_subscription": "monthly"},
    ):
        assert answer(client, **query) == ([oldest], None)
    assert answer(client, _callback_state="QUEUED", _customer_number="!5115") == ([], "0")
    assert answer(client, f"{ALL}/billing", _customer_number="!5115") == ([], "0")
    assert answer(client, f"{ALL}/billing") == (others[:1:-1], "2")
    assert answer(client, customer_id="c-2") == (others[:1:-1], "2")
    both = {"_customer_number": "4711", "customer_id": "c-2", "operand": "OR"}
    assert answer(client, **both) == (others[:1:-1], "2")


@pytest.mark.usefixtures("few_are_read")
def test_a_small_service_beside_a_large_one(client: Client, billing: ConfiguredService) -> None:
    sales = make_service("sales")
    rare = start(sales)
    for n in range(1, 9):
        start(billing, after=n)
    limited = client_with(QUERY, services=(sales,))

    assert answer(client, f"{ALL}/sales") == ([rare], None)
    assert answer(client, f"{ALL}/sales", _callback_state="!COMPLETED") == ([rare], None)
    assert answer(limited, _callback_state="QUEUED") == ([rare], None)
    # Many have this number, few are of the service.
    assert answer(limited, _customer_number="5115") == ([rare], None)
    assert answer(client, f"{ALL}/sales", _customer_number="5115") == ([rare], None)
    assert answer(client, _customer_number="5115", _service_name="sales") == ([], "0")


@pytest.mark.usefixtures("few_are_read")
def test_a_live_one_behind_many_that_are_over(client: Client, billing: ConfiguredService) -> None:
    live = start(billing)
    for n in range(1, 9):
        end(start(billing, after=n))

    assert answer(client, _callback_state="!COMPLETED") == ([live], None)
    assert answer(client, f"{ALL}/billing", _callback_state="QUEUED") == ([live], None)


def test_alternatives_have_a_limit(client: Client, billing: ConfiguredService) -> None:
    ConfiguredService.objects.update(options={"_customer_lookup_keys": ",".join(f"key{n}" for n in range(21))})
    query = {f"key{n}": "1" for n in range(21)}

    assert found(client, **query) == []
    response = client.get(ALL, {**query, "operand": "OR"})

    assert response.status_code == 400
    assert response.json()["message"] == "Invalid query: 21 keys with operand OR; at most 20 are allowed."


def test_returned_keys(client: Client, billing: ConfiguredService) -> None:
    callback = start(billing, first_name="Ada", _device_os="comet", plan="gold")
    Section.objects.create(name="callback", options={"returned-keys": "first_name,_device_os,_ors_session_id"})

    (record,) = client.get(ALL, {"_id": callback}).json()

    assert list(record)[-2:] == ["first_name", "_device_os"]
    assert (record["first_name"], record["_device_os"]) == ("Ada", "comet")
    assert "plan" not in record


def test_returned_keys_that_cannot_be_read_count_as_the_default(client: Client, billing: ConfiguredService) -> None:
    callback = start(billing, first_name="Ada")
    Section.objects.create(name="callback", options={"returned-keys": "x" * 129})

    (record,) = client.get(ALL, {"_id": callback}).json()

    assert "first_name" not in record


def test_a_key_limited_to_services_sees_nothing_else(billing: ConfiguredService) -> None:
    sales = make_service("sales", _customer_lookup_keys="_customer_number,customer_id")
    own, foreign = start(sales, customer_id="c-7"), start(billing, after=1, customer_id="c-7")
    limited = client_with(QUERY, services=(sales,))

    for query in (
        {"_id": own},
        {"_id": foreign},
        {"customer_id": "c-7"},
        {"_customer_number": "5115"},
        {"_callback_state": "!COMPLETED"},
        {"_id": foreign, "_customer_number": "5115", "operand": "OR"},
    ):
        assert found(limited, **query) == ([] if query == {"_id": foreign} else [own]), query
    assert limited.get(f"{ALL}/billing").status_code == 404
