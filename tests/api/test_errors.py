"""Every refusal: its status, its words, and that nothing was stored."""

from __future__ import annotations

import io
import json
import logging
from datetime import UTC, datetime
from typing import Any
from unittest import mock

import pytest
from django.db import OperationalError
from django.test import Client
from pytest_django import Settings

from callbacks import actions
from callbacks.models import Callback
from services.models import ConfiguredService
from telephony.models import BlockedNumber
from tests.api.conftest import at, book, make_office, make_service
from tests.api.test_seeds import IMMEDIATE, multipart

GENERAL = "com.genesyslab.gsg.GSGException"
FAMILY = "com.genesyslab.gsg.services.callback.exceptions.CallbackException"
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
PARTS = "multipart/form-data; boundary=x"
NUMBER = {"_customer_number": "5115"}
JULY = datetime(2026, 7, 30, 14, 0, tzinfo=UTC)

pytestmark = pytest.mark.usefixtures("service")


def refusal(response: Any) -> tuple[int, str, str]:
    """What a refusal says; it has the one shape, and nothing was stored."""
    answer = json.loads(response.content)
    assert list(answer) == ["exception", "message"]
    assert response["Content-Type"] == "application/json;charset=UTF-8"
    assert response["Cache-Control"] == "no-cache, no-store"
    assert not Callback.objects.exists()
    return response.status_code, answer["exception"], answer["message"]


def part(disposition: str, value: bytes = b"5115", more: str = "") -> bytes:
    return (
        b"--x\r\nContent-Disposition: " + disposition.encode() + more.encode() + b"\r\n\r\n" + value + b"\r\n--x--\r\n"
    )


BODIES = [
    # JSON
    ("not JSON", JSON, b"{", "The body is not valid JSON."),
    ("JSON with a comma too many", JSON, b'{"_customer_number": "5115",}', "The body is not valid JSON."),
    ("not a number", JSON, b'{"_customer_number": NaN}', "The body is not valid JSON."),
    ("too deep", JSON, b'{"a":' * 100_000, "The body is not valid JSON."),
    ("two objects", JSON, b"{}{}", "The body is not valid JSON."),
    ("array", JSON, b"[]", "The body must be one JSON object."),
    ("text", JSON, b'"_customer_number"', "The body must be one JSON object."),
    ("null", JSON, b"null", "The body must be one JSON object."),
    ("not UTF-8", JSON, b'{"a": "\xff"}', "The JSON is not UTF-8 text."),
    ("surrogate", JSON, b'{"a": "\\ud800"}', "The value of 'a' is not Unicode text."),
    ("surrogate in key", JSON, b'{"\\ud800": "a"}', "A key is not Unicode text."),
    ("NUL in value", JSON, b'{"a": "b\\u0000"}', "The value of 'a' has a NUL character."),
    ("NUL in key", JSON, b'{"a\\u0000": "b"}', "A key has a NUL character."),
    ("empty key", JSON, b'{"": "b"}', "A key is empty."),
    ("key twice", JSON, b'{"a": "1", "a": "2"}', "Key 'a' is given twice."),
    (
        "object as value",
        JSON,
        b'{"a": {"b": "c"}}',
        "The value of 'a' is an object or an array; it must be text, a number, true or false.",
    ),
    (
        "array as value",
        JSON,
        b'{"a": []}',
        "The value of 'a' is an object or an array; it must be text, a number, true or false.",
    ),
    # forms
    ("form not UTF-8", FORM, b"a=%FF", "The form is not UTF-8 text."),
    ("raw form not UTF-8", FORM, b"a=\xff", "The form is not UTF-8 text."),
    ("form with NUL", FORM, b"a=%00", "The value of 'a' has a NUL character."),
    ("form with NUL key", FORM, b"a%00=1", "A key has a NUL character."),
    ("form key twice", FORM, b"a=1&a=1", "Key 'a' is given twice."),
    ("form without key", FORM, b"=1", "A key is empty."),
    # multipart
    ("no boundary", "multipart/form-data", b"--x--", "The multipart body's boundary is missing or malformed."),
    (
        "boundary too long",
        f"multipart/form-data; boundary={'x' * 71}",
        b"--x--",
        "The multipart body's boundary is missing or malformed.",
    ),
    ("other boundary", PARTS, multipart("y", NUMBER), "The multipart body ends before its closing boundary."),
    ("cut off", PARTS, multipart("x", NUMBER)[:-6], "The multipart body ends before its closing boundary."),
    ("no name", PARTS, part("form-data"), "A part of the multipart body has no name."),
    ("no header", PARTS, b"--x\r\n\r\n\r\nvalue\r\n--x--", "A part of the multipart body has no name."),
    ("no empty line", PARTS, b"--x\r\nvalue\r\n--x--", "A part of the multipart body is malformed."),
    ("not form data", PARTS, part('attachment; name="a"'), "A part of the multipart body has no name."),
    ("file", PARTS, part('form-data; name="cv"; filename="a.pdf"'), "Part 'cv' is a file; only text is taken."),
    (
        "file without a name",
        PARTS,
        part('form-data; name="cv"; filename=""'),
        "Part 'cv' is a file; only text is taken.",
    ),
    ("part not UTF-8", PARTS, part('form-data; name="a"', b"\xff"), "Part 'a' is not UTF-8 text."),
    ("part with NUL", PARTS, part('form-data; name="a"', b"\x00"), "The value of 'a' has a NUL character."),
    ("part name with NUL", PARTS, part('form-data; name="a\x00"'), "A key has a NUL character."),
    (
        "encoded part",
        PARTS,
        part('form-data; name="a"', more="\r\nContent-Transfer-Encoding: base64"),
        "Part 'a' has a Content-Transfer-Encoding; send the text as it is.",
    ),
    (
        "part name in a strange charset",
        PARTS,
        part("form-data; name*=bogus''a"),
        "A part of the multipart body is malformed.",
    ),
    (
        "line feeds only",
        PARTS,
        multipart("x", NUMBER).replace(b"\r", b""),
        "A part of the multipart body is malformed.",
    ),
    # limits
    ("long value", FORM, b"a=" + b"b" * 4097, "The value of 'a' is longer than 4096 characters."),
    ("long key", FORM, b"a" * 129 + b"=b", "A key is longer than 128 characters."),
    (
        "1,000 keys as JSON",
        JSON,
        json.dumps(dict.fromkeys(map(str, range(1000)), "a")).encode(),
        "The request has more than 200 keys.",
    ),
    ("1,000 keys as form", FORM, b"&".join(b"%d=a" % n for n in range(1000)), "The request has more than 200 keys."),
    (
        "1,000 keys as parts",
        PARTS,
        multipart("x", dict.fromkeys(map(str, range(1000)), "a")),
        "The request has more than 200 keys.",
    ),
]


