"""HTTP Basic beside the API keys: the vendor's matrix (wire contract, section 9), and what is ours."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries, Settings

from callbacks.api import basic
from callbacks.models import Callback, JournalEntry
from services import types
from services.credentials import Credentials
from services.models import QUERY, START, ConfiguredService, Section
from tests.api.conftest import client_with, make_office, make_service
from tests.api.test_seeds import IMMEDIATE

NUMBER = {"_customer_number": "5115"}
BASIC = 'Basic realm="callbacks", charset="UTF-8"'
OTHER = "/genesys/1/service/callback/sales"


def of(pair: str, **more: str) -> Client:
    """A client that sends a name and a password: `of("S:s")`; `of("")` sends none."""
    header = {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"} if pair else {}
    return Client(headers={**header, **more})


def protect(service: ConfiguredService | None, username: str, password: str) -> None:
    """Set the pair of a service, or that of the section `[server]`; a dash leaves one out."""
    given = {"username": username, "password": password}
    options = {name: text for name, text in given.items() if text != "-"}
    if service is None:
        Section.objects.update_or_create(name="server", defaults={"options": options})
    else:
        service.options = {**service.options, **options}
        service.save(update_fields=["options"])


@pytest.fixture
def anonymous(settings: Settings) -> None:
    """As the vendor's system is: open where no password is set."""
    settings.API_ALLOW_ANONYMOUS = True


# Of the server, of the service, what is sent, and the answer.
MATRIX = [
    ("S", "s", "-", "-", "S:s", 200),
    ("S", "s", "-", "-", "X:s", 401),
    ("S", "s", "-", "-", "S:x", 401),
    ("-", "-", "V", "v", "V:v", 200),
    ("S", "-", "V", "v", "V:v", 200),
    ("-", "s", "V", "v", "V:v", 200),
    ("S", "s", "V", "v", "V:v", 200),
    ("-", "-", "V", "v", "X:v", 401),
    ("S", "s", "V", "v", "X:v", 401),
    ("S", "-", "V", "v", "S:s", 401),
    ("-", "s", "V", "v", "S:s", 401),
    ("S", "s", "V", "v", "S:s", 401),
    ("S", "-", "-", "-", "", 200),
    ("-", "-", "V", "-", "", 200),
    ("-", "s", "-", "-", "", 401),
    ("-", "-", "-", "v", "", 401),
    ("S", "-", "-", "v", "S:v", 200),
    ("S", "s", "-", "v", "S:v", 200),
    ("-", "s", "V", "-", "V:s", 200),
    ("S", "s", "V", "-", "V:s", 200),
    # Not in the vendor's tests, and the same rules.
    ("-", "-", "-", "-", "", 200),
    ("-", "-", "-", "-", "X:x", 200),
    ("S", "s", "-", "-", "", 401),
    ("-", "s", "-", "-", ":s", 200),
    ("-", "s", "-", "-", "X:s", 401),
    ("", "s", "", "", ":s", 200),
]


@pytest.mark.parametrize(("server_user", "server_password", "user", "password", "sent", "status"), MATRIX)
@pytest.mark.usefixtures("anonymous")
def test_the_vendors_matrix(
    service: ConfiguredService,
    server_user: str,
    server_password: str,
    user: str,
    password: str,
    sent: str,
    status: int,
) -> None:
    protect(None, server_user, server_password)
    protect(service, user, password)
    hours = make_office(_bh_regular1="Mon-Sun 00:00-24:00")
    protect(hours, user, password)

    started = of(sent).post(IMMEDIATE, NUMBER)
    asked = of(sent).get("/genesys/1/service/hours")

    assert (started.status_code, asked.status_code) == (status, status), started.content
    assert Callback.objects.count() == (status == 200)
    if status == 401:
        assert started["WWW-Authenticate"] == asked["WWW-Authenticate"] == BASIC


def test_every_type_of_service_may_ask() -> None:
    for each in types.service_types():
        for name in ("username", "password"):
            option = each.by_name[name]
            assert option.inherits == ("server", name), each.name
            assert not option.overridable
        assert each.by_name["password"].secret


@pytest.mark.parametrize("closed", [row for row in MATRIX if row[-1] == 200 and row[4] in {"", "X:x"}])
def test_what_asks_for_no_password_is_open_only_where_the_operator_opens_it(
    service: ConfiguredService, closed: tuple[str, str, str, str, str, int]
) -> None:
    server_user, server_password, user, password, sent, _ = closed
    protect(None, server_user, server_password)
    protect(service, user, password)

    answer = of(sent).post(IMMEDIATE, NUMBER)

    assert answer.status_code == 401
    assert answer.json()["message"] == "An API key in the header x-api-key is required."
    assert answer["WWW-Authenticate"] == 'ApiKey realm="callbacks", header="x-api-key"'
    assert not Callback.objects.exists()


