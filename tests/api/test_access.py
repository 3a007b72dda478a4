"""Who may do what: the permission table, limited keys, anonymous clients, pages of other origins."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone
from pytest_django import Settings

from callbacks.api import access, urls
from callbacks.api.base import ApiView, UnknownPath
from callbacks.models import Callback
from services.models import ADMIN, QUERY, START, ApiKey, ConfiguredService
from tests.api.conftest import client_with, make_office, make_service
from tests.api.test_seeds import IMMEDIATE

NUMBER = {"_customer_number": "5115"}
ACCESS = "java.rmi.AccessException"
ADMINISTRATION = "/genesys/1/admin/callback"
# These are about all that the client sees, be it nothing.
ABOUT_ALL = {"find", "queues", "watermarks", "cancel_many", "report_cancelled", "create", "look_up", "exchange"}
# After these a callback has no position, and is not found among the live.
LAST = ["cancel", "served", "cancel_many"]


@pytest.fixture
def known(client: Client, service: ConfiguredService) -> str:
    """A callback that somebody else started, and an office."""
    make_office(_bh_regular1="Mon-Sun 00:00-24:00")
    return str(client.post(IMMEDIATE, NUMBER).json()["_id"])


def send(client: Client, action: str, known: str) -> Any:
    match action:
        case "start":
            return client.post(IMMEDIATE, NUMBER)
        case "find":
            return client.get("/genesys/1/service/callback", {"_id": known})
        case "find_of_service":
            return client.get(IMMEDIATE)
        case "update":
            return client.put(f"{IMMEDIATE}/{known}", {"first_name": "John"}, content_type="application/json")
        case "cancel":
            return client.delete(f"{IMMEDIATE}/{known}")
        case "free_places":
            return client.get(f"{IMMEDIATE}/availability")
        case "slots":
            return client.get(f"{IMMEDIATE.replace('/1/', '/2/')}/availability")
        case "ask":
            return client.get("/genesys/1/service/hours")
        case "connect" | "snooze":
            return client.post(f"/genesys/1/service/{known}/{action}")
        case "dialog":
            return client.get(f"/genesys/1/service/{known}/dialog")
        case "check_queue_position":
            return client.get(f"/genesys/1/service/{known}/check-queue-position")
        case "served":
            return client.post(f"{IMMEDIATE}/{known}/served")
        case "queues" | "watermarks":
            return client.get(f"{ADMINISTRATION}/{action}")
        case "cancel_many":
            return client.post(f"{ADMINISTRATION}/cancel", {"ids": [known]}, content_type="application/json")
        case "report_cancelled":
            return client.post(f"{ADMINISTRATION}/reportcancelled", {}, content_type="application/json")
        case "create":
            return client.post("/genesys/1/storage/60", {"a": "b"})
        case "delete":
            return client.delete(f"/genesys/1/storage/{known}")
        case "read" | "write":
            return getattr(client, "get" if action == "read" else "post")(f"/genesys/1/service/{known}/storage")
        case "read_value" | "delete_value":
            method = "get" if action == "read_value" else "delete"
            return getattr(client, method)(f"/genesys/1/service/{known}/storage/nothing")
        case "look_up":
            return client.get("/genesys/1/phonenumber", {"number": "+16504661100"})
        case "exchange":
            handshake = [{"channel": "/meta/handshake", "version": "1.0", "supportedConnectionTypes": ["long-polling"]}]
            headers = {"gms_user": "ann"}
            return client.post("/genesys/cometd", handshake, content_type="application/json", headers=headers)
    raise AssertionError(f"no request is known for {action}: add one, and what each scope may")


# Which scope each action needs; the code's tables must say the same.
TABLE = {
    "start": START,
    "find": QUERY,
    "find_of_service": QUERY,
    "update": START,
    "cancel": START,
    "free_places": START,
    "slots": START,
    "ask": START,
    "connect": START,
    "snooze": START,
    "dialog": START,
    "check_queue_position": START,
    "served": START,
    "queues": ADMIN,
    "watermarks": ADMIN,
    "cancel_many": ADMIN,
    "report_cancelled": ADMIN,
    "create": START,
    "delete": START,
    "read": QUERY,
    "write": START,
    "read_value": QUERY,
    "delete_value": START,
    "look_up": START,
    "exchange": START,
}
# Nobody is being asked in these stories: who may do so is told that it is not the time. Nor is anything stored.
ALLOWED = {"connect": 400, "snooze": 400, "delete": 404, "read_value": 404, "delete_value": 404}


def views(patterns: list[Any]) -> Iterator[Any]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from views(pattern.url_patterns)
        else:
            assert isinstance(pattern, URLPattern)
            yield pattern.callback


def test_every_action_of_the_api_is_in_a_permission_table() -> None:
    found: dict[str, str] = {}
    for view in views(urls.urlpatterns):
        assert issubclass(view.cls, ApiView)
        if view.cls is UnknownPath:
            continue
        assert view.cls.permission_classes == [access.ScopeOfAction]
        for action in view.actions.values():
            assert action in view.cls.scopes, f"{view.cls.__name__}.{action} has no scope"
            found[action] = view.cls.scopes[action]
    assert found == TABLE


def test_nothing_of_the_api_is_served_elsewhere() -> None:
    everywhere = [view for view in views(get_resolver().url_patterns) if issubclass(getattr(view, "cls", int), ApiView)]
    assert len(everywhere) == len(urls.urlpatterns)


@pytest.mark.parametrize("action", TABLE)
@pytest.mark.parametrize("scope", [START, QUERY, ADMIN])
def test_a_key_may_what_its_scope_says(known: str, action: str, scope: str) -> None:
    response = send(client_with(scope), action, known)

    if TABLE[action] == scope:
        assert response.status_code == ALLOWED.get(action, 200), response.content
    else:
        assert response.status_code == 403
        assert response.json() == {"exception": ACCESS, "message": "Requires permission"}
        assert Callback.objects.get().state == "QUEUED"


@pytest.mark.parametrize("action", TABLE)
def test_closed_by_default(stranger: Client, known: str, action: str) -> None:
    response = send(stranger, action, known)

    assert response.status_code == 401
    assert response.json() == {
        "exception": ACCESS,
        "message": "An API key in the header x-api-key is required.",
    }
    assert Callback.objects.get().state == "QUEUED"


@pytest.mark.parametrize("action", TABLE)
def test_anonymous_clients_where_the_operator_lets_them(
    stranger: Client, settings: Settings, known: str, action: str
) -> None:
    settings.API_ALLOW_ANONYMOUS = True

    expected = 401 if TABLE[action] == ADMIN else ALLOWED.get(action, 200)
    assert send(stranger, action, known).status_code == expected


def test_the_administration_is_never_open(settings: Settings) -> None:
    settings.API_ALLOW_ANONYMOUS = True

    assert ADMIN not in access.OPEN_TO_ANONYMOUS


@pytest.mark.parametrize("action", TABLE)
@pytest.mark.parametrize("anonymous", [False, True])
@pytest.mark.parametrize("fault", ["wrong", "revoked", "expired"])
def test_a_key_that_cannot_be_used(settings: Settings, known: str, action: str, anonymous: bool, fault: str) -> None:
    settings.API_ALLOW_ANONYMOUS = anonymous
    client = client_with(START, QUERY)
    match fault:
        case "wrong":
            text = client.defaults["HTTP_X_API_KEY"]
            client.defaults["HTTP_X_API_KEY"] = f"{text[:-1]}{'b' if text.endswith('a') else 'a'}"
        case "revoked":
            ApiKey.objects.update(revoked=True)
        case "expired":
            ApiKey.objects.update(expires_at=timezone.now() - timedelta(seconds=1))

    response = send(client, action, known)

    assert response.status_code == 401
    assert response.json() == {"exception": ACCESS, "message": "The API key in x-api-key cannot be used."}
    assert Callback.objects.get().state == "QUEUED"


def test_a_key_limited_to_another_service(known: str) -> None:
    other = make_service("sales")
    limited = client_with(START, QUERY, ADMIN, services=(other,))

    assert send(limited, "start", known).status_code == 403
    assert send(limited, "find", known).json() == []
    assert send(limited, "queues", known).json() == {"sales": []}
    assert send(limited, "watermarks", known).json() == {"services": {"sales": 0}, "total": 0}
    assert [each["_ok_title"] for each in send(limited, "cancel_many", known).json()] == ["FAILURE_MISSING"]
    assert send(limited, "report_cancelled", known).content == b"_service_id\r\n"
    for action in TABLE.keys() - ABOUT_ALL - {"start"}:
        assert send(limited, action, known).status_code == 404, action
    assert Callback.objects.get().state == "QUEUED"
    assert limited.post("/genesys/1/service/callback/sales", NUMBER).status_code == 200


def test_a_key_limited_to_this_service(known: str, service: ConfiguredService) -> None:
    hours = ConfiguredService.objects.get(name="hours")
    limited = client_with(START, QUERY, ADMIN, services=(service, hours, make_service("sales")))

    for action in [action for action in TABLE if action not in LAST]:
        assert send(limited, action, known).status_code == ALLOWED.get(action, 200), action
    for action in LAST:
        callback = str(send(limited, "start", known).json()["_id"])
        assert send(limited, action, callback).status_code == 200, action
        assert Callback.objects.get(pk=callback).state == "COMPLETED"


def test_a_change_of_a_key_takes_effect_at_once(service: ConfiguredService) -> None:
    client = client_with(START)
    assert client.post(IMMEDIATE, NUMBER).status_code == 200
    ApiKey.objects.get().services.set([make_service("sales")])
    assert client.post(IMMEDIATE, NUMBER).status_code == 403
    ApiKey.objects.update(revoked=True)
    assert client.post(IMMEDIATE, NUMBER).status_code == 401


def test_a_session_lets_nobody_in(admin_client: Client, known: str) -> None:
    for action in TABLE:
        assert send(admin_client, action, known).status_code == 401


SHOP = "https://shop.example"


@pytest.mark.parametrize("origin", ["https://evil.example", "https://shop.example.evil.example", "null", "*", ""])
@pytest.mark.parametrize("anonymous", [False, True])
def test_the_page_of_a_stranger_reads_nothing(
    client: Client, service: ConfiguredService, settings: Settings, origin: str, anonymous: bool
) -> None:
    settings.CORS_ALLOWED_ORIGINS = [SHOP]
    settings.API_ALLOW_ANONYMOUS = anonymous

    for response in (
        client.post(IMMEDIATE, NUMBER, headers={"Origin": origin}),
        client.options(IMMEDIATE, headers={"Origin": origin, "Access-Control-Request-Method": "POST"}),
        client.get("/genesys/nothing", headers={"Origin": origin}),
    ):
        assert not [name for name in response.headers if name.startswith("Access-Control-")]
        assert "Origin" in response["Vary"]


def test_the_page_of_a_listed_origin_reads_answers_and_errors(
    client: Client, stranger: Client, service: ConfiguredService, settings: Settings
) -> None:
    settings.CORS_ALLOWED_ORIGINS = [SHOP]

    for response in (
        client.post(IMMEDIATE, NUMBER, headers={"Origin": SHOP}),
        stranger.post(IMMEDIATE, NUMBER, headers={"Origin": SHOP}),
    ):
        assert response["Access-Control-Allow-Origin"] == SHOP
        assert response["Access-Control-Allow-Credentials"] == "true"
        assert response["Access-Control-Expose-Headers"] == ""


def test_a_browser_may_ask_before_it_has_shown_a_key(
    stranger: Client, service: ConfiguredService, settings: Settings
) -> None:
    settings.CORS_ALLOWED_ORIGINS = [SHOP]

    response = stranger.options(IMMEDIATE, headers={"Origin": SHOP, "Access-Control-Request-Method": "POST"})

    assert (response.status_code, response.content) == (204, b"")
    assert response["Access-Control-Allow-Methods"] == "GET, POST, HEAD, OPTIONS"
    assert "x-api-key" in response["Access-Control-Allow-Headers"]
