"""Devices of the kind ios, against a server that speaks Apple's protocol (tests/callbacks/apple.py)."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest import mock
from uuid import UUID

import jwt
import pytest

from callbacks.push import apns, configuration, notices
from callbacks.push.models import Notice
from callbacks.push.provider import DeviceGone, Message, Rejected, Unavailable, Unknown
from services.models import Section
from tests.callbacks.apple import KEY_ID, P8, TEAM, TOPIC, Apple, apple
from tests.factories import NOON, CallbackFactory

pytestmark = pytest.mark.django_db(transaction=True)

DEVICE = "00FC13ADFF785122B4AD28809A3420982341241421348097878E577C991DE8F0"
ID = "369-96984577-a614-4f18-b80e-aaf91e78b178"
DIALOG = {
    "_dialog_id": "0",
    "_action": "ConfirmationDialog",
    "_text": "You will receive the call shortly",
    "_ok_title": "Ok",
    "_id": ID,
}
MESSAGE = Message(id="eabeae54-14a8-11e5-b60b-1697f925ec7b", about=ID, body=DIALOG, seconds=30)
OPTIONS = {
    "pushEnabled": "ios",
    "apns.credentials": "apns/AuthKey.p8",
    "apns.keyId": KEY_ID,
    "apns.teamId": TEAM,
    "apns.topic": TOPIC,
}


@pytest.fixture
def push_service(settings: Any, tmp_path: Path) -> Iterator[Apple]:
    settings.PUSH_CREDENTIALS = tmp_path
    (tmp_path / "apns").mkdir()
    (tmp_path / "apns" / "AuthKey.p8").write_text(P8)
    Section.objects.create(name="push", options=OPTIONS)
    apns._tokens.clear()
    with apple() as served:
        settings.APNS_ENDPOINT, settings.APNS_SANDBOX_ENDPOINT = served.url, "http://127.0.0.1:9"
        yield served
        apns._clients.pop(served.url, None)
    apns._tokens.clear()


def deliver(device: str = DEVICE, *, timeout: float = 5.0, **of: Any) -> None:
    configuration.provider_of("ios", **of).deliver(device, MESSAGE, timeout=timeout)


# What is sent


def test_a_device_is_told(push_service: Apple) -> None:
    with mock.patch.object(time, "time", return_value=1_700_000_000.7):
        deliver()
    [request] = push_service.requests
    token = request.headers.pop("authorization").removeprefix("bearer ")
    assert {key: request.headers[key] for key in request.headers if key.startswith(("apns-", ":"))} == {
        ":method": "POST",
        ":scheme": "http",
        ":authority": push_service.url.removeprefix("http://"),
        ":path": f"/3/device/{DEVICE.lower()}",
        "apns-id": "eabeae54-14a8-11e5-b60b-1697f925ec7b",
        "apns-topic": TOPIC,
        "apns-push-type": "alert",
        "apns-priority": "10",
        "apns-expiration": "1700000030",
        "apns-collapse-id": ID,
    }
    assert request.payload == {
        "aps": {
            "alert": {"body": "You will receive the call shortly"},
            "sound": "default",
            "interruption-level": "time-sensitive",
        },
        **DIALOG,
        "message": json.dumps({"_id": ID, "_action": "connect"}),
    }
    assert jwt.get_unverified_header(token) == {"alg": "ES256", "kid": KEY_ID, "typ": "JWT"}
    assert jwt.decode(token, options={"verify_signature": False}) == {"iss": TEAM, "iat": 1_700_000_000}


def test_one_connection_and_one_token_serve_many_messages(push_service: Apple) -> None:
    """Apple refuses tokens that are made anew for each message, and takes many connections for an attack."""
    for _ in range(5):
        deliver()
    assert {request.connection for request in push_service.requests} == {1}
    assert len({request.token for request in push_service.requests}) == 1


@pytest.mark.parametrize(("minutes", "tokens"), [(19, 1), (39, 1), (41, 2)])
def test_a_token_is_used_for_forty_minutes(push_service: Apple, minutes: int, tokens: int) -> None:
    deliver()
    later = time.monotonic() + 60 * minutes
    with mock.patch.object(time, "monotonic", return_value=later):
        deliver()
    assert len({request.token for request in push_service.requests}) == tokens


def test_an_expired_token_is_replaced(push_service: Apple) -> None:
    push_service.answers = [(403, "ExpiredProviderToken")]
    with pytest.raises(Unavailable, match=r"^APNs answered 403 ExpiredProviderToken: the token has expired$"):
        deliver()
    deliver()
    first, second = push_service.requests
    assert first.token != second.token


def test_the_sandbox_is_another_place(push_service: Apple, settings: Any) -> None:
    settings.APNS_ENDPOINT, settings.APNS_SANDBOX_ENDPOINT = "http://127.0.0.1:9", push_service.url
    deliver(is_debug=True)
    assert len(push_service.requests) == 1
    with pytest.raises(Unavailable, match=r"^it cannot be reached$"):
        deliver()


def test_a_child_process_does_not_write_to_its_parents_connection(push_service: Apple) -> None:
    """Two processes that write to one connection would spoil it for both."""
    deliver()
    child = os.fork()
    if not child:
        os._exit(1 if apns._clients else 0)
    assert os.waitpid(child, 0)[1] == 0
    deliver()
    assert [request.connection for request in push_service.requests] == [1, 1]


# What the answers mean


def test_every_reason_of_apples_has_a_meaning() -> None:
    """developer.apple.com: Handling notification responses from APNs. The key's environment is spelt in two ways."""
    assert set(apns.WORDS) == {
        # 400
        "BadCollapseId", "BadDeviceToken", "BadExpirationDate", "BadMessageId", "BadPriority", "BadTopic",
        "DeviceTokenNotForTopic", "DuplicateHeaders", "IdleTimeout", "InvalidPushType", "MissingDeviceToken",
        "MissingTopic", "PayloadEmpty", "TopicDisallowed",
        # 403
        "BadCertificate", "BadCertificateEnvironment", "ExpiredProviderToken", "Forbidden", "InvalidProviderToken",
        "MissingProviderToken", "UnrelatedKeyIdInToken", "BadEnvironmentKeyIdInToken", "BadEnvironmentKeyInToken",
        # 404, 405, 410, 413
        "BadPath", "MethodNotAllowed", "ExpiredToken", "Unregistered", "PayloadTooLarge",
        # 429, 500, 503
        "TooManyProviderTokenUpdates", "TooManyRequests", "InternalServerError", "ServiceUnavailable", "Shutdown",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "kind", "says"),
    [
        ((410, "Unregistered"), DeviceGone, "APNs answered 410 Unregistered: the app is no longer there"),
        (
            (400, "BadDeviceToken"),
            DeviceGone,
            "APNs answered 400 BadDeviceToken: the device is not one of this app, or of the other environment "
            "(_use_debug_push_certificate)",
        ),
        (
            (400, "PayloadTooLarge"),
            Rejected,
            "APNs answered 400 PayloadTooLarge: it does not accept the message",
        ),
        (
            (403, "InvalidProviderToken"),
            Rejected,
            "APNs answered 403 InvalidProviderToken: it does not accept the account that [push] names",
        ),
        ((429, "TooManyRequests"), Unavailable, "APNs answered 429 TooManyRequests: it asks to try again later"),
        ((503, "Shutdown"), Unavailable, "APNs answered 503 Shutdown: it asks to try again later"),
        ((500, ""), Unavailable, "APNs answered 500: it asks to try again later"),
        ((418, "NewReason"), Rejected, "APNs answered 418 NewReason: it does not accept the message"),
    ],
)
def test_what_an_answer_means(push_service: Apple, answer: Any, kind: type[Exception], says: str) -> None:
    push_service.answers = [answer]
    with pytest.raises(kind) as failed:
        deliver()
    assert (type(failed.value), str(failed.value)) == (kind, says)


