"""One request to a receiver of push messages: its limits, and what its answers mean."""

from __future__ import annotations

import functools
import json
import ssl
from collections.abc import Container, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx2

from callbacks.push.guard import GuardedBackend
from callbacks.push.provider import Rejected, Unavailable, Unknown
from services.kinds import URL, BadValue

CONNECT_SECONDS = 2.0
# Answers that may be others a moment later; every other 3xx and 4xx stays what it is. 5xx passes as well.
_PASSING = frozenset({408, 425, 429})
# As much of an answer as says what went wrong.
MOST_ANSWER = 16 * 1024
# Whoever asks to be left alone for longer is asked again after that: seconds.
LONGEST_RETRY_AFTER = 3600.0
JSON = "application/json"


@dataclass(frozen=True)
class Answer:
    """`retry_after` in seconds, 0 where the receiver does not say. `body` is cut off after `MOST_ANSWER` bytes."""

    status: int
    retry_after: float
    body: bytes = b""


def post(
    url: str,
    payload: object,
    *,
    timeout: float,
    delivered: Container[int],
    headers: Mapping[str, str] | None = None,
) -> None:
    """POST `payload` as JSON; one of the statuses in `delivered` is success, and the answer's body is never read.

    Redirects are not followed: they would lead past whoever chose the address. Raises Rejected, Unavailable.
    """
    answer = exchange(url, json.dumps(payload).encode(), timeout=timeout, headers=headers, reads=False)
    if answer.status in delivered:
        return
    if answer.status >= 500 or answer.status in _PASSING:
        raise Unavailable(f"it answered {answer.status}", retry_after=answer.retry_after)
    raise Rejected(f"it answered {answer.status}")


def exchange(
    url: str,
    content: bytes,
    *,
    timeout: float,
    content_type: str = JSON,
    headers: Mapping[str, str] | None = None,
    reads: bool = True,
) -> Answer:
    """POST `content` over a connection of its own; with `reads` the answer has its body. Raises as `post`."""
    try:
        URL.parse(url)
    except BadValue:
        raise Rejected("its address is no web address such as https://host/path") from None
    with translated(timeout):
        return _exchange(url, content, timeout, {"Content-Type": content_type, **(headers or {})}, reads)


@contextmanager
def translated(timeout: float) -> Iterator[None]:
    """What goes wrong with an exchange, in our words. After it was sent nobody knows whether it arrived."""
    try:
        yield
    except httpx2.InvalidURL:
        raise Rejected("its address is no web address such as https://host/path") from None
    except (httpx2.ConnectTimeout, httpx2.PoolTimeout) as error:
        raise Unavailable(f"it did not answer within {timeout:g} seconds") from error
    except httpx2.TimeoutException as error:
        raise Unknown(f"it did not answer within {timeout:g} seconds") from error
    except httpx2.ConnectError as error:
        raise Unavailable("it cannot be reached") from error
    except httpx2.TransportError as error:
        raise Unknown(f"the exchange with it broke off ({type(error).__name__})") from error


def retry_after(text: str, now: datetime) -> float:
    """The header Retry-After, seconds or a date, as seconds from `now`; 0 for what is neither, an hour at most."""
    text = text.strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), LONGEST_RETRY_AFTER)
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return 0.0
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return min(max(0.0, (at - now).total_seconds()), LONGEST_RETRY_AFTER)


def _exchange(url: str, content: bytes, timeout: float, headers: Mapping[str, str], reads: bool) -> Answer:
    transport = httpx2.HTTPTransport(verify=tls(), trust_env=False)
    # There is no public way to it; a test fails when this one goes away.
    transport._pool._network_backend = GuardedBackend(seconds=timeout)
    limits = httpx2.Timeout(timeout, connect=CONNECT_SECONDS)
    headers = {"User-Agent": "callbacksite", **headers}
    with (
        httpx2.Client(transport=transport, timeout=limits, trust_env=False, follow_redirects=False) as client,
        client.stream("POST", url, content=content, headers=headers) as answer,
    ):
        waits = retry_after(answer.headers.get("Retry-After", ""), datetime.now(UTC))
        return Answer(answer.status_code, waits, _beginning(answer) if reads else b"")


def _beginning(answer: httpx2.Response) -> bytes:
    """The body, as far as it says anything: nobody makes us read without end."""
    found = bytearray()
    for part in answer.iter_bytes():
        found += part
        if len(found) >= MOST_ANSWER:
            break
    return bytes(found[:MOST_ANSWER])


@functools.cache
def tls() -> ssl.SSLContext:
    """Made once a process: reading the certificates takes longer than a delivery."""
    return httpx2.create_ssl_context(trust_env=False)
