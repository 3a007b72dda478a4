"""The verbs on callbacks. `advance` is the one door: everything that changes a callback goes through it."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, OperationalError, transaction
from django.db.models import F

from callbacks import metrics, records
from callbacks.flow import machine
from callbacks.flow.events import Cancelled, Event, Expired, SetAside, Started, load
from callbacks.flow.options import FLOW_OPTIONS, FlowOptions, from_resolved
from callbacks.flow.session import SESSION, Session
from callbacks.flow.states import Reason
from callbacks.models import Callback, Pending
from callbacks.records import Turns
from services import resolution
from services.models import ConfiguredService

logger = logging.getLogger(__name__)

# An event that fails that often is set aside, so that the ones behind it are handled.
MOST_FAILURES = 3
RETRY_FAILED_AFTER = timedelta(seconds=1)
DEFAULT_TTL = timedelta(seconds=86400)


class Refused(Exception):
    """The callback does not accept the verb in its present state; nothing was changed."""


class Busy(Exception):
    """The callback's lock could not be had in time, twice; nothing was changed."""


class NotFound(Exception):
    """There is no such callback, or it is not the caller's."""


class ServiceGone(Exception):
    """The service was deleted while the request was read; nothing was stored."""


class MissingKeys(Exception):
    """Keys of `_mandatory_customer_lookup_keys` that the request does not have."""

    def __init__(self, keys: Sequence[str]) -> None:
        super().__init__(", ".join(keys))
        self.keys = tuple(keys)


def start(
    *,
    service: ConfiguredService,
    parameters: Mapping[str, str],
    desired_at: datetime | None,
    actor: str,
    now: datetime,
) -> Callback:
    """Accept a request: store it and decide its first step, in one transaction.

    `parameters` are all keys of the request as text (seed 1, *Sample Request*). Keys without a leading underscore are
    the customer's user data. Raises MissingKeys, ServiceGone and `services.catalogue.OptionError`; nothing is stored
    then.
    """
    if missing := resolution.missing_mandatory(service, parameters):
        raise MissingKeys(missing)
    overrides = resolution.allowed_overrides(service, parameters)
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
    session = Session(number=callback.customer_number, desired_at=callback.desired_at)
    first: Event = Started(actor=actor)
    options, error = _resolve(callback)
    if options is None:
        first = SetAside(error)
    else:
        callback.expires_at = callback.desired_at + timedelta(seconds=options.ttl)
    turns = _run(session, options, [first], now)
    try:
        with transaction.atomic():
            records.store_new(callback, turns, options, now)
    except IntegrityError:
        if ConfiguredService.objects.filter(pk=service.pk).exists():
            raise
        raise ServiceGone(service.name) from None
    metrics.decided(callback, None, turns, now)
    return callback


@metrics.ADVANCE_SECONDS.time()
def advance(callback_id: str, *, now: datetime) -> None:
    """Decide what is pending for a callback.

    1. Lock the callback.
    2. Take its pending events, oldest first.
    3. Decide each: pure.
    4. Store what follows; the handled events are gone with the same commit.
    5. Commit; whoever has to act is kicked after it.

    An event that cannot be handled is tried again later and set aside after three failures; a lock that cannot be had
    is left to the tick.
    """
    try:
        _advance(callback_id, now)
    except OperationalError as error:
        # A lock or statement time-out, or the database went away: nothing is wrong with the event.
        logger.warning("callback %s is left to the tick: %s", callback_id, error)
    except Exception as error:
        logger.exception("callback %s: an event could not be handled", callback_id)
        _count_failure(callback_id, f"{type(error).__name__}: {error}", now)


def cancel(*, callback_id: str, actor: str, now: datetime, reason: Reason = Reason.CANCELLED) -> Callback:
    """End a callback that is not yet talking. After it no phone rings any more for this callback.

    Raises NotFound; Refused when it is PROCESSING or COMPLETED; Busy.
    """
    return _decide_now(callback_id, Cancelled(actor=actor, reason=reason), now)


def _decide_now(callback_id: str, event: Event, now: datetime) -> Callback:
    """Decide a verb's own event in its own transaction, behind the pending ones, so that the answer is true."""
    for last_try in (False, True):
        try:
            callback, turns = _advance(callback_id, now, own=event)
        except OperationalError as error:
            if last_try:
                raise Busy from error
            continue
        if callback is None:
            raise NotFound
        if turns.refused:
            raise Refused(turns.refused)
        return callback
    raise AssertionError


def _advance(callback_id: str, now: datetime, own: Event | None = None) -> tuple[Callback | None, Turns]:
    with transaction.atomic():
        callback = Callback.objects.select_for_update(no_key=True, of=("self",)).filter(pk=callback_id).first()
        if callback is None:
            return None, Turns(None)
        events = _take_pending(callback_id)
        if own is not None:
            events.append(own)
        if not events:
            return callback, Turns(None)
        options, error = _options(callback)
        if options is None:
            # Ending needs no options; anything else cannot go on without them.
            events = [event if isinstance(event, Cancelled | Expired) else SetAside(error) for event in events]
        session = SESSION.validate_python(callback.session)
        turns = _run(session, options, events, now)
        records.store(callback, session, turns, options, now)
    metrics.decided(callback, session, turns, now)
    return callback, turns


def _take_pending(callback_id: str) -> list[Event]:
    """The pending events, oldest first, deleted in the transaction that decides them."""
    taken = Pending.objects.raw("DELETE FROM callbacks_pending WHERE callback_id = %s RETURNING *", [callback_id])
    return [load(row.event) for row in sorted(taken, key=lambda row: row.pk)]


def _run(session: Session, options: FlowOptions | None, events: Sequence[Event], now: datetime) -> Turns:
    turns = Turns(session)
    for event in events:
        # Without options there are only events that end the callback, and ending reads none.
        turns.add(event, machine.decide(turns.session, options, event, now))  # type: ignore[arg-type]
    return turns


def _options(callback: Callback) -> tuple[FlowOptions | None, str]:
    """The frozen options, or, before its execution starts, what the service says now."""
    if callback.options:
        return FLOW_OPTIONS.validate_python(callback.options), ""
    return _resolve(callback)


def _resolve(callback: Callback) -> tuple[FlowOptions | None, str]:
    if callback.service is None:
        return None, f"The service {callback.service_name} was deleted."
    parameters = {**callback.properties, **callback.overrides, **callback.user_data}
    try:
        resolved = resolution.resolve(callback.service, overrides=callback.overrides, parameters=parameters)
    except (resolution.OptionError, LookupError) as error:
        return None, f"The configuration of service {callback.service_name} cannot be resolved: {error}"
    return from_resolved(resolved), ""


def _count_failure(callback_id: str, error: str, now: datetime) -> None:
    """Count a failure of the oldest pending event in a transaction of its own; set it aside at the third."""
    with transaction.atomic():
        oldest = Pending.objects.select_for_update().filter(callback=callback_id).order_by("id").first()
        if oldest is None:
            return
        if oldest.failures + 1 < MOST_FAILURES:
            Pending.objects.filter(pk=oldest.pk).update(failures=F("failures") + 1, look_at=now + RETRY_FAILED_AFTER)
            return
        logger.error("callback %s: event %s is set aside: %s", callback_id, oldest.event.get("kind"), error)
        Pending.objects.filter(pk=oldest.pk).delete()
    metrics.SET_ASIDE.inc()
    _advance(callback_id, now, own=SetAside(f"{oldest.event.get('kind')} failed {MOST_FAILURES} times: {error}"))
