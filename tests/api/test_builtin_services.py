"""Services that are started by their bare name: access numbers and codes, whose call it is, status, hello."""

from __future__ import annotations

import io
import json
import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.test import Client

from callbacks.api import status
from callbacks.flow.states import State
from callbacks.models import Callback
from callbacks.storage_models import StorageArea
from services.models import QUERY, START, ConfiguredService, NamedList, Section
from telephony.models import AccessBooking
from tests.api.conftest import at, client_with, make_office, make_service
from tests.api.test_docs import run
from tests.api.test_errors import FAMILY
from tests.factories import NOON, CallbackFactory

SERVICE = "/genesys/1/service/"
FORM = "application/x-www-form-urlencoded"
ADA, BOB = "+493055550100", "+493055550101"


def make(name: str, **options: str) -> ConfiguredService:
    """A service that has the name of its type, as every installation of the vendor's has them."""
    return ConfiguredService.objects.create(name=name, type=name, configuration="Custom", options=options)


def make_pool(*numbers: str, **options: str) -> None:
    texts = {"_allocation": "CLUSTER", **options, **{f"n{i}": number for i, number in enumerate(numbers)}}
    NamedList.objects.update_or_create(name="GMS_Resources", defaults={"sections": {"DNIS": texts}})


def post(client: Client, name: str, /, after: int = 0, **values: Any) -> Any:
    with at(NOON + timedelta(seconds=after)):
        return client.post(f"{SERVICE}{name}", values)


def answer(client: Client, name: str, /, after: int = 0, **values: Any) -> dict[str, Any]:
    response = post(client, name, after, **values)
    assert response.status_code == 200, response.content
    found: dict[str, Any] = response.json()
    return found


def refusal(client: Client, name: str, /, after: int = 0, **values: Any) -> tuple[int, str, str]:
    response = post(client, name, after, **values)
    body = response.json()
    assert list(body) == ["exception", "message"]
    return response.status_code, body["exception"], body["message"]


@pytest.fixture
def services(db: None) -> None:
    """As the vendor's cluster has them."""
    make("request-interaction", _provide_code="true", _resource_group="DNIS", _return_pool_health="false", _ttl="60")
    make("match-interaction")
    make("request-access", _resource_group="DNIS", _access_code_length="4")
    make_pool("8001", "8002", "8003", "8004", "8005", "8006")


@pytest.fixture
def plain(db: None) -> None:
    make("request-interaction")
    make("match-interaction")
    make("request-access")
    make_pool("8001", "8002")


@pytest.mark.usefixtures("services")
def test_who_calls_is_found_by_the_number_that_was_given(client: Client) -> None:
    """The vendor's client sends an empty form, and then nothing but the number."""
    asked = client.post(f"{SERVICE}request-interaction", content_type=FORM)
    given = asked.json()
    assert list(given) == ["_id", "_access_number", "_access_code", "_expiration_time"]
    assert given["_access_number"] in {f"800{n}" for n in range(1, 7)}
    assert len(given["_access_code"]) == 6

    found = client.post(f"{SERVICE}match-interaction", f"_access_number={given['_access_number']}", content_type=FORM)
    assert found.json() == {"_id": given["_id"], "_data_id": given["_id"]}

    again = client.post(f"{SERVICE}request-access", f"_id={given['_id']}&_resource_group=DNIS", content_type=FORM)
    assert list(again.json()) == ["_access_number", "_expiration_time"]


@pytest.mark.usefixtures("plain")
def test_what_is_answered_and_for_how_long(client: Client) -> None:
    make_pool("8001")
    given = answer(client, "request-interaction", _phone_number=ADA, reason="invoice")
    assert given == {"_id": given["_id"], "_access_number": "8001", "_expiration_time": "2026-03-02T12:00:30.000Z"}
    # Another's phone, and nobody after the booking has ended.
    nobody = (404, f"{FAMILY}NotFound", "No request matches this call.")
    assert refusal(client, "match-interaction", _access_number="8001", _phone_number=BOB) == nobody
    assert refusal(client, "match-interaction", after=30, _access_number="8001", _phone_number=ADA) == nobody
    assert (
        answer(client, "match-interaction", after=29, _access_number="8001", _phone_number=ADA)["_id"] == given["_id"]
    )
    # The call has come: its number is free again.
    assert refusal(client, "match-interaction", after=29, _access_number="8001", _phone_number=ADA) == nobody
    assert not AccessBooking.objects.exists()


