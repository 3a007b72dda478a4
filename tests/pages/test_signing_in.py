"""Guessing a password ends soon, for who guesses; and what a session's cookie may be used for."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from axes.models import AccessAttempt, AccessLog
from django.conf import settings as configured
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from callbacksite.signing_in import client_address, counted_address
from tests.factories import PASSWORD

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
HOME, ELSEWHERE = "203.0.113.7", "203.0.113.8"


@pytest.fixture
def sue(db: None, settings: Settings) -> User:
    settings.AXES_ENABLED = True
    # A good hash takes as long as all the rest of these stories.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    return user("sue")


def user(name: str) -> User:
    return User.objects.create_user(name, password=PASSWORD, is_staff=True)


def sign_in(password: str, *, username: str = "sue", address: str = HOME, url: str = "/login/") -> Any:
    return Client(REMOTE_ADDR=address).post(url, {"username": username, "password": password})


@pytest.mark.parametrize("url", ["/login/", "/admin/login/"])
def test_five_wrong_passwords_are_enough(sue: User, url: str) -> None:
    with time_machine.travel(NOON, tick=False):
        answers = [sign_in("wrong", url=url) for _ in range(6)]
        right = sign_in(PASSWORD, url=url)

    assert [answer.status_code for answer in answers] == [200, 200, 200, 200, 429, 429]
    assert right.status_code == 429
    assert right["Retry-After"] == "900"
    assert "Try again in 15 minutes, at 12:15 (UTC)" in right.content.decode()
    assert "sessionid" not in right.cookies


def test_guessing_on_does_not_prolong_it(sue: User) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        for _ in range(5):
            sign_in("wrong")
        clock.shift(timedelta(minutes=14))
        answer = sign_in("wrong")
        assert (answer.status_code, answer["Retry-After"]) == (429, "60")
        assert "Try again in 1 minute, at 12:15 (UTC)" in answer.content.decode()
        clock.shift(timedelta(minutes=1, seconds=1))
        assert sign_in(PASSWORD).status_code == 302
    assert not AccessAttempt.objects.exists()


def test_neither_a_colleague_nor_the_owner_elsewhere_is_locked_out(sue: User) -> None:
    user("tom")
    for _ in range(6):
        sign_in("wrong")

    assert sign_in(PASSWORD, username="tom").status_code == 302
    assert sign_in(PASSWORD, address=ELSEWHERE).status_code == 302
    # What she did elsewhere tells nothing about who guesses here.
    assert sign_in(PASSWORD).status_code == 429


def test_another_browser_has_no_tries_of_its_own(sue: User) -> None:
    for n in range(5):
        Client(REMOTE_ADDR=HOME, headers={"User-Agent": f"browser {n}"}).post(
            "/login/", {"username": "sue", "password": "wrong"}
        )

    assert sign_in(PASSWORD).status_code == 429


def test_a_user_who_is_not_there_is_treated_alike(sue: User) -> None:
    answers = [sign_in("wrong", username="nobody").status_code for _ in range(5)]

    assert answers == [200, 200, 200, 200, 429]


def test_the_right_password_forgets_the_wrong_ones(sue: User) -> None:
    for _ in range(3):
        for _ in range(4):
            assert sign_in("wrong").status_code == 200
        assert sign_in(PASSWORD).status_code == 302


def test_nothing_is_kept_of_who_signed_in_nor_of_what_was_typed(sue: User, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        sign_in("geheim-1")
        sign_in("geheim-2", username="geheim-3")
        sign_in(PASSWORD)

    assert not AccessLog.objects.exists()
    (other,) = AccessAttempt.objects.all()
    assert "geheim-2" not in f"{other.post_data}{other.get_data}"
    assert "geheim" not in caplog.text
    assert PASSWORD not in caplog.text
    assert HOME in caplog.text


# Whose address it is


def request_from(peer: str, forwarded: str = "") -> HttpRequest:
    request = HttpRequest()
    request.META = {"REMOTE_ADDR": peer, "HTTP_X_FORWARDED_FOR": forwarded}
    return request


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("10.0.0.2", HOME, HOME),
        ("", HOME, HOME),
        ("10.0.0.2", f"198.51.100.1, {HOME}", HOME),
        ("10.0.0.2", f"{HOME}, 10.0.0.9", HOME),
        ("10.0.0.2", "2001:db8::1", "2001:db8::1"),
        # It is not our proxy that says so.
        (ELSEWHERE, HOME, ELSEWHERE),
        ("10.0.0.2", "", "10.0.0.2"),
        ("10.0.0.2", "nonsense", "10.0.0.2"),
        ("10.0.0.2", f"{HOME}, nonsense", "10.0.0.2"),
        ("", "", None),
    ],
)
def test_whose_address_it_is(settings: Settings, peer: str, forwarded: str, address: str | None) -> None:
    settings.BEHIND_PROXY = True
    settings.FORWARDED_ALLOW_IPS = "10.0.0.0/8, ::1"

    assert client_address(request_from(peer, forwarded)) == address


def test_without_a_proxy_nobody_is_believed(settings: Settings) -> None:
    settings.BEHIND_PROXY = False

    assert client_address(request_from("127.0.0.1", HOME)) == "127.0.0.1"


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        (HOME, HOME),
        ("2001:db8:0:1:a:b:c:d", "2001:db8:0:1::"),
        ("2001:db8:0:1::7", "2001:db8:0:1::"),
        (f"::ffff:{HOME}", HOME),
        ("", None),
    ],
)
def test_whoever_has_one_address_of_a_network_has_all(address: str, counted: str | None) -> None:
    assert counted_address(request_from(address)) == counted


def test_another_address_of_the_same_network_is_locked_out_as_well(sue: User) -> None:
    for last in range(5):
        sign_in("wrong", address=f"2001:db8::{last + 1}")

    assert sign_in(PASSWORD, address="2001:db8::ffff").status_code == 429
    assert sign_in(PASSWORD, address="2001:db8:0:1::1").status_code == 302


@given(st.text(max_size=80))
def test_no_header_is_too_strange(forwarded: str) -> None:
    before = configured.BEHIND_PROXY
    configured.BEHIND_PROXY = True
    try:
        assert client_address(request_from("127.0.0.1", forwarded))
    finally:
        configured.BEHIND_PROXY = before


# The session


def test_the_cookies_are_for_our_pages_alone(sue: User) -> None:
    client = Client(REMOTE_ADDR=HOME)
    client.get("/login/")
    before = client.cookies["csrftoken"].value
    client.post("/login/", {"username": "sue", "password": PASSWORD})

    session, token = client.cookies["sessionid"], client.cookies["csrftoken"]
    for cookie in (session, token):
        assert (cookie["httponly"], cookie["samesite"], cookie["domain"], cookie["path"]) == (True, "Lax", "", "/")
    assert session["max-age"] == 12 * 60 * 60
    assert token.value != before


def test_signing_in_makes_a_session_of_its_own(sue: User) -> None:
    """Whoever put a session into the browser beforehand does not know the new one."""
    client = Client(REMOTE_ADDR=HOME)
    session = client.session
    session["planted"] = True
    session.save()
    planted = session.session_key
    client.cookies["sessionid"] = str(planted)

    client.post("/login/", {"username": "sue", "password": PASSWORD})

    assert client.cookies["sessionid"].value != planted
    assert Client(headers={"Cookie": f"sessionid={planted}"}).get("/callbacks/").status_code == 302


def test_forms_from_elsewhere_are_refused(sue: User) -> None:
    client = Client(enforce_csrf_checks=True)

    assert client.post("/login/", {"username": "sue", "password": PASSWORD}).status_code == 403
