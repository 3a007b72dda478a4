"""One request to a receiver of push messages: its limits, and what its answers mean."""

from __future__ import annotations

import functools
import json
import ssl
from collections.abc import Container

import httpx2

from callbacks.push.guard import GuardedBackend
from callbacks.push.provider import Rejected, Unavailable
from services.kinds import URL, BadValue

CONNECT_SECONDS = 2.0
# Answers that may be others a moment later; every other 3xx and 4xx stays what it is. 5xx passes as well.
_PASSING = frozenset({408, 425, 429})


def post(url: str, payload: object, *, timeout: float, delivered: Container[int]) -> None:
    """POST `payload` as JSON; one of the statuses in `delivered` is success, and the answer's body is never read.

    Redirects are not followed: they would lead past whoever chose the address. Raises Rejected, Unavailable.
    """
    try:
        URL.parse(url)
    except BadValue:
        raise Rejected("its address is no web address such as https://host/path") from None
    try:
        status = _exchange(url, json.dumps(payload).encode(), timeout)
    except httpx2.InvalidURL:
        raise Rejected("its address is no web address such as https://host/path") from None
    except httpx2.TimeoutException as error:
        raise Unavailable(f"it did not answer within {timeout:g} seconds") from error
    except httpx2.ConnectError as error:
        raise Unavailable("it cannot be reached") from error
    except httpx2.TransportError as error:
        raise Unavailable(f"the exchange with it broke off ({type(error).__name__})") from error
    if status in delivered:
        return
    if status >= 500 or status in _PASSING:
        raise Unavailable(f"it answered {status}")
    raise Rejected(f"it answered {status}")


def _exchange(url: str, content: bytes, timeout: float) -> int:
    """Send it over a connection of its own, and return the status of the answer."""
    transport = httpx2.HTTPTransport(verify=_tls(), trust_env=False)
    # There is no public way to it; a test fails when this one goes away.
    transport._pool._network_backend = GuardedBackend(seconds=timeout)
    limits = httpx2.Timeout(timeout, connect=CONNECT_SECONDS)
    headers = {"Content-Type": "application/json", "User-Agent": "callbacksite"}
    with (
        httpx2.Client(transport=transport, timeout=limits, trust_env=False, follow_redirects=False) as client,
        client.stream("POST", url, content=content, headers=headers) as answer,
    ):
        return answer.status_code


@functools.cache
def _tls() -> ssl.SSLContext:
    """Made once a process: reading the certificates takes longer than a delivery."""
    return httpx2.create_ssl_context(trust_env=False)
