"""Office hours, capacity and plans as they are configured now.

What the same texts amount to is one object, kept with what it has worked out and found by its content: a change of the
configuration counts at the next reading, in every process.
"""

from __future__ import annotations

import functools
import graphlib
from collections.abc import Collection, Mapping
from datetime import date
from typing import cast
from zoneinfo import ZoneInfo

from scheduling.capacity import Capacity, Hours
from scheduling.hours import Alternative, OfficeHours
from scheduling.plan import Plan
from services import resolution
from services.catalogue import OptionError
from services.kinds import DatedHours, Day, WeekHours
from services.models import ConfiguredService

OFFICE_HOURS = "office-hours"
CAPACITY = "capacity"

# As many different services as a process keeps worked out.
MOST_KEPT = 512
# Offices that refer to offices: each step is a statement, and nobody could tell any more what is open when.
MOST_STEPS = 10

Resolved = Mapping[str, object]
Services = Mapping[str, ConfiguredService]


class Unreadable(Exception):
    """The configuration cannot be read; a sentence for an admin that says which service and why."""


def office_hours(name: str, *, among: Services | None = None) -> OfficeHours:
    """The hours of the office-hours service of this name. Raises Unreadable."""
    return _all_built(_resolved_with_others(name, among=among))[name]


def hours_of(draft: ConfiguredService) -> OfficeHours:
    """The hours of a service as it is here, stored or not, for a preview; others as stored. Raises Unreadable."""
    return _all_built(_resolved_with_others(draft.name, draft))[draft.name]


def capacity(name: str, *, among: Services | None = None) -> Capacity:
    """The numbers of the capacity service of this name. Raises Unreadable."""
    return _numbers(_resolved(_read([name], among).get(name), name, CAPACITY))


def capacity_of(draft: ConfiguredService) -> Capacity:
    """The numbers of a service as it is here, stored or not, for a preview. Raises Unreadable."""
    return _numbers(_resolved(draft, draft.name, CAPACITY))


def all_of_them() -> Services:
    """Every office and every capacity, by name, in one statement: for whoever asks for the plans of many services."""
    found = ConfiguredService.objects.filter(type__in=[OFFICE_HOURS, CAPACITY])
    return {service.name: service for service in found}


def plan_of(service: ConfiguredService, *, among: Services | None = None) -> Plan:
    """What a callback service promises. Raises Unreadable.

    `among` are the offices and capacities where they have been read; else they are, as far as they are needed.
    """
    try:
        hours_name = resolution.resolve_one(service, "_business_hours_service")
        capacity_name = resolution.resolve_one(service, "_capacity_service")
        minutes = resolution.resolve_one(service, "_request_time_bucket")
        limit = resolution.resolve_one(service, "_max_request_by_time_bucket")
    except (OptionError, LookupError) as error:
        raise Unreadable(f"Service {service.name}: {error}") from None
    hours = office_hours(str(hours_name), among=among) if hours_name else None
    numbers = capacity(str(capacity_name), among=among) if capacity_name else None
    return Plan(
        hours=hours,
        capacity=numbers,
        limit_by_default=cast("int", limit),
        minutes=int(str(minutes)),
        zone=hours.zone if hours else numbers.zone if numbers else ZoneInfo("UTC"),
    )


def members(resolved: Resolved, family: str) -> dict[str, object]:
    """The values of a numbered family that are not empty, in the order of their numbers, which are the keys."""
    found = {
        name.removeprefix(family): value
        for name, value in resolved.items()
        if name.startswith(family) and value is not None
    }
    # _include is the beginning of _include_regular1 as well.
    return {number: found[number] for number in sorted(filter(str.isdigit, found), key=int)}


def _numbers(resolved: Resolved) -> Capacity:
    """The capacity that the options of a service amount to."""
    days = cast("tuple[int, ...]", resolved["_capacity"])
    numbers = (
        resolved["_capacity_1"],
        resolved["_capacity_2"],
        resolved["_capacity_3"],
        resolved["_capacity_4"],
        resolved["_capacity_5"],
        resolved["_capacity_6"],
        resolved["_capacity_7"],
    )
    return Capacity(
        zone=cast("ZoneInfo", resolved["_timezone"]),
        weekdays=dict(zip(days, cast("tuple[Hours, ...]", numbers), strict=False)),
        dated=cast("Mapping[Day, Hours]", resolved["_capacity_add"]),
    )


