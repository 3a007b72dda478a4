"""One customer's number, name and password through every kind of request and failure: no log line has any of them."""

from __future__ import annotations

import importlib.util
import logging
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest
from django.conf import settings as configured
from django.db import OperationalError
from django.test import Client
from gunicorn.config import Config
from pytest_django import Settings

from callbacks import actions, tasks
from callbacks.models import Callback
from services.models import ADMIN, QUERY, START, ApiKey
from tests.test_logs import Lines, logged
from tests.world import World

pytestmark = pytest.mark.django_db(transaction=True)

# A mark in each that nothing else in a line has.
NUMBER, NAME, PASSWORD = "+4915112340987", "Adalberta", "kaltes-Klavier"
SPELLINGS = (NUMBER, "%2B4915112340987", "+49 151 12340987", "0151/12340987", "(0151) 1234-0987")


def is_clean(lines: Lines) -> None:
    assert lines.text, "nothing was logged at all"
    digits = "".join(each for each in lines.text if each.isdigit())
    for marked in ("12340987", "1234-0987", "1234 0987", NAME, PASSWORD, "YWRhOmthbHRlcy1LbGF2aWVy"):
        assert marked not in lines.text
    assert "15112340987" not in digits


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def client(db: None) -> Client:
    _, key = ApiKey.objects.create_key(name="shop", scopes=[START, QUERY, ADMIN])
    return Client(headers={"x-api-key": key}, raise_request_exception=False)


def test_whatever_is_asked_about_a_customer(world: World, client: Client) -> None:
    base = "/genesys/1/service/callback"
    url = f"{base}/{world.service.name}"
    body = {"_customer_number": NUMBER, "usr_customer_name": NAME, "_device_os": "httpcb"}
    with logged() as lines:
        logging.getLogger().setLevel(logging.DEBUG)
        started = client.post(url, body | {"_device_notification_id": f"http://10.0.0.1/{NUMBER}"})
        assert started.status_code == 200, started.content
        callback = Callback.objects.get()
        for spelling in SPELLINGS:
            client.get(base, {"_customer_number": spelling})
            client.get(f"{base}?_customer_number={spelling}&usr_customer_name={NAME}")
            client.get(f"/genesys/1/phonenumber?number={spelling}&country=DE")
            client.post(f"{base}/nothing", {"_customer_number": spelling})
            client.get(f"{url}/{spelling}")
            client.get(f"/nowhere/{spelling}/")
        client.put(f"{url}/{callback.pk}", body, content_type="application/json")
        client.put(f"{url}/{callback.pk}", f"{{{NAME}: {NUMBER}", content_type="application/json")
        client.delete(f"{url}/{callback.pk}")
        Client().post(url, body)
        Client(headers={"x-api-key": PASSWORD}).post(url, body)
        Client(headers={"Authorization": "Basic YWRhOmthbHRlcy1LbGF2aWVy"}).post(url, body)
    is_clean(lines)


@pytest.mark.parametrize(
    "error",
    [OperationalError(f"Key (number)=({NUMBER}) of {NUMBER}"), RuntimeError(f"nobody at {NUMBER}"), KeyError(NUMBER)],
)
def test_whatever_fails(world: World, client: Client, error: Exception) -> None:
    with logged() as lines, mock.patch.object(actions, "start", side_effect=error):
        answer = client.post(f"/genesys/1/service/callback/{world.service.name}", {"_customer_number": NUMBER})
    assert answer.status_code in {500, 503}
    is_clean(lines)
    callback = world.start(number=NUMBER)
    with logged() as lines, mock.patch.object(actions, "advance", side_effect=error):
        tasks.advance.apply((callback.pk,))
    is_clean(lines)


def test_whoever_signs_in(settings: Settings) -> None:
    settings.AXES_ENABLED = True
    # A good hash takes as long as all the rest.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    with logged() as lines:
        for name in (NAME, NUMBER):
            for _ in range(6):
                Client().post("/login/", {"username": name, "password": PASSWORD})
    assert "Locking out" in lines.text
    is_clean(lines)


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_what_the_web_server_writes_of_a_request(spelling: str) -> None:
    """As gunicorn does: with the address as it was sent, and the user name of HTTP Basic that it would print."""
    path = Path(configured.BASE_DIR) / "deploy" / "gunicorn.conf.py"
    specification = importlib.util.spec_from_file_location("gunicorn_conf", path)
    assert specification is not None
    assert specification.loader is not None
    module: Any = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    config = Config()
    config.set("accesslog", "-")
    config.set("access_log_format", module.access_log_format)
    log = module.AccessLog(config)
    environ = {
        "REMOTE_ADDR": "10.0.0.9",
        "REQUEST_METHOD": "GET",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "RAW_URI": f"/callbacks/{spelling}?_customer_number={spelling}&usr_customer_name={NAME}",
        "HTTP_AUTHORIZATION": "Basic YWRhOmthbHRlcy1LbGF2aWVy",
        "HTTP_REFERER": f"https://shop.example/?q={NAME}",
    }
    answer = SimpleNamespace(status="200 OK", sent=1, headers=[], response_length=1)
    request = SimpleNamespace(method="GET", headers=[])
    seconds = timedelta(seconds=1)
    with logged() as lines:
        log.access_log = logging.getLogger("gunicorn.access")
        log.access(answer, request, environ, seconds)
    assert "/callbacks/" in lines.text
    is_clean(lines)
    assert "_customer_number" not in lines.text