@pytest.mark.parametrize(("content_type", "body", "message"), [b[1:] for b in BODIES], ids=[b[0] for b in BODIES])
def test_a_body_that_cannot_be_read(client: Client, content_type: str, body: bytes, message: str) -> None:
    assert refusal(client.generic("POST", IMMEDIATE, body, content_type)) == (400, GENERAL, message)


@pytest.mark.parametrize(
    ("content_type", "message"),
    [
        (
            "text/plain",
            "Unsupported Media Type: the body must be one of multipart/form-data, application/x-www-form-urlencoded, "
            "application/json.",
        ),
        (
            "",
            "Unsupported Media Type: the body must be one of multipart/form-data, application/x-www-form-urlencoded, "
            "application/json.",
        ),
        ("application/json; charset=utf-16", "Unsupported Media Type: charset 'utf-16'; use UTF-8."),
        ("application/json; charset=nonsense", "Unsupported Media Type: charset 'nonsense'; use UTF-8."),
    ],
)
def test_a_body_in_another_encoding(client: Client, content_type: str, message: str) -> None:
    response = client.generic("POST", IMMEDIATE, b'{"_customer_number": "5115"}', content_type)

    assert refusal(response) == (415, GENERAL, message)


VALUES = [
    (
        {},
        "InvalidOption",
        "Invalid option: mandatory key _customer_number is missing (option _mandatory_customer_lookup_keys).",
    ),
    (
        {"_customer_number": " "},
        "InvalidOption",
        "Invalid option: mandatory key _customer_number is missing (option _mandatory_customer_lookup_keys).",
    ),
    (
        {"_customer_number": None},
        "InvalidOption",
        "Invalid option: mandatory key _customer_number is missing (option _mandatory_customer_lookup_keys).",
    ),
    (
        {"_customer_number": "5115@example.org"},
        "Number",
        "Customer Number [5115@example.org] is disallowed, because it is not a telephone number.",
    ),
    (
        {"_customer_number": "*21*0900"},
        "Number",
        "Customer Number [*21*0900] is disallowed, because it is not a telephone number.",
    ),
    (
        {"_customer_number": "1" * 32},
        "Number",
        f"Customer Number [{'1' * 32}] is disallowed, because it is not a telephone number.",
    ),
    (
        {**NUMBER, "_wait_for_agent": "maybe"},
        "InvalidOption",
        "Option _wait_for_agent: 'maybe' was given, allowed is true or false.",
    ),
]


