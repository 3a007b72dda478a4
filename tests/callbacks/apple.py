"""APNs for tests: an HTTP/2 server, without TLS, that answers as Apple's documentation describes it."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import h2.config
import h2.connection
import h2.events
import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

KEY_ID, TEAM, TOPIC = "ABC123DEFG", "DEF123GHIJ", "org.example.bank"
_KEY = ec.generate_private_key(ec.SECP256R1())
P8 = _KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
).decode()

Answer = tuple[int, str]


@dataclass
class Request:
    """`connection` counts the connections, from 1."""

    connection: int
    headers: dict[str, str]
    body: bytes = b""

    @property
    def payload(self) -> Any:
        return json.loads(self.body)

    @property
    def token(self) -> str:
        return self.headers["authorization"].removeprefix("bearer ")


class Apple:
    """`answers` are (status, reason), one after the other, at last 200; a status of 0 hangs up without an answer."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.answers: list[Answer] = []
        self.headers: list[tuple[str, str]] = []
        self.requests: list[Request] = []
        self.connections = 0
        self.hangs = threading.Event()

    def judge(self, request: Request) -> Answer:
        self.requests.append(request)
        if self.answers:
            return self.answers.pop(0)
        claims = jwt.decode(request.token, _KEY.public_key(), algorithms=["ES256"])
        assert set(claims) == {"iss", "iat"}
        if (claims["iss"], jwt.get_unverified_header(request.token)["kid"]) != (TEAM, KEY_ID):
            return 403, "InvalidProviderToken"
        return 200, ""


def _serve(server: socket.socket, apple: Apple) -> None:
    while True:
        try:
            peer, _ = server.accept()
        except OSError:
            return
        apple.connections += 1
        threading.Thread(target=_talk, args=(peer, apple, apple.connections), daemon=True).start()


def _talk(peer: socket.socket, apple: Apple, number: int) -> None:
    h2c = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
    h2c.initiate_connection()
    open_requests: dict[int, Request] = {}
    with peer:
        peer.sendall(h2c.data_to_send())
        while data := peer.recv(65536):
            for event in h2c.receive_data(data):
                if isinstance(event, h2.events.RequestReceived):
                    open_requests[event.stream_id] = Request(
                        number, {str(name): str(text) for name, text in event.headers or []}
                    )
                elif isinstance(event, h2.events.DataReceived):
                    open_requests[event.stream_id].body += event.data
                    h2c.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                elif isinstance(event, h2.events.StreamEnded):
                    status, reason = apple.judge(open_requests.pop(event.stream_id))
                    if status == 0:
                        return
                    if status == 1:
                        apple.hangs.wait(30)
                        return
                    _answer(h2c, event.stream_id, status, reason, apple.headers)
            peer.sendall(h2c.data_to_send())


def _answer(
    h2c: h2.connection.H2Connection, stream: int, status: int, reason: str, more: list[tuple[str, str]]
) -> None:
    h2c.send_headers(stream, [(":status", str(status)), *more], end_stream=not reason)
    if reason:
        h2c.send_data(stream, json.dumps({"reason": reason}).encode(), end_stream=True)


@contextmanager
def apple() -> Iterator[Apple]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        served = Apple(f"http://127.0.0.1:{server.getsockname()[1]}")
        threading.Thread(target=_serve, args=(server, served), daemon=True).start()
        try:
            yield served
        finally:
            served.hangs.set()
            # Wakes the thread that waits in accept.
            server.shutdown(socket.SHUT_RDWR)
