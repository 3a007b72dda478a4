"""Google for tests: its token service and Firebase's HTTP v1 interface, as its documentation describes both."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

PROJECT, EMAIL, KEY_ID = "bank-app", "push@bank-app.iam.gserviceaccount.com", "5f0c"
SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
FCM_ERROR = "type.googleapis.com/google.firebase.fcm.v1.FcmError"

_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PEM = _KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
).decode()
KEY_FILE = {
    "type": "service_account",
    "project_id": PROJECT,
    "private_key_id": KEY_ID,
    "private_key": PEM,
    "client_email": EMAIL,
    "token_uri": "https://oauth2.googleapis.com/token",
}


def refusal(status: int, name: str, code: str = "") -> tuple[int, dict[str, Any]]:
    """An answer of FCM's with a status of google.rpc and, where there is one, a code of its own."""
    details = [{"@type": FCM_ERROR, "errorCode": code}] if code else []
    return status, {"error": {"code": status, "message": "…", "status": name, "details": details}}


class Google:
    """`answers` are what the next messages are answered with; else they are taken. `messages` are those it was sent."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.answers: list[tuple[int, dict[str, Any]]] = []
        self.token_answers: list[tuple[int, dict[str, Any]]] = []
        self.headers: dict[str, str] = {}
        self.messages: list[dict[str, Any]] = []
        self.tokens: list[str] = []

    def token(self, form: dict[str, list[str]]) -> tuple[int, dict[str, Any]]:
        if self.token_answers:
            return self.token_answers.pop(0)
        assert form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
        [assertion] = form["assertion"]
        claims = jwt.decode(assertion, _KEY.public_key(), algorithms=["RS256"], audience=f"{self.url}/token")
        assert (claims["iss"], claims["scope"]) == (EMAIL, SCOPE)
        assert claims["exp"] - claims["iat"] == 3600
        assert jwt.get_unverified_header(assertion)["kid"] == KEY_ID
        self.tokens.append(f"ya29.{len(self.tokens)}")
        return 200, {"access_token": self.tokens[-1], "expires_in": 3599, "token_type": "Bearer"}

    def send(self, path: str, authorization: str, body: bytes) -> tuple[int, dict[str, Any]]:
        if not self.tokens or authorization != f"Bearer {self.tokens[-1]}":
            return refusal(401, "UNAUTHENTICATED")
        if path != f"/v1/projects/{PROJECT}/messages:send":
            return refusal(404, "NOT_FOUND")
        self.messages.append(json.loads(body)["message"])
        if self.answers:
            return self.answers.pop(0)
        return 200, {"name": f"projects/{PROJECT}/messages/{len(self.messages)}"}


@contextmanager
def google() -> Iterator[Google]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path == "/token":
                status, answer = served.token(parse_qs(body.decode()))
            else:
                status, answer = served.send(self.path, self.headers["Authorization"] or "", body)
            content = json.dumps(answer).encode()
            self.send_response(status)
            for name, value in served.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Type", "application/json; charset=UTF-8")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    served = Google(f"http://127.0.0.1:{server.server_port}")
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