@pytest.mark.parametrize(("request_", "exception", "message"), VALUES)
def test_a_value_that_is_not_allowed(client: Client, request_: Any, exception: str, message: str) -> None:
    response = client.post(IMMEDIATE, request_, content_type=JSON)

    assert refusal(response) == (400, f"{FAMILY}{exception}", message)


@pytest.mark.parametrize(
    "time",
    [
        "",
        "tomorrow",
        "2026-07-30",
        "2026-07-30T15:00:00",
        "2026-07-30T15:00:00+00:00",
        "2026-07-30T15:00:00.0Z",
        "2026-07-30 15:00:00.000Z",
        "2026-02-30T15:00:00.000Z",
        "2026-07-30T24:00:00.000Z",
        "2026-07-30T15:00:60.000Z",
        "9999-12-31T23:59:59.999Z",
        "0001-01-01T00:00:00.000Z",
        "\uff12\uff10\uff12\uff16-07-30T15:00:00.000Z",
        "2026-07-30T15:00:00.000Z\n",
    ],
)
def test_a_desired_time_that_is_none(client: Client, time: str) -> None:
    status, exception, message = refusal(client.post(IMMEDIATE, {**NUMBER, "_desired_time": time}, content_type=JSON))

    assert (status, exception) == (400, f"{FAMILY}InvalidOption")
    assert "_desired_time" in message


@pytest.mark.parametrize("time", ["2026-07-30T15:00:00Z", "2026-07-30T15:00:00.250Z"])
def test_a_desired_time_with_and_without_milliseconds(client: Client, time: str) -> None:
    with at(JULY):
        assert client.post(IMMEDIATE, {**NUMBER, "_desired_time": time}, content_type=JSON).status_code == 200


@pytest.mark.parametrize(
    ("time", "why"),
    [
        ("2026-07-30T13:58:59.999Z", "it has passed (_reject_past_desired_time)"),
        ("2026-08-30T14:00:00.001Z", "it is too far ahead (_reject_future_desired_time)"),
        ("2026-07-30T22:00:00.000Z", "the office is closed (Thu 2026-07-30 22:00 in UTC)"),
        ("2026-07-30T16:10:00.000Z", "its time slot is full"),
    ],
)
def test_a_time_that_is_not_available(client: Client, service: ConfiguredService, time: str, why: str) -> None:
    """The nearest times that are, on both sides: one slot before the full one, then those after it."""
    make_office(_bh_regular1="Mon-Sun 15:00-18:00")
    options = {"_business_hours_service": "hours", "_request_time_bucket": "60", "_max_request_by_time_bucket": "2"}
    service.options |= options
    service.save()
    book(service, JULY.replace(hour=16), 2)
    book(service, JULY.replace(hour=17), 1)

    with at(JULY):
        response = client.post(IMMEDIATE, {**NUMBER, "_desired_time": time})

    assert response.status_code == 400
    answer = response.json()
    assert list(answer) == ["exception", "message", "availability"]
    assert answer["exception"] == f"{FAMILY}Availability"
    assert answer["message"] == f"The desired time {time[:19]}Z is not available: {why}."
    if time < "2026-08":
        assert list(answer["availability"].items())[:3] == [
            ("2026-07-30T15:00:00.000Z", 2),
            ("2026-07-30T17:00:00.000Z", 1),
            ("2026-07-31T15:00:00.000Z", 2),
        ]
    else:
        assert list(answer["availability"])[-1] == "2026-08-29T17:00:00.000Z"
    assert not Callback.objects.exists()


