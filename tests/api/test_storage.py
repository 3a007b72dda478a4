"""Texts and files that clients keep here: whose they are, how they come back, how much and how long."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client, RequestFactory
from hypothesis import given
from hypothesis import strategies as st

from callbacks import storage, sweeps
from callbacks.api import bodies, storage_views
from callbacks.api.errors import ApiError
from callbacks.models import Callback
from callbacks.storage_models import StorageArea, StoredValue
from services.models import QUERY, START, ApiKey, ConfiguredService
from tests.api.conftest import at, client_with, make_service
from tests.api.test_basic import of, protect
from tests.api.test_errors import FAMILY
from tests.factories import NOON, CallbackFactory

STORAGE = "/genesys/1/storage/"
FORM = "application/x-www-form-urlencoded"
SECOND = timedelta(seconds=1)
PAGE = b"<script>alert(1)</script>"


def store(client: Client, ttl: str = "3600", /, **values: Any) -> str:
    with at(NOON):
        response = client.post(f"{STORAGE}{ttl}", values)
    assert response.status_code == 200, response.content
    assert list(response.json()) == ["_id"]
    area: str = response.json()["_id"]
    return area


def read(client: Client, address: str, after: int = 0) -> Any:
    with at(NOON + after * SECOND):
        return client.get(address)


def a_file(content: bytes = PAGE, name: str = "page.html", content_type: str = "text/html") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content, content_type=content_type)


@pytest.mark.parametrize("encoding", [FORM, "application/json", "multipart/form-data; boundary=cut"])
def test_texts_come_back_as_they_were_stored(client: Client, db: None, encoding: str) -> None:
    body = {
        FORM: "page=invoice&empty=&text=%C3%A4+%26+b",
        "application/json": '{"page": "invoice", "empty": "", "text": "ä & b"}',
    }.get(encoding) or "".join(
        f'--cut\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{text}\r\n'
        for key, text in {"page": "invoice", "empty": "", "text": "ä & b"}.items()
    ) + "--cut--\r\n"
    area = client.post(f"{STORAGE}3600", body.encode(), content_type=encoding).json()["_id"]

    assert client.get(f"{STORAGE}{area}").json() == {"empty": "", "page": "invoice", "text": "ä & b"}
    for address in (f"{STORAGE}{area}/text", f"{STORAGE}binary/{area}/text"):
        response = client.get(address)
        assert response.content.decode() == "ä & b"
        assert response["Content-Type"] == "text/plain; charset=utf-8"
        assert response["X-Content-Type-Options"] == "nosniff"
        assert response["Cache-Control"] == "no-cache, no-store"


def test_a_file_comes_back_as_a_file_and_never_as_a_page(client: Client, db: None) -> None:
    area = store(client, note="see", page=a_file())
    found = read(client, f"{STORAGE}{area}").json()
    assert found == {"note": "see", "page": f"http://testserver{STORAGE}binary/{area}/page"}
    for address in (found["page"], f"{STORAGE}{area}/page"):
        response = read(client, address)
        assert response.content == PAGE
        assert response["Content-Type"] == "text/html"
        assert response["Content-Disposition"] == 'attachment; filename="page.html"'
        assert response["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(("given", "kept"), [("image/png", "image/png"), ("x", "application/octet-stream"), ("", None)])
def test_what_is_no_type_of_content_is_kept_as_bytes(client: Client, db: None, given: str, kept: str | None) -> None:
    body = (
        f'--cut\r\nContent-Disposition: form-data; name="f"; filename="a b"\r\nContent-Type: {given}\r\n\r\n\0\xff\r\n'
    )
    with at(NOON):
        area = client.post(
            f"{STORAGE}60", body.encode("latin-1") + b"--cut--\r\n", content_type="multipart/form-data; boundary=cut"
        ).json()["_id"]
    response = read(client, f"{STORAGE}{area}/f")
    assert (response.content, response["Content-Type"]) == (b"\0\xff", kept or "application/octet-stream")


@pytest.mark.parametrize("name", ['filename="a\0b"', "filename*=UTF-8''a%00b"])
def test_a_file_name_that_cannot_be_stored_is_refused(client: Client, db: None, name: str) -> None:
    body = f'--cut\r\nContent-Disposition: form-data; name="f"; {name}\r\n\r\nx\r\n--cut--\r\n'
    answer = client.post(f"{STORAGE}60", body.encode(), content_type="multipart/form-data; boundary=cut")
    assert (answer.status_code, answer.json()["message"]) == (400, "The file name of 'f' has a NUL character.")


def test_a_file_name_adds_no_header(client: Client, db: None) -> None:
    name = "filename*=UTF-8''a%0D%0ASet-Cookie:%20b"
    body = f'--cut\r\nContent-Disposition: form-data; name="f"; {name}\r\n\r\nx\r\n--cut--\r\n'
    with at(NOON):
        area = client.post(f"{STORAGE}60", body.encode(), content_type="multipart/form-data; boundary=cut").json()[
            "_id"
        ]
    response = read(client, f"{STORAGE}{area}/f")
    assert response["Content-Disposition"] == "attachment; filename*=utf-8''a%0D%0ASet-Cookie%3A%20b"


def test_a_start_request_still_takes_no_file(client: Client, service: ConfiguredService) -> None:
    response = client.post(service.url_path, {"_customer_number": "5115", "picture": a_file()})
    assert (response.status_code, response.json()["message"]) == (400, "Part 'picture' is a file; only text is taken.")
    assert not Callback.objects.exists()


def test_an_update_adds_replaces_and_prolongs(client: Client, db: None) -> None:
    area = store(client, "60", a="1", b="2", f=a_file())
    with at(NOON + 50 * SECOND):
        assert client.post(f"{STORAGE}{area}/120", {"b": a_file(b"new"), "c": "3", "f": "text"}).json() == {"_id": area}
    found = read(client, f"{STORAGE}{area}", after=169).json()
    assert found == {"a": "1", "b": f"http://testserver{STORAGE}binary/{area}/b", "c": "3", "f": "text"}
    assert read(client, f"{STORAGE}{area}/b").content == b"new"
    assert read(client, f"{STORAGE}{area}", after=170).status_code == 404
    assert StorageArea.objects.get().size == len("a1") + len("bnew") + len("c3") + len("ftext")


@pytest.mark.parametrize(("ttl", "seconds"), [("1", 1), ("3600", 3600), ("0", 30), ("-5", 30), ("soon", 30), ("٣", 30)])
def test_how_long_it_is_kept(client: Client, db: None, ttl: str, seconds: int) -> None:
    area = store(client, ttl, a="1")
    assert read(client, f"{STORAGE}{area}/a", after=seconds - 1).content == b"1"
    gone = read(client, f"{STORAGE}{area}/a", after=seconds)
    assert (gone.status_code, gone.json()["message"]) == (404, f"Storage '{area}' is not found.")
    # Swept only then, too.
    assert storage.delete_expired(NOON + (seconds - 1) * SECOND) == 0
    assert storage.delete_expired(NOON + seconds * SECOND) == 1
    assert not StoredValue.objects.exists()


def test_for_longer_than_a_year_nothing_is_kept(client: Client, db: None) -> None:
    response = client.post(f"{STORAGE}{366 * 86400 + 1}", {"a": "1"})
    assert (response.status_code, response.json()["exception"]) == (400, f"{FAMILY}InvalidOption")
    assert not StorageArea.objects.exists()


def test_what_one_client_stores_is_not_there_for_another(client: Client, db: None) -> None:
    area = store(client, a="1", f=a_file())
    other = client_with(START, QUERY)
    for address in (f"{STORAGE}{area}", f"{STORAGE}{area}/a", f"{STORAGE}binary/{area}/f"):
        assert read(other, address).status_code == 404
    with at(NOON):
        assert other.post(f"{STORAGE}{area}/60", {"a": "2"}).status_code == 404
        assert other.delete(f"{STORAGE}{area}").status_code == 404
    assert read(client, f"{STORAGE}{area}/a").content == b"1"


def test_who_has_no_key_stores_nothing(stranger: Client, db: None) -> None:
    assert stranger.post(f"{STORAGE}60", {"a": "1"}).status_code == 401
    assert client_with(QUERY).post(f"{STORAGE}60", {"a": "1"}).status_code == 403
    assert not StorageArea.objects.exists()


def test_a_key_that_stands_in_web_pages_stores_nothing(db: None) -> None:
    _, text = ApiKey.objects.create_key(name="web page", scopes=[START], is_public=True)
    client = Client(headers={"x-api-key": text})
    assert client.post(f"{STORAGE}60", {"a": "1"}).status_code == 403
    # Not even with what it started: it would be four megabytes for each.
    own = f"/genesys/1/service/{CallbackFactory.create().pk}/storage"
    assert client.post(own, {"a": a_file()}).status_code == 403
    assert client.delete(f"{own}/a").status_code == 403
    assert not StorageArea.objects.exists()


@pytest.mark.parametrize(("sent", "code"), [("S:s", 200), ("S:x", 401), ("V:v", 401), ("", 401)])
def test_of_names_and_passwords_those_of_the_server_count(service: ConfiguredService, sent: str, code: int) -> None:
    protect(None, "S", "s")
    protect(service, "V", "v")
    assert of(sent).post(f"{STORAGE}60", {"a": "1"}).status_code == code
    assert StorageArea.objects.count() == (code == 200)


def test_a_password_of_a_service_does_not_read_what_the_servers_own_client_stored(service: ConfiguredService) -> None:
    """Also where both have the same name."""
    protect(None, "S", "s")
    protect(service, "S", "v")
    area = store(of("S:s"), a="1")
    assert read(of("S:s"), f"{STORAGE}{area}/a").content == b"1"
    for address in (f"{STORAGE}{area}", f"{STORAGE}{area}/a", f"{STORAGE}binary/{area}/a"):
        assert read(of("S:v"), address).status_code == 404


PARTS = st.lists(
    st.tuples(
        st.from_regex(r"[a-z]{1,8}", fullmatch=True),
        st.one_of(st.text('ab ä\r\n-;"', max_size=20), st.binary(max_size=40)),
    ),
    max_size=6,
    unique_by=lambda part: part[0],
)


@given(PARTS)
def test_every_byte_of_a_file_and_every_letter_of_a_text_is_read(parts: list[tuple[str, str | bytes]]) -> None:
    """Until the boundary, which no client puts into a part."""
    body = b""
    for key, value in parts:
        named = '; filename="f"\r\nContent-Type: image/png' if isinstance(value, bytes) else ""
        head = f'--=cut=\r\nContent-Disposition: form-data; name="{key}"{named}\r\n\r\n'
        body += head.encode() + (value if isinstance(value, bytes) else value.encode()) + b"\r\n"
    request = RequestFactory().post("/", body + b"--=cut=--\r\n", content_type="multipart/form-data; boundary==cut=")
    expected = {k: storage.File(v, "image/png", "f") if isinstance(v, bytes) else v for k, v in parts}
    assert bodies.with_files(request) == expected


@given(st.binary(max_size=200), st.sampled_from(["multipart/form-data; boundary=x", FORM, "application/json"]))
def test_what_cannot_be_read_is_refused_and_nothing_else_happens(body: bytes, content_type: str) -> None:
    with suppress(ApiError):
        bodies.with_files(RequestFactory().post("/", b"--x\r\n" + body, content_type=content_type))


def test_deleting(client: Client, db: None) -> None:
    area = store(client, a="1")
    kept = store(client, a="2")
    with at(NOON):
        assert client.delete(f"{STORAGE}{area}").json() == {}
        assert client.delete(f"{STORAGE}{area}").status_code == 404
    assert read(client, f"{STORAGE}{kept}/a").content == b"2"


@pytest.mark.parametrize("what", ["nobody", "x" * 300, "%00", "a%00b", "binary"])
def test_what_is_not_there(client: Client, db: None, what: str) -> None:
    area = store(client, a="1")
    for address in (what, f"{what}/a", f"{area}/{what}", f"binary/{area}/{what}", f"binary/{what}/a"):
        response = read(client, f"{STORAGE}{address}")
        assert (response.status_code, list(response.json())) == (404, ["exception", "message"]), address


class TestLimits:
    def test_of_one_storage(self, client: Client, db: None, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(storage, "MOST_BYTES", 100)
        area = store(client, a="1" * 60)
        with at(NOON):
            response = client.post(f"{STORAGE}{area}/60", {"b": "2" * 60})
        assert (response.status_code, response.json()["message"]) == (
            413,
            "A storage holds 200 keys and 100 bytes at most.",
        )
        assert read(client, f"{STORAGE}{area}").json() == {"a": "1" * 60}

    def test_of_keys(self, client: Client, db: None) -> None:
        area = store(client, **{f"k{n}": "" for n in range(200)})
        with at(NOON):
            assert client.post(f"{STORAGE}{area}/60", {"k0": "1", "k199": "2"}).status_code == 200
            assert client.post(f"{STORAGE}{area}/60", {"k200": ""}).status_code == 413
        assert StoredValue.objects.count() == 200

    def test_of_a_body(self, client: Client, db: None) -> None:
        with at(NOON):
            assert client.post(f"{STORAGE}60", {"f": a_file(b"x" * 1024 * 1024)}).status_code == 413
        assert store(client, f=a_file(b"x" * 1000 * 1024))

    def test_of_a_client(self, client: Client, db: None, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(storage, "MOST_AREAS_OF_CLIENT", 2)
        store(client, "60", a="1")
        store(client, a="2")
        with at(NOON):
            response = client.post(f"{STORAGE}60", {"a": "3"})
        assert (response.status_code, response.json()["exception"]) == (503, f"{FAMILY}ServiceUnavailable")
        assert StorageArea.objects.count() == 2
        # What has expired counts no more, nor does what others store.
        with at(NOON + 60 * SECOND):
            assert client.post(f"{STORAGE}60", {"a": "3"}).status_code == 200
        store(client_with(START), a="4")

    def test_of_the_bytes_of_a_client(self, client: Client, db: None, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(storage, "MOST_BYTES_OF_CLIENT", 100)
        area = store(client, a="1" * 60)
        with at(NOON):
            assert client.post(f"{STORAGE}60", {"a": "2" * 60}).status_code == 503
            assert client.post(f"{STORAGE}{area}/60", {"b": "2" * 60}).status_code == 503
        assert StoredValue.objects.count() == 1


def writes_at_once(monkeypatch: pytest.MonkeyPatch) -> int:
    """How many of 16 storages one client gets at once, where it may have three."""
    monkeypatch.setattr(storage, "MOST_AREAS_OF_CLIENT", 3)
    begin = threading.Barrier(16)

    def write(n: int) -> bool:
        try:
            begin.wait(timeout=60)
            storage.create(client="key a", values={"n": str(n)}, expires_at=NOON + SECOND, now=NOON)
        except storage.ClientFull:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(16) as pool:
        return sum(pool.map(write, range(16)))


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("held", [True, False])
def test_no_two_writes_go_past_the_limit_of_a_client_together(held: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not held:
        both_wrote, check = threading.Barrier(16), storage._check_client

        def check_late(client: str, now: Any) -> None:
            both_wrote.wait(timeout=60)
            check(client, now)

        monkeypatch.setattr(storage, "_hold_client", lambda client: None)
        monkeypatch.setattr(storage, "_check_client", check_late)
    stored = writes_at_once(monkeypatch)
    assert stored == StorageArea.objects.count()
    assert (stored == 3) is held


class TestOfACallback:
    @pytest.fixture
    def address(self, service: ConfiguredService) -> str:
        callback = CallbackFactory.create(service=service, user_data={"first_name": "Ada", "reason": "invoice"})
        return f"/genesys/1/service/{callback.pk}/storage"

    def test_it_has_the_customers_data_and_what_was_added(self, client: Client, address: str) -> None:
        assert client.get(address).json() == {"first_name": "Ada", "reason": "invoice"}
        callback_id = address.split("/")[4]
        assert client.post(address, {"reason": "moved", "photo": a_file(b"png", "me.png", "image/png")}).json() == {
            "_id": callback_id
        }
        photo = f"http://testserver{address}/binary/photo"
        assert client.get(address).json() == {"first_name": "Ada", "photo": photo, "reason": "moved"}
        assert client.get(photo)["Content-Type"] == "image/png"
        assert client.get(f"{address}/first_name").content == b"Ada"
        assert client.get(f"{address}/photo").content == b"png"
        assert client.get(f"{STORAGE}{callback_id}").json()["reason"] == "moved"
        assert client.delete(f"{address}/photo").json() == {}
        assert client.delete(f"{address}/reason").json() == {}
        assert client.delete(f"{address}/reason").status_code == 404
        # The customer's own data are the callback's: PUT changes them.
        assert client.get(address).json() == {"first_name": "Ada", "reason": "invoice"}
        assert StorageArea.objects.get().size == 0

    def test_only_who_may_see_the_callback_may(self, client: Client, address: str) -> None:
        client.post(address, {"a": "1"})
        other = client_with(START, QUERY, services=(make_service("another"),))
        callback_id = address.split("/")[4]
        for got in (
            other.get(address),
            other.get(f"{address}/a"),
            other.get(f"{address}/binary/a"),
            other.post(address, {"a": "2"}),
            other.delete(f"{address}/a"),
            other.get(f"{STORAGE}{callback_id}"),
            other.get(f"{STORAGE}{callback_id}/a"),
            client.post(f"{STORAGE}{callback_id}/60", {"a": "2"}),
            client.delete(f"{STORAGE}{callback_id}"),
        ):
            assert got.status_code == 404
        assert client.get(f"{address}/a").content == b"1"

    def test_it_goes_with_the_callback(self, client: Client, address: str) -> None:
        client.post(address, {"a": "1", "f": a_file()})
        own = store(client, a="1")
        assert storage.delete_expired(NOON + timedelta(days=400)) == 1
        assert own
        sweeps.forget([Callback.objects.get().pk])
        assert not StorageArea.objects.exists()
        assert not StoredValue.objects.exists()
        assert client.get(address).status_code == 404


def test_the_limits_of_the_page() -> None:
    text = " ".join((Path(settings.BASE_DIR) / "docs" / "storage.md").read_text().split())
    assert settings.DATA_UPLOAD_MAX_MEMORY_SIZE == storage.MIB
    assert f"| a text | {bodies.LONGEST_VALUE} characters |" in text
    assert f"| a key | {bodies.LONGEST_KEY} characters" in text
    assert f"| a storage | {storage.MOST_KEYS} keys, {storage.MOST_BYTES // storage.MIB} MiB" in text
    limit = storage.MOST_BYTES_OF_CLIENT // storage.MIB
    assert f"| a client at a time | {storage.MOST_AREAS_OF_CLIENT:,} storages, {limit} MiB" in text
    assert f"`ttl` is at most {storage_views.MOST_SECONDS}, a year." in text
