"""What a start request comes to, before anything of it is stored: all here is only read.

So the same code answers the request that is stored (`callbacks.actions.start`) and the one that somebody only asks
about (`callbacks.what_if`).
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType

from django.conf import settings

from callbacks import configured, limits, permit, promises
from callbacks.flow import machine, projections
from callbacks.flow.events import Event, SetAside, Started
from callbacks.flow.options import FlowOptions
from callbacks.flow.session import Session, Stage
from callbacks.limits import Admission, number_rules
from callbacks.models import Callback
from callbacks.promises import NotAvailable, Place
from callbacks.records import Turns
from services import resolution
from services.kinds import TIME_ZONE
from services.models import ConfiguredService
from telephony import blocklist

DEFAULT_TTL = timedelta(seconds=86400)
NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class ServiceGone(Exception):
    """The service was deleted while the request was read; nothing was stored."""


class NumberBlocked(Exception):
    """The customer's number is on the block list; nothing was stored. Its text is the number."""


class MissingKeys(Exception):
    """Keys of `_mandatory_customer_lookup_keys` that the request does not have."""

    def __init__(self, keys: Sequence[str]) -> None:
        super().__init__(", ".join(keys))
        self.keys = tuple(keys)


@dataclass(frozen=True)
class Request:
    """A start request as it was read: `callback` is the row that it would become, without its first decision.

    `desired_at` None asks for a call at once. Without options `error` says why there are none. `of` is the callback
    that it repeats, empty where it is none's repetition.
    """

    callback: Callback
    desired_at: datetime | None
    options: FlowOptions | None
    error: str
    of: str = ""


@dataclass(frozen=True)
class Admitted:
    """A request that may come in, with its first decision.

    Whoever stores it takes the `place` and counts the `admission`, as the last acts of the transaction; both may still
    say no, where others were faster.
    """

    turns: Turns
    admission: Admission | None
    place: Place | None


def read(
    *, service: ConfiguredService, parameters: Mapping[str, str], desired_at: datetime | None, now: datetime
) -> Request:
    """Read the keys of a start request (seed 1, *Sample Request*). Raises MissingKeys, OptionError, LookupError."""
    if missing := resolution.missing_mandatory(service, parameters):
        raise MissingKeys(missing)
    overrides = resolution.allowed_overrides(service, parameters)
    check_time_zone(parameters)
    callback = Callback(
        id=f"{settings.NODE_ID}-{uuid.uuid4()}",
        service=service,
        service_name=service.name,
        overrides=overrides,
        customer_number=parameters.get("_customer_number", "").strip(),
        user_data={key: value for key, value in parameters.items() if not key.startswith("_")},
        properties={k: v for k, v in parameters.items() if k.startswith("_") and k not in overrides},
        created_at=now,
        desired_at=desired_at or now,
        expires_at=(desired_at or now) + DEFAULT_TTL,
    )
    options, error = configured.resolve(callback)
    if options is not None:
        callback.expires_at = callback.desired_at + timedelta(seconds=options.ttl)
    return Request(callback, desired_at, options, error)


def check_time_zone(parameters: Mapping[str, str]) -> None:
    """That `_customer_timezone` is a zone, where the request has it. Raises OptionError."""
    if stated := parameters.get("_customer_timezone", "").strip():
        try:
            TIME_ZONE.read(stated)
        except ValueError:
            raise resolution.OptionError("_customer_timezone", stated, TIME_ZONE.allowed) from None


def admit(request: Request, *, actor: str, headers: Mapping[str, str], now: datetime) -> Admitted:
    """Whether the request may come in: its number, the limits, its time; then its first decision.

    Raises ServiceGone, NumberBlocked, NotAvailable, NumberDisallowed and LimitReached of `callbacks.limits`,
    `scheduling.offices.Unreadable` and OptionError. That its slot is full is found by whoever takes the place.
    """
    callback, options = request.callback, request.options
    admission = _within_limits(callback, options, headers, now) if options is not None else None
    place = _promise(callback, request.desired_at, now) if options is not None else None
    session = Session(
        number=callback.customer_number,
        desired_at=callback.desired_at,
        slot=place.slot if place else None,
        unaskable=configured.unaskable(options, callback.properties),
    )
    turns = Turns(session)
    event: Event = Started(actor=actor, of=request.of) if options is not None else SetAside(request.error)
    # Without options it ends, and ending reads none.
    turns.add(event, machine.decide(session, options, event, now))  # type: ignore[arg-type]
    if turns.session.stage is Stage.EXPECTING:
        _check_calls_are_taken(callback, now)
    return Admitted(turns, admission, place)


def _within_limits(callback: Callback, options: FlowOptions, headers: Mapping[str, str], now: datetime) -> Admission:
    """Whether its number may be called, and whether there were not too many requests. Raises as admit()."""
    service = service_of(callback)
    number, resolved = callback.customer_number, configured.values(callback, service)
    if number:
        number_rules.check(service.name, number, resolved)
        if blocklist.blocking(number, country=str(resolved["_default_country"] or ""), now=now):
            raise NumberBlocked(number)
        # Who calls us costs us nothing.
        if not projections.is_user_originated(options) and (why := permit.toll_refusal(service, number)):
            raise number_rules.NumberDisallowed(f"Customer Number [{number}] is disallowed, because {why}.", why=why)
    buffer = timedelta(seconds=options.request_execution_time_buffer)
    return limits.check(
        service,
        resolved=resolved,
        parameters=configured.parameters(callback),
        headers=headers,
        is_now=callback.desired_at - buffer <= now,
        buffer=buffer,
        now=now,
    )


def _promise(callback: Callback, desired_at: datetime | None, now: datetime) -> Place | None:
    """What the answer may promise: a place in a slot, None for a call at once. Raises as admit()."""
    service = service_of(callback)
    number, properties = callback.customer_number, callback.properties
    if desired_at is None:
        promises.call_at_once(service, number=number, properties=properties, expires_at=callback.expires_at, now=now)
        return None
    return promises.place_for(service, number=number, properties=properties, desired_at=desired_at, now=now)


def _check_calls_are_taken(callback: Callback, now: datetime) -> None:
    """That somebody may call us at this moment; nobody is given a number to call in vain. Raises NotAvailable."""
    service = callback.service
    if service is not None and (refused := permit.refusal(callback, now)):
        offered = promises.next_offers(
            service, number=callback.customer_number, properties=callback.properties, now=now
        )
        raise NotAvailable(f"No call can be taken now: {refused.reason}.", offered)


def service_of(callback: Callback) -> ConfiguredService:
    """Raises ServiceGone."""
    if callback.service is None:
        raise ServiceGone(callback.service_name)
    return callback.service
