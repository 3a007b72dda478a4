"""What `[push]` and the sections of further providers say: which kinds are enabled, and what delivers to each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from callbacks.push.apns import Apns
from callbacks.push.customhttp import CustomHttp
from callbacks.push.devices import CUSTOMHTTP, FCM, HTTPCB, IOS, SMS, enabled_kinds
from callbacks.push.fcm import Fcm
from callbacks.push.httpcb import HttpCallback
from callbacks.push.provider import Provider, Rejected
from callbacks.push.sms import Console, Gateway
from services.catalogue import SECTION_OPTIONS
from services.catalogue.push import PROVIDER_PREFIX, SECTION
from services.models import Section

_DEFAULTS = {option.name: option.default for option in SECTION_OPTIONS if option.section == SECTION}


@dataclass(frozen=True)
class Configured:
    """The texts of `[push]`, and those of a provider's section, of which `name` is the name.

    What belongs together comes from one of them: a provider that says anything of `fcm` takes nothing of it from
    `[push]`, so that no message goes out with half of somebody else's credentials.
    """

    push: Mapping[str, str]
    own: Mapping[str, str]
    name: str = ""

    def section(self, key: str) -> str:
        """The name of the section that says what this key says."""
        said = {_group(each) for each, text in self.own.items() if str(text).strip()}
        return f"{PROVIDER_PREFIX}{self.name}" if _group(key) in said else SECTION

    def text(self, section: str, key: str) -> str:
        """The text of a key of `[push]`; `section` says so for whoever reads the call."""
        texts = self.push if self.section(key) == section else self.own
        return str(texts.get(key, _DEFAULTS[key])).strip()


def enabled() -> frozenset[str]:
    """The enabled kinds of push, as they are now. An empty `pushEnabled` enables none, one that is not there comet."""
    return enabled_kinds(load("").text("push", "pushEnabled"))


def load(provider: str) -> Configured:
    """What counts for this provider, `_provider_name`; empty is `[push]` alone. Raises Rejected."""
    wanted = f"{PROVIDER_PREFIX}{provider}"
    found = dict(Section.objects.filter(name__in=[SECTION, wanted]).values_list("name", "options"))
    if provider and wanted not in found:
        raise Rejected(f"there is no section [{wanted}], which _provider_name names")
    return Configured(push=found.get(SECTION, {}), own=found[wanted] if provider else {}, name=provider)


def provider_of(kind: str, *, provider: str = "", is_debug: bool = False) -> Provider:
    """What delivers to devices of this kind now.

    Raises Rejected where the kind has been disabled since it was asked for, or the provider is gone.
    """
    configured = load(provider)
    if kind not in enabled_kinds(configured.text("push", "pushEnabled")):
        raise Rejected(f"{kind} is not among pushEnabled in [push]")
    return made(kind, configured, is_debug=is_debug)


def made(kind: str, configured: Configured, *, is_debug: bool) -> Provider:
    """What delivers to devices of this kind by this configuration. Raises Rejected where nothing is sent to them."""
    if kind == HTTPCB:
        return HttpCallback()
    if kind == CUSTOMHTTP:
        return CustomHttp(configured.text("push", "customhttp.url"), section=configured.section("customhttp.url"))
    if kind == FCM:
        return _fcm(configured, is_debug)
    if kind == IOS:
        return _apns(configured, is_debug)
    if kind == SMS:
        return _sms(configured)
    raise Rejected(f"nothing is sent to devices of kind {kind}")


def _fcm(configured: Configured, is_debug: bool) -> Fcm:
    key = "debug.fcm.credentials" if is_debug else "fcm.credentials"
    usual, debug = configured.text("push", "fcm.credentials"), configured.text("push", "debug.fcm.credentials")
    return Fcm(
        debug if is_debug else usual,
        option=f"{key} in [{configured.section(key)}]",
        title=configured.text("push", "fcm.title"),
        text=configured.text("push", "fcm.body"),
    )


def _apns(configured: Configured, is_debug: bool) -> Apns:
    return Apns(
        credentials=configured.text("push", "apns.credentials"),
        key_id=configured.text("push", "apns.keyId"),
        team=configured.text("push", "apns.teamId"),
        topic=configured.text("push", "apns.topic"),
        section=configured.section("apns.credentials"),
        is_debug=is_debug,
        title=configured.text("push", "apns.title"),
        text=configured.text("push", "apns.body"),
    )


def _sms(configured: Configured) -> Provider:
    if configured.text("push", "sms.gateway") == "console":
        return Console()
    return Gateway(
        url=configured.text("push", "sms.url"),
        template=configured.text("push", "sms.body"),
        authorization=configured.text("push", "sms.authorization"),
        secret=configured.text("push", "sms.signingSecret"),
        section=configured.section("sms.url"),
    )


def _group(key: str) -> str:
    """What belongs together: `fcm` of `fcm.title` and of `debug.fcm.credentials`."""
    return key.removeprefix("debug.").partition(".")[0]
