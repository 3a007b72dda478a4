"""A receiver of push messages for tests: a real HTTP server that answers what it is told to."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = int | Callable[[BaseHTTPRequestHandler], None]


class Receiver:
    """Keeps what it got as (path, content type, body); answers one after the other from `answers`, at last 200."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/push/b1641633"
        self.port = port
        self.got: list[tuple[str, str, Any]] = []
        self.answers: list[Answer] = []
        self.closing = threading.Event()


class Server(ThreadingHTTPServer):
    def handle_error(self, *args: Any) -> None:
        """That a client hangs up on a receiver that misbehaves is what the tests are about."""


@contextmanager
def receiving() -> Iterator[Receiver]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.got.append((self.path, self.headers["Content-Type"], json.loads(body)))
            answer = receiver.answers.pop(0) if receiver.answers else 200
            if callable(answer):
                answer(self)
                return
            self.send_response(answer)
            self.send_header("Location", f"http://127.0.0.1:{receiver.port}/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_POST

        def log_message(self, *args: Any) -> None:
            pass

    server = Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    # Else closing the server would wait for an answer that hangs.
    server.block_on_close = False
    receiver = Receiver(server.server_port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.closing.set()
        server.shutdown()
        server.server_close()


def hanging(receiver: Receiver) -> Answer:
    """Says nothing until the test is over."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        receiver.closing.wait(30)

    return answer


def dripping(receiver: Receiver) -> Answer:
    """Sends a header each tenth of a second for three, so that no single read takes long."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
        for _ in range(30):
            if receiver.closing.wait(0.1):
                return
            handler.wfile.write(b"X-More: of the same\r\n")
        handler.wfile.write(b"\r\n")

    return answer


def endless(receiver: Receiver) -> Answer:
    """Says 200, and has a body without end."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        while not receiver.closing.is_set():
            handler.wfile.write(b"x" * 65536)

    return answer


def speaking_no_http(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"220 mail.example.com ESMTP\r\n")
