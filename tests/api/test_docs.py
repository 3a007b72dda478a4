"""The integrators' page: each of its commands does what the page says."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.test import Client
from pytest_django.live_server_helper import LiveServer

from callbacks import queries
from callbacks.api import bodies, offering, position, ranges
from callbacks.models import Callback
from services.models import START, ApiKey
from tests.api.conftest import furnish_telephony, make_capacity, make_office, make_service, playing
from tests.api.test_seeds import multipart
from tests.world import World

PAGE = Path(settings.BASE_DIR) / "docs" / "integrators.md"
BLOCK = re.compile(r"^```\n(curl .*?)\n```$", re.M)


def run(command: str, **variables: str) -> Any:
    """Carry out a curl command of the page; fails on an option that it does not use today."""
    for name, value in variables.items():
        command = command.replace(f"${name}", value)
    assert "$" not in command
    words = iter(shlex.split(command)[1:])
    method, headers, forms, data, url = "", {}, {}, [], ""
    for word in words:
        match word:
            case "-X":
                method = next(words)
            case "-H":
                name, _, value = next(words).partition(": ")
                headers[name.lower()] = value
            case "-F":
                name, _, value = next(words).partition("=")
                forms[name] = value
            case "-d":
                data.append(next(words))
            case _:
                assert word.startswith("http"), word
                url = word
    content_type = headers.pop("content-type", "application/x-www-form-urlencoded")
    body = "&".join(data).encode()
    if forms:
        body, content_type = multipart("x", forms), "multipart/form-data; boundary=x"
    address = urlsplit(url)
    return Client().generic(
        method or ("POST" if body else "GET"),
        address.path,
        body,
        content_type,
        headers=headers,
        QUERY_STRING=address.query,
    )


class Page:
    """A contact centre in which all that the page names is there, on a Monday morning, and two customers are asked."""

    def __init__(self, client: Client) -> None:
        self.world = World(agents=("kate", "luke"))
        self.world.offset = datetime(2026, 8, 3, 6, 0, tzinfo=UTC) - datetime.now(UTC)
        make_office("office", zone="Europe/Berlin", _bh_regular1="Mon-Fri 09:00-17:00")
        make_capacity("places", zone="Europe/Berlin", _capacity_1='{"1": {"0900": 6, "1000": 6, "1100": 6}}')
        make_service("user-scheduled", _business_hours_service="office", _request_time_bucket="60")
        make_service("asking", "User Terminated Delayed")
        self.asked = [self._asked(client) for _ in range(2)]
        self.world.ready()
        self.world.run(lambda: Callback.objects.filter(stage="confirming").count() == 2, seconds=60)
        self.variables = {
            "BASE2": "http://testserver/genesys/2",
            "BASE": "http://testserver/genesys/1",
            "KEY": client.defaults["HTTP_X_API_KEY"],
        }

    def _asked(self, client: Client) -> str:
        with playing(self.world):
            request = {"_customer_number": "5116", "_device_os": "comet"}
            return str(client.post("/genesys/1/service/callback/asking", request).json()["_id"])

    def run(self, command: str) -> Any:
        if "$ASKED" in command:
            self.variables["ASKED"] = self.asked[-1 if "snooze" in command else 0]
        with playing(self.world):
            response = run(command, **self.variables)
        assert response.status_code == 200, (command, response.content)
        return response.json()


@pytest.mark.django_db(transaction=True)
def test_each_command_of_the_page(client: Client) -> None:
    page = Page(client)
    answers = []
    for command in BLOCK.findall(PAGE.read_text()):
        answers.append(page.run(command))
        if len(answers) == 1:
            page.variables["ID"] = answers[0]["_id"]
        if "utcTime" in str(answers[-1]):
            page.variables["TIME"] = answers[-1]["slots"][0]["utcTime"]
        if list(answers[-1]) == ["_id"]:
            page.variables |= {"BOOKED": answers[-1]["_id"], "TIME": "2026-08-03T09:00:00.000Z"}

    at_once, answers = answers[:3], answers[3:]
    assert [answer["_text"] for answer in at_once] == ["You will receive the call shortly"] * 3
    free_places, slots, scheduled, office, places, by_id, by_number, in_service, *answers = answers
    assert next(iter(free_places.items())) == ("2026-08-03T07:00:00.000Z", 100)
    assert (slots["durationMin"], slots["timezone"], len(slots["slots"])) == (60, "Europe/Berlin", 5 * 8)
    assert list(scheduled) == ["_id"]
    assert office["periods"][0] == {"start": "2026-08-03T07:00:00.000Z", "end": "2026-08-03T15:00:00.000Z"}
    assert [(each["start"][11:16], each["capacity"]) for each in places] == [("07:00", 6), ("10:00", 0)]
    assert [record["_id"] for record in by_id] == [page.variables["ID"]]
    assert [record["_id"] for record in by_number] == [answer["_id"] for answer in reversed(at_once)]
    assert [record["_id"] for record in in_service] == [scheduled["_id"]]
    changed, dialog, connected, snoozed, position, cancelled = answers
    assert changed == {}
    moved = Callback.objects.get(pk=scheduled["_id"])
    assert (moved.desired_at, moved.user_data) == (datetime(2026, 8, 3, 9, 0, tzinfo=UTC), {"first_name": "Jane"})
    assert dialog["_text"] == connected["_text"] == "You will receive the call shortly"
    assert snoozed["_text"] == "You will be asked again later"
    assert position["_agent_ready_threshold_passed"] is False
    assert cancelled["_id"] == page.variables["ID"]


def test_the_limits_of_the_page() -> None:
    text = " ".join(PAGE.read_text().split())
    assert (
        f"Limits: {bodies.MOST_KEYS} keys, {bodies.LONGEST_KEY} characters a key, {bodies.LONGEST_VALUE} a value, 1 MiB"
        in text
    )
    assert settings.DATA_UPLOAD_MAX_MEMORY_SIZE == 1024 * 1024
    assert f"At most {queries.MOST_RECORDS} records are answered" in text
    assert f"At most {offering.MOST_SLOTS} are answered" in text
    assert f"at most {ranges.MOST_DAYS} days after the start" in text
    assert f"{position.UNKNOWN} when nobody is logged in" in text


@pytest.mark.django_db(transaction=True)
def test_the_python_of_the_page_starts_a_callback_once(live_server: LiveServer) -> None:
    furnish_telephony()
    make_service("voice-userterm-immediate")
    _, key = ApiKey.objects.create_key(name="app", scopes=[START])
    (source,) = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.M | re.S)
    environment = {"BASE": f"{live_server.url}/genesys/1", "KEY": key, "no_proxy": "*"}
    ids = {
        subprocess.run(
            [sys.executable, "-c", source], env=environment, capture_output=True, text=True, check=True, timeout=60
        ).stdout.strip()
        for _ in range(2)
    }
    assert ids == {Callback.objects.get().pk}
