"""The verbs on callbacks. `advance` is the one door: everything that changes a callback goes through it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from django.db import IntegrityError, OperationalError, transaction
from django.db.models import F

from callbacks import admitting, configured, lookups, metrics, permit, promises, records
from callbacks.admitting import NO_HEADERS, MissingKeys, NumberBlocked, ServiceGone
from callbacks.flow import machine, projections
from callbacks.flow.events import (
    Cancelled,
    Changed,
    Connected,
    Event,
    Expired,
    Rescheduled,
    Served,
    SetAside,
    Snoozed,
    load,
)
from callbacks.flow.options import FlowOptions
from callbacks.flow.session import SESSION, Session
from callbacks.flow.states import Reason
from callbacks.inbox import ADVANCE
from callbacks.limits.idempotency import Once
from callbacks.models import Callback, Pending
from callbacks.promises import NotAvailable, SlotFull
from callbacks.records import Turns
from scheduling import bookings
from scheduling.kick import kick
from services.models import ConfiguredService

__all__ = [
    "Busy",
    "MissingKeys",
    "NotAvailable",
    "NotFound",
    "NumberBlocked",
    "Refused",
    "ServiceGone",
    "advance",
    "cancel",
    "connect",
    "decide_now",
    "just",
    "move",
    "reschedule",
    "served",
    "snooze",
    "start",
]

logger = logging.getLogger(__name__)

# An event that fails that often is set aside, so that the ones behind it are handled.
MOST_FAILURES = 3
RETRY_FAILED_AFTER = timedelta(seconds=1)


class Refused(Exception):
    """The callback does not accept the verb in its present state; nothing was changed."""


class Busy(Exception):
    """The callback's lock could not be had in time, twice; nothing was changed."""


class NotFound(Exception):
    """There is no such callback, or it is not the caller's."""


def start(
    *,
    service: ConfiguredService,
    parameters: Mapping[str, str],
    desired_at: datetime | None,
    actor: str,
    now: datetime,
    headers: Mapping[str, str] = NO_HEADERS,
    once: Once | None = None,
    of: str = "",
) -> Callback:
    """Accept a request: store it and decide its first step, in one transaction.

    `parameters` are all keys of the request as text (seed 1, *Sample Request*). Keys without a leading underscore are
    the customer's user data. With a `desired_at` a place in its time slot is booked. `headers` are the request's, whose
    values may be limited; with `once` its answer is kept for when it is repeated. `of` is the callback that it asks
    anew for. Raises, with nothing stored, MissingKeys, ServiceGone, NotAvailable, NumberBlocked, NumberDisallowed and
    LimitReached of `callbacks.limits`, Answered and KeyReused of `callbacks.limits.idempotency`,
    `scheduling.offices.Unreadable` and `services.catalogue.OptionError`.
    """
    if once is not None:
        # A request that is repeated is answered before anything could refuse it.
        once.replay(now)
    request = admitting.read(service=service, parameters=parameters, desired_at=desired_at, now=now)
    request = replace(request, of=of)
    callback = request.callback
    for last_try in (False, True):
        try:
            turns = _store_new(request, actor, now, headers, once)
        except IntegrityError:
            if ConfiguredService.objects.filter(pk=service.pk).exists():
                raise
            raise ServiceGone(service.name) from None
        except SlotFull as full:
            raise full.place.not_available(now) from None
        except OperationalError as failed:
            if last_try:
                raise Busy from failed
            continue
        break
    metrics.decided(callback, None, turns, now)
    return callback


def _store_new(
    request: admitting.Request, actor: str, now: datetime, headers: Mapping[str, str], once: Once | None
) -> Turns:
    """Decide a new request and store it, in one transaction; last, it takes its place in a slot and is counted."""
    callback = request.callback
    with transaction.atomic():
        if once is not None:
            once.replay(now)
        admitted = admitting.admit(request, actor=actor, headers=headers, now=now)
        records.store_new(callback, admitted.turns, request.options, now)
        lookups.write(callback)
        if once is not None:
            once.remember(callback, now)
        if admitted.place:
            admitted.place.take(callback.pk)
        if admitted.admission:
            admitted.admission.count(now)
    return admitted.turns


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
    return decide_now(callback_id, just(Cancelled(actor=actor, reason=reason)), now)