def test_a_call_at_once_while_the_office_is_closed(client: Client, service: ConfiguredService) -> None:
    make_office(_bh_regular1="Mon-Sun 15:00-18:00")
    service.options |= {"_business_hours_service": "hours", "_enable_reject_out_of_office_hours": "true"}
    service.save()

    with at(JULY):
        response = client.post(IMMEDIATE, NUMBER)

    answer = response.json()
    assert (response.status_code, answer["exception"]) == (400, f"{FAMILY}Availability")
    assert answer["message"].startswith("Nobody can be called now: the office is closed (Thu 2026-07-30 14:00 in UTC)")
    assert next(iter(answer["availability"])) == "2026-07-30T15:00:00.000Z"
    assert not Callback.objects.exists()


def test_no_call_is_promised_while_nobody_is_called(client: Client, service: ConfiguredService) -> None:
    make_office(_bh_regular1="Mon-Sun 15:00-18:00")
    service.options["_business_hours_service"] = "hours"
    service.save()

    with at(JULY):
        response = client.post(IMMEDIATE, NUMBER)
    with at(JULY.replace(hour=15)):
        open_now = client.post(IMMEDIATE, NUMBER)

    assert (response.status_code, list(response.json())) == (200, ["_id"])
    assert open_now.json()["_text"] == "You will receive the call shortly"


def test_a_number_that_is_blocked(client: Client) -> None:
    BlockedNumber.objects.create(number="511", is_prefix=True, reason="asked not to be called")

    assert refusal(client.post(IMMEDIATE, NUMBER)) == (
        400,
        f"{FAMILY}Number",
        "Customer Number [5115] is disallowed, because it is blocked.",
    )


@pytest.mark.parametrize("zone", ["EST", "Berlin", " ", "Europe/Berlin\x00", "../etc/passwd"])
def test_a_zone_that_is_none(client: Client, zone: str) -> None:
    response = client.post(IMMEDIATE, {**NUMBER, "_customer_timezone": zone}, content_type=JSON)

    status, _, message = refusal(response)
    assert status == 400
    assert "_customer_timezone" in message


def test_a_zone_is_kept_by_its_name(client: Client) -> None:
    response = client.post(IMMEDIATE, {**NUMBER, "_customer_timezone": " Europe/Berlin "}, content_type=JSON)

    assert response.status_code == 200
    assert Callback.objects.get().properties["_customer_timezone"] == "Europe/Berlin"


def test_each_missing_key_is_named(client: Client, telephony: None) -> None:
    keys = "_customer_number,account"
    make_service("strict", _mandatory_customer_lookup_keys=keys, _customer_lookup_keys=keys)

    response = client.post("/genesys/1/service/callback/strict", {"first_name": "John"})

    assert refusal(response)[2] == (
        "Invalid option: mandatory key _customer_number, account is missing (option _mandatory_customer_lookup_keys)."
    )


@pytest.mark.parametrize("name", ["nobody", "no body", "a" * 65, "%00", "%FF", "..", "%D0%B0"])
def test_an_unknown_service(client: Client, name: str) -> None:
    for send in (client.post, client.get):
        status, exception, _ = refusal(send(f"/genesys/1/service/callback/{name}"))
        assert status == 404
        assert exception in {GENERAL, f"{FAMILY}NotFound"}
    response = client.post("/genesys/1/service/callback/nobody")
    assert refusal(response) == (404, f"{FAMILY}NotFound", "Service nobody is not configured.")


@pytest.mark.parametrize(
    "path", ["", "1", "1/", "1/service/callback/", f"{IMMEDIATE[9:]}/", "2/service/callback", "%00"]
)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "BREW"])
def test_an_unknown_path(stranger: Client, path: str, method: str) -> None:
    response = stranger.generic(method, f"/genesys/{path}")

    assert refusal(response) == (404, GENERAL, "There is nothing at this address.")


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "BREW"])
def test_a_method_that_the_address_does_not_know(client: Client, method: str) -> None:
    response = client.generic(method, IMMEDIATE)

    assert refusal(response) == (405, GENERAL, f'Method "{method}" not allowed.')
    assert response["Allow"] == "GET, POST, HEAD, OPTIONS"


def raw(client: Client, length: int, stream: Any) -> Any:
    """A POST whose Content-Length says something else than its body."""
    environ = {"CONTENT_LENGTH": str(length), "CONTENT_TYPE": FORM, "wsgi.input": stream}
    return client.request(REQUEST_METHOD="POST", PATH_INFO=IMMEDIATE, **environ)