def test_a_connection_that_dies_leaves_the_message_in_doubt_and_is_replaced(push_service: Apple) -> None:
    push_service.answers = [(200, ""), (0, "")]
    deliver()
    with pytest.raises(Unknown, match=r"^the exchange with it broke off \(RemoteProtocolError\)$"):
        deliver()
    deliver()
    assert [request.connection for request in push_service.requests] == [1, 1, 2]


def test_who_does_not_answer_is_left_in_time(push_service: Apple) -> None:
    push_service.answers = [(1, "")]
    with pytest.raises(Unknown, match=r"^it did not answer within 0\.3 seconds$"):
        deliver(timeout=0.3)
    deliver()
    assert [request.connection for request in push_service.requests] == [1, 2]


def test_a_connection_that_another_thread_gives_up_serves_whoever_has_it(push_service: Apple) -> None:
    """Between the moment at which one has the connection and the request, the message of another fails."""
    deliver()
    client = apns._client(push_service.url)

    def have(endpoint: str) -> Any:
        apns.forget_connection(endpoint, client)
        return client

    with mock.patch.object(apns, "_client", have):
        deliver()
    deliver()
    assert [request.connection for request in push_service.requests] == [1, 1, 2]


def test_who_fails_on_an_old_connection_leaves_the_new_one_alone(push_service: Apple) -> None:
    deliver()
    old = apns._client(push_service.url)
    apns.forget_connection(push_service.url, old)
    deliver()
    apns.forget_connection(push_service.url, old)
    deliver()
    assert [request.connection for request in push_service.requests] == [1, 2, 2]


