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
# Google's Firebase, by the token that the app got from it.
FCM = "fcm"
# Apple's APNs, by the token that the app got from it.
IOS = "ios"
# A text message to the customer's own number.
SMS = "sms"

SUPPORTED = (COMET, HTTPCB, CUSTOMHTTP, FCM, IOS, SMS)
# What the vendor's clients say as well: apps registered with GCM have had tokens of FCM since Google replaced the one
# by the other.
_SAME_AS = {"gcm": FCM, "android": FCM, "apns": IOS}
# These need no `_device_notification_id`: a comet client may ask for its dialog by the callback's id, and a text
# message goes to nobody but `_customer_number`.
_WITHOUT_DEVICE = frozenset({COMET, SMS})


def kind_of(device_os: str) -> str:
    """The kind of push of a request's `_device_os`, which clients write as they like: `HttpCb` is httpcb, `gcm` fcm."""
    kind = device_os.strip().lower()
    return _SAME_AS.get(kind, kind)


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
    if kind not in _WITHOUT_DEVICE and not device.strip():
        return f"the request names no _device_notification_id, which {kind} needs"
    return ""


def address_of(device_os: str, device: str, number: str) -> str:
    """Where a message goes: to the device; a text message to the customer's number, which was judged at the start.

    Whoever may start callbacks could otherwise have text messages sent to any number in the world.
    """
    return number if kind_of(device_os) == SMS else device
