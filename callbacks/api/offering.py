"""What a service has to offer in the stretch of time that a request asks about."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from zoneinfo import ZoneInfo

from callbacks import promises
from callbacks.api import errors, ranges, values
from callbacks.calling import calling_times
from scheduling import availability, offices, windows
from scheduling.availability import Offer
from scheduling.plan import Plan
from scheduling.slots import slot_of
from services.models import ConfiguredService

# More than the five-minute slots of a month.
MOST_SLOTS = 10_000

_KEYS = ("start", "end", "number-of-days", "max-time-slots")


@dataclass(frozen=True)
class Offered:
    """`is_cut_off`: there are more than `MOST_SLOTS`. `zone` is the one that the request named."""

    offers: list[Offer]
    is_cut_off: bool
    minutes: int
    zone: ZoneInfo | None


def free_places(service: ConfiguredService, query: Mapping[str, str], now: datetime) -> Offered:
    """Slots with room, as the first version of the interface asks for them. Raises ApiError, `offices.Unreadable`.

    `timestamp` asks for the open period around a time (seed 2, *Get timeslots*).
    """
    ranges.check_keys(query, (*_KEYS, "timestamp"))
    if "timestamp" not in query:
        return _within(service, query, now)
    if beside := [key for key in ("start", "end", "number-of-days") if key in query]:
        raise errors.invalid(f"timestamp asks for the open period around a time; {beside[0]} is not allowed beside it")
    moment, most = values.read_time("timestamp", query["timestamp"]), _most(query)
    plan = offices.plan_of(service)
    earliest, latest = _bounds(service, now)
    offers = availability.around(service.pk, plan, moment, earliest=earliest, latest=latest)
    return _cut(filter(_can_be_called(service, query), offers), most, plan, None)


def slots(service: ConfiguredService, query: Mapping[str, str], now: datetime) -> Offered:
    """Slots as the second version of the interface asks for them, full ones too with `report-busy`. Raises as above."""
    ranges.check_keys(query, (*_KEYS, "start-ms", "end-ms", "timezone", "report-busy"))
    zone = values.read_zone("timezone", query["timezone"]) if "timezone" in query else None
    report_busy = "report-busy" in query and values.read_boolean("report-busy", query["report-busy"])
    return _within(service, query, now, zone, report_busy=report_busy)


def _within(
    service: ConfiguredService,
    query: Mapping[str, str],
    now: datetime,
    zone: ZoneInfo | None = None,
    *,
    report_busy: bool = False,
) -> Offered:
    most = _most(query)
    plan = offices.plan_of(service)
    asked = ranges.from_query(query, now=now, days_in=zone or plan.zone, times_in=zone)
    start, end = asked.start, asked.end
    if asked.is_moment:
        slot = slot_of(start, plan.minutes, plan.zone)
        start, end = slot.start, slot.end
    earliest, latest = _bounds(service, now)
    offers = availability.offers(
        service.pk, plan, start, end, earliest=earliest, latest=latest, report_busy=report_busy
    )
    return _cut(filter(_can_be_called(service, query), offers), most, plan, zone)


def _bounds(service: ConfiguredService, now: datetime) -> tuple[datetime, datetime]:
    """Not sooner than the estimated wait allows, not later than `_reject_future_desired_time`."""
    with errors.of_configuration():
        return promises.earliest(service, now), promises.latest(service, now)


def _can_be_called(service: ConfiguredService, query: Mapping[str, str]) -> Callable[[Offer], bool]:
    """Whether the customer's clock, or the office's where nothing is said of the customer, is in the calling window."""
    number, stated = query.get("_customer_number", ""), query.get("_customer_timezone", "")
    properties = {"_customer_timezone": values.read_zone("_customer_timezone", stated).key} if stated else {}
    number = values.read_number(number) if number else ""
    with errors.of_configuration():
        window = windows.window_of(service)
    if window is None:
        return lambda offer: True
    zones = calling_times(service, number=number, properties=properties).zones

    def is_inside(offer: Offer) -> bool:
        local = [offer.time.astimezone(zone) for zone in zones]
        return all(window.holds(each.hour * 60 + each.minute) for each in local)

    return is_inside


def _most(query: Mapping[str, str]) -> int:
    if "max-time-slots" not in query:
        return MOST_SLOTS
    return values.read_integer("max-time-slots", query["max-time-slots"], 1, MOST_SLOTS)


def _cut(offers: Iterable[Offer], most: int, plan: Plan, zone: ZoneInfo | None) -> Offered:
    found = list(islice(offers, most + 1))
    return Offered(found[:most], len(found) > most == MOST_SLOTS, plan.minutes, zone)