@pytest.mark.usefixtures("services")
def test_who_calls_is_found_by_a_code(client: Client) -> None:
    make_pool("8001")
    ada = answer(client, "request-interaction", _phone_number=ADA)
    bob = answer(client, "request-interaction", _phone_number=BOB)
    assert ada["_access_number"] == bob["_access_number"] == "8001"
    assert refusal(client, "match-interaction", _access_number="8001")[0] == 404
    assert refusal(client, "match-interaction", _access_number="8001", _access_code="12")[0] == 404
    found = answer(client, "match-interaction", _access_number="8001", _access_code=bob["_access_code"])
    assert found["_id"] == bob["_id"]


@pytest.mark.usefixtures("plain")
def test_data_of_a_request_are_there_for_who_answers_the_call(client: Client) -> None:
    picture = SimpleUploadedFile("me.png", b"\x89PNG\x00", content_type="image/png")
    given = answer(client, "request-interaction", _phone_number=ADA, language="de", picture=picture, _unknown="x")
    found = answer(client, "match-interaction", _access_number=given["_access_number"])
    for address in (f"/genesys/1/storage/{found['_data_id']}", f"{SERVICE}{found['_id']}/storage"):
        with at(NOON):
            data = client.get(address).json()
        assert data.keys() == {"_phone_number", "language", "picture"}
        assert (data["language"], data["_phone_number"]) == ("de", ADA)
        with at(NOON):
            assert client.get(data["picture"]).content == b"\x89PNG\x00"
    with at(NOON + timedelta(seconds=30)):
        assert client.get(f"{SERVICE}{found['_id']}/storage").status_code == 404


@pytest.mark.parametrize(("held", "ends"), [("5", 30), ("600", 600)])
@pytest.mark.usefixtures("plain")
def test_data_are_kept_as_long_as_the_number_is_booked(client: Client, held: str, ends: int) -> None:
    given = answer(client, "request-interaction", _booking_expiration_timeout=held)
    assert StorageArea.objects.get(pk=given["_id"]).expires_at == NOON + timedelta(seconds=ends)
    assert AccessBooking.objects.get().expires_at == NOON + timedelta(seconds=int(held))


@pytest.mark.usefixtures("plain")
def test_what_the_service_says_itself_requests_cannot_change(client: Client) -> None:
    make_pool("8001")
    NamedList.objects.update(sections={"DNIS": {"n": "8001"}, "VIP": {"n": "9001"}})
    asked: dict[str, Any] = {"_resource_group": "VIP", "_provide_code": "true", "_access_code_length": "3"}
    given = answer(client, "request-interaction", **asked)
    assert (given["_access_number"], len(given["_access_code"])) == ("9001", 3)
    ConfiguredService.objects.filter(name="request-interaction").update(
        options={"_resource_group": "DNIS", "_provide_code": "false", "_booking_expiration_timeout": "60"}
    )
    given = answer(client, "request-interaction", **asked)
    assert given["_access_number"] == "8001"
    assert "_access_code" not in given
    assert given["_expiration_time"] == "2026-03-02T12:01:00.000Z"
    # But for how long a number is held.
    given = answer(client, "request-interaction", after=60, **asked, _booking_expiration_timeout="5")
    assert given["_expiration_time"] == "2026-03-02T12:01:05.000Z"


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        ({"_booking_expiration_timeout": "4"}, "Option _booking_expiration_timeout: '4' was given, allowed is a whole"),
        ({"_provide_code": "maybe"}, "Option _provide_code: 'maybe' was given, allowed is true or false."),
        ({"_access_code_length": "0"}, "Option _access_code_length: '0' was given"),
        ({"a/b": "c"}, "Key 'a/b' has a /"),
    ],
)
@pytest.mark.usefixtures("plain")
def test_what_cannot_be_asked_for(client: Client, asked: dict[str, Any], named: str) -> None:
    code, _, message = refusal(client, "request-interaction", **asked)
    assert code == 400
    assert message.startswith(named)
    assert not AccessBooking.objects.exists()
    assert not StorageArea.objects.exists()


@pytest.mark.usefixtures("plain")
def test_a_pool_without_a_free_number(client: Client) -> None:
    make_pool("8001")
    answer(client, "request-interaction")
    taken = (503, f"{FAMILY}ServiceUnavailable", "No access number of DNIS is free.")
    assert refusal(client, "request-interaction") == taken
    assert StorageArea.objects.count() == AccessBooking.objects.count() == 1
    assert refusal(client, "request-interaction", _resource_group="VIP")[0] == 503


