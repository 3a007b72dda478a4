"""The API behind the web server that production runs, spoken to over a socket: what no test client can send."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import psutil
import pytest
from django.conf import settings
from django.db import connection

from callbacks.models import Callback
from callbacksite.embedded import ends_with_parent, free_port
from services.models import QUERY, START, ApiKey, ConfiguredService
from tests.api.conftest import OPTIONS
from tests.api.test_seeds import IMMEDIATE, SEED_1, multipart

pytestmark = pytest.mark.django_db(transaction=True)
MEGABYTE = 1024 * 1024


class Server:
    """One gunicorn with one process on the test's own database, and a key for it."""

    def __init__(self, port: int, process: subprocess.Popen[bytes], key: str) -> None:
        self.port = port
        self.process = process
        self.key = key

    def send(self, *lines: bytes, body: bytes = b"", key: bool = True) -> tuple[int, bytes]:
        """Send a request as these bytes; returns the status and the body of the answer."""
        authorised = [b"x-api-key: " + self.key.encode()] if key else []
        request = b"\r\n".join([*lines, b"Host: 127.0.0.1", b"Connection: close", *authorised, b"", body])
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as client:
            with contextlib.suppress(ConnectionError):
                client.sendall(request)
            response = http.client.HTTPResponse(client)
            response.begin()
            return response.status, response.read()

    def post(self, body: bytes, *headers: bytes, key: bool = True) -> tuple[int, bytes]:
        length = b"Content-Length: %d" % len(body)
        return self.send(b"POST " + IMMEDIATE.encode() + b" HTTP/1.1", length, *headers, body=body, key=key)

    def memory(self) -> int:
        """Bytes that its processes hold."""
        process = psutil.Process(self.process.pid)
        return sum(each.memory_info().rss for each in [process, *process.children(recursive=True)])


@pytest.fixture
def server(transactional_db: None) -> Iterator[Server]:
    ConfiguredService.objects.create(
        name="voice-userterm-immediate", configuration="User Terminated Immediate", options=OPTIONS
    )
    _, key = ApiKey.objects.create_key(name="mobile app", scopes=[START, QUERY])
    address, mark, options = os.environ["DATABASE_URL"].partition("?")
    database = f"{address.rpartition('/')[0]}/{connection.settings_dict['NAME']}{mark}{options}"
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "callbacksite.wsgi", f"--bind=127.0.0.1:{port}", "--workers=1"]
    process = subprocess.Popen(
        ends_with_parent([*command, "--worker-class=gthread", "--threads=4", "--log-level=critical"]),
        cwd=settings.BASE_DIR,
        # No broker: a start is answered without one.
        env={**os.environ, "DATABASE_URL": database, "REDIS_URL": "redis://127.0.0.1:1/0"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(port)
        yield Server(port, process, key)
    finally:
        process.terminate()
        process.wait(10)


def wait_for(port: int) -> None:
    until = time.monotonic() + 30
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
        else:
            return


def error(body: bytes) -> Any:
    answer = json.loads(body)
    assert list(answer) == ["exception", "message"]
    return answer["message"]


def test_what_only_a_socket_can_send(server: Server) -> None:
    form = b"Content-Type: application/x-www-form-urlencoded"
    number = b"_customer_number=5115"

    # NUL bytes: in headers, which the server itself refuses, and in paths.
    for header in (b"gms_user: a\x00b", b"x-api-key: \x00", b"X-Other: \x00", b"Content-Type: a\x00", b"Origin: \x00"):
        status, _ = server.post(number, form, header, key=False)
        assert 400 <= status < 500, header
    for path in (b"/genesys/1/service/callback/a%00b", b"/genesys/%00", b"/genesys/1/service/callback/%FF"):
        status, body = server.send(b"POST " + path + b" HTTP/1.1", b"Content-Length: 0")
        assert status == 404, path
        assert error(body)

    # A Content-Type that Django's parser cannot digest.
    for content_type in (b"text/plain; a*=bogus''b", b"multipart/form-data; boundary*=bogus''x", b"\xff; charset=\xff"):
        status, body = server.post(number, b"Content-Type: " + content_type)
        assert status == 415, content_type
        assert error(body).startswith("Unsupported Media Type")

    # No length, a wrong one, none that is a number.
    status, body = server.send(
        b"POST " + IMMEDIATE.encode() + b" HTTP/1.1",
        form,
        b"Transfer-Encoding: chunked",
        body=b"15\r\n_customer_number=5115\r\n0\r\n\r\n",
    )
    assert (status, error(body)) == (411, "A body needs a Content-Length.")
    for length in (b"-1", b"many", b"1e3"):
        status, _ = server.send(
            b"POST " + IMMEDIATE.encode() + b" HTTP/1.1", form, b"Content-Length: " + length, body=number
        )
        assert status == 400, length

    assert not Callback.objects.exists()


def test_ten_megabytes_are_refused_unread(server: Server) -> None:
    status, _ = server.post(multipart("x", SEED_1), b"Content-Type: multipart/form-data; boundary=x")
    assert status == 200
    before = server.memory()

    for _ in range(5):
        status, body = server.post(b"a" * 10 * MEGABYTE, b"Content-Type: application/x-www-form-urlencoded")
        assert (status, error(body)) == (413, "The body is larger than 1048576 bytes.")

    assert server.memory() - before < 5 * MEGABYTE
    assert Callback.objects.count() == 1


def test_a_client_that_leaves_in_the_middle_of_its_body(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as client:
        client.sendall(
            b"POST " + IMMEDIATE.encode() + b" HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 21\r\n"
            b"Content-Type: application/x-www-form-urlencoded\r\nx-api-key: " + server.key.encode() + b"\r\n\r\n"
            b"_customer_number=511"
        )
        client.shutdown(socket.SHUT_WR)
        response = http.client.HTTPResponse(client)
        response.begin()
        assert response.status == 400
    assert not Callback.objects.exists()
