"""The answers of services that are started and end at once: access numbers, whose call it is, hello."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from callbacks import storage
from callbacks.api import errors, requests
from callbacks.api.errors import ApiError
from callbacks.api.requests import PHONE_NUMBER, client_of
from callbacks.api.written import written_time
from services import resolution
from services.models import ApiKey, ConfiguredService
from services.resolution import Origin
from services.types import HELLO, MATCH_INTERACTION, REQUEST_ACCESS, REQUEST_INTERACTION, service_type
from telephony import access
from telephony.access import Booking

Values = Mapping[str, str | storage.File]
_Options = Mapping[str, object]

# What a request may say for itself where the service does not (vendor's request-interaction, request-access).
_ASKABLE = ("_resource_group", "_provide_code", "_access_code_length", "_booking_expiration_timeout")
# The request's goes before the service's own.
_ALWAYS = "_booking_expiration_timeout"


def answer(service: ConfiguredService, values: Values, key: ApiKey | None, now: datetime) -> dict[str, Any]:
    """What a service of one of the types in ANSWERS says to a request.

    Raises ApiError, OptionError, `access.Exhausted`, `access.UnknownGroup`, `access.BadPrefix`, `storage.ClientFull`,
    `storage.AreaFull`; nothing is stored or booked then.
    """
    return ANSWERS[service.type](service, values, key, now)


def _request_interaction(
    service: ConfiguredService, values: Values, key: ApiKey | None, now: datetime
) -> dict[str, Any]:
    """Book a number and keep the request's data for whoever answers the call."""
    resolved = _resolved(service, values)
    number = _text(values, PHONE_NUMBER)
    data = {name: value for name, value in values.items() if not name.startswith("_")}
    if number:
        data[PHONE_NUMBER] = number
    seconds = resolved["_ttl"]
    ends = now + timedelta(seconds=seconds if isinstance(seconds, int) else 0)
    with transaction.atomic():
        area = storage.create(client=client_of(key), values=data, expires_at=ends, now=now, service=service)
        booking = _book(resolved, values, area.pk, number, now)
        if booking.expires_at > ends:
            storage.write(area, {}, now=now, expires_at=booking.expires_at)
    return {"_id": area.pk, **_told(booking, resolved, now)}


def _request_access(service: ConfiguredService, values: Values, key: ApiKey | None, now: datetime) -> dict[str, Any]:
    """Book a number for a callback or another request, in place of the one that it has."""
    request_id = _needed(values, "_id")
    found = requests.visible(request_id, key, now)
    if found.is_over:
        raise ApiError(f"Callback {found.id} is COMPLETED.", exception=errors.INVALID_STATE)
    resolved = _resolved(service, values)
    booking = _book(resolved, values, found.id, _text(values, PHONE_NUMBER) or found.phone_number, now)
    return _told(booking, resolved, now)


def _match_interaction(service: ConfiguredService, values: Values, key: ApiKey | None, now: datetime) -> dict[str, Any]:
    """Say whose call it is. Its number is free again then: the call has come."""
    called, code = _needed(values, "_access_number"), _text(values, "_access_code")
    if code:
        owner = access.match_code(access_number=called, code=code, now=now)
    else:
        owner = access.owner_of(access_number=called, phone_number=_text(values, PHONE_NUMBER), now=now)
    try:
        found = requests.visible(owner, key, now)
    except ApiError:
        # A client that may not see whose it is hears no more than if it were nobody's.
        raise ApiError("No request matches this call.", status=404, exception=errors.NOT_FOUND) from None
    access.release(owner)
    return {"_id": found.id, "_data_id": found.id}


def _hello(service: ConfiguredService, values: Values, key: ApiKey | None, now: datetime) -> dict[str, Any]:
    return {"msg": "hello"}


ANSWERS: Mapping[str, Callable[[ConfiguredService, Values, ApiKey | None, datetime], dict[str, Any]]] = {
    REQUEST_INTERACTION.name: _request_interaction,
    REQUEST_ACCESS.name: _request_access,
    MATCH_INTERACTION.name: _match_interaction,
    HELLO.name: _hello,
}


def _resolved(service: ConfiguredService, values: Values) -> _Options:
    """The options with what the request asks for, where the service itself does not say. Raises OptionError."""
    origins = resolution.origins(service)
    open_to_request = [name for name in _ASKABLE if name == _ALWAYS or origins[name].origin is not Origin.SERVICE]
    asked = {name: text for name in open_to_request if (text := _text(values, name))}
    for name, text in asked.items():
        service_type(service.type).by_name[name].value(text)
    with errors.of_configuration():
        return resolution.resolve(service, overrides=asked)


def _book(resolved: _Options, values: Values, owner: str, number: str, now: datetime) -> Booking:
    length, seconds = resolved["_access_code_length"], resolved["_booking_expiration_timeout"]
    return access.book(
        group=str(resolved["_resource_group"]),
        owner=owner,
        phone_number=number,
        code_length=(length if isinstance(length, int) else access.CODE_LENGTH) if resolved["_provide_code"] else 0,
        seconds=seconds if isinstance(seconds, int) else 0,
        now=now,
    )


def _told(booking: Booking, resolved: _Options, now: datetime) -> dict[str, Any]:
    """A booking as clients read it, and how full its pool is where that is asked for."""
    told: dict[str, Any] = {"_access_number": booking.number}
    if booking.code:
        told["_access_code"] = booking.code
    told["_expiration_time"] = written_time(booking.expires_at)
    health = access.health(str(resolved["_resource_group"]), now) if resolved["_return_pool_health"] else None
    if health:
        told["_pool_health"] = {"size": health.size, "booked": health.booked, "free": health.size - health.booked}
    return told


def _text(values: Values, name: str) -> str:
    value = values.get(name, "")
    return value.strip() if isinstance(value, str) else ""


def _needed(values: Values, name: str) -> str:
    if text := _text(values, name):
        return text
    raise errors.invalid(f"{name} is missing")
