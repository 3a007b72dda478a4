"""Start requests that another service answers (option `_redirect`; wire contract, section 10)."""

from __future__ import annotations

from collections.abc import Mapping

from rest_framework import exceptions

from callbacks.api import access
from callbacks.api.errors import service_not_found
from services import kinds, resolution
from services.models import ApiKey, ConfiguredService
from services.types import CALLBACK, HELLO, MATCH_INTERACTION, REQUEST_ACCESS, REQUEST_INTERACTION

_KEY = "_redirect"
# Those that can be started.
STARTABLE = (CALLBACK.name, REQUEST_INTERACTION.name, REQUEST_ACCESS.name, MATCH_INTERACTION.name, HELLO.name)


def followed(
    service: ConfiguredService, parameters: dict[str, str], key: ApiKey | None
) -> tuple[ConfiguredService, dict[str, str]]:
    """The service that answers, and the parameters without the request for it.

    Followed once: a service that is redirected to answers itself, so that no two can send a request round and round.
    Raises ApiError, 404, for one that is not there, PermissionDenied for one that the client may not use.
    """
    wanted = _wanted(service, parameters)
    rest = {name: text for name, text in parameters.items() if name != _KEY}
    if not wanted or wanted == service.name:
        return service, rest
    found = access.service_of_name(wanted, key, STARTABLE) if kinds.SERVICE_NAME.fullmatch(wanted) else None
    if found is None:
        raise service_not_found(wanted)
    other, is_open = found
    if not is_open:
        raise exceptions.PermissionDenied
    return other, rest


def _wanted(service: ConfiguredService, parameters: Mapping[str, str]) -> str:
    """The name of the other service, empty for none: the option's, or the request's where it may say."""
    configured = resolution.resolve_one(service, "_redirect")
    overwritable = resolution.resolve_one(service, "_overwritable_options")
    if _KEY in parameters and isinstance(overwritable, tuple) and _KEY in overwritable:
        return parameters[_KEY].strip()
    return str(configured or "")
