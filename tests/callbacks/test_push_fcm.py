"""Devices of the kind fcm, against a server that speaks Google's protocol (tests/callbacks/google.py)."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from callbacks.flow.options import Notification
from callbacks.models import Callback, Pending
from callbacks.push import configuration, fcm, notices
from callbacks.push.models import Notice
from callbacks.push.provider import DeviceGone, Message, Rejected, Unavailable, Unknown
from callbacks.push.words import Meaning, failure, meaning_of
from services.models import Section
from tests.callbacks.google import KEY_FILE, Google, google, refusal
from tests.factories import NOON, CallbackFactory
from tests.test_logs import logged

pytestmark = pytest.mark.django_db(transaction=True)

TOKEN = "fLw:APA91b-the-token-of-ann"
ID = "369-96984577-a614-4f18-b80e-aaf91e78b178"
DIALOG = {
    "_dialog_id": "0",
    "_action": "ConfirmationDialog",
    "_text": "You will receive the call shortly",
    "_ok_title": "Ok",
    "_id": ID,
}
MESSAGE = Message(id="0b1f", about=ID, body=DIALOG, seconds=30)


@pytest.fixture
def firebase(settings: Any, tmp_path: Path) -> Iterator[Google]:
    settings.OUTBOUND_ALLOWED_NETWORKS = [ip_network("127.0.0.0/8")]
    settings.PUSH_CREDENTIALS = tmp_path
    (tmp_path / "bank.json").write_text(json.dumps(KEY_FILE))
    Section.objects.create(name="push", options={"pushEnabled": "fcm", "fcm.credentials": "bank.json"})
    fcm._tokens.clear()
    with google() as served:
        settings.FCM_ENDPOINT, settings.GOOGLE_TOKEN_ENDPOINT = served.url, f"{served.url}/token"
        yield served
    fcm._tokens.clear()


def deliver(message: Message = MESSAGE, **of: Any) -> None:
    configuration.provider_of("fcm", **of).deliver(TOKEN, message, timeout=5.0)


# What is sent


def test_a_device_is_told_in_the_form_that_both_clients_read(firebase: Google) -> None:
    deliver()
    assert firebase.messages == [
        {
            "token": TOKEN,
            # The seed document's client reads the dialog, the vendor's Android client `message`.
            "data": {**DIALOG, "message": json.dumps({"_id": ID, "_action": "connect"})},
            "notification": {"body": "You will receive the call shortly"},
            "android": {"priority": "HIGH", "ttl": "30s", "collapse_key": ID},
        }
    ]


@pytest.mark.parametrize(
    ("options", "message", "shown"),
    [
        ({"fcm.title": "Bank", "fcm.body": "We call"}, MESSAGE, {"title": "Bank", "body": "We call"}),
        (
            {"fcm.title": "Bank", "fcm.body": "We call"},
            Message(id="0b1f", about=ID, body=DIALOG, title="Rückruf", text="Wir rufen an"),
            {"title": "Rückruf", "body": "Wir rufen an"},
        ),
    ],
)
def test_the_message_file_says_more_than_the_section(
    firebase: Google, options: dict[str, str], message: Message, shown: dict[str, str]
) -> None:
    Section.objects.update(options={"pushEnabled": "fcm", "fcm.credentials": "bank.json", **options})
    deliver(message)
    assert firebase.messages[0]["notification"] == shown


def test_a_token_is_used_until_it_is_about_to_expire(firebase: Google) -> None:
    deliver()
    deliver()
    assert len(firebase.tokens) == 1
    later = time.monotonic() + 3599 - 300 + 1
    with mock.patch.object(time, "monotonic", return_value=later):
        deliver()
    assert (len(firebase.tokens), len(firebase.messages)) == (2, 3)


def test_a_token_that_google_took_back_is_replaced(firebase: Google) -> None:
    deliver()
    firebase.tokens.append("another")
    with pytest.raises(Unavailable, match=r"^FCM answered 401 UNAUTHENTICATED: the token has expired$"):
        deliver()
    deliver()
    assert len(firebase.messages) == 2


# What the answers mean


def test_every_word_of_googles_has_a_meaning() -> None:
    """firebase.google.com/docs/reference/fcm/rest/v1/ErrorCode, and google/rpc/code.proto without OK."""
    own = {
        "UNSPECIFIED_ERROR", "INVALID_ARGUMENT", "UNREGISTERED", "SENDER_ID_MISMATCH", "QUOTA_EXCEEDED", "UNAVAILABLE",
        "INTERNAL", "THIRD_PARTY_AUTH_ERROR",
    }  # fmt: skip
    rpc = {
        "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
        "PERMISSION_DENIED", "UNAUTHENTICATED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE",
        "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS",
    }  # fmt: skip
    assert set(fcm.WORDS) == own | rpc


def test_every_meaning_has_its_exception() -> None:
    kinds = {meaning: type(failure("FCM", "500", meaning)) for meaning in Meaning}
    assert kinds == {
        Meaning.GONE: DeviceGone,
        Meaning.WRONG_DEVICE: DeviceGone,
        Meaning.ACCOUNT: Rejected,
        Meaning.MESSAGE: Rejected,
        Meaning.LATER: Unavailable,
        Meaning.STALE: Unavailable,
        Meaning.UNKNOWN: Unknown,
    }


@pytest.mark.parametrize(
    ("status", "meaning"),
    [
        (400, Meaning.MESSAGE), (401, Meaning.ACCOUNT), (403, Meaning.ACCOUNT), (404, Meaning.MESSAGE),
        (429, Meaning.LATER), (500, Meaning.LATER), (503, Meaning.LATER), (302, Meaning.MESSAGE),
    ],
)  # fmt: skip
def test_words_of_a_later_release_mean_what_their_status_means(status: int, meaning: Meaning) -> None:
    assert meaning_of("SOMETHING_NEW", status, fcm.WORDS) is meaning


@pytest.mark.parametrize(
    ("answer", "kind", "says"),
    [
        (
            refusal(404, "NOT_FOUND", "UNREGISTERED"),
            DeviceGone,
            "FCM answered 404 UNREGISTERED: the app is no longer there",
        ),
        (
            refusal(403, "PERMISSION_DENIED", "SENDER_ID_MISMATCH"),
            DeviceGone,
            "FCM answered 403 SENDER_ID_MISMATCH: the device is not one of this app, or of the other environment "
            "(_use_debug_push_certificate)",
        ),
        (
            refusal(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT"),
            Rejected,
            "FCM answered 400 INVALID_ARGUMENT: it does not accept the message",
        ),
        (
            refusal(403, "PERMISSION_DENIED"),
            Rejected,
            "FCM answered 403 PERMISSION_DENIED: it does not accept the account that [push] names",
        ),
        (
            refusal(429, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED"),
            Unavailable,
            "FCM answered 429 QUOTA_EXCEEDED: it asks to try again later",
        ),
        (refusal(503, "UNAVAILABLE"), Unavailable, "FCM answered 503 UNAVAILABLE: it asks to try again later"),
        (
            refusal(504, "DEADLINE_EXCEEDED"),
            Unknown,
            "FCM answered 504 DEADLINE_EXCEEDED: it does not say what became of the message",
        ),
        ((502, {"error": "Bad Gateway"}), Unavailable, "FCM answered 502: it asks to try again later"),
    ],
)
def test_what_an_answer_means(firebase: Google, answer: Any, kind: type[Exception], says: str) -> None:
    firebase.answers = [answer]
    with pytest.raises(kind) as failed:
        deliver()
    assert (type(failed.value), str(failed.value)) == (kind, says)
    # It says nothing of the device.
    assert "APA91b" not in str(failed.value)


@pytest.mark.parametrize(
    ("answer", "kind", "says"),
    [
        (
            (400, {"error": "invalid_grant"}),
            Rejected,
            "Google's token service answered 400 invalid_grant: it does not accept the account that [push] names",
        ),
        ((503, {}), Unavailable, "Google's token service answered 503"),
    ],
)
def test_what_the_token_service_answers(firebase: Google, answer: Any, kind: type[Exception], says: str) -> None:
    firebase.token_answers = [answer]
    with pytest.raises(kind) as failed:
        deliver()
    assert (type(failed.value), str(failed.value), firebase.messages) == (kind, says, [])


# Credentials


@pytest.mark.parametrize(
    ("credentials", "why"),
    [
        ("", "fcm.credentials in [push] is empty"),
        ("gone.json", "fcm.credentials in [push]: gone.json in {folder} cannot be read: No such file or directory"),
        ("broken.json", "fcm.credentials in [push]: broken.json is no key file of a Google service account"),
        ("other.json", "fcm.credentials in [push]: other.json is no key file of a Google service account"),
        ("out.json", "fcm.credentials in [push]: out.json leads out of {folder}"),
        ("../x.json", "fcm.credentials in [push]: '../x.json' is no name of a file below {folder}, such as app.json"),
        ("folder", "fcm.credentials in [push]: folder in {folder} is no file"),
        ("empty.json", "fcm.credentials in [push]: empty.json in {folder} is empty"),
    ],
)
def test_credentials_that_cannot_be_used_are_named(
    firebase: Google, tmp_path: Path, credentials: str, why: str
) -> None:
    (tmp_path / "broken.json").write_text("{")
    (tmp_path / "other.json").write_text(json.dumps({**KEY_FILE, "private_key": "not a key"}))
    (tmp_path / "out.json").symlink_to("/etc/hostname")
    (tmp_path / "folder").mkdir()
    (tmp_path / "empty.json").touch()
    Section.objects.update(options={"pushEnabled": "fcm", "fcm.credentials": credentials})
    with pytest.raises(Rejected) as failed:
        deliver()
    assert str(failed.value) == why.format(folder=tmp_path)
    assert firebase.tokens == []


def test_a_key_that_is_replaced_counts_at_once(firebase: Google, tmp_path: Path) -> None:
    deliver()
    (tmp_path / "bank.json").write_text(json.dumps({**KEY_FILE, "project_id": "no-such-project"}))
    with pytest.raises(Rejected, match=r"^FCM answered 404 NOT_FOUND: it does not accept the account"):
        deliver()


def test_debug_credentials_are_used_where_they_are_asked_for(firebase: Google, tmp_path: Path) -> None:
    with pytest.raises(Rejected, match=r"^debug\.fcm\.credentials in \[push\] is empty$"):
        deliver(is_debug=True)
    (tmp_path / "debug.json").write_text(json.dumps(KEY_FILE))
    options = {"pushEnabled": "fcm", "fcm.credentials": "gone.json", "debug.fcm.credentials": "debug.json"}
    Section.objects.update(options=options)
    deliver(is_debug=True)
    assert len(firebase.messages) == 1


# Several providers


def test_a_service_names_its_provider(firebase: Google) -> None:
    Section.objects.update(options={"pushEnabled": "fcm", "fcm.credentials": "gone.json", "fcm.title": "Group"})
    own = Section.objects.create(name="push.provider.bank", options={"fcm.credentials": "bank.json"})
    deliver(provider="bank")
    # What it says of fcm it says all of: it takes no title of somebody else's.
    assert firebase.messages[0]["notification"] == {"body": "You will receive the call shortly"}
    with pytest.raises(Rejected, match=r"^fcm\.credentials in \[push\]: gone\.json"):
        deliver()
    # One that says nothing of fcm takes what [push] says.
    own.options = {"customhttp.url": "https://gateway.example.org/"}
    own.save()
    with pytest.raises(Rejected, match=r"^fcm\.credentials in \[push\]: gone\.json"):
        deliver(provider="bank")


def test_a_provider_that_is_not_there(firebase: Google) -> None:
    why = r"^there is no section \[push\.provider\.bank\], which _provider_name names$"
    with pytest.raises(Rejected, match=why):
        deliver(provider="bank")


# From the decision to the device


def put(callback: Callback, **changed: Any) -> Notice:
    notices.put(
        callback.pk, visit=3, device=TOKEN, device_os="gcm", body={**DIALOG, "_id": callback.pk},
        attempts=3, now=NOON, **changed,
    )  # fmt: skip
    return Notice.objects.get()


def settled() -> list[dict[str, Any]]:
    return [pending.event for pending in Pending.objects.order_by("pk")]


def test_a_client_of_gcm_is_told_by_fcm_in_its_own_words(firebase: Google) -> None:
    callback = CallbackFactory.create()
    notice = put(callback, seconds=45, notification=Notification(texts=(("text", "Wir rufen an"), ("title", "Bank"))))
    notices.send(notice.pk, now=NOON + timedelta(seconds=5))
    [sent] = firebase.messages
    assert sent["notification"] == {"title": "Bank", "body": "Wir rufen an"}
    # Good for as long as the question is asked.
    assert sent["android"]["ttl"] == "40s"
    assert sent["data"]["_text"] == "Wir rufen an"
    assert settled()[0]["detail"] == "attempt 1 of 3"


def test_a_device_that_is_gone_is_not_tried_again(firebase: Google) -> None:
    firebase.answers = [refusal(404, "NOT_FOUND", "UNREGISTERED")]
    notice = put(CallbackFactory.create())
    with logged() as lines:
        notices.send(notice.pk, now=NOON)
    assert (len(firebase.messages), Notice.objects.count()) == (1, 0)
    assert settled() == [
        {
            "kind": "PushSettled",
            "visit": 3,
            "delivered": False,
            "detail": "attempt 1 of 3, FCM answered 404 UNREGISTERED: the app is no longer there",
            "gone": True,
        }
    ]
    assert TOKEN not in lines.text


def test_what_google_asks_for_is_waited_for(firebase: Google) -> None:
    firebase.answers, firebase.headers = [refusal(503, "UNAVAILABLE")], {"Retry-After": "20"}
    notice = put(CallbackFactory.create())
    notices.send(notice.pk, now=NOON)
    notice.refresh_from_db()
    assert timedelta(seconds=20) <= notice.due_at - NOON < timedelta(seconds=22)
    notices.send(notice.pk, now=NOON + timedelta(seconds=25))
    assert settled()[0]["detail"] == "attempt 2 of 3"
    # The same message: only the last attempt of several that arrive is shown.
    assert [each["android"]["collapse_key"] for each in firebase.messages] == [notice.callback_id] * 2


def test_an_unknown_outcome_is_said_and_counted_as_such(firebase: Google) -> None:
    firebase.answers = [refusal(504, "DEADLINE_EXCEEDED")] * 3
    notice = put(CallbackFactory.create())
    for turn in range(3):
        notices.send(notice.pk, now=NOON + timedelta(minutes=turn))
    [event] = settled()
    assert (event["delivered"], event["gone"]) == (False, False)
    assert event["detail"] == (
        "attempt 3 of 3, FCM answered 504 DEADLINE_EXCEEDED: it does not say what became of the message; "
        "whether it arrived is unknown"
    )
