"""What the section `[push]` says: which kinds of push are enabled, and where the gateway of customhttp is."""

from __future__ import annotations

from callbacks.push.customhttp import CustomHttp
from callbacks.push.devices import CUSTOMHTTP, HTTPCB, enabled_kinds
from callbacks.push.httpcb import HttpCallback
from callbacks.push.provider import Provider, Rejected
from services.catalogue import SECTION_OPTIONS
from services.models import Section


def enabled() -> frozenset[str]:
    """The enabled kinds of push, as they are now. An empty `pushEnabled` enables none, one that is not there comet."""
    return enabled_kinds(_text("push", "pushEnabled"))


def provider_of(kind: str) -> Provider:
    """What delivers to devices of this kind now. Raises Rejected where it has been disabled since it was asked for."""
    if kind == HTTPCB and kind in enabled():
        return HttpCallback()
    if kind == CUSTOMHTTP and kind in enabled():
        return CustomHttp(_text("push", "customhttp.url"))
    raise Rejected(f"{kind} is not among pushEnabled in [push]")


def _text(section: str, key: str) -> str:
    options = Section.objects.filter(name=section).values_list("options", flat=True).first() or {}
    default = next(option.default for option in SECTION_OPTIONS if (option.section, option.name) == (section, key))
    return str(options.get(key, default)).strip()
