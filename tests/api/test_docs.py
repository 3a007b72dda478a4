"""The integrators' page: each of its commands does what the page says."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.test import Client

from callbacks.api import bodies, lookup
from services.models import ConfiguredService
from tests.api.test_seeds import multipart

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


def test_each_command_of_the_page(client: Client, service: ConfiguredService) -> None:
    variables = {"BASE": "http://testserver/genesys/1", "KEY": client.defaults["HTTP_X_API_KEY"], "ID": ""}
    answers = []
    for command in BLOCK.findall(PAGE.read_text()):
        response = run(command, **variables)
        assert response.status_code == 200, (command, response.content)
        answers.append(response.json())
        if not variables["ID"]:
            variables["ID"] = answers[0]["_id"]

    *at_once, scheduled, by_id, by_number, in_service, cancelled = answers
    assert [answer["_text"] for answer in at_once] == ["You will receive the call shortly"] * 3
    assert list(scheduled) == ["_id"]
    assert [record["_id"] for record in by_id] == [variables["ID"]]
    assert [record["_id"] for record in by_number] == [answer["_id"] for answer in reversed(at_once)]
    assert [record["_id"] for record in in_service] == [scheduled["_id"]]
    assert cancelled["_id"] == variables["ID"]


def test_the_limits_of_the_page() -> None:
    text = " ".join(PAGE.read_text().split())
    assert (
        f"Limits: {bodies.MOST_KEYS} keys, {bodies.LONGEST_KEY} characters a key, {bodies.LONGEST_VALUE} a value, 1 MiB"
        in text
    )
    assert settings.DATA_UPLOAD_MAX_MEMORY_SIZE == 1024 * 1024
    assert f"At most {lookup.MOST_RECORDS} records are answered" in text