def test_a_client_that_waits_to_be_asked_gets_in(service: ConfiguredService) -> None:
    """As the vendor's: it sends nothing, is asked, and sends both."""
    protect(service, "V", "v")

    first = Client().post(IMMEDIATE, NUMBER)
    assert (first.status_code, first["WWW-Authenticate"]) == (401, BASIC)
    assert first.json() == {
        "exception": "java.rmi.AccessException",
        "message": "A user name and a password, or an API key in the header x-api-key, are required.",
    }
    assert of("V:v").post(IMMEDIATE, NUMBER).status_code == 200
    assert JournalEntry.objects.order_by("pk")[0].actor == "user V"


def test_a_key_lets_in_whatever_password_is_set(service: ConfiguredService) -> None:
    protect(service, "V", "v")
    key = client_with(START, QUERY)

    assert key.post(IMMEDIATE, NUMBER).status_code == 200
    assert len(key.get(IMMEDIATE).json()) == 1


def test_a_wrong_key_is_not_made_up_for_by_a_password(service: ConfiguredService) -> None:
    protect(service, "V", "v")

    answer = of("V:v", **{"x-api-key": "abcdefgh.abcdefghabcdefghabcdefghabcdefgh"}).post(IMMEDIATE, NUMBER)

    assert answer.status_code == 401
    assert answer["WWW-Authenticate"].startswith("ApiKey ")


@pytest.fixture
def sales(service: ConfiguredService) -> ConfiguredService:
    """Two services with a callback each: the first asks for V and v, the other for what `[server]` says."""
    sales = make_service("sales")
    key = client_with(START)
    for url in (IMMEDIATE, OTHER):
        assert key.post(url, NUMBER).status_code == 200
    protect(service, "V", "v")
    return sales


def seen(client: Client) -> Any:
    answer = client.get("/genesys/1/service/callback", {"_customer_number": "5115"})
    return sorted(each["_service_name"] for each in answer.json()) if answer.status_code == 200 else answer.status_code


@pytest.mark.usefixtures("sales")
def test_a_password_shows_the_callbacks_of_what_it_opens(settings: Settings) -> None:
    both = ["sales", "voice-userterm-immediate"]
    assert seen(of("V:v")) == both[1:]
    assert seen(of("")) == 401
    settings.API_ALLOW_ANONYMOUS = True
    assert seen(of("V:v")) == both
    assert seen(of("")) == both[:1]
    protect(None, "S", "s")
    assert seen(of("V:v")) == both[1:]
    assert seen(of("S:s")) == both[:1]
    assert seen(of("")) == 401
    ConfiguredService.objects.filter(name="sales").update(options={"username": "V", "password": "v"})
    assert seen(of("V:v")) == both
    assert seen(of("S:s")) == []


@pytest.mark.parametrize("sent", ["", "S:s", "V:x"])
@pytest.mark.usefixtures("sales", "anonymous")
def test_a_callback_whose_service_asks_for_another_password_is_neither_shown_nor_touched(sent: str) -> None:
    protect(None, "S", "s")
    held = Callback.objects.get(service_name="voice-userterm-immediate").pk

    for answer in (
        of(sent).get(f"/genesys/1/service/{held}/check-queue-position"),
        of(sent).get(f"/genesys/1/service/{held}/dialog"),
        of(sent).delete(f"{IMMEDIATE}/{held}"),
        of(sent).put(f"{IMMEDIATE}/{held}", {"a": "b"}, content_type="application/json"),
        of(sent).get(IMMEDIATE),
        of(sent).get(f"{IMMEDIATE}/availability"),
    ):
        assert (answer.status_code, answer["WWW-Authenticate"]) == (401, BASIC)
    assert Callback.objects.get(pk=held).state == "QUEUED"
    assert of("V:v").delete(f"{IMMEDIATE}/{held}").status_code == 200


@pytest.mark.usefixtures("sales", "anonymous")
def test_a_callback_of_a_service_that_is_gone_is_the_servers() -> None:
    held = Callback.objects.get(service_name="voice-userterm-immediate")
    assert of("V:v").delete(f"{IMMEDIATE}/{held.pk}").status_code == 200
    Callback.objects.filter(pk=held.pk).update(service=None)
    url = f"/genesys/1/service/{held.pk}/dialog"

    assert of("").get(url).status_code == 200
    protect(None, "S", "s")
    assert [of(sent).get(url).status_code for sent in ("", "V:v", "S:s")] == [401, 401, 200]


