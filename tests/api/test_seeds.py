"""The seed documents' requests, byte by byte as a correct client sends them, and their answers as printed.

The documents are printed from a browser: their multipart bodies lack a dash a line or stand on too many lines, and the
first one's `Accept` has a slash too many. Headers are repeated as they are.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from callbacks.models import Callback
from scheduling import bookings
from services.models import START, ConfiguredService
from tests.api.conftest import book, client_with, make_office, make_service, playing
from tests.world import World

IMMEDIATE = "/genesys/1/service/callback/voice-userterm-immediate"
SCHEDULED = "/genesys/1/service/callback/user-scheduled"
NO_CACHE = {
    "Cache-Control": "no-cache, no-store",
    "Pragma": "no-cache",
    "Content-Type": "application/json;charset=UTF-8",
}
AN_ID = re.compile(r"[0-9]+-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")

SEED_1 = {
    "_customer_number": "916504661232",
    "usr_customer_name": "Bob Markel",
    "usr_reason": "billing question",
    "_device_notification_id": "b16416334828b1d26ef14f329628b55b5a8c631d8928a371a5584722dd7fb673",
    "_device_os": "iOS",
}
SEED_1_HEADERS = {
    "Accept": "*//*",
    "Accept-Encoding": "gzip,deflate,sdch",
    "Accept-Language": "en-US,en;q=0.8",
    "Connection": "keep-alive",
    "Cookie": "JSESSIONID=4xjff734hb3pcnh5wd515j6f4; BAYEUX_BROWSER=86721orubxagcqhwhj14cpyaqk2",
    "gms_user": "b16416334828b1d26ef14f329628b55b5a8c631d8928a371a5584722dd7fb673",
    "Host": "localhost:8080",
    "Origin": "http://localhost:8080",
    "Referer": "http://localhost:8080/gmstester/chat.html",
    "User-Agent": "Mozilla/5.0 (Windows NT 6.1; WOW64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/27.0.1453.110",
}
SEED_2 = {
    "first_name": "John",
    "last_name": "Doe",
    "_provide_code": "false",
    "_desired_time": "2014-07-30T15:00:00.000Z",
    "_customer_number": "5115",
    "location_lat": "37.8197",
    "location_long": "-122.4786",
    "_device_os": "comet",
    "_call_direction": "USERTERMINATED",
    "_wait_for_agent": "true",
    "_wait_for_user_confirm": "true",
    "_media_type": "voice",
}
SEED_2_HEADERS = {
    "Accept": "application/json, text/javascript, */*; q=0.01",
    "Accept-Encoding": "gzip,deflate,sdch",
    "Accept-Language": "en-US,en;q=0.8",
    "Cache-Control": "no-cache",
    "Connection": "keep-alive",
    "Cookie": "JSESSIONID=1mmvrc06utu9lls9azezm677ns; BAYEUX_BROWSER=db7als13ad7b0xvghy78iy6y17cq",
    "gms_user": "jdoe_desktop",
    "Host": "192.168.184.128:8080",
    "Origin": "http://192.168.184.128:8080",
    "Pragma": "no-cache",
    "Referer": "http://192.168.184.128:8080/genesys/admin/js/sample/cb/index.html",
    "User-Agent": "Mozilla/5.0 (Windows NT 6.1; WOW64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/31.0.1650.57",
}


def multipart(boundary: str, parameters: dict[str, str]) -> bytes:
    lines: list[str] = []
    for name, value in parameters.items():
        lines += [f"--{boundary}", f'Content-Disposition: form-data; name="{name}"', "", value]
    return "\r\n".join([*lines, f"--{boundary}--", ""]).encode()


def post(client: Client, path: str, body: bytes, content_type: str, headers: dict[str, str]) -> Any:
    return client.generic("POST", path, body, content_type, headers=headers)


def headers_of(response: Any, *names: str) -> dict[str, str]:
    return {name: response[name] for name in names if name in response}


def test_an_immediate_request_as_the_first_seed_prints_it(client: Client, service: ConfiguredService) -> None:
    boundary = "---WebKitFormBoundaryIWtKHpA86nG3FsWy"
    body = multipart(boundary, SEED_1)

    response = post(client, IMMEDIATE, body, f"multipart/form-data; boundary={boundary}", SEED_1_HEADERS)

    assert response.status_code == 200
    answer = json.loads(response.content)
    assert list(answer) == ["_dialog_id", "_action", "_text", "_ok_title", "_id"]
    assert AN_ID.fullmatch(answer["_id"])
    assert answer == {
        "_dialog_id": "0",
        "_action": "ConfirmationDialog",
        "_text": "You will receive the call shortly",
        "_ok_title": "Ok",
        "_id": answer["_id"],
    }
    assert headers_of(response, *NO_CACHE) == NO_CACHE
    assert response["Expires"] == "Thu, 01 Jan 1970 00:00:00 GMT"
    assert "Access-Control-Allow-Origin" not in response
    callback = Callback.objects.get(pk=answer["_id"])
    assert (callback.state, callback.customer_number) == ("QUEUED", "916504661232")
    assert callback.user_data == {"usr_customer_name": "Bob Markel", "usr_reason": "billing question"}
    assert callback.properties == {
        "_customer_number": "916504661232",
        "_device_notification_id": "b16416334828b1d26ef14f329628b55b5a8c631d8928a371a5584722dd7fb673",
        "_device_os": "iOS",
    }
    assert callback.journal.values_list("actor", flat=True).first() == "API key mobile app"


def utc(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)


class TheDay:
    """The second seed's day, with its clock: office hours of 06:00 to 18:00 UTC, slots of an hour for 100 callbacks.

    From 13:00 on they are full, until somebody cancels for 15:00.
    """

    def __init__(self) -> None:
        self.world = World()
        make_office("office", _bh_regular1="Mon-Sun 06:00-18:00")
        self.service = make_service(
            "user-scheduled", "User Terminated Delayed", _business_hours_service="office", _request_time_bucket="60"
        )
        self.client = client_with(START)
        # The document's own number of the request: 2014-07-29T15:26:39.350Z.
        self.set_clock(datetime.fromtimestamp(1406647599.350, UTC))
        with playing(self.world):
            taken = {hour: book(self.service, utc(f"2014-07-30T{hour}:00:00.000Z"), 100) for hour in range(13, 18)}
        self.cancelled_for_three = taken[15][0]

    def set_clock(self, moment: datetime) -> None:
        self.world.offset = moment - datetime.now(UTC)

    def send(self, method: str, path: str, body: bytes = b"", content_type: str = "", **more: Any) -> Any:
        with playing(self.world):
            return self.client.generic(method, path, body, content_type, headers=SEED_2_HEADERS | more)


@pytest.fixture
def the_day(transactional_db: None, settings: Settings) -> TheDay:
    settings.ALLOWED_HOSTS = ["192.168.184.128", "localhost"]
    settings.CORS_ALLOWED_ORIGINS = ["http://192.168.184.128:8080"]
    return TheDay()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("against_caching", ["_", "_id"], ids=["as parsed", "as printed"])
def test_time_slots_as_the_second_seed_prints_them(the_day: TheDay, against_caching: str) -> None:
    query = f"timestamp=2014-07-30T14:00:00.000Z&{against_caching}=1406647599350"

    response = the_day.send("GET", f"{SCHEDULED}/availability?{query}")

    assert response.status_code == 200
    assert list(json.loads(response.content).items()) == [
        ("2014-07-30T06:00:00.000Z", 100),
        ("2014-07-30T07:00:00.000Z", 100),
        ("2014-07-30T08:00:00.000Z", 100),
        ("2014-07-30T09:00:00.000Z", 100),
        ("2014-07-30T10:00:00.000Z", 100),
        ("2014-07-30T11:00:00.000Z", 100),
        ("2014-07-30T12:00:00.000Z", 100),
    ]
    assert headers_of(response, *NO_CACHE) == NO_CACHE


@pytest.mark.django_db(transaction=True)
def test_a_scheduled_request_until_the_customer_confirms_as_the_second_seed_prints_it(the_day: TheDay) -> None:
    the_day.set_clock(utc("2014-07-30T14:36:16.000Z"))
    body, content_type = multipart("AaB03x", SEED_2), "multipart/form-data;boundary=AaB03x;charset=UTF-8"
    refused = the_day.send("POST", SCHEDULED, body, content_type)
    assert refused.json()["availability"] == {"2014-07-31T06:00:00.000Z": 100} | {
        f"2014-07-31T{hour:02d}:00:00.000Z": 100 for hour in range(7, 11)
    }
    with transaction.atomic():
        assert bookings.cancel(the_day.cancelled_for_three)

    # Create outbound scheduled delay service
    response = the_day.send("POST", SCHEDULED, body, content_type)

    assert response.status_code == 200
    answer = json.loads(response.content)
    assert list(answer) == ["_id"]
    assert AN_ID.fullmatch(answer["_id"])
    assert headers_of(response, *NO_CACHE) == NO_CACHE
    assert "Expires" not in response
    assert headers_of(
        response,
        "Access-Control-Allow-Credentials",
        "Access-Control-Allow-Origin",
        "Access-Control-Expose-Headers",
    ) == {
        "Access-Control-Allow-Credentials": "true",
        "Access-Control-Allow-Origin": "http://192.168.184.128:8080",
        "Access-Control-Expose-Headers": "",
    }
    callback = Callback.objects.get(pk=answer["_id"])
    assert (callback.state, callback.customer_number) == ("SCHEDULED", "5115")
    assert callback.desired_at == utc("2014-07-30T15:00:00.000Z")
    assert callback.user_data == {
        "first_name": "John",
        "last_name": "Doe",
        "location_lat": "37.8197",
        "location_long": "-122.4786",
    }
    assert callback.overrides == {
        "_call_direction": "USERTERMINATED",
        "_wait_for_agent": "true",
        "_wait_for_user_confirm": "true",
        "_media_type": "voice",
        "_provide_code": "false",
    }

    # Push notification data, which a device of the type comet asks for
    the_day.set_clock(utc("2014-07-30T14:57:59.000Z"))
    the_day.world.ready()
    the_day.world.run(lambda: Callback.objects.get(pk=callback.pk).stage == "confirming", seconds=60)
    pushed = the_day.send("GET", f"/genesys/1/service/{callback.pk}/dialog")
    dialog = [
        ("_dialog_id", "0"),
        ("_action", "ConfirmationDialog"),
        ("_text", "You will receive the call shortly"),
        ("_ok_title", "Ok"),
        ("_id", callback.pk),
    ]
    assert list(json.loads(pushed.content).items()) == dialog

    # Connect (user confirmation): a multipart body of no parts
    boundary = "---WebKitFormBoundaryNY84ld7wm7oHB9fp"
    response = the_day.send(
        "POST",
        f"/genesys/1/service/{callback.pk}/connect",
        f"--{boundary}--\r\n".encode(),
        f"multipart/form-data; boundary={boundary}",
        Host="localhost:8080",
        Origin="http://localhost:8080",
        Referer="http://localhost:8080/gmstester/chat.html",
        gms_user="b16416334828b1d26ef14f329628b55b5a8c631d8928a371a5584722dd7fb673",
    )

    assert response.status_code == 200
    assert list(json.loads(response.content).items()) == dialog
    assert headers_of(response, *NO_CACHE) == NO_CACHE
    assert response["Expires"] == "Thu, 01 Jan 1970 00:00:00 GMT"
    the_day.world.run(lambda: Callback.objects.get(pk=callback.pk).state == "COMPLETED", seconds=60)
    callback.refresh_from_db()
    assert callback.reason == "AGENT_CONNECTED"


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (multipart("x", SEED_1), "multipart/form-data; boundary=x"),
        (
            b"_customer_number=916504661232&usr_customer_name=Bob+Markel&usr_reason=billing%20question&_device_os=iOS"
            b"&_device_notification_id=b16416334828b1d26ef14f329628b55b5a8c631d8928a371a5584722dd7fb673",
            "application/x-www-form-urlencoded",
        ),
        (json.dumps(SEED_1).encode(), "application/json"),
        (json.dumps({**SEED_1, "_customer_number": 916504661232}).encode(), "application/json; charset=utf-8"),
    ],
    ids=["multipart", "form", "json", "json-number"],
)
def test_each_encoding_stores_the_same(
    client: Client, service: ConfiguredService, body: bytes, content_type: str
) -> None:
    response = client.generic("POST", IMMEDIATE, body, content_type)

    assert response.status_code == 200
    callback = Callback.objects.get()
    assert {**callback.properties, **callback.user_data} == SEED_1


def test_a_request_that_waits_for_its_agent_is_promised_no_call(client: Client, delayed: ConfiguredService) -> None:
    response = client.post(SCHEDULED, {"_customer_number": "5115"}, content_type="application/json")

    assert list(response.json()) == ["_id"]


def test_the_request_decides_whether_it_waits_for_its_agent(client: Client, service: ConfiguredService) -> None:
    request = {"_customer_number": "5115", "_wait_for_agent": True}

    response = client.post(IMMEDIATE, request, content_type="application/json")

    assert list(response.json()) == ["_id"]


def test_no_call_is_promised_where_none_will_come(client: Client, telephony: None) -> None:
    ConfiguredService.objects.create(name="unfinished", configuration="User Terminated Immediate")

    response = client.post("/genesys/1/service/callback/unfinished", {"_customer_number": "5115"})

    assert list(response.json()) == ["_id"]
    assert Callback.objects.get().reason == "FAIL_ERROR"


def test_a_start_takes_so_many_statements(
    service: ConfiguredService, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    client = client_with(START)

    with django_assert_num_queries(15) as captured:
        response = client.post(IMMEDIATE, SEED_1)

    assert response.status_code == 200, [query["sql"] for query in captured]
