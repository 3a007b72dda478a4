"""Text messages: to whom they go, how a gateway gets them, and the page on which they are answered."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from standardwebhooks import Webhook

from callbacks.flow.options import Notification
from callbacks.models import Callback, Pending
from callbacks.push import answering, configuration, notices
from callbacks.push.models import Notice
from callbacks.push.provider import Message, Rejected, Unavailable
from services.models import Section
from tests.api.conftest import playing
from tests.callbacks.receiver import Receiver, receiving
from tests.factories import NOON, CallbackFactory
from tests.test_logs import logged
from tests.world import World

pytestmark = pytest.mark.django_db(transaction=True)

NUMBER = "+493012345678"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
MESSAGE = Message(id="0b1f7c0e-5b6d-5c51-9d7c-0d6c5a1e7a11", about="369-x", body={"_text": 'We "call" {to} you'})


@pytest.fixture
def gateway(settings: Any, tmp_path: Path) -> Iterator[Receiver]:
    settings.OUTBOUND_ALLOWED_NETWORKS = [ip_network("127.0.0.0/8")]
    settings.PUSH_CREDENTIALS = tmp_path
    (tmp_path / "token.txt").write_text("Bearer t0p-secret\n")
    (tmp_path / "signing.txt").write_text(SECRET)
    with receiving() as receiver:
        configure(url=f"http://127.0.0.1:{receiver.port}/sms")
        yield receiver


def configure(**keys: str) -> None:
    options = {"pushEnabled": "sms", **{f"sms.{key}": text for key, text in keys.items()}}
    Section.objects.update_or_create(name="push", defaults={"options": options})


def deliver() -> None:
    configuration.provider_of("sms").deliver(NUMBER, MESSAGE, timeout=5.0)


# The gateway


def test_a_gateway_gets_number_and_text(gateway: Receiver) -> None:
    deliver()
    assert gateway.got == [("/sms", "application/json", {"to": NUMBER, "text": 'We "call" {to} you'})]


def test_the_gateway_says_how_it_wants_it(gateway: Receiver) -> None:
    template = {"messages": [{"from": "Bank", "to": ["{to}"], "body": "Bank: {text}", "ref": "{id}", "flash": False}]}
    configure(url=f"http://127.0.0.1:{gateway.port}/v2/sms", body=json.dumps(template))
    deliver()
    [(path, _, body)] = gateway.got
    assert path == "/v2/sms"
    # What the message says stays a text, and is not looked through for more to fill in.
    assert body == {
        "messages": [
            {"from": "Bank", "to": [NUMBER], "body": 'Bank: We "call" {to} you', "ref": MESSAGE.id, "flash": False}
        ]
    }


def test_requests_are_signed_and_carry_the_gateways_token(gateway: Receiver) -> None:
    seen: list[tuple[dict[str, str], Any]] = []

    def answer(handler: BaseHTTPRequestHandler) -> None:
        seen.append((dict(handler.headers), gateway.got[-1][2]))
        handler.send_response(202)
        handler.end_headers()

    gateway.answers = [answer]
    configure(url=gateway.url, authorization="token.txt", signingSecret="signing.txt")
    deliver()
    [(headers, body)] = seen
    assert headers["Authorization"] == "Bearer t0p-secret"
    # Over the exact bytes, as the receiver checks it.
    assert Webhook(SECRET).verify(json.dumps(body), headers) == body
    assert headers["webhook-id"] == MESSAGE.id


@pytest.mark.parametrize(
    ("status", "kind"), [(500, Unavailable), (429, Unavailable), (400, Rejected), (401, Rejected), (302, Rejected)]
)
def test_what_the_gateway_answers(gateway: Receiver, status: int, kind: type[Exception]) -> None:
    gateway.answers = [status]
    with pytest.raises(kind, match=f"^the gateway for text messages answered {status}$"):
        deliver()


@pytest.mark.parametrize(
    ("keys", "why"),
    [
        ({}, "sms.url in [push] is empty"),
        ({"url": "https://x.example/", "body": "{"}, "sms.body in [push] is no JSON"),
        (
            {"url": "https://x.example/", "authorization": "gone.txt"},
            "sms.authorization in [push]: gone.txt in {folder} cannot be read: No such file or directory",
        ),
        (
            {"url": "https://x.example/", "authorization": "lines.txt"},
            "sms.authorization in [push]: lines.txt is not one line of ASCII",
        ),
        (
            {"url": "https://x.example/", "signingSecret": "lines.txt"},
            "sms.signingSecret in [push]: lines.txt is no secret of Standard Webhooks "
            "(whsec_ and base64 of 24 to 64 bytes)",
        ),
    ],
)
def test_what_is_configured_wrong_is_named(gateway: Receiver, tmp_path: Path, keys: dict[str, str], why: str) -> None:
    (tmp_path / "lines.txt").write_text("Bearer x\nX-Header: y")
    configure(**keys)
    with pytest.raises(Rejected) as failed:
        deliver()
    assert str(failed.value) == why.format(folder=tmp_path)
    assert gateway.got == []


def test_the_console_writes_the_text_and_not_the_number(gateway: Receiver) -> None:
    configure(gateway="console")
    with logged() as lines:
        deliver()
    [line] = lines.of("callbacks.push.sms")
    assert line["event"] == 'text message to ***78: We "call" {to} you'
    assert gateway.got == []


# To whom, and what


def put(callback: Callback, **changed: Any) -> Notice:
    arguments: dict[str, Any] = {"device": "+15005550001", "number": "030 12345678", "seconds": 60, **changed}
    body = {"_text": "You will receive the call shortly", "_id": callback.pk}
    notices.put(callback.pk, visit=3, device_os="SMS", body=body, attempts=1, now=NOON, **arguments)
    return Notice.objects.get()


def test_a_text_message_goes_to_the_customer_and_to_nobody_else(gateway: Receiver) -> None:
    """Else whoever may start callbacks could have text messages sent to any number in the world."""
    notice = put(CallbackFactory.create(), notification=Notification(country="DE"))
    notices.send(notice.pk, now=NOON)
    assert [body["to"] for _, _, body in gateway.got] == [NUMBER]
    assert Pending.objects.get().event["detail"] == "attempt 1 of 1"


def test_it_asks_and_leads_to_the_page(gateway: Receiver) -> None:
    Section.objects.create(name="server", options={"external_url_base": "https://cb.example.org/"})
    callback = CallbackFactory.create()
    notices.send(put(callback).pk, now=NOON)
    link = f"https://cb.example.org/a/{callback.pk}/{answering.signature(callback.pk)}/"
    assert gateway.got[0][2]["text"] == f"An agent is about to be free for you. Shall we call you now? {link}"
    said = Notification(texts=(("sms", "Rückruf? {link} Danke"), ("text", "Sollen wir anrufen?")))
    Notice.objects.all().delete()
    notices.send(put(callback, notification=said).pk, now=NOON)
    assert gateway.got[1][2]["text"] == f"Rückruf? {link} Danke"


def test_where_it_cannot_be_answered_it_says_that_a_call_is_coming(gateway: Receiver) -> None:
    notices.send(put(CallbackFactory.create()).pk, now=NOON)
    assert gateway.got[0][2]["text"] == "You will receive the call shortly"


# The page behind the link


@pytest.fixture
def world() -> World:
    Section.objects.create(name="push", options={"pushEnabled": "sms", "sms.gateway": "console"})
    Section.objects.create(name="server", options={"external_url_base": "https://cb.example.org"})
    return World(_wait_for_agent="true", _wait_for_user_confirm="true", _user_confirm_timeout="60")


def asked(world: World) -> tuple[Callback, str]:
    """A callback whose customer is being asked, and the path of its page."""
    callback = world.start(_device_os="sms")
    world.ready()
    world.run(lambda: Callback.objects.get(pk=callback.pk).stage == "confirming")
    return callback, answering.link(callback.pk).removeprefix("https://cb.example.org")


def shown(client: Client, path: str) -> tuple[str, list[str]]:
    page = client.get(path)
    assert page.status_code == 200
    assert "no-store" in page.headers["Cache-Control"]
    text = page.content.decode()
    said = re.search(r'role="status">([^<]*)<', text)
    assert said
    return said[1], re.findall(r"<button[^>]*>([^<]*)<", text)


def test_a_customer_is_asked_by_text_and_says_yes(world: World, client: Client) -> None:
    callback, path = asked(world)
    # Messengers look at links by themselves: that answers nothing.
    question = "An agent is about to be free for you. Shall we call you now?"
    assert shown(client, path) == (question, ["Call me now", "Later"])
    assert Callback.objects.get(pk=callback.pk).stage == "confirming"
    with playing(world):
        assert client.post(path, {"answer": "now"}).headers["Location"] == path
    callback.refresh_from_db()
    assert callback.journal.get(kind="confirmed").text == "The customer wants to be called now (customer)."
    assert shown(client, path) == ("You will receive the call shortly", [])
    # A second press changes nothing.
    with playing(world):
        assert client.post(path, {"answer": "now"}).status_code == 302
    assert callback.journal.filter(kind="confirmed").count() == 1


def test_a_customer_says_later(world: World, client: Client) -> None:
    callback, path = asked(world)
    with playing(world):
        client.post(path, {"answer": "later"})
    assert callback.journal.filter(kind="snoozed").count() == 1
    assert shown(client, path) == ("We will ask you again later.", [])


def test_nobody_answers_for_others(world: World) -> None:
    callback, path = asked(world)
    strict = Client(enforce_csrf_checks=True)
    assert strict.post(path, {"answer": "now"}).status_code == 403
    assert Client().get(f"/a/{callback.pk}/{'0' * 20}/").status_code == 404
    assert Client().get(f"/a/369-other/{answering.signature(callback.pk)}/").status_code == 404
    assert Client().get(f"/a/369-gone/{answering.signature('369-gone')}/").status_code == 404
    assert Callback.objects.get(pk=callback.pk).stage == "confirming"


def test_a_callback_that_is_over(client: Client) -> None:
    callback = CallbackFactory.create(completed_at=NOON + timedelta(hours=1), state="COMPLETED", reason="CANCELLED")
    path = f"/a/{callback.pk}/{answering.signature(callback.pk)}/"
    assert shown(client, path) == ("There is nothing to answer any more.", [])
