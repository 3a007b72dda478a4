"""Which times a customer may be promised, and the place in the slot that keeps the promise."""

from __future__ import annotations

import calendar
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from callbacks.calling import CallingTimes, calling_times
from scheduling import availability, blocks, bookings, offices
from scheduling.availability import Offer
from scheduling.plan import Plan
from scheduling.slots import slot_of
from services import resolution
from services.kinds import Duration
from services.models import ConfiguredService
from telephony import estimates

_UNITS = {"w": timedelta(weeks=1), "d": timedelta(days=1), "h": timedelta(hours=1), "m": timedelta(minutes=1)}


class NotAvailable(Exception):
    """The time cannot be promised; nothing was stored. `offers` are the nearest times that could be."""

    def __init__(self, message: str, offers: list[Offer]) -> None:
        super().__init__(message)
        self.message = message
        self.offers = offers


def latest(service: ConfiguredService, now: datetime) -> datetime:
    """The last moment that may be asked for (`_reject_future_desired_time`). Raises OptionError, LookupError."""
    ahead = resolution.resolve_one(service, "_reject_future_desired_time")
    return later(now, cast("Duration", ahead))


def later(now: datetime, duration: Duration) -> datetime:
    """So much later: a month is the same day of another month, or its last one."""
    if step := _UNITS.get(duration.unit):
        return now + duration.number * step
    months = now.month - 1 + duration.number * (12 if duration.unit == "y" else 1)
    year, month = min(now.year + months // 12, 9998), months % 12 + 1
    return now.replace(year=year, month=month, day=min(now.day, calendar.monthrange(year, month)[1]))


def earliest(service: ConfiguredService, now: datetime) -> datetime:
    """The first moment that is offered: not sooner than the wait that is estimated now, where anything estimates it."""
    try:
        queue = str(resolution.resolve_one(service, "_urs_virtual_queue") or "")
        target = str(resolution.resolve_one(service, "_target") or "")
        return now + estimates.estimate(queue, target, now=now).ewt if queue and target else now
    except (ValueError, LookupError):
        # A target that a request completes ($name$), or one that cannot be read: the start says so.
        return now


@dataclass(frozen=True)
class Place:
    """A time that may be promised, if its slot still takes somebody; `slot` is the slot's start."""

    service: ConfiguredService
    plan: Plan
    times: CallingTimes
    desired_at: datetime
    slot: datetime

    def take(self, owner: str) -> None:
        """Book it, in the caller's transaction: best as its last act, since others wait for the counter meanwhile.

        Raises SlotFull.
        """
        try:
            bookings.book(owner, service_id=self.service.pk, plan=self.plan, desired_at=self.desired_at)
        except bookings.Full:
            raise SlotFull(self) from None

    def not_available(self, now: datetime) -> NotAvailable:
        """That the slot is full or blocked, with the nearest times that are not."""
        offered = offers_near(self.service, self.plan, self.times, self.desired_at, now)
        slot = slot_of(self.desired_at, self.plan.minutes, self.plan.zone)
        # For whom it is blocked is nobody's business but the office's.
        why = (
            "its time slot is blocked"
            if blocks.within(self.service.pk, slot.start, slot.end)
            else "its time slot is full"
        )
        return _not_available(self.desired_at, why, offered)


class SlotFull(Exception):
    """The slot takes nobody any more. What else is free is looked up after the transaction, which holds locks."""

    def __init__(self, place: Place) -> None:
        super().__init__(place.slot.isoformat())
        self.place = place


def place_for(
    service: ConfiguredService, *, number: str, properties: Mapping[str, str], desired_at: datetime, now: datetime
) -> Place:
    """The place in a slot that a desired time asks for. Raises NotAvailable where the time itself cannot be promised,
    scheduling.offices.Unreadable, OptionError and LookupError.
    """
    plan = offices.plan_of(service)
    times = calling_times(service, number=number, properties=properties)
    tolerance = timedelta(seconds=cast("int", resolution.resolve_one(service, "_reject_past_desired_time")))
    if desired_at < now - tolerance:
        why = "it has passed (_reject_past_desired_time)"
    elif desired_at > latest(service, now):
        why = "it is too far ahead (_reject_future_desired_time)"
    else:
        why = times.why_not(desired_at)
    if why:
        raise _not_available(desired_at, why, offers_near(service, plan, times, desired_at, now))
    return Place(service, plan, times, desired_at, slot_of(desired_at, plan.minutes, plan.zone).start)


def _not_available(desired_at: datetime, why: str, offered: list[Offer]) -> NotAvailable:
    return NotAvailable(f"The desired time {desired_at:%Y-%m-%dT%H:%M:%S}Z is not available: {why}.", offered)


def call_at_once(
    service: ConfiguredService, *, number: str, properties: Mapping[str, str], expires_at: datetime, now: datetime
) -> None:
    """Let a request for a call at once in, or not: while closed, by `_enable_reject_out_of_office_hours`.

    Also not when it would be over before the customer may be called. Raises NotAvailable, Unreadable.
    """
    times = calling_times(service, number=number, properties=properties)
    why = times.why_not(now)
    if not why:
        return
    allowed = times.next_allowed(now)
    if resolution.resolve_one(service, "_enable_reject_out_of_office_hours") is True:
        why = f"{why}, and it takes no requests meanwhile (_enable_reject_out_of_office_hours)"
    elif allowed is None or allowed >= expires_at:
        why = f"{why} until after the request would be over (_ttl)"
    else:
        return
    offered = offers_near(service, offices.plan_of(service), times, now, now)
    raise NotAvailable(f"Nobody can be called now: {why}.", offered)


def offers_near(
    service: ConfiguredService, plan: Plan, times: CallingTimes, at: datetime, now: datetime
) -> list[Offer]:
    """The nearest times on both sides of a moment that the customer can have."""
    return availability.nearest(
        service.pk,
        plan,
        at,
        earliest=earliest(service, now),
        latest=latest(service, now),
        suits=lambda time: not times.why_not(time),
    )


def next_offers(
    service: ConfiguredService, *, number: str, properties: Mapping[str, str], now: datetime
) -> list[Offer]:
    """The next times that the customer can have. Raises Unreadable, OptionError and LookupError."""
    times = calling_times(service, number=number, properties=properties)
    return [offer for offer in offers_near(service, offices.plan_of(service), times, now, now) if offer.time > now]
