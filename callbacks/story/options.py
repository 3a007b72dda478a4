"""The options that a callback runs with, beside what its service says now and what the request itself set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from callbacks import configured
from callbacks.flow.options import FLOW_OPTIONS
from callbacks.models import Callback

# The options whose field of FlowOptions is called otherwise.
_NAMES = {
    "virtual_queue": "_urs_virtual_queue",
    "first_connect_party": "_userterminated_first_connect_party",
    "call_timeguard": "_call_timeguard_timeout",
    "max_time_to_wait_for_agent": "_max_time_to_wait_for_agent_on_the_call",
    "retain_session": "_retain_session_until_ixn_deleted",
    "treatment_answering_machine": "_treatment_call_failure_answering_machine",
    "max_confirmation_attempts": "_max_number_of_user_availability_confirmation_attempts",
    "vq_priority": "_urs_vq_priority",
    "vq_priority_increment": "_urs_vq_priority_increment",
    "vq_priority_increment_interval": "_urs_vq_priority_increment_interval",
    "call_interaction_age": "_urs_call_interaction_age",
    "attached": "_attach_udata",
    "booking_seconds": "_booking_expiration_timeout",
    "most_late": "_queue_poll_period_recovery",
}
# Made of several options and of the request: no one option says them.
_MADE = frozenset({"attached", "notification", "reports"})


def option_name(field: str) -> str:
    """The option that a field of FlowOptions is read from."""
    return _NAMES.get(field, f"_{field}")


@dataclass(frozen=True)
class Used:
    """An option that the callback runs with. `differs`: its service now says `service` instead."""

    name: str
    value: Any
    service: Any
    differs: bool
    by_request: bool


def used(callback: Callback) -> list[Used]:
    """What was frozen when its execution started, those that differ first; empty before."""
    of_service = _of_service(callback)
    found = []
    for field, value in callback.options.items():
        if field == "reports":
            continue
        name = option_name(field)
        service = of_service.get(field)
        differs = field in of_service and field not in _MADE and service != value
        found.append(Used(name, value, service, differs, name in callback.overrides))
    return sorted(found, key=lambda each: (not (each.differs or each.by_request), each.name))


def _of_service(callback: Callback) -> dict[str, Any]:
    """What its service says now of a request that says nothing; empty where that cannot be told."""
    if not callback.options or callback.service is None:
        return {}
    plain = Callback(id=callback.pk, service=callback.service, service_name=callback.service_name)
    options, _ = configured.resolve(plain)
    found: dict[str, Any] = FLOW_OPTIONS.dump_python(options, mode="json") if options else {}
    return found
