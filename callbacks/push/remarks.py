"""What is to be said of push before the first customer is told: of services that ask, and of the sections."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from callbacks.push import answering, configuration, texts
from callbacks.push.apns import Apns
from callbacks.push.configuration import Configured
from callbacks.push.customhttp import CustomHttp
from callbacks.push.devices import CUSTOMHTTP, FCM, IOS, SMS, enabled_kinds
from callbacks.push.fcm import Fcm
from callbacks.push.files import Unreadable
from callbacks.push.provider import Provider, Rejected
from callbacks.push.sms import Gateway
from services.catalogue import OptionWarning
from services.catalogue.push import PROVIDER_PREFIX, SECTION
from services.models import Section
from services.readiness import Remarks

# What needs more than to be enabled.
_CONFIGURED = (CUSTOMHTTP, FCM, IOS, SMS)


def of_services() -> Remarks:
    """Of a service that asks its customers: whether its message file and its provider's credentials can be used."""
    judged: dict[tuple[str, bool], list[str]] = {}

    def remarks(said: Mapping[str, str]) -> Iterator[OptionWarning]:
        if any(said.get(name, "").strip().lower() != "true" for name in ("_wait_for_agent", "_wait_for_user_confirm")):
            return
        if name := said.get("_notification_message_file", "").strip():
            try:
                texts.load(name)
            except Unreadable as error:
                name = "_notification_message_file"
                yield OptionWarning(name, f"cannot work: {name}: {error}.", blocks=True)
        provider = said.get("_provider_name", "").strip()
        is_debug = said.get("_use_debug_push_certificate", "").strip().lower() == "true"
        if (provider, is_debug) not in judged:
            judged[provider, is_debug] = _of_provider(provider, is_debug)
        for sentence in judged[provider, is_debug]:
            yield OptionWarning("_provider_name", f"cannot ask every customer: {sentence}.", blocks=True)

    return remarks


def _of_provider(provider: str, is_debug: bool) -> list[str]:
    try:
        configured = configuration.load(provider)
    except Rejected as error:
        return [str(error)]
    return [sentence for _, sentence in judge(configured, is_debug=is_debug) if sentence]


def judge(configured: Configured, *, is_debug: bool = False) -> Iterator[tuple[str, str]]:
    """Of each enabled kind that needs to be configured: the kind, and why nothing can be sent; empty where it can."""
    enabled = enabled_kinds(configured.text("push", "pushEnabled"))
    for kind in _CONFIGURED:
        if kind not in enabled:
            continue
        try:
            _check(configuration.made(kind, configured, is_debug=is_debug))
        except Rejected as error:
            yield kind, f"nothing can be sent to devices of kind {kind}: {error}"
        else:
            no_link = kind == SMS and not answering.external_url_base()
            yield kind, "text messages have no link: external_url_base in [server] is empty" if no_link else ""


def _check(provider: Provider) -> None:
    """Read what it needs, as for a message. Raises Rejected."""
    match provider:
        case Fcm():
            provider.account()
        case Apns():
            provider.key()
        case CustomHttp(url="", section=section):
            raise Rejected(f"customhttp.url in [{section}] is empty")
        case Gateway():
            provider.check()


def of_section(section: Section) -> list[str]:
    """For the page of a section of push: for each enabled kind a sentence that says whether it can be used."""
    name = section.name.removeprefix(PROVIDER_PREFIX) if section.name.startswith(PROVIDER_PREFIX) else ""
    if not name and section.name != SECTION:
        return []
    configured = configuration.load(name)
    found = dict(judge(configured))
    if configured.text("push", "debug.fcm.credentials"):
        found |= {f"{kind} (debug)": sentence for kind, sentence in judge(configured, is_debug=True) if kind == FCM}
    return [f"{kind}: {sentence or 'what it needs can be read'}." for kind, sentence in found.items()]
