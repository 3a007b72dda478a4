"""Connections to addresses that a client or an admin named: to the outside only, and for a limited time.

Whoever may start a callback may name the address of an httpcb device. Without this guard the service would send
requests for them into its own network. The address is checked when it is connected to, so that a name which resolves
to another address a moment later gains nothing.
"""

from __future__ import annotations

import ipaddress
import socket
import threading
import time
from collections.abc import Iterable
from typing import Any

import httpcore2
from django.conf import settings

from callbacks.push.provider import Rejected, Unavailable

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# Everything else of IPv6 is no address of a host in the internet: NAT64 leads back to IPv4, fec0::/10 is local.
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
# Python 3.11 takes these for addresses of the internet.
_NOT_OUTSIDE: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...] = (
    ipaddress.IPv4Network("192.0.0.0/24"),  # protocol assignments; at 192.0.0.192 Oracle's cloud keeps credentials
    ipaddress.IPv4Network("168.63.129.16/32"),  # Azure's own, which answers whoever asks from inside a machine there
    ipaddress.IPv4Network("192.88.99.0/24"),  # relays of 6to4
    # Teredo and 6to4 carry an IPv4 address, which may be one of ours.
    ipaddress.IPv6Network("2001::/32"),
    ipaddress.IPv6Network("2002::/16"),
    ipaddress.IPv6Network("3fff::/20"),  # documentation
)


def is_allowed(text: str) -> bool:
    """True if a connection to this IP address may be opened: it is global, or in OUTBOUND_ALLOWED_NETWORKS."""
    address: Address = ipaddress.ip_address(text)
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return _is_global(address) or any(address in network for network in settings.OUTBOUND_ALLOWED_NETWORKS)


def _is_global(address: Address) -> bool:
    # `is_global` of Python 3.11 says yes to multicast, NAT64, 6to4 and fec0::/10 as well.
    if not address.is_global or address.is_multicast or any(address in network for network in _NOT_OUTSIDE):
        return False
    return isinstance(address, ipaddress.IPv4Address) or address in _GLOBAL_UNICAST


class GuardedBackend(httpcore2.SyncBackend):
    """Opens connections to allowed addresses only; whatever goes over them ends `seconds` after this was made."""

    def __init__(self, *, seconds: float) -> None:
        self._ends = time.monotonic() + seconds

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        """Try the allowed addresses of `host` in turn. Raises Rejected where it has others only."""
        gives_up = min(self._ends, time.monotonic() + timeout) if timeout is not None else self._ends
        addresses = [address for address in resolve(host, port, until=gives_up) if is_allowed(address)]
        if not addresses:
            raise Rejected("its address is not in the internet; OUTBOUND_ALLOWED_NETWORKS may allow others")
        for left in range(len(addresses), 0, -1):
            share = max(0.01, (gives_up - time.monotonic()) / left)
            try:
                stream = super().connect_tcp(addresses[-left], port, share, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                if left == 1:
                    raise
            else:
                return _Ending(stream, self._ends)
        raise AssertionError("unreachable")


class _Ending(httpcore2.NetworkStream):
    """A connection that ends at a moment: a server that sends a byte every other second would hold us for ever."""

    def __init__(self, stream: httpcore2.NetworkStream, ends: float) -> None:
        self._stream = stream
        self._ends = ends

    def _left(self, timeout: float | None) -> float:
        left = self._ends - time.monotonic()
        if left <= 0:
            raise httpcore2.ReadTimeout("the exchange took too long")
        return left if timeout is None else min(left, timeout)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None) -> _Ending:
        return _Ending(self._stream.start_tls(ssl_context, server_hostname, self._left(timeout)), self._ends)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def resolve(host: str, port: int, *, until: float) -> list[str]:
    """The IP addresses of a name, in the order in which to try them. `until` is a moment of the monotonic clock.

    In a thread, because the system's resolver has time limits of its own, of many seconds. Raises Unavailable.
    """
    found: list[str] = []
    failure: list[OSError] = []

    def look_up() -> None:
        try:
            answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            found.extend(dict.fromkeys(str(address[0]) for *_, address in answers))
        except OSError as error:
            failure.append(error)

    thread = threading.Thread(target=look_up, name="resolve", daemon=True)
    thread.start()
    thread.join(max(0.0, until - time.monotonic()))
    if thread.is_alive():
        raise Unavailable("its name was not resolved in time")
    if failure:
        raise Unavailable("its name cannot be resolved")
    return found
