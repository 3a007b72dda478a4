"""What a service wants told: its own options, and the list that `_callback_events_list` names."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping

from callbacks.models import Callback
from callbacks.status.reports import DEFAULT_EVENTS, KEYS, Reports, Told
from services import resolution
from services.catalogue import LIST_OPTIONS
from services.kinds import URL, BadValue
from services.models import ConfiguredService, NamedList
from services.resolution import OptionError

logger = logging.getLogger(__name__)

PROPERTIES = "properties"
# Both report: nobody subscribes here, the receiver is the one that the options name.
_ENABLED = frozenset({"subscribe_notify", "notify"})
_OPTIONS = (
    "_enable_status_notification",
    "_status_notification_type",
    "_status_notification_target",
    "_callback_events_list",
    "_enable_notification_reminder",
    "_notification_reminder_buffer",
    "_vq_for_outbound_calls",
)

# Texts by section and key.
Sections = Mapping[str, Mapping[str, str]]


def of_callback(callback: Callback, resolved: Mapping[str, object]) -> Reports | None:
    """What is told of this callback; None for nothing. One statement where its service names a list, else none.

    What the service or the request says overrides the list.
    """
    return _of(resolved, _given(callback.service, callback.overrides))


def of_unresolved(callback: Callback) -> Reports | None:
    """The same for one whose other options cannot be resolved, so that its end is told all the same."""
    parameters = {**callback.properties, **callback.overrides, **callback.user_data}
    return _alone(callback.service, callback.overrides, parameters)


def target_of(service: ConfiguredService) -> str:
    """Where a service reports to now; empty where it does not, and where that depends on the request."""
    reports = _alone(service, {}, {})
    return reports.target if reports and not resolution.has_token(reports.target) else ""


def _alone(
    service: ConfiguredService | None, overrides: Mapping[str, str], parameters: Mapping[str, str]
) -> Reports | None:
    """Read without the other options, which may be wrong."""
    if service is None:
        return None
    try:
        values = {
            name: resolution.resolve_one(service, name, overrides=overrides, parameters=parameters) for name in _OPTIONS
        }
    except (OptionError, LookupError):
        return None
    return _of(values, _given(service, overrides))


def _given(service: ConfiguredService | None, overrides: Mapping[str, str]) -> set[str]:
    """The options that the service itself, or the request, sets."""
    own = {**(resolution.explicit_texts(service) if service else {}), **overrides}
    return {name for name, text in own.items() if text.strip()}


def _of(resolved: Mapping[str, object], given: Collection[str]) -> Reports | None:
    enabled, list_name = str(resolved["_enable_status_notification"]), str(resolved["_callback_events_list"] or "")
    if enabled not in _ENABLED and (not list_name or "_enable_status_notification" in given):
        return None
    sections = _sections(list_name) if list_name else {}
    properties = sections.get(PROPERTIES, {})
    if "_enable_status_notification" not in given and list_name:
        enabled = str(_read(properties, "GMS_Events", "_enable_status_notification") or enabled)
    kind, target = str(resolved["_status_notification_type"]), str(resolved["_status_notification_target"] or "")
    if "_status_notification_type" not in given:
        kind = str(_read(properties, "GMS_Events", "_status_notification_type") or kind)
    if "_status_notification_target" not in given:
        target = str(_read(properties, "GMS_Events", "_status_notification_target") or "")
    if enabled not in _ENABLED or kind != "httpcb" or not _is_web_address(target):
        return None
    attempts = _read(properties, "GMS_Events", "_status_notification_attempts")
    reminds = resolved["_enable_notification_reminder"]
    buffer = resolved["_notification_reminder_buffer"]
    return Reports(
        target=target,
        events=tuple(_events(sections, reminds=bool(reminds)).items()),
        attempts=attempts if isinstance(attempts, int) else 0,
        remind_seconds=buffer if reminds and isinstance(buffer, int) else 0,
        outbound_queue=str(resolved["_vq_for_outbound_calls"] or ""),
    )


def _sections(name: str) -> Sections:
    sections = NamedList.objects.filter(name=name).values_list("sections", flat=True).first()
    return sections if isinstance(sections, dict) else {}


def _events(sections: Sections, *, reminds: bool) -> dict[str, tuple[str, ...]]:
    """The events that are told with their keys: those that have a section, or the default ones where none has."""
    listed = {
        event.value: _keys(sections[event]) or KEYS[event] for event in Told if isinstance(sections.get(event), Mapping)
    }
    events = listed or {event.value: KEYS[event] for event in DEFAULT_EVENTS}
    if reminds:
        events.setdefault(Told.REMINDER.value, KEYS[Told.REMINDER])
    return events


def _keys(section: Mapping[str, str]) -> tuple[str, ...]:
    keys = _read(section, "GMS_Events", "notify_params")
    return keys if isinstance(keys, tuple) else ()


def _read(section: Mapping[str, str], like: str, key: str) -> object:
    """The value of a key as lists such as `like` have it; None where it is empty, or cannot be read."""
    text = str(section.get(key, "")).strip()
    option = next(option for option in LIST_OPTIONS[like] if option.name == key)
    try:
        return option.value(text) if text else None
    except OptionError as error:
        logger.warning("a list of events cannot be read: %s", error)
        return None


def _is_web_address(text: str) -> bool:
    try:
        URL.parse(text)
    except BadValue:
        return False
    return True
