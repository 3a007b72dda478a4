"""Devices of Apple's: APNs over HTTP/2, with provider tokens.

The device is the token that the app got, in hexadecimal. Source: developer.apple.com/documentation/usernotifications
(Sending notification requests to APNs; Establishing a token-based connection to APNs; Handling notification responses
from APNs).
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx2
import jwt
from django.conf import settings

from callbacks.push import files
from callbacks.push.post import CONNECT_SECONDS, retry_after, tls, translated
from callbacks.push.provider import DeviceGone, Message, Rejected, Unavailable
from callbacks.push.words import Meaning, failure, meaning_of

SERVICE = "APNs"
_DEVICE = re.compile(r"[0-9A-Fa-f]{16,200}")
_LONGEST_FILE = 4 * 1024
# Apple refuses a token that is older than 60 minutes, and a new one within 20 minutes of the last.
_TOKEN_SECONDS = 40 * 60.0
# Apple wants connections kept; after so long a silence a firewall may have forgotten one, and a message would hang.
_IDLE_SECONDS = 5 * 60.0

# The `reason` of an answer.
WORDS: Mapping[str, Meaning] = {
    "BadCollapseId": Meaning.MESSAGE,
    "BadDeviceToken": Meaning.WRONG_DEVICE,
    "BadExpirationDate": Meaning.MESSAGE,
    "BadMessageId": Meaning.MESSAGE,
    "BadPriority": Meaning.MESSAGE,
    "BadTopic": Meaning.ACCOUNT,
    "DeviceTokenNotForTopic": Meaning.WRONG_DEVICE,
    "DuplicateHeaders": Meaning.MESSAGE,
    "IdleTimeout": Meaning.LATER,
    "InvalidPushType": Meaning.MESSAGE,
    "MissingDeviceToken": Meaning.WRONG_DEVICE,
    "MissingTopic": Meaning.ACCOUNT,
    "PayloadEmpty": Meaning.MESSAGE,
    "TopicDisallowed": Meaning.ACCOUNT,
    "BadCertificate": Meaning.ACCOUNT,
    "BadCertificateEnvironment": Meaning.ACCOUNT,
    "ExpiredProviderToken": Meaning.STALE,
    "Forbidden": Meaning.ACCOUNT,
    "InvalidProviderToken": Meaning.ACCOUNT,
    "MissingProviderToken": Meaning.ACCOUNT,
    "UnrelatedKeyIdInToken": Meaning.ACCOUNT,
    "BadEnvironmentKeyIdInToken": Meaning.ACCOUNT,
    "BadEnvironmentKeyInToken": Meaning.ACCOUNT,
    "BadPath": Meaning.MESSAGE,
    "MethodNotAllowed": Meaning.MESSAGE,
    "ExpiredToken": Meaning.GONE,
    "Unregistered": Meaning.GONE,
    "PayloadTooLarge": Meaning.MESSAGE,
    "TooManyProviderTokenUpdates": Meaning.LATER,
    "TooManyRequests": Meaning.LATER,
    "InternalServerError": Meaning.LATER,
    "ServiceUnavailable": Meaning.LATER,
    "Shutdown": Meaning.LATER,
}


@dataclass(frozen=True)
class Key:
    """A provider's key for tokens."""

    key_id: str
    team: str
    key: str


# Of this process: a connection an endpoint, and by key the token and the moment of the monotonic clock it was made at.
_clients: dict[str, httpx2.Client] = {}
_tokens: dict[Key, tuple[str, float]] = {}
# A connection that two processes write to belongs to neither.
os.register_at_fork(after_in_child=_clients.clear)