@pytest.mark.parametrize("device", ["ann", "../../1/x", f"{DEVICE}?x", "", "ab" * 200])
def test_a_device_that_is_no_token(push_service: Apple, device: str) -> None:
    with pytest.raises(DeviceGone, match=r"is no device token of Apple's, which is hexadecimal$"):
        deliver(device)
    assert push_service.requests == []


# Credentials


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"pushEnabled": "ios", "apns.topic": TOPIC}, "apns.credentials, apns.keyId, apns.teamId in [push] are empty"),
        ({**OPTIONS, "apns.topic": ""}, "apns.topic in [push] is empty"),
        (
            {**OPTIONS, "apns.credentials": "gone.p8"},
            "apns.credentials in [push]: gone.p8 in {folder} cannot be read: No such file or directory",
        ),
        (
            {**OPTIONS, "apns.credentials": "text.p8"},
            "apns.credentials in [push]: text.p8 is no key of Apple's (.p8)",
        ),
    ],
)
def test_credentials_that_cannot_be_used_are_named(
    push_service: Apple, tmp_path: Path, options: dict[str, str], why: str
) -> None:
    (tmp_path / "text.p8").write_text("no key")
    Section.objects.update(options=options)
    with pytest.raises(Rejected) as failed:
        deliver()
    assert str(failed.value) == why.format(folder=tmp_path)
    assert push_service.requests == []


# From the decision to the device


def test_a_repeated_attempt_carries_the_same_id(push_service: Apple) -> None:
    push_service.answers, push_service.headers = [(429, "TooManyRequests")], [("retry-after", "7")]
    notices.put(CallbackFactory.create().pk, visit=3, device=DEVICE, device_os="iOS", body=DIALOG, attempts=3, now=NOON)
    notice = Notice.objects.get()
    notices.send(notice.pk, now=NOON)
    notice.refresh_from_db()
    assert timedelta(seconds=7) <= notice.due_at - NOON < timedelta(seconds=9)
    notices.send(notice.pk, now=NOON + timedelta(seconds=10))
    first, second = (request.headers["apns-id"] for request in push_service.requests)
    assert first == second == str(UUID(first))
    assert not Notice.objects.exists()
