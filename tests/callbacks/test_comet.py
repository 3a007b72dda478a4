"""Comet clients: what waits for them, who gets it, and that no poll keeps anybody waiting."""

from __future__ import annotations

import json
import time
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from callbacks.flow.options import Notification
from callbacks.models import Callback
from callbacks.push import comet, notices
from callbacks.push.due import remove_old
from callbacks.push.models import CometMessage, CometSubscription
from services.models import QUERY, START, ApiKey, ConfiguredService
from tests.api.conftest import at, client_with
from tests.factories import NOON, CallbackFactory

pytestmark = pytest.mark.django_db

URL = "/genesys/cometd"
ANN, BEN = "ann-laptop", "ben-phone"
HANDSHAKE = {"channel": "/meta/handshake", "version": "1.0", "supportedConnectionTypes": ["long-polling"], "id": "1"}
DIALOG = {"_dialog_id": "0", "_action": "ConfirmationDialog", "_text": "You will receive the call shortly"}
ADVICE = {"reconnect": "retry", "interval": 3000, "timeout": 0}
UNKNOWN = {"reconnect": "handshake", "interval": 0}


class Comet:
    """A client of CometD, at a moment."""

    def __init__(self, user: str = ANN, client: Client | None = None, *, now: datetime = NOON) -> None:
        self.user, self.client, self.now, self.id = user, client or client_with(START), now, ""

    def send(self, *messages: dict[str, Any], path: str = URL, status: int = 200) -> Any:
        with at(self.now):
            answer = self.client.post(path, json.dumps(messages), "application/json", headers={"gms_user": self.user})
        assert answer.status_code == status, answer.content
        return answer.json()

    def subscribe(self) -> Comet:
        [reply] = self.send(HANDSHAKE, path=f"{URL}/handshake")
        self.id = reply["clientId"]
        message = {"channel": "/meta/subscribe", "clientId": self.id, "subscription": "/_genesys"}
        assert self.send(message) == [
            {"channel": "/meta/subscribe", "clientId": self.id, "subscription": "/_genesys", "successful": True}
        ]
        return self

    def connect(self, **more: Any) -> tuple[list[str], dict[str, Any]]:
        """The callbacks that the messages are about, and the answer to the connect."""
        *delivered, reply = self.send({"channel": "/meta/connect", "clientId": self.id, **more})
        assert [each["channel"] for each in delivered] == ["/_genesys"] * len(delivered)
        return [each["data"]["id"] for each in delivered], reply


def tell(callback: Callback, user: str = ANN, *, seconds: int = 30, now: datetime = NOON) -> None:
    notices.put(callback.pk, visit=3, device=user, device_os="comet", body=DIALOG, attempts=3, now=now, seconds=seconds)


@pytest.fixture
def callback() -> Callback:
    return CallbackFactory.create()


def test_a_client_shakes_hands_subscribes_and_is_told(callback: Callback) -> None:
    ann = Comet()
    [hello] = ann.send(HANDSHAKE)
    client = hello.pop("clientId")
    assert hello == {
        "channel": "/meta/handshake", "id": "1", "version": "1.0", "supportedConnectionTypes": ["long-polling"],
        "successful": True, "advice": {**ADVICE, "interval": 0},
    }  # fmt: skip
    ann.subscribe()
    assert ann.connect() == (
        [],
        {"channel": "/meta/connect", "clientId": ann.id, "successful": True, "advice": ADVICE},
    )
    assert ann.id != client
    tell(callback)
    told = ann.send({"channel": "/meta/connect", "clientId": ann.id, "id": "7"}, path=f"{URL}/connect")
    assert told == [
        {
            "channel": "/_genesys",
            "data": {"id": callback.pk, "message": DIALOG, "tag": f"service.callback.{callback.pk}"},
        },
        {"channel": "/meta/connect", "id": "7", "clientId": ann.id, "successful": True, "advice": ADVICE},
    ]
    # A client that acknowledges nothing gets it once.
    assert ann.connect()[0] == []
    assert not CometMessage.objects.exists()


def test_the_texts_are_those_of_the_message_file(callback: Callback) -> None:
    said = Notification(texts=(("ok", "Ja"), ("text", "Sollen wir anrufen?"), ("title", "Rückruf")))
    notices.put(
        callback.pk, visit=3, device=ANN, device_os="comet", body=DIALOG, attempts=3, now=NOON, notification=said
    )
    message = CometMessage.objects.get().data["message"]
    assert message == {**DIALOG, "_text": "Sollen wir anrufen?", "_ok_title": "Ja"}