def served(*, callback_id: str, actor: str, now: datetime) -> Callback:
    """End a callback whose customer was served another way: they are not called for it any more. Raises as cancel()."""
    return decide_now(callback_id, just(Served(actor)), now)


def reschedule(
    *,
    callback_id: str,
    desired_at: datetime | None,
    properties: Mapping[str, str],
    actor: str,
    now: datetime,
) -> Callback:
    """Give a callback another time, other properties, or both; a refused one leaves time and booking as they were.

    `desired_at` None keeps the time, `now` itself asks for a call at once. `properties` are set, those with an empty
    text removed. Raises NotFound; Refused while the customer is being called and when it is COMPLETED; NotAvailable;
    OptionError; Busy.
    """
    admitting.check_time_zone(properties)

    def change(callback: Callback, decided: Turns, options: FlowOptions | None) -> list[Event]:
        if options is None:
            raise LookupError(f"the configuration of service {callback.service_name} cannot be resolved")
        wishes: list[Event] = []
        # The time that is asked for is told as such.
        if properties.keys() - {"_desired_time"}:
            unaskable = configured.unaskable(options, {**callback.properties, **properties})
            wishes.append(Changed(actor, said_of(properties), unaskable))
        if desired_at is not None:
            wishes.append(Rescheduled(actor, max(desired_at, now), None))
        # What is refused changes nothing: neither the keys nor the booking.
        if refused := [wish for wish in wishes if machine.decide(decided.session, options, wish, now).refused]:
            return refused[:1]
        set_properties(callback, properties)
        lookups.write(callback)
        decided.columns |= {"properties": callback.properties, "user_data": callback.user_data}
        if desired_at is not None:
            wishes[-1] = Rescheduled(actor, max(desired_at, now), move(callback, options, desired_at, now))
        return wishes

    try:
        return decide_now(callback_id, change, now)
    except SlotFull as full:
        raise full.place.not_available(now) from None


def connect(*, callback_id: str, actor: str, now: datetime) -> Callback:
    """The customer, who was asked, wants to be called now; said again, it changes nothing.

    One who calls us is given an access number, and another one when they ask again (`_userorig_connect_limit`). Raises
    NotFound; Refused when nobody was asked; Busy; with nothing changed telephony.access.Exhausted and UnknownGroup.
    """
    return decide_now(callback_id, just(Connected(actor)), now)


def snooze(*, callback_id: str, actor: str, now: datetime) -> Callback:
    """The customer, who was asked, wants to be asked again after `_snooze_duration`. Raises as connect()."""
    return decide_now(callback_id, just(Snoozed(actor)), now)


def said_of(properties: Mapping[str, str]) -> str:
    """Which keys are changed, by name: values are personal."""
    gone = sorted(key for key, value in properties.items() if not value.strip())
    new = sorted(properties.keys() - {*gone, "_desired_time"})
    said = [f"{what}: {', '.join(keys)}." for what, keys in (("Changed", new), ("Removed", gone)) if keys]
    return " ".join(said)


def set_properties(callback: Callback, properties: Mapping[str, str]) -> None:
    """Change the keys on the row, which is stored with the decision; an empty text removes one."""
    for key, value in properties.items():
        place = callback.properties if key.startswith("_") else callback.user_data
        if value.strip():
            place[key] = value
        else:
            place.pop(key, None)


def move(callback: Callback, options: FlowOptions, desired_at: datetime, now: datetime) -> datetime | None:
    """Book the place for another time instead of the present one; for a call at once none is needed."""
    service = callback.service
    if service is None:
        raise NotFound
    number, properties = callback.customer_number, callback.properties
    if desired_at != now:
        place = promises.place_for(service, number=number, properties=properties, desired_at=desired_at, now=now)
        place.take(callback.pk)
        return place.slot
    # Not the present end of its time to live, which goes with the time that is given up.
    expires_at = now + timedelta(seconds=options.ttl)
    promises.call_at_once(service, number=number, properties=properties, expires_at=expires_at, now=now)
    bookings.cancel(callback.pk)
    return None


# What a verb wants decided, once the pending events are: the callback is locked, its row may be changed.
Wish = Callable[[Callback, Turns, FlowOptions | None], list[Event]]