@pytest.mark.parametrize(
    ("prefix", "exception", "message"),
    [
        ("999999", "java.lang.IllegalArgumentException", "n must be positive"),
        ("9999999999", "java.lang.NumberFormatException", 'For input string: "9999999999"'),
    ],
)
@pytest.mark.usefixtures("services")
def test_a_prefix_that_leaves_no_room(client: Client, prefix: str, exception: str, message: str) -> None:
    Section.objects.create(name="server", options={"access_code_prefix": prefix})
    assert refusal(client, "request-interaction") == (500, exception, message)
    assert not StorageArea.objects.exists()


@pytest.mark.parametrize(("prefix", "begins"), [("9", "9"), ("7-9", "789")])
@pytest.mark.usefixtures("services")
def test_codes_begin_with_the_prefix_of_the_server(client: Client, prefix: str, begins: str) -> None:
    Section.objects.create(name="server", options={"access_code_prefix": prefix})
    assert answer(client, "request-interaction")["_access_code"][0] in begins


@pytest.mark.usefixtures("plain")
def test_how_full_a_pool_is(client: Client) -> None:
    ConfiguredService.objects.filter(name="request-interaction").update(options={"_return_pool_health": "true"})
    given = answer(client, "request-interaction")
    assert given["_pool_health"] == {"size": 2, "booked": 1, "free": 1}
    make_pool("8001", _allocation="RANDOM")
    assert "_pool_health" not in answer(client, "request-interaction")


class TestRequestAccess:
    @pytest.fixture
    def callback(self, plain: None, service: ConfiguredService) -> Callback:
        return CallbackFactory.create(service=service, customer_number=ADA)

    def test_a_callback_gets_a_number_and_is_found_by_it(self, client: Client, callback: Callback) -> None:
        given = answer(client, "request-access", _id=callback.pk, _provide_code="true", _access_code_length="4")
        assert len(given["_access_code"]) == 4
        row = AccessBooking.objects.get()
        assert (row.owner, row.phone_number) == (callback.pk, ADA)
        found = answer(client, "match-interaction", _access_number=row.number, _access_code=row.code)
        assert found == {"_id": callback.pk, "_data_id": callback.pk}
        assert client.get(f"/genesys/1/storage/{callback.pk}").json() == {"first_name": "Ada"}

    def test_a_second_number_takes_the_place_of_the_first(self, client: Client, callback: Callback) -> None:
        for _ in range(5):
            answer(client, "request-access", _id=callback.pk)
        assert AccessBooking.objects.count() == 1

    @pytest.mark.parametrize("asked", [{}, {"_id": ""}, {"_id": "nobody"}, {"_id": "\x01"}])
    def test_nothing_to_book_for(self, client: Client, callback: Callback, asked: dict[str, Any]) -> None:
        assert refusal(client, "request-access", **asked)[0] == (404 if asked.get("_id") else 400)
        assert not AccessBooking.objects.exists()

    def test_a_callback_that_is_over(self, client: Client, callback: Callback) -> None:
        over = CallbackFactory.create(service=callback.service, state=State.COMPLETED)
        assert refusal(client, "request-access", _id=over.pk) == (
            400,
            f"{FAMILY}InvalidState",
            f"Callback {over.pk} is COMPLETED.",
        )

    def test_a_client_hears_nothing_of_what_it_may_not_see(self, client: Client, callback: Callback) -> None:
        names = ("request-access", "match-interaction", "request-interaction")
        own = tuple(ConfiguredService.objects.filter(name__in=names))
        other = client_with(START, QUERY, services=own)
        assert refusal(other, "request-access", _id=callback.pk)[0] == 404
        booked = answer(client, "request-access", _id=callback.pk)
        assert refusal(other, "match-interaction", _access_number=booked["_access_number"])[0] == 404
        assert AccessBooking.objects.exists()
        request = answer(other, "request-interaction")
        third = client_with(START, QUERY, services=tuple(each for each in own if each.name != "request-interaction"))
        assert refusal(third, "match-interaction", _access_number=request["_access_number"])[0] == 404
        assert refusal(third, "request-access", _id=request["_id"])[0] == 404
        assert answer(other, "match-interaction", _access_number=request["_access_number"])["_id"] == request["_id"]