def test_a_message_comes_again_until_it_is_acknowledged(callback: Callback) -> None:
    """CometD's extension: the answer to a poll may be lost on its way."""
    ann = Comet()
    assert ann.send({**HANDSHAKE, "ext": {"ack": True}})[0]["ext"] == {"ack": True}
    ann.subscribe()
    assert ann.connect(ext={"ack": -1})[1]["ext"] == {"ack": -1}
    tell(callback)
    first, reply = ann.connect(ext={"ack": -1})
    batch = reply["ext"]["ack"]
    assert (first, batch) == ([callback.pk], CometMessage.objects.get().pk)
    assert ann.connect(ext={"ack": -1})[0] == [callback.pk]
    assert ann.connect(ext={"ack": batch}) == (
        [],
        {"channel": "/meta/connect", "clientId": ann.id, "successful": True, "advice": ADVICE, "ext": {"ack": batch}},
    )
    assert not CometMessage.objects.exists()


def test_nobody_gets_what_is_for_others(callback: Callback) -> None:
    ann, ben = Comet(ANN).subscribe(), Comet(BEN).subscribe()
    tell(callback, ANN)
    assert ben.connect()[0] == []
    # Nor with an id that was given to somebody else.
    ben.id = ann.id
    assert ben.connect() == ([], {
        "channel": "/meta/connect", "successful": False, "error": "402::unknown client", "advice": UNKNOWN,
    })  # fmt: skip
    assert ann.connect()[0] == [callback.pk]


def test_a_key_of_other_services_hears_nothing(callback: Callback) -> None:
    other = ConfiguredService.objects.create(name="other", type="callback", configuration="Custom", options={})
    tell(callback)
    assert Comet(client=client_with(START, services=(other,))).subscribe().connect()[0] == []
    assert callback.service is not None
    assert Comet(client=client_with(START, services=(callback.service,))).subscribe().connect()[0] == [callback.pk]


def test_what_came_before_the_client_waits_for_it(callback: Callback) -> None:
    tell(callback)
    ann = Comet()
    ann.id = ann.send(HANDSHAKE)[0]["clientId"]
    # It has not subscribed yet: it would drop what it got.
    assert ann.connect()[0] == []
    ann.send({"channel": "/meta/subscribe", "clientId": ann.id, "subscription": ["/_genesys"]})
    assert ann.connect()[0] == [callback.pk]


def test_a_question_that_is_over_is_not_asked(callback: Callback) -> None:
    ann = Comet().subscribe()
    tell(callback, seconds=30)
    ann.now = NOON + timedelta(seconds=30)
    assert ann.connect()[0] == []
    tell(callback, now=ann.now)
    notices.withdraw(callback.pk)
    assert ann.connect()[0] == []


def test_messages_are_few_and_go_by_themselves(callback: Callback) -> None:
    for number in range(25):
        tell(callback, seconds=30 + number)
    waiting = CometMessage.objects.order_by("pk")
    # The oldest five are gone.
    assert [each.expires_at - NOON for each in waiting] == [timedelta(seconds=30 + n) for n in range(5, 25)]
    assert remove_old(NOON + timedelta(seconds=40)) == 6
    assert CometMessage.objects.count() == 14
    # Nobody's: a client without a user asks by the callback's id.
    tell(callback, " ")
    tell(callback, "x" * 257)
    assert CometMessage.objects.count() == 14


def test_a_client_that_goes_on_asking_stays_subscribed(callback: Callback) -> None:
    ann = Comet().subscribe()
    for _ in range(5):
        ann.now += timedelta(minutes=9)
        assert ann.connect()[1]["successful"] is True
    ann.now += timedelta(minutes=11)
    # It slept: its subscription is gone, and it is told so instead of hearing nothing for ever.
    assert ann.connect()[1] == {
        "channel": "/meta/connect", "successful": False, "error": "402::unknown client", "advice": UNKNOWN,
    }  # fmt: skip
    assert remove_old(ann.now) == 1
    assert not CometSubscription.objects.exists()


def test_a_user_has_five_clients_at_most() -> None:
    clients = [Comet(now=NOON + timedelta(seconds=number)).subscribe().id for number in range(7)]
    assert set(CometSubscription.objects.values_list("client", flat=True)) == set(clients[2:])