def test_what_cannot_be_read_lets_nobody_in_and_locks_nobody_else_out(sales: ConfiguredService) -> None:
    """A password of two lines came in past the checks; another service works on."""
    protect(None, "S", "s")
    broken = ConfiguredService.objects.get(name="voice-userterm-immediate")
    protect(broken, "V", "v\nw")

    assert of("V:v\nw").post(IMMEDIATE, NUMBER).status_code == 401
    assert of("S:s").post(IMMEDIATE, NUMBER).status_code == 401
    assert of("S:s").post(OTHER, NUMBER).status_code == 200


def test_a_page_of_another_origin_cannot_use_a_password_that_the_browser_knows(
    service: ConfiguredService, settings: Settings
) -> None:
    protect(service, "V", "v")
    settings.CORS_ALLOWED_ORIGINS = ["https://shop.example"]

    def sent_by(origin: str) -> int:
        return of("V:v", Origin=origin).post(IMMEDIATE, NUMBER).status_code

    assert [sent_by(each) for each in ("https://evil.example", "null", "http://testserver.evil.example")] == [403] * 3
    assert not Callback.objects.exists()
    assert [sent_by(each) for each in ("https://shop.example", "http://testserver")] == [200, 200]


def test_a_change_counts_at_once(service: ConfiguredService) -> None:
    protect(service, "V", "v")
    assert of("V:v").post(IMMEDIATE, NUMBER).status_code == 200
    protect(service, "V", "w")
    assert of("V:v").post(IMMEDIATE, NUMBER).status_code == 401
    assert of("V:w").post(IMMEDIATE, NUMBER).status_code == 200


@pytest.mark.usefixtures("anonymous")
def test_what_a_start_asks_the_database(
    service: ConfiguredService, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    """Whoever sends a password costs what a key costs; whoever sends nothing, nothing."""
    key = client_with(START)

    def statements(client: Client) -> int:
        client.post(IMMEDIATE, NUMBER)
        with django_assert_max_num_queries(100) as caught:
            assert client.post(IMMEDIATE, NUMBER).status_code == 200
        return len(caught)

    without = statements(of(""))
    assert statements(key) == without + 1
    protect(service, "V", "v")
    assert statements(of("V:v")) == without + 1


def test_nothing_says_the_password(service: ConfiguredService) -> None:
    assert "geheim" not in repr(Credentials("S", "geheim"))


# The header


@pytest.mark.parametrize(
    ("header", "pair"),
    [
        ("Basic Uzpz", Credentials("S", "s")),
        ("basic  UzpzOng= ", Credentials("S", "s:x")),
        ("Basic w7w6w7Y=", Credentials("ü", "ö")),
        ("Basic Og==", Credentials("", "")),
        ("Basic Uw==", None),
        ("Basic /Dr8", None),
        ("Basic UzpzU", None),
        ("Basic", None),
        ("Bearer UzpzOng=", None),
        ("", None),
    ],
)
def test_reading_the_header(header: str, pair: Credentials | None) -> None:
    assert basic.read(header) == pair


@given(st.text(max_size=60))
def test_no_header_is_too_strange(text: str) -> None:
    basic.read(text)
    basic.read(f"Basic {text}")


@given(st.text(max_size=30).filter(lambda name: ":" not in name), st.text(max_size=30))
def test_whatever_is_sent_is_read(name: str, password: str) -> None:
    try:
        sent = base64.b64encode(f"{name}:{password}".encode()).decode()
    except UnicodeEncodeError:
        return
    assert basic.read(f"Basic {sent}") == Credentials(name, password)
    assert Credentials(name, password).match(Credentials(name, password))


@given(st.text(max_size=9), st.text(max_size=9), st.text(max_size=9), st.text(max_size=9))
def test_only_the_same_match(name: str, password: str, other_name: str, other_password: str) -> None:
    one, other = Credentials(name, password), Credentials(other_name, other_password)
    assert one.match(other) == (name == other_name and password == other_password)


def test_comparing_takes_as_long_whatever_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[bytes] = []

    def compare_digest(one: bytes, other: bytes) -> bool:
        compared.append(one)
        return one == other

    monkeypatch.setattr("services.credentials.hmac.compare_digest", compare_digest)
    assert not Credentials("X", "s").match(Credentials("S", "s"))
    assert compared == [b"X", b"s"]
