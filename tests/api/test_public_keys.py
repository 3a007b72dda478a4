"""A key that stands in a web page: what it may do, how often, and whether a person is behind it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from django.db import IntegrityError, transaction
from django.test import Client

from callbacks.limits.models import ValueCount
from callbacks.models import Callback
from services.forms import ApiKeyForm
from services.models import QUERY, START, ApiKey, ConfiguredService
from tests.api.conftest import at, make_service

NOON = datetime(2026, 8, 3, 12, 0, 40, tzinfo=UTC)
START_URL = "/genesys/1/service/callback/shop"
ANN = {"_customer_number": "+16504661232"}

pytestmark = pytest.mark.usefixtures("telephony")


@pytest.fixture
def shop() -> ConfiguredService:
    return make_service("shop")


@pytest.fixture
def key(shop: ConfiguredService) -> ApiKey:
    key, _ = ApiKey.objects.create_key(name="shop's page", scopes=[START], is_public=True)
    key.services.add(shop)
    return key


def visitor(key: ApiKey, address: str = "203.0.113.7") -> Client:
    return Client(headers={"x-api-key": key.public_text}, REMOTE_ADDR=address)


def ask(client: Client, **headers: str) -> Any:
    return client.post(START_URL, ANN, content_type="application/json", headers=headers)


def test_a_page_may_start_move_and_cancel_and_nothing_else(key: ApiKey, shop: ConfiguredService) -> None:
    make_service("other")
    client = visitor(key)
    started = ask(client)
    assert started.status_code == 200
    callback = f"{START_URL}/{started.json()['_id']}"
    assert client.put(callback, {"usr_reason": "a bill"}, content_type="application/json").status_code == 200
    assert client.delete(callback).status_code == 200
    assert client.get(START_URL, ANN).status_code == 403
    assert client.post("/genesys/1/service/callback/other", ANN, content_type="application/json").status_code == 403


def test_one_address_has_so_many_requests_a_minute_and_another_its_own(key: ApiKey) -> None:
    ApiKey.objects.update(requests_a_minute=2)
    with at(NOON):
        assert [ask(visitor(key)).status_code for _ in range(2)] == [200, 200]
        refused = ask(visitor(key))
        assert refused.status_code == 429
        assert refused.headers["Retry-After"] == "20"
        assert refused.json() == {
            "exception": "com.genesyslab.gsg.services.callback.exceptions.CallbackExceptionServiceUnavailable",
            "message": "There were too many requests with this key from your address. Try again in 20 seconds.",
        }
        assert visitor(key).get(f"{START_URL}/availability").status_code == 429
        # Whoever has one of these has 2^64 of them.
        assert [ask(visitor(key, f"2001:db8::{last}")).status_code for last in (1, 2, 3)] == [200, 200, 429]
        assert ask(visitor(key, "203.0.113.8")).status_code == 200
    with at(NOON + timedelta(seconds=20)):
        assert ask(visitor(key)).status_code == 200
    assert Callback.objects.count() == 6
    assert not ValueCount.objects.filter(digest__contains="203").exists(), "addresses are not kept"


def test_a_key_of_an_app_is_not_counted(shop: ConfiguredService) -> None:
    _, text = ApiKey.objects.create_key(name="app", scopes=[START])
    ApiKey.objects.update(requests_a_minute=1)
    client = Client(headers={"x-api-key": text})
    assert [ask(client).status_code for _ in range(3)] == [200, 200, 200]


def test_nobody_makes_a_key_that_everybody_reads_do_more(shop: ConfiguredService) -> None:
    with pytest.raises(IntegrityError, match="api_key_public_only_starts"), transaction.atomic():
        ApiKey.objects.create_key(name="too much", scopes=[START, QUERY], is_public=True)


def test_the_form_says_what_a_key_for_web_pages_needs(shop: ConfiguredService) -> None:
    form = ApiKeyForm({"name": "page", "scopes": [QUERY], "is_public": "on", "requests_a_minute": "30"})
    assert form.errors == {
        "scopes": ["A key for web pages has the scope start alone: everybody can read it there."],
        "limited_to": ["Choose the services that the pages offer: everybody can read the key."],
    }
    form = ApiKeyForm(
        {"name": "app", "scopes": [QUERY], "requests_a_minute": "30", "captcha_url": "https://example.org/siteverify"}
    )
    assert form.errors == {
        "captcha_url": ["Only visitors of web pages can be asked for a CAPTCHA."],
        "captcha_secret": ["A CAPTCHA needs both: where it is verified, and the secret for that."],
    }


# The CAPTCHA


@contextmanager
def provider(answer: bytes, status: int = 200) -> Iterator[tuple[str, list[dict[str, list[str]]]]]:
    """Its address, and the forms that it was sent."""
    asked: list[dict[str, list[str]]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode()))
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/siteverify", asked
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def secret(tmp_path: Path, settings: Any) -> None:
    (tmp_path / "captcha").write_text("s3cret\n")
    settings.PUSH_CREDENTIALS = tmp_path
    settings.OUTBOUND_ALLOWED_NETWORKS = [ip_network("127.0.0.0/8")]


@pytest.mark.usefixtures("secret")
def test_whoever_solved_the_captcha_is_let_in(key: ApiKey) -> None:
    with provider(b'{"success": true}') as (url, asked):
        ApiKey.objects.update(captcha_url=url, captcha_secret="captcha")
        assert ask(visitor(key), **{"x-captcha-token": "solved-it"}).status_code == 200
        # Only a start costs a person's trouble.
        assert visitor(key).get(f"{START_URL}/availability").status_code == 200
    assert asked == [{"secret": ["s3cret"], "response": ["solved-it"], "remoteip": ["203.0.113.7"]}]


@pytest.mark.usefixtures("secret")
@pytest.mark.parametrize(
    ("token", "answer", "status", "message"),
    [
        ("", b'{"success": true}', 403, "The key asks for a CAPTCHA: send its token in the header X-Captcha-Token."),
        ("guess", b'{"success": false}', 403, "The CAPTCHA was not solved. Solve it again."),
        ("any", b"<html>", 503, "The CAPTCHA cannot be verified now. Nothing was stored; try again."),
        ("any", b'{"sucess": true}', 503, "The CAPTCHA cannot be verified now. Nothing was stored; try again."),
    ],
)
def test_whoever_did_not_is_told_why(key: ApiKey, token: str, answer: bytes, status: int, message: str) -> None:
    with provider(answer) as (url, _):
        ApiKey.objects.update(captcha_url=url, captcha_secret="captcha")
        refused = ask(visitor(key), **({"x-captcha-token": token} if token else {}))
    assert (refused.status_code, refused.json()["message"]) == (status, message)
    assert not Callback.objects.exists()


@pytest.mark.usefixtures("secret")
def test_a_captcha_that_cannot_be_verified_lets_nobody_in(key: ApiKey) -> None:
    with provider(b"{}") as (url, _):
        pass
    ApiKey.objects.update(captcha_url=url, captcha_secret="captcha")
    assert ask(visitor(key), **{"x-captcha-token": "any"}).status_code == 503
    ApiKey.objects.update(captcha_secret="gone")
    assert ask(visitor(key), **{"x-captcha-token": "any"}).status_code == 503
    assert not Callback.objects.exists()