@pytest.mark.parametrize("channel", ["/meta/unsubscribe", "/meta/disconnect"])
def test_a_client_leaves(callback: Callback, channel: str) -> None:
    ann = Comet().subscribe()
    assert ann.send({"channel": channel, "clientId": ann.id})[0]["successful"] is True
    tell(callback)
    assert ann.connect()[0] == []
    assert ann.send({"channel": channel, "clientId": "none"})[0]["error"] == "402::unknown client"


@pytest.mark.parametrize(
    ("message", "reply"),
    [
        ({"channel": "/_genesys", "data": {}}, {"successful": False, "error": "403::nothing can be published"}),
        ({"channel": "/meta/connect", "clientId": 7}, {"successful": False, "error": "402::unknown client"}),
        ({"channel": "/meta/subscribe", "subscription": "/x"}, {"successful": False, "error": "402::unknown client"}),
        (
            {"channel": "/meta/handshake", "supportedConnectionTypes": ["websocket"]},
            {"successful": False, "error": "412:long-polling:there is no other connection type"},
        ),
    ],
)
def test_what_is_refused_in_its_answer(message: dict[str, Any], reply: dict[str, Any]) -> None:
    [answer] = Comet().send(message)
    assert {key: answer[key] for key in ("successful", "error")} == reply


def test_other_channels_are_none() -> None:
    ann = Comet().subscribe()
    [answer] = ann.send({"channel": "/meta/subscribe", "clientId": ann.id, "subscription": "/**"})
    assert answer["error"] == "403:/_genesys:there is no other channel"


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ("{", 400, "The body is not valid JSON."),
        ("[" * 100_000, 400, "The body is not valid JSON."),
        ("[]", 400, "Not Bayeux: a request has 1 to 20 messages."),
        ("[1]", 400, "Not Bayeux: a message is a JSON object with a channel."),
        ('{"id": 1}', 400, "Not Bayeux: a message is a JSON object with a channel."),
        (json.dumps([HANDSHAKE] * 21), 400, "Not Bayeux: a request has 1 to 20 messages."),
    ],
)
def test_requests_that_are_no_bayeux(body: str, status: int, message: str) -> None:
    answer = client_with(START).post(URL, body, "application/json", headers={"gms_user": ANN})
    assert (answer.status_code, answer.json()["message"]) == (status, message)


# What JSON's escapes can write and no answer can say, and what no JSON can.
@pytest.mark.parametrize("value", ['"\\ud800"', "NaN", "1e999"])
@pytest.mark.parametrize("key", ["channel", "id", "subscription"])
def test_what_no_answer_can_repeat_is_refused(key: str, value: str) -> None:
    ann = Comet().subscribe()
    message = {"channel": "/meta/unsubscribe", "clientId": ann.id, "id": "1", "subscription": "/_genesys", key: "here"}
    body = json.dumps(message).replace('"here"', value)
    assert ann.client.post(URL, body, "application/json", headers={"gms_user": ANN}).status_code == 400


def test_a_key_that_stands_in_web_pages_hears_nothing(callback: Callback) -> None:
    """Whoever reads the page would get the ids of others' callbacks by guessing the names of devices."""
    _, text = ApiKey.objects.create_key(name="web page", scopes=[START], is_public=True)
    tell(callback)
    stranger = Comet(client=Client(headers={"x-api-key": text}))
    assert stranger.send(HANDSHAKE, status=403)["message"] == "Requires permission"


def test_who_may_ask() -> None:
    body = json.dumps([HANDSHAKE])
    assert Client().post(URL, body, "application/json", headers={"gms_user": ANN}).status_code == 401
    assert client_with(QUERY).post(URL, body, "application/json", headers={"gms_user": ANN}).status_code == 403
    nobody = client_with(START).post(URL, body, "application/json")
    assert (nobody.status_code, nobody.json()["message"]) == (
        400, "The header gms_user is required, with at most 256 characters.",
    )  # fmt: skip
    assert client_with(START).post(URL, body, "text/plain", headers={"gms_user": ANN}).status_code == 415
    assert client_with(START).get(URL).status_code == 405
    assert client_with(START).post(f"{URL}/publish", body, "application/json").status_code == 404


def test_a_poll_keeps_nobody_waiting(django_assert_max_num_queries: Any) -> None:
    """The web has few threads: one that waited for a message would be one less for everybody."""
    ann = Comet().subscribe()
    ann.connect()
    began = time.monotonic()
    with django_assert_max_num_queries(8):
        ann.connect()
    assert time.monotonic() - began < 1.0
    assert comet.ADVICE["interval"] == 3000