def test_hello(client: Client, db: None) -> None:
    make("hello", _name="The Hello World Service", _ors="http://ors", _ttl="3600")
    assert answer(client, "hello", whatever="else") == {"msg": "hello"}


@pytest.mark.parametrize(("ready", "code"), [(True, 200), (False, 503)])
def test_the_status_of_the_system(
    client: Client, db: None, monkeypatch: pytest.MonkeyPatch, ready: bool, code: int
) -> None:
    make("get", _online_code="200", _offline_code="503")
    monkeypatch.setattr(status, "_checks", [lambda: ready])
    response = client.get(f"{SERVICE}get")
    assert (response.status_code, response.json()) == (code, {"online": ready})


def test_the_status_is_that_of_readyz(client: Client, db: None) -> None:
    """No worker and no Beat run in a test."""
    make("get", _offline_code="510")
    assert client.get(f"{SERVICE}get").status_code == 510
    assert client.get("/readyz").status_code == 503


def test_a_callback_service_is_started_by_its_bare_name(client: Client, service: ConfiguredService) -> None:
    started = client.post(f"{SERVICE}{service.name}", {"_customer_number": "5115"}, content_type="application/json")
    assert started.status_code == 200, started.content
    assert started.json()["_text"] == "You will receive the call shortly"
    assert Callback.objects.get().pk == started.json()["_id"]
    refused = client.post(f"{SERVICE}{service.name}", {}, content_type="application/json")
    assert refused.json()["exception"] == f"{FAMILY}InvalidOption"


@pytest.mark.parametrize(
    ("name", "method"),
    [
        ("hours", "post"),
        ("get", "post"),
        ("hello", "get"),
        ("request-interaction", "get"),
        ("match-interaction", "get"),
    ],
)
def test_services_that_are_asked_are_not_started_and_the_other_way_round(
    client: Client, plain: None, name: str, method: str
) -> None:
    make_office(_bh_regular1="Mon-Sun 00:00-24:00")
    make("get")
    make("hello")
    assert getattr(client, method)(f"{SERVICE}{name}").status_code == 405


@pytest.mark.parametrize("name", ["nobody", "a%20b", "%00"])
def test_a_service_that_is_not_there(client: Client, db: None, name: str) -> None:
    response = client.post(f"{SERVICE}{name}")
    assert (response.status_code, response.json()["exception"]) == (404, f"{FAMILY}NotFound")


def test_who_may_start_them(stranger: Client, plain: None, service: ConfiguredService) -> None:
    for name in ("request-interaction", "match-interaction", "request-access", service.name):
        assert stranger.post(f"{SERVICE}{name}").status_code == 401
        assert client_with(QUERY).post(f"{SERVICE}{name}").status_code == 403
        assert client_with(START, services=(make_service(f"other-{name}"),)).post(f"{SERVICE}{name}").status_code == 403
    assert not AccessBooking.objects.exists()


def test_the_moment_counts_at_which_the_request_came(client: Client, plain: None) -> None:
    """What has expired is free, whether or not it was swept."""
    make_pool("8001")
    moments: list[datetime] = []
    for after in (0, 30, 60):
        answer(client, "request-interaction", after=after)
        moments.append(AccessBooking.objects.get().expires_at)
    assert [moment - NOON for moment in moments] == [timedelta(seconds=each) for each in (30, 60, 90)]


def test_the_command_and_the_pool_of_the_page(client: Client, db: None, tmp_path: Path) -> None:
    page = (Path(settings.BASE_DIR) / "docs" / "access-numbers.md").read_text()
    (pool,) = re.findall(r"^```yaml\n(.*?)^```$", page, re.M | re.S)
    (tmp_path / "pool.yaml").write_text(pool)
    call_command("configure", str(tmp_path / "pool.yaml"), stdout=io.StringIO())
    make("request-interaction")
    (command,) = re.findall(r"^```\n(curl .*?)\n```$", page, re.M)
    key = client.defaults["HTTP_X_API_KEY"]
    answered = run(command, BASE="http://testserver/genesys/1", KEY=key)
    (printed,) = re.findall(r"^```json\n(.*?)\n```$", page, re.M)
    assert list(answered.json()) == list(json.loads(printed))
    assert answered.json()["_access_number"] in {"+493055551000", "+494055552000"}
