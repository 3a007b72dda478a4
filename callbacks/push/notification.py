"""How a callback's customer is told, worked out when its execution starts: by which provider, in which words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from callbacks.flow.options import Notification
from callbacks.push import texts
from callbacks.push.files import Unreadable
from services import resolution
from services.models import ConfiguredService

# The request's own key, else its header Accept-Language; a list as that header has.
LANGUAGE = "_customer_language"
LONGEST_LANGUAGE = 200


def from_resolved(resolved: Mapping[str, Any], properties: Mapping[str, str]) -> Notification:
    """Pick it out of `services.resolution.resolve`'s typed values, and of the request's keys.

    A message file that cannot be used is a `problem`, as the vendor has it (FAIL_LOAD_MESSAGE_FILE), of those whose
    customers are told something.
    """
    name = str(resolved["_notification_message_file"] or "")
    said, problem = {}, ""
    if name and resolved["_wait_for_agent"] and resolved["_wait_for_user_confirm"]:
        wanted = [properties.get(LANGUAGE, ""), str(resolved["_status_notification_language"] or "")]
        try:
            said = texts.load(name).texts(wanted)
        except Unreadable as error:
            problem = f"The message file (_notification_message_file) was not loaded: {error}."
    return Notification(
        provider=str(resolved["_provider_name"] or ""),
        is_debug=resolved["_use_debug_push_certificate"],
        country=str(resolved["_default_country"] or ""),
        texts=tuple(sorted(said.items())),
        problem=problem,
    )


def with_language(service: ConfiguredService, parameters: Mapping[str, str], accept_language: str) -> dict[str, str]:
    """The keys of a request with what its header Accept-Language says its user reads, unless they say so themselves.

    Where the service has no message file nothing is kept of it.
    """
    if LANGUAGE in parameters or not texts.preferred(accept_language):
        return dict(parameters)
    if not resolution.resolve_one(service, "_notification_message_file"):
        return dict(parameters)
    return {**parameters, LANGUAGE: accept_language[:LONGEST_LANGUAGE]}
