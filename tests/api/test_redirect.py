"""Start requests that another service answers: the vendor's table, in both encodings."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client

from callbacks.models import Callback
from services.models import START, ConfiguredService, NamedList
from telephony.models import AccessBooking
from tests.api.conftest import client_with, make_office, make_service
from tests.api.test_errors import FAMILY

ABSENT = None
URL = "/genesys/1/service/callback/first"


@pytest.fixture
def others(telephony: None) -> None:
    for name in ("hello", "request-interaction"):
        ConfiguredService.objects.create(name=name, type=name, configuration="Custom")
    NamedList.objects.create(name="GMS_Resources", sections={"DNIS": {"_allocation": "CLUSTER", "n": "8001"}})


def first(overwritable: str, redirect: str) -> ConfiguredService:
    return make_service("first", _overwritable_options=overwritable, _redirect=redirect)


def start(client: Client, encoding: str, asked: str | None, url: str = URL) -> Any:
    values = {"_customer_number": "5115"} | ({} if asked is ABSENT else {"_redirect": asked})
    if encoding == "application/json":
        return client.post(url, values, content_type=encoding)
    return client.post(url, urlencode(values), content_type=encoding)


def who_answered(response: Any) -> str:
    assert response.status_code == 200, response.content
    answer = response.json()
    if answer == {"msg": "hello"}:
        return "hello"
    return "request-interaction" if "_access_number" in answer else "callback"


@pytest.mark.parametrize("encoding", ["application/json", "application/x-www-form-urlencoded"])
@pytest.mark.parametrize(
    ("overwritable", "redirect", "asked", "answers"),
    [
        ("_target,_redirect", "hello", ABSENT, "hello"),
        ("_redirect", "hello", "request-interaction", "request-interaction"),
        ("_redirect", "hello", "", "callback"),
        ("_target", "hello", ABSENT, "hello"),
        ("", "hello", "request-interaction", "hello"),
        ("", "hello", "", "hello"),
        ("_redirect", "", ABSENT, "callback"),
        ("_redirect", "", "", "callback"),
        ("_redirect", "", "request-interaction", "request-interaction"),
        ("", "", "hello", "callback"),
    ],
)
@pytest.mark.usefixtures("others")
def test_the_vendors_table(
    client: Client, encoding: str, overwritable: str, redirect: str, asked: str | None, answers: str
) -> None:
    first(overwritable, redirect)
    assert who_answered(start(client, encoding, asked)) == answers
    assert Callback.objects.count() == (answers == "callback")
    assert AccessBooking.objects.count() == (answers == "request-interaction")


@pytest.mark.usefixtures("others")
def test_a_builtin_service_is_not_redirected(client: Client) -> None:
    ConfiguredService.objects.filter(name="request-interaction").update(
        options={"_redirect": "hello", "_overwritable_options": "_redirect"}
    )
    for asked in (ABSENT, "hello"):
        response = start(client, "application/json", asked, "/genesys/1/service/request-interaction")
        assert who_answered(response) == "request-interaction"
        AccessBooking.objects.all().delete()


@pytest.mark.usefixtures("others")
def test_a_service_that_is_started_by_its_bare_name_is_redirected_too(client: Client) -> None:
    first("", "hello")
    assert who_answered(start(client, "application/json", ABSENT, "/genesys/1/service/first")) == "hello"


@pytest.mark.usefixtures("others")
def test_another_callback_service_starts_it_by_its_own_options_and_passes_it_on_no_further(client: Client) -> None:
    first("_redirect", "second")
    make_service("second", "User Terminated Delayed", _redirect="first")
    response = start(client, "application/json", ABSENT)
    assert response.status_code == 200
    callback = Callback.objects.get()
    assert (callback.service_name, response.json()) == ("second", {"_id": callback.pk})
    assert "_redirect" not in callback.properties
    assert client.get(f"/genesys/1/service/callback/second?_id={callback.pk}").json()[0]["_service_name"] == "second"


@pytest.mark.usefixtures("others")
def test_what_cannot_answer(client: Client) -> None:
    make_office("hours")
    service = first("_redirect", "")
    for asked in ("nobody", "hours", "no name"):
        response = start(client, "application/json", asked)
        assert (response.status_code, response.json()["exception"]) == (404, f"{FAMILY}NotFound")
    limited = client_with(START, services=(service,))
    assert start(limited, "application/json", "hello").status_code == 403
    assert not Callback.objects.exists()


@pytest.mark.usefixtures("others")
def test_a_service_that_names_itself_is_not_redirected(client: Client) -> None:
    first("", "first")
    assert who_answered(start(client, "application/json", ABSENT)) == "callback"