def test_a_body_that_is_too_large_is_not_read(client: Client) -> None:
    unread = mock.Mock()

    assert refusal(raw(client, 10 * 1024 * 1024, unread)) == (
        413,
        GENERAL,
        "The body is larger than 1048576 bytes.",
    )
    assert not unread.mock_calls


def test_a_body_that_is_cut_off(client: Client) -> None:
    response = raw(client, 21, io.BytesIO(b"_customer_number=511"))

    assert refusal(response) == (400, GENERAL, "The body is shorter than its Content-Length.")


def test_a_body_without_its_length(client: Client) -> None:
    request = {"REQUEST_METHOD": "POST", "PATH_INFO": IMMEDIATE, "HTTP_TRANSFER_ENCODING": "chunked"}

    assert refusal(client.request(**request)) == (411, GENERAL, "A body needs a Content-Length.")


def test_a_host_that_is_not_ours(client: Client) -> None:
    response = client.get("/genesys/1/service/callback?_id=1", headers={"Host": "evil.example"})

    assert refusal(response) == (400, GENERAL, "The request cannot be read.")


def test_elsewhere_errors_are_pages(client: Client) -> None:
    response = client.get("/callbacks/", headers={"Host": "evil.example"})

    assert response.status_code == 400
    assert response["Content-Type"].startswith("text/html")


@pytest.mark.parametrize(
    ("error", "status", "exception", "message"),
    [
        (
            actions.Busy(),
            503,
            f"{FAMILY}ServiceUnavailable",
            "The callback is being changed by others. Nothing was done; try again.",
        ),
        (OperationalError("down"), 503, f"{FAMILY}ServiceUnavailable", "The database is not available."),
        (RuntimeError("the secret"), 500, GENERAL, "Internal error. The request was not carried out."),
        (KeyError("the secret"), 500, GENERAL, "Internal error. The request was not carried out."),
    ],
)
def test_what_goes_wrong_behind_a_verb(
    client: Client, caplog: pytest.LogCaptureFixture, error: Exception, status: int, exception: str, message: str
) -> None:
    with mock.patch.object(actions, "start", side_effect=error), caplog.at_level(logging.ERROR, "callbacks.api"):
        response = client.post(IMMEDIATE, NUMBER)

    assert refusal(response) == (status, exception, message)
    logged = [record for record in caplog.records if record.name == "callbacks.api.errors"]
    assert len(logged) == (0 if isinstance(error, actions.Busy) else 1)


def test_what_goes_wrong_outside_of_a_view(client: Client) -> None:
    client.raise_request_exception = False
    with mock.patch("callbacks.api.headers.add", side_effect=[RuntimeError, None, None]):
        response = client.post(IMMEDIATE, NUMBER)

    assert response.status_code == 500
    assert response.json() == {"exception": GENERAL, "message": "Internal error. The request was not carried out."}


def test_a_service_whose_configuration_is_gone(client: Client, service: ConfiguredService) -> None:
    ConfiguredService.objects.update(configuration="Gone")

    response = client.post(IMMEDIATE, NUMBER)

    assert refusal(response) == (503, f"{FAMILY}ServiceUnavailable", "The service is not configured correctly.")


@pytest.mark.parametrize("bad", ["\x00", "a\x00b", "\xff", "x" * 8000, "\x7f"])
@pytest.mark.parametrize(
    "name", ["Accept", "gms_user", "Cookie", "Origin", "ContactCenterId", "Referer", "X-Forwarded-For"]
)
def test_headers_that_nobody_reads_do_no_harm(client: Client, settings: Settings, name: str, bad: str) -> None:
    settings.CORS_ALLOWED_ORIGINS = ["https://shop.example"]

    assert client.post(IMMEDIATE, NUMBER, headers={name: bad}).status_code == 200


@pytest.mark.parametrize("bad", ["", "\x00", "a\x00b", "\xff", "x" * 8000, "aaaaaaaa.", "\uff41" * 41])
def test_a_key_that_is_none(stranger: Client, settings: Settings, bad: str) -> None:
    settings.API_ALLOW_ANONYMOUS = True

    response = stranger.post(IMMEDIATE, NUMBER, headers={"x-api-key": bad})

    assert refusal(response) == (401, "java.rmi.AccessException", "The API key in x-api-key cannot be used.")
    assert response["WWW-Authenticate"] == 'ApiKey realm="callbacks", header="x-api-key"'
