"""Guessing of passwords: who has failed too often, from where, and what they are told (django-axes).

Failures are counted by user name and address together: nobody locks a colleague out from elsewhere.
"""

from __future__ import annotations

import ipaddress
import math
from datetime import datetime, timedelta
from typing import Any

from axes.models import AccessAttempt
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone


def client_address(request: HttpRequest) -> str | None:
    """The address of who asks; behind proxies, what the first of them says that is not one of our own.

    Read from the right: whatever stands to the left of what our proxy wrote may be the client's invention.
    """
    peer = str(request.META.get("REMOTE_ADDR", ""))
    if not settings.BEHIND_PROXY or not _is_proxy(peer):
        return peer or None
    for text in reversed(request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")):
        try:
            address = str(ipaddress.ip_address(text.strip()))
        except ValueError:
            break
        if not _is_proxy(address):
            return address
    return peer or None


def counted_address(request: HttpRequest) -> str | None:
    """What counts as one address: of IPv6 a network of 64 bits, because whoever has one of its addresses has all."""
    text = client_address(request)
    address = ipaddress.ip_address(text) if text else None
    if not isinstance(address, ipaddress.IPv6Address):
        return text
    return str(address.ipv4_mapped or ipaddress.IPv6Address(int(address) >> 64 << 64))


def locked_out(request: HttpRequest, response: HttpResponse | None, credentials: dict[str, Any]) -> HttpResponse:
    """What stands in place of the answer to somebody who has failed too often: a page that says until when."""
    now = timezone.now()
    last = _last_failure(credentials.get("username"), counted_address(request)) or now
    seconds = max(1, math.ceil((last + settings.AXES_COOLOFF_TIME - now).total_seconds()))
    context = {
        "title": "Sign in",
        "failures": settings.AXES_FAILURE_LIMIT,
        "minutes": math.ceil(seconds / 60),
        "until": now + timedelta(seconds=seconds),
    }
    page = render(request, "registration/locked_out.html", context, status=429)
    page["Retry-After"] = str(seconds)
    return page


def _last_failure(username: str | None, address: str | None) -> datetime | None:
    attempts = AccessAttempt.objects.filter(username=username, ip_address=address)
    last: datetime | None = attempts.order_by("-attempt_time").values_list("attempt_time", flat=True).first()
    return last


def _is_proxy(text: str) -> bool:
    """True for an address that FORWARDED_ALLOW_IPS names, and for who comes by a Unix socket and so has none."""
    allowed = [each.strip() for each in settings.FORWARDED_ALLOW_IPS.split(",") if each.strip()]
    if not text or "*" in allowed:
        return True
    address = ipaddress.ip_address(text)
    return any(address in ipaddress.ip_network(each, strict=False) for each in allowed)
