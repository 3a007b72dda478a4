"""How a push message gets to its receiver, and to whom it never goes."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from ipaddress import ip_network
from typing import Any
from unittest import mock

import pytest

from callbacks import push
from callbacks.push import guard
from callbacks.push.customhttp import CustomHttp
from callbacks.push.devices import enabled_kinds
from callbacks.push.httpcb import HttpCallback
from callbacks.push.post import retry_after
from callbacks.push.provider import Message, Rejected, Unavailable, Unknown
from tests.callbacks.receiver import Receiver, dripping, endless, hanging, receiving, speaking_no_http

DIALOG = {
    "_dialog_id": "0",
    "_action": "ConfirmationDialog",
    "_text": "You will receive the call shortly",
    "_ok_title": "Ok",
    "_id": "440-96984577-a614-4f18-b80e-aaf91e78b178",
}
MESSAGE = Message(id="0b1f", about=DIALOG["_id"], body=DIALOG)
LOOPBACK = [ip_network("127.0.0.0/8")]


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    settings.OUTBOUND_ALLOWED_NETWORKS = LOOPBACK
    with receiving() as receiver:
        yield receiver


def deliver(url: str, timeout: float = 5.0) -> None:
    HttpCallback().deliver(url, MESSAGE, timeout=timeout)


# Who can be told


@pytest.mark.parametrize(
    ("device_os", "device", "why_not"),
    [
        ("comet", "", ""),
        ("COMET ", "", ""),
        ("HttpCb", "https://example.org/me", ""),
        ("customhttp", "b1641633", ""),
        ("", "b1641633", "the request names no _device_os"),
        ("httpcb", " ", "the request names no _device_notification_id, which httpcb needs"),
        ("iOS", "b1641633", ""),
        ("gcm", "b1641633", ""),
        ("GCM", "", "the request names no _device_notification_id, which fcm needs"),
        ("sms", "", ""),
        ("orscb", "b1641633", "push to orscb is not supported, only to comet, httpcb, customhttp, fcm, ios, sms"),
    ],
)
def test_who_can_be_asked(device_os: str, device: str, why_not: str) -> None:
    enabled = enabled_kinds("comet,httpcb,customhttp,gcm,ios,sms")
    assert push.why_not_askable(device_os, device, enabled) == why_not
    assert push.askable(device_os, device, enabled) is (why_not == "")


def test_only_what_is_enabled_is_asked() -> None:
    assert enabled_kinds(" Comet, httpcb,gcm,,") == {"comet", "httpcb", "fcm"}
    assert enabled_kinds("") == enabled_kinds("none") == frozenset()
    assert push.why_not_askable("comet", "", enabled_kinds("httpcb")) == "comet is not among pushEnabled in [push]"


# What is sent


def test_httpcb_posts_the_dialog_to_the_device(receiver: Receiver) -> None:
    deliver(receiver.url)
    assert receiver.got == [("/push/b1641633", "application/json", DIALOG)]


def test_customhttp_hands_the_gateway_device_and_message(receiver: Receiver) -> None:
    gateway = CustomHttp(f"http://127.0.0.1:{receiver.port}/gateway")
    gateway.deliver("b1641633", MESSAGE, timeout=5.0)
    [(path, content_type, body)] = receiver.got
    assert (path, content_type) == ("/gateway", "application/json")
    assert body == {"deviceId": "b1641633", "message": json.dumps(DIALOG)}


def test_a_gateway_that_is_not_configured_is_named() -> None:
    with pytest.raises(Rejected, match=r"^customhttp\.url in \[push\] is empty$"):
        CustomHttp("").deliver("b1641633", MESSAGE, timeout=5.0)


# What answers mean


@pytest.mark.parametrize("status", [201, 202, 204, 301, 302, 307, 400, 401, 403, 404, 410])
def test_an_answer_that_will_not_change(receiver: Receiver, status: int) -> None:
    receiver.answers = [status]
    with pytest.raises(Rejected, match=f"^it answered {status}$"):
        deliver(receiver.url)
    # Where a redirect leads to is not asked.
    assert [path for path, _, _ in receiver.got] == ["/push/b1641633"]


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503])
def test_an_answer_that_may_pass(receiver: Receiver, status: int) -> None:
    receiver.answers = [status]
    with pytest.raises(Unavailable, match=f"^it answered {status}$"):
        deliver(receiver.url)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7.0),
        ("Mon, 02 Mar 2026 12:01:00 GMT", 60.0),
        ("Mon, 02 Mar 2026 11:59:00 GMT", 0.0),
        ("99999", 3600.0),
        ("soon", 0.0),
        # Larger than any date: the receiver says nothing that can be used.
        ("Mon, 02 Mar 99999999999999999999 12:00:00 GMT", 0.0),
        ("Mon, 02 Mar 2026 12:00:00 +99999999999999999999", 0.0),
    ],
)
def test_when_a_receiver_wants_to_be_asked_again(text: str, seconds: float) -> None:
    assert retry_after(text, datetime(2026, 3, 2, 12, 0, tzinfo=UTC)) == seconds


def test_a_gateway_may_answer_any_status_of_success(receiver: Receiver) -> None:
    receiver.answers = [202, 204, 302]
    gateway = CustomHttp(receiver.url)
    gateway.deliver("b1641633", MESSAGE, timeout=5.0)
    gateway.deliver("b1641633", MESSAGE, timeout=5.0)
    with pytest.raises(Rejected):
        gateway.deliver("b1641633", MESSAGE, timeout=5.0)


# Receivers that misbehave


@pytest.mark.parametrize("answer", [hanging, dripping])
def test_whoever_does_not_come_to_an_end_is_left_in_time(receiver: Receiver, answer: Any) -> None:
    receiver.answers = [answer(receiver)]
    began = time.monotonic()
    with pytest.raises(Unknown, match=r"^it did not answer within 0\.5 seconds$"):
        deliver(receiver.url, timeout=0.5)
    assert 0.4 < time.monotonic() - began < 10.0


def test_a_body_without_end_is_not_read(receiver: Receiver) -> None:
    receiver.answers = [endless(receiver)]
    began = time.monotonic()
    deliver(receiver.url)
    assert time.monotonic() - began < 10.0


def test_what_speaks_no_http_may_do_so_later(receiver: Receiver) -> None:
    receiver.answers = [speaking_no_http]
    with pytest.raises(Unknown, match=r"^the exchange with it broke off \(RemoteProtocolError\)$"):
        deliver(receiver.url)


def test_where_nobody_listens(receiver: Receiver) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(Unavailable, match=r"^it cannot be reached$") as failed:
        deliver(f"http://127.0.0.1:{port}/")
    # Nothing was sent, so that nothing is in doubt.
    assert not isinstance(failed.value, Unknown)


def test_a_name_that_is_resolved_too_late(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    def look_up(*_: object, **__: object) -> list[object]:
        time.sleep(3)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    began = time.monotonic()
    with pytest.raises(Unavailable, match=r"^its name was not resolved in time$"):
        deliver("http://slow.example.org/", timeout=0.3)
    assert time.monotonic() - began < 2.7


def test_a_name_that_nobody_knows(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", mock.Mock(side_effect=socket.gaierror(-2, "Name or service not known")))
    with pytest.raises(Unavailable, match=r"^its name cannot be resolved$"):
        deliver("http://nobody.invalid/")


@pytest.mark.parametrize("device", ["b1641633", "ftp://example.org/", "file:///etc/passwd", "http://", "http://a b/"])
def test_a_device_that_is_no_web_address(device: str) -> None:
    with pytest.raises(Rejected, match=r"^its address is no web address such as https://host/path$"):
        deliver(device)


def test_the_environment_names_no_proxy(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    with receiving() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        deliver(receiver.url)
        assert (len(receiver.got), len(proxy.got)) == (1, 0)


# Where nothing goes


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f.1", "0", "[::1]", "[::ffff:127.0.0.1]", "user@127.0.0.1"],
)
def test_no_spelling_leads_into_our_own_network(host: str) -> None:
    with receiving() as receiver:
        with pytest.raises(Rejected, match=r"^its address is not in the internet"):
            deliver(f"http://{host}:{receiver.port}/")
        assert receiver.got == []


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.1", "10.1.2.3", "100.64.0.1", "127.0.0.1", "169.254.169.254", "172.16.0.1", "192.168.1.1", "224.0.0.1",
        "240.0.0.1", "255.255.255.255", "::", "::1", "::7f00:1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::1",
        "100::1", "2001::1", "2001:db8::1", "2002:7f00:1::1", "fc00::1", "fe80::1", "fe80::1%eth0", "fec0::1",
        "ff02::1", "ff0e::1",
    ],
)  # fmt: skip
def test_addresses_that_are_not_in_the_internet(address: str) -> None:
    assert not guard.is_allowed(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "185.199.108.153", "::ffff:1.1.1.1", "2606:4700:4700::1111"])
def test_addresses_in_the_internet(address: str) -> None:
    assert guard.is_allowed(address)


def test_an_operator_allows_networks_of_their_own(settings: Any) -> None:
    settings.OUTBOUND_ALLOWED_NETWORKS = [ip_network("10.1.0.0/16"), ip_network("fd00::/8")]
    assert guard.is_allowed("10.1.2.3")
    assert guard.is_allowed("::ffff:10.1.2.3")
    assert guard.is_allowed("fd00::1")
    assert not guard.is_allowed("10.2.2.3")


def names(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """Let names resolve to these, look-up by look-up; returns the list of names that were looked up."""
    real, left, asked = socket.getaddrinfo, list(answers), list[str]()

    def look_up(host: str, port: int, *args: Any, **kwargs: Any) -> Any:
        if not host.endswith(".example.org"):
            return real(host, port, *args, **kwargs)
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in left.pop(0)]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return asked


def test_a_name_that_leads_to_us_by_then_gains_nothing(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.OUTBOUND_ALLOWED_NETWORKS = [ip_network("127.0.0.2/32")]
    asked = names(monkeypatch, ["127.0.0.2"], ["127.0.0.1"])
    # What was looked up and checked is what is connected to: nobody listens at 127.0.0.2.
    with pytest.raises(Unavailable, match=r"^it cannot be reached$"):
        deliver(f"http://rebind.example.org:{receiver.port}/")
    assert asked == ["rebind.example.org"]
    with pytest.raises(Rejected):
        deliver(f"http://rebind.example.org:{receiver.port}/")
    assert receiver.got == []


def test_of_several_addresses_the_allowed_ones_are_tried_in_turn(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    names(monkeypatch, ["10.9.9.9", "127.0.0.2", "127.0.0.1"])
    deliver(f"http://several.example.org:{receiver.port}/")
    assert len(receiver.got) == 1