def just(event: Event) -> Wish:
    return lambda callback, decided, options: [event]


def decide_now(callback_id: str, wish: Wish, now: datetime) -> Callback:
    """Decide a verb's own event in its own transaction, behind the pending ones, so that the answer is true.

    Raises NotFound, Refused, Busy, and what `wish` raises.
    """
    for last_try in (False, True):
        try:
            callback, turns = _advance(callback_id, now, wish)
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


def _advance(callback_id: str, now: datetime, wish: Wish | None = None) -> tuple[Callback | None, Turns]:
    with transaction.atomic():
        callback = _lock(callback_id)
        if callback is None:
            return None, Turns(None)
        events = _take_pending(callback_id)
        if wish is None and not events:
            return callback, Turns(None)
        session, turns = _decide(callback, events, now, wish)
    metrics.decided(callback, session, turns, now)
    return callback, turns


def _lock(callback_id: str) -> Callback | None:
    return Callback.objects.select_for_update(no_key=True, of=("self",)).filter(pk=callback_id).first()


def _decide(callback: Callback, events: list[Event], now: datetime, wish: Wish | None = None) -> tuple[Session, Turns]:
    """Decide events of a locked callback, then a verb's wish, and store what follows; the session before, and after."""
    options, error = configured.options(callback)
    session = SESSION.validate_python(callback.session)
    if options is None:
        # Ending needs no options; anything else cannot go on without them.
        events = [event if isinstance(event, Cancelled | Served | Expired) else SetAside(error) for event in events]
    else:
        events = [each for event in events for each in _permitted(callback, session, options, event, now)]
    turns = _run(session, options, events, now)
    if wish is not None:
        _run_on(turns, options, wish(callback, turns, options), now)
    records.store(callback, session, turns, options, now)
    return session, turns


def _permitted(callback: Callback, session: Session, options: FlowOptions, event: Event, now: datetime) -> list[Event]:
    """The event, or what is decided in its place where the permit is asked before and says no."""
    if not permit.is_asked_before(session, options, event):
        return [event]
    # Where the customer is to call us nothing is dialled.
    why_not = permit.refusal if projections.is_user_originated(options) else permit.dial_refusal
    return permit.judged(session, event, why_not(callback, now))


def _take_pending(callback_id: str) -> list[Event]:
    """The pending events, oldest first, deleted in the transaction that decides them."""
    taken = Pending.objects.raw("DELETE FROM callbacks_pending WHERE callback_id = %s RETURNING *", [callback_id])
    return [load(row.event) for row in sorted(taken, key=lambda row: row.pk)]


def _run(session: Session, options: FlowOptions | None, events: Sequence[Event], now: datetime) -> Turns:
    turns = Turns(session)
    _run_on(turns, options, events, now)
    return turns


def _run_on(turns: Turns, options: FlowOptions | None, events: Sequence[Event], now: datetime) -> None:
    for event in events:
        # Without options there are only events that end the callback, and ending reads none.
        turns.add(event, machine.decide(turns.session, options, event, now))  # type: ignore[arg-type]


def _count_failure(callback_id: str, error: str, now: datetime) -> None:
    """Count a failure of the oldest pending event; the third one sets it aside, in one transaction and by itself.

    Those behind it may fail as well, and each is counted for itself.
    """
    with transaction.atomic():
        callback = _lock(callback_id)
        oldest = Pending.objects.select_for_update().filter(callback=callback_id).order_by("id").first()
        if callback is None or oldest is None:
            return
        if oldest.failures + 1 < MOST_FAILURES:
            Pending.objects.filter(pk=oldest.pk).update(failures=F("failures") + 1, look_at=now + RETRY_FAILED_AFTER)
            return
        kind = oldest.event.get("kind")
        logger.error("callback %s: event %s is set aside: %s", callback_id, kind, error)
        Pending.objects.filter(pk=oldest.pk).delete()
        session, turns = _decide(callback, [SetAside(f"{kind} failed {MOST_FAILURES} times: {error}")], now)
        kick(ADVANCE, callback_id)
    metrics.SET_ASIDE.inc()
    metrics.decided(callback, session, turns, now)