def _all_built(read: Mapping[str, Resolved]) -> dict[str, OfficeHours]:
    """The hours of all services that were read, by name."""
    built: dict[str, OfficeHours] = {}
    for name in _in_order(read):
        built[name] = _built(name, read[name], built)
    return built


def _in_order(read: Mapping[str, Resolved]) -> list[str]:
    """The services that were read, each after those that it refers to."""
    try:
        return [*graphlib.TopologicalSorter({name: _referred(read[name]) for name in read}).static_order()]
    except graphlib.CycleError as error:
        circle = " refers to ".join(reversed(error.args[1]))
        raise Unreadable(f"Office hours go round in a circle: {circle}.") from None


def _built(name: str, resolved: Resolved, built: Mapping[str, OfficeHours]) -> OfficeHours:
    """The hours that the options of a service amount to; those that it refers to have been built."""
    dates = cast("dict[str, tuple[date, date]]", members(resolved, "_effective_dates"))
    instead = members(resolved, "_use_alternative")
    if missing := instead.keys() - dates.keys():
        number = min(missing, key=int)
        raise Unreadable(f"Service {name}: _use_alternative{number} needs _effective_dates{number}, which is empty.")
    return _shared_hours(
        zone=cast("ZoneInfo", resolved["_timezone"]),
        weekly=cast("tuple[WeekHours, ...]", tuple(members(resolved, "_bh_regular").values())),
        added=cast("tuple[DatedHours, ...]", tuple(members(resolved, "_bh_add").values())),
        holidays=cast("tuple[Day, ...]", tuple(members(resolved, "_holiday").values())),
        country=cast("str", resolved["_holidays_country"]),
        effective=tuple(each for number, each in dates.items() if number not in instead),
        alternatives=tuple(Alternative(*dates[number], built[str(other)]) for number, other in instead.items()),
        regular=tuple(built[str(other)] for other in members(resolved, "_include_regular").values()),
        included=tuple(built[str(other)] for other in members(resolved, "_include").values()),
    )


_shared_hours = functools.lru_cache(maxsize=MOST_KEPT)(OfficeHours)


def _read(names: Collection[str], among: Services | None) -> Services:
    """The services of these names."""
    if among is not None:
        return {name: among[name] for name in names if name in among}
    return {service.name: service for service in ConfiguredService.objects.filter(name__in=names)}


def _resolved_with_others(
    name: str, draft: ConfiguredService | None = None, *, among: Services | None = None
) -> dict[str, Resolved]:
    """The options of an office-hours service and of all that it refers to, near and far, by name.

    `draft` counts instead of the stored service of its name.
    """
    read: dict[str, Resolved] = {}
    # By whom they are referred to.
    wanted = {name: ""}
    for _ in range(MOST_STEPS):
        services = {**_read(wanted, among)}
        if draft is not None and draft.name in wanted:
            services[draft.name] = draft
        for each, asks in wanted.items():
            read[each] = _resolved(services.get(each), each, OFFICE_HOURS, asks)
        wanted = {other: each for each in wanted for other in _referred(read[each]) if other not in read}
        if not wanted:
            return read
    raise Unreadable(f"Service {name}: its office hours refer to others over more than {MOST_STEPS} steps.")


def _referred(resolved: Resolved) -> list[str]:
    """The office-hours services that one refers to."""
    families = (
        members(resolved, "_include_regular"),
        members(resolved, "_include"),
        members(resolved, "_use_alternative"),
    )
    return [str(name) for family in families for name in family.values()]


def _resolved(service: ConfiguredService | None, name: str, type_name: str, asks: str = "") -> Resolved:
    by_whom = f"Service {asks} refers to {name}, but there" if asks else "There"
    if service is None:
        raise Unreadable(f"{by_whom} is no service {name}.")
    if service.type != type_name:
        raise Unreadable(f"{by_whom} is no service {name} of type {type_name}: its type is {service.type}.")
    try:
        return resolution.resolve(service)
    except (OptionError, LookupError) as error:
        raise Unreadable(f"Service {name}: {error}") from None
