"""Where the service itself sends requests: only past the guard, or to what an operator set up as a part of it."""

from __future__ import annotations

import ast
import ipaddress
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

import pytest
from django.conf import settings
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from callbacks.push import guard

ROOT = Path(settings.BASE_DIR)
PACKAGES = ("callbacks", "telephony", "scheduling", "services", "callbacksite")
# What opens connections by itself.
CONNECTS = {
    "httpx2.AsyncClient", "httpx2.AsyncHTTPTransport", "httpx2.Client", "httpx2.HTTPTransport", "httpx2.delete",
    "httpx2.get", "httpx2.post", "httpx2.put", "httpx2.request", "httpx2.stream", "httpcore2.ConnectionPool",
    "httpcore2.SyncBackend", "http.client.HTTPConnection", "http.client.HTTPSConnection", "socket.create_connection",
    "socket.socket", "ssl.create_default_context", "urllib.request.urlopen", "websockets.sync.client.connect",
}  # fmt: skip
# Libraries that would do so without being seen here.
UNSEEN = {"aiohttp", "ftplib", "google", "requests", "smtplib", "urllib3", "xmlrpc"}
# Each with what it connects to, and why not through the guard.
ALLOWED = {
    "callbacks/management/commands/demo.py": "the demonstration asks the service itself, at an address given by hand",
    "callbacks/push/apns.py": "Apple's service, at an address of the environment, over a connection that is kept",
    "callbacks/push/guard.py": "the guard",
    "callbacks/push/post.py": "everybody else outside; past the guard",
    "callbacksite/embedded.py": "the servers that make run starts",
    "callbacksite/run.py": "the service itself, when make run waits for it",
    "telephony/asterisk/ari.py": "the switch: inside by its nature, its address is an administrator's",
    "telephony/asterisk/listener.py": "the same switch's events",
}


def connecting(path: Path) -> Iterator[str]:
    """What of `CONNECTS` and `UNSEEN` a module uses, by whichever import."""
    names: dict[str, str] = {}
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {
                each.asname or each.name.partition(".")[0]: (each.asname and each.name) or each.name.partition(".")[0]
                for each in node.names
            }
            yield from (each.name for each in node.names if each.name.partition(".")[0] in UNSEEN)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {each.asname or each.name: f"{node.module}.{each.name}" for each in node.names}
            if node.module.partition(".")[0] in UNSEEN:
                yield node.module
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute):
            root, _, rest = ast.unparse(node).partition(".")
            if (found := f"{names.get(root, '')}{'.' if rest else ''}{rest}") in CONNECTS:
                yield found


def test_nothing_connects_but_what_is_listed() -> None:
    found = {
        str(path.relative_to(ROOT)): sorted(set(uses))
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
        if (uses := list(connecting(path)))
    }
    assert {path: uses for path, uses in found.items() if path not in ALLOWED} == {}
    assert set(ALLOWED) == set(found), "one of the list connects no more"


@pytest.mark.parametrize(
    "code",
    [
        "import httpx2\nhttpx2.get('http://x')",
        "import httpx2 as h\nh.Client()",
        "from httpx2 import Client\nClient()",
        "from urllib.request import urlopen as u\nu('http://x')",
        "import urllib.request\nurllib.request.urlopen('http://x')",
        "import requests",
        "from google.auth.transport.requests import Request",
        "from websockets.sync.client import connect\nconnect('ws://x')",
        "import socket\nsocket.create_connection(('x', 1))",
    ],
)
def test_another_one_would_be_found(tmp_path: Path, code: str) -> None:
    module = tmp_path / "module.py"
    module.write_text(code)
    assert list(connecting(module))


# The guard: the same address in every coat

V4 = st.integers(0, 2**32 - 1).map(IPv4Address)
V6 = st.integers(0, 2**128 - 1).map(IPv6Address)


@given(V4)
def test_an_address_of_ipv4_is_the_same_within_ipv6(address: IPv4Address) -> None:
    mapped = IPv6Address(f"::ffff:{address}")
    assert guard.is_allowed(str(mapped)) == guard.is_allowed(str(address))


@given(V4)
def test_no_translation_of_an_address_is_let_through(address: IPv4Address) -> None:
    """NAT64 in both its prefixes, 6to4, Teredo (which inverts the client's), IPv4-compatible, SIIT."""
    n = int(address)
    for coat in (
        (0x64FF9B << 96) | n,
        (0x64FF9B0001 << 80) | n,
        (0x2002 << 112) | (n << 80),
        (0x20010000 << 96) | (n ^ 0xFFFFFFFF),
        n,
        (0xFFFF << 48) | n,
    ):
        assert not guard.is_allowed(str(IPv6Address(coat)))


@given(V6, st.integers(0, 31))
def test_nothing_of_a_local_network_is_let_through(address: IPv6Address, n: int) -> None:
    for prefix, length in (("fc00::", 7), ("fe80::", 10), ("fec0::", 10), ("ff00::", 8), ("::", 8), ("2001:db8::", 32)):
        network = ipaddress.IPv6Network((prefix, length))
        inside = int(network.network_address) | (int(address) & int(network.hostmask))
        if IPv6Address(inside).ipv4_mapped is None:
            assert not guard.is_allowed(str(IPv6Address(inside)))


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",  # most clouds' metadata
        "fd00:ec2::254",  # Amazon's, over IPv6
        "100.100.100.200",  # Alibaba's
        "192.0.0.192",  # Oracle's
        "168.63.129.16",  # Azure's
        "192.88.99.1",
        "3fff::1",
        "::ffff:192.0.0.192",
    ],
)
def test_the_metadata_of_a_cloud_are_no_part_of_the_internet(address: str) -> None:
    assert not guard.is_allowed(address)


def test_what_is_allowed_is_allowed_as_it_is_written_alone(settings: Settings) -> None:
    settings.OUTBOUND_ALLOWED_NETWORKS = [ipaddress.ip_network("10.1.0.0/16")]
    assert guard.is_allowed("10.1.0.1")
    for coat in ("64:ff9b::10.1.0.1", "2002:0a01:0001::1", "10.2.0.1"):
        assert not guard.is_allowed(coat)