@dataclass(frozen=True)
class Apns:
    """`credentials` names the file of the key (.p8), `topic` is the app's bundle id.

    `is_debug`: the sandbox, for apps that a developer has put onto a device.
    """

    credentials: str
    key_id: str
    team: str
    topic: str
    section: str = "push"
    is_debug: bool = False
    title: str = ""
    text: str = ""

    def deliver(self, device: str, message: Message, *, timeout: float) -> None:
        if not _DEVICE.fullmatch(device.strip()):
            raise DeviceGone("its _device_notification_id is no device token of Apple's, which is hexadecimal")
        key = self.key()
        endpoint = settings.APNS_SANDBOX_ENDPOINT if self.is_debug else settings.APNS_ENDPOINT
        headers = {
            "authorization": f"bearer {_token(key)}",
            "apns-id": message.id,
            "apns-topic": self.topic,
            "apns-push-type": "alert",
            "apns-priority": "10",
            "apns-expiration": str(int(time.time()) + message.seconds),
            "apns-collapse-id": message.about[:64],
        }
        url = f"{endpoint}/3/device/{device.strip().lower()}"
        client = _client(endpoint)
        try:
            with translated(timeout):
                answer = client.post(
                    url,
                    content=json.dumps(self._payload(message)).encode(),
                    headers=headers,
                    timeout=httpx2.Timeout(timeout, connect=CONNECT_SECONDS),
                )
        except Unavailable:
            # It may be the connection that is dead; the next attempt opens another.
            forget_connection(endpoint, client)
            raise
        if answer.status_code == 200:
            return
        word = _reason(answer.content)
        meaning = meaning_of(word, answer.status_code, WORDS)
        if meaning is Meaning.STALE:
            _tokens.pop(key, None)
        waits = retry_after(answer.headers.get("retry-after", ""), datetime.now(UTC))
        raise failure(SERVICE, f"{answer.status_code} {word}".strip(), meaning, retry_after=waits)

    def key(self) -> Key:
        """Read its key file, each time: one that was replaced counts at once. Raises Rejected."""
        needed = {
            "apns.credentials": self.credentials,
            "apns.keyId": self.key_id,
            "apns.teamId": self.team,
            "apns.topic": self.topic,
        }
        if empty := [name for name, text in needed.items() if not text]:
            raise Rejected(f"{', '.join(empty)} in [{self.section}] {'are' if empty[1:] else 'is'} empty")
        try:
            return read_key(self.credentials, key_id=self.key_id, team=self.team)
        except files.Unreadable as error:
            raise Rejected(f"apns.credentials in [{self.section}]: {error}") from None

    def _payload(self, message: Message) -> dict[str, Any]:
        title, text = message.title or self.title, message.text or self.text or message.body.get("_text", "")
        alert = {"title": title, "body": text} if title else {"body": text}
        asked = json.dumps({"_id": message.body.get("_id", ""), "_action": "connect"})
        return {
            "aps": {"alert": alert, "sound": "default", "interruption-level": "time-sensitive"},
            **message.body,
            "message": asked,
        }


def read_key(name: str, *, key_id: str, team: str) -> Key:
    """The key of a .p8 file as Apple's site gives it. Raises files.Unreadable."""
    key = Key(key_id, team, files.text(settings.PUSH_CREDENTIALS, name, most=_LONGEST_FILE))
    try:
        _signed(key, now=0)
    except (ValueError, TypeError, jwt.PyJWTError):
        raise files.Unreadable(f"{name} is no key of Apple's (.p8)") from None
    return key


def forget_connection(endpoint: str, client: httpx2.Client) -> None:
    """Open another one for the next message, unless somebody did already.

    It is not closed: other threads may be about to send over it. It goes with the last of them.
    """
    if _clients.get(endpoint) is client:
        _clients.pop(endpoint, None)


def _client(endpoint: str) -> httpx2.Client:
    """The connection of this process to the endpoint, which is ours and so needs no guard."""
    if endpoint not in _clients:
        # HTTP/1.1 off, so that an address without TLS speaks HTTP/2 as well.
        _clients[endpoint] = httpx2.Client(
            http1=False,
            http2=True,
            verify=tls(),
            trust_env=False,
            follow_redirects=False,
            limits=httpx2.Limits(max_connections=1, keepalive_expiry=_IDLE_SECONDS),
        )
    return _clients[endpoint]


def _token(key: Key) -> str:
    """The provider token of this process, made anew after 40 minutes."""
    token, made_at = _tokens.get(key, ("", 0.0))
    if not token or time.monotonic() - made_at > _TOKEN_SECONDS:
        token = _signed(key, now=int(time.time()))
        _tokens[key] = (token, time.monotonic())
    return token


def _signed(key: Key, *, now: int) -> str:
    return jwt.encode({"iss": key.team, "iat": now}, key.key, algorithm="ES256", headers={"kid": key.key_id})


def _reason(body: bytes) -> str:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    return str(found.get("reason", ""))[:64] if isinstance(found, dict) else ""
