"""Devices with apps of Google's Firebase: its HTTP v1 interface, with the token of a service account.

The device is the registration token that the app got. Source: firebase.google.com/docs/reference/fcm/rest/v1 and
developers.google.com/identity/protocols/oauth2/service-account.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import quote, urlencode

import jwt
from django.conf import settings

from callbacks.push import files
from callbacks.push.post import Answer, exchange
from callbacks.push.provider import Message, Rejected, Unavailable
from callbacks.push.words import Meaning, failure, meaning_of

SERVICE = "FCM"
SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
_FORM = "application/x-www-form-urlencoded"
_LONGEST_FILE = 16 * 1024
# A token is asked for anew so long before it expires.
_SPARE_SECONDS = 300.0

# By FcmError.errorCode where the answer has one, else by the status of google.rpc.
WORDS: Mapping[str, Meaning] = {
    # firebase.google.com/docs/reference/fcm/rest/v1/ErrorCode
    "UNSPECIFIED_ERROR": Meaning.UNKNOWN,
    "INVALID_ARGUMENT": Meaning.MESSAGE,
    "UNREGISTERED": Meaning.GONE,
    "SENDER_ID_MISMATCH": Meaning.WRONG_DEVICE,
    "QUOTA_EXCEEDED": Meaning.LATER,
    "UNAVAILABLE": Meaning.LATER,
    "INTERNAL": Meaning.LATER,
    "THIRD_PARTY_AUTH_ERROR": Meaning.ACCOUNT,
    # google.rpc.Code
    "FAILED_PRECONDITION": Meaning.MESSAGE,
    "OUT_OF_RANGE": Meaning.MESSAGE,
    "UNAUTHENTICATED": Meaning.STALE,
    "PERMISSION_DENIED": Meaning.ACCOUNT,
    "NOT_FOUND": Meaning.ACCOUNT,
    "ABORTED": Meaning.LATER,
    "ALREADY_EXISTS": Meaning.MESSAGE,
    "RESOURCE_EXHAUSTED": Meaning.LATER,
    "CANCELLED": Meaning.UNKNOWN,
    "DATA_LOSS": Meaning.UNKNOWN,
    "UNKNOWN": Meaning.UNKNOWN,
    "UNIMPLEMENTED": Meaning.MESSAGE,
    "DEADLINE_EXCEEDED": Meaning.UNKNOWN,
}


@dataclass(frozen=True)
class Account:
    """A service account, as its key file says."""

    project: str
    email: str
    key_id: str
    key: str


# The tokens of this process by account: the token, and the moment of the monotonic clock until which it is used.
_tokens: dict[Account, tuple[str, float]] = {}


@dataclass(frozen=True)
class Fcm:
    """`credentials` names the key file of the service account; `title` and `text` are used where a message has none."""

    credentials: str
    option: str = "fcm.credentials in [push]"
    title: str = ""
    text: str = ""

    def deliver(self, device: str, message: Message, *, timeout: float) -> None:
        ends = time.monotonic() + timeout
        account = self.account()
        token = _token(account, timeout)
        url = f"{settings.FCM_ENDPOINT}/v1/projects/{quote(account.project, safe='')}/messages:send"
        content = json.dumps({"message": self._message(device, message)}).encode()
        left = max(0.1, ends - time.monotonic())
        answer = exchange(url, content, timeout=left, headers={"Authorization": f"Bearer {token}"})
        if answer.status == 200:
            return
        word = _word(answer)
        meaning = meaning_of(word, answer.status, WORDS)
        if meaning is Meaning.STALE:
            _tokens.pop(account, None)
        raise failure(SERVICE, f"{answer.status} {word}".strip(), meaning, retry_after=answer.retry_after)

    def account(self) -> Account:
        """Read its key file, each time: one that was replaced counts at once. Raises Rejected."""
        if not self.credentials:
            raise Rejected(f"{self.option} is empty")
        try:
            return read_account(self.credentials)
        except files.Unreadable as error:
            raise Rejected(f"{self.option}: {error}") from None

    def _message(self, device: str, message: Message) -> dict[str, Any]:
        """Data as both the seed documents and the vendor's client read them, and what the system shows by itself."""
        asked = json.dumps({"_id": message.body.get("_id", ""), "_action": "connect"})
        title, text = message.title or self.title, message.text or self.text or message.body.get("_text", "")
        shown = {"title": title, "body": text} if title else {"body": text}
        return {
            "token": device.strip(),
            "data": {**message.body, "message": asked},
            "notification": shown,
            "android": {"priority": "HIGH", "ttl": f"{message.seconds}s", "collapse_key": message.about[:64]},
        }


def read_account(name: str) -> Account:
    """The service account of a key file as Google's console writes it. Raises files.Unreadable."""
    text = files.text(settings.PUSH_CREDENTIALS, name, most=_LONGEST_FILE)
    try:
        found = json.loads(text)
        account = Account(*(str(found[key]) for key in ("project_id", "client_email", "private_key_id", "private_key")))
        _assertion(account, now=0)
    except (ValueError, KeyError, TypeError, jwt.PyJWTError):
        raise files.Unreadable(f"{name} is no key file of a Google service account") from None
    return account


def _token(account: Account, timeout: float) -> str:
    """An access token: the one that this process has, else a new one. Raises Rejected, Unavailable."""
    token, until = _tokens.get(account, ("", 0.0))
    if time.monotonic() < until:
        return token
    form = {
        "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "assertion": _assertion(account, now=int(time.time())),
    }
    answer = exchange(settings.GOOGLE_TOKEN_ENDPOINT, urlencode(form).encode(), timeout=timeout, content_type=_FORM)
    found = _object(answer.body)
    if answer.status == 200 and isinstance(found.get("access_token"), str):
        token, seconds = str(found["access_token"]), _seconds(found.get("expires_in"))
        _tokens[account] = (token, time.monotonic() + max(0.0, seconds - _SPARE_SECONDS))
        return token
    if answer.status >= 500 or answer.status == 429:
        raise Unavailable(f"Google's token service answered {answer.status}", retry_after=answer.retry_after)
    word = str(found.get("error", ""))[:64]
    raise Rejected(f"Google's token service answered {answer.status} {word}: {Meaning.ACCOUNT.value}")


def _assertion(account: Account, *, now: int) -> str:
    """RFC 7523: what is signed with the account's key is exchanged for a token."""
    claims = {
        "iss": account.email,
        "scope": SCOPE,
        "aud": settings.GOOGLE_TOKEN_ENDPOINT,
        "iat": now,
        "exp": now + 3600,
    }
    return jwt.encode(claims, account.key, algorithm="RS256", headers={"kid": account.key_id})


def _word(answer: Answer) -> str:
    """What went wrong, in FCM's own word, else in that of google.rpc; empty where it says neither."""
    error = _object(answer.body).get("error")
    if not isinstance(error, dict):
        return ""
    details = error.get("details")
    for detail in details if isinstance(details, list) else []:
        if isinstance(detail, dict) and str(detail.get("@type", "")).endswith("google.firebase.fcm.v1.FcmError"):
            return str(detail.get("errorCode", ""))[:64]
    return str(error.get("status", ""))[:64]


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def _seconds(given: object) -> float:
    return float(given) if isinstance(given, int | float) else 0.0
