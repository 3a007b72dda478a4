"""Which devices can be told something: what a request's `_device_os` and `_device_notification_id` amount to.

Pure: neither the database nor the network is touched here.
"""

from __future__ import annotations

from collections.abc import Collection

# The client asks by itself what there is for it to know; nothing is sent.
COMET = "comet"
# A request to the address that the client named as its device.
HTTPCB = "httpcb"
# A request to a gateway of the contact centre's, which knows how to reach the device.
CUSTOMHTTP = "customhttp"

SUPPORTED = (COMET, HTTPCB, CUSTOMHTTP)


def kind_of(device_os: str) -> str:
    """The kind of push of a request's `_device_os`, which clients write as they like: `HttpCb` is httpcb."""
    return device_os.strip().lower()


def enabled_kinds(text: str) -> frozenset[str]:
    """What the option `pushEnabled` of the section `[push]` enables; kinds that are not known here are ignored."""
    return frozenset(kind for part in text.split(",") if (kind := kind_of(part)) in SUPPORTED)


def askable(device_os: str, device: str, enabled: Collection[str]) -> bool:
    """True if the customer can be asked by push; `enabled` as from `enabled_kinds`."""
    return not why_not_askable(device_os, device, enabled)


def why_not_askable(device_os: str, device: str, enabled: Collection[str]) -> str:
    """Why the customer cannot be asked by push, for the timeline; empty where they can. Never names the device."""
    kind = kind_of(device_os)
    if not kind:
        return "the request names no _device_os"
    if kind not in SUPPORTED:
        return f"push to {kind[:32]} is not supported, only to {', '.join(SUPPORTED)}"
    if kind not in enabled:
        return f"{kind} is not among pushEnabled in [push]"
    if kind != COMET and not device.strip():
        return f"the request names no _device_notification_id, which {kind} needs"
    return ""
