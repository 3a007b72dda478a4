"""Kinds of value that say when an office is open and how much it can take. Read as they stand: local times, no zone."""

from __future__ import annotations

import functools
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType

from services.kinds.base import BadValue, Kind
from services.kinds.structures import load

MIDNIGHT = 24 * 60
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")

_TIMES = r"([0-9]{1,2}):([0-9]{2})\s*-\s*([0-9]{1,2}):([0-9]{2})"
_DAY = r"(?:([0-9]{4})-)?([0-9]{2})-([0-9]{2})"
_WEEK_HOURS = re.compile(rf"([A-Za-z]{{3}})(?:\s*-\s*([A-Za-z]{{3}}))?\s+{_TIMES}")
_DATED_HOURS = re.compile(rf"{_DAY}\s+{_TIMES}")
_HOUR = re.compile(r"(?:[01][0-9]|2[0-3])00")
# What 02-29 without a year is checked against.
_LEAP_YEAR = 2024


@dataclass(frozen=True)
class WeekHours:
    """Open on each of `days` (1 Monday … 7 Sunday) from `opens` to `closes`, minutes after midnight.

    Hours that close before they open run into the next day. 1440 is midnight at the end of the day.
    """

    days: tuple[int, ...]
    opens: int
    closes: int


@dataclass(frozen=True)
class Day:
    """A day of one year, or without a year of every year."""

    year: int | None
    month: int
    day: int


@dataclass(frozen=True)
class DatedHours:
    """Open on one day; `opens` and `closes` as in WeekHours."""

    day: Day
    opens: int
    closes: int


def _weekday(given: str) -> int:
    """1 for Monday … 7 for Sunday, 0 for what is no day."""
    name = given.capitalize()
    return WEEKDAYS.index(name) + 1 if name in WEEKDAYS else 0


def _minutes(match: re.Match[str], group: int) -> tuple[int, int] | None:
    """When hours open and close, whose four numbers begin at this group; None when they cannot."""
    hour, minute, last_hour, last_minute = (int(match[group + n]) for n in range(4))
    opens, closes = hour * 60 + minute, last_hour * 60 + last_minute
    if minute > 59 or last_minute > 59 or opens >= MIDNIGHT or closes > MIDNIGHT or opens == closes:
        return None
    return opens, closes


def _day(match: re.Match[str]) -> Day | None:
    year, month, day = int(match[1]) if match[1] else None, int(match[2]), int(match[3])
    try:
        date(year or _LEAP_YEAR, month, day)
    except ValueError:
        return None
    # The year 0000 is falsy, and no year.
    return None if year == 0 else Day(year, month, day)


def _parse_week_hours(given: str) -> WeekHours:
    if match := _WEEK_HOURS.fullmatch(given):
        first, last = _weekday(match[1]), _weekday(match[2] or match[1])
        if first and last and (times := _minutes(match, 3)):
            days = tuple((first + n - 1) % 7 + 1 for n in range((last - first) % 7 + 1))
            return WeekHours(days, *times)
    raise BadValue(given, WEEK_HOURS.allowed)


WEEK_HOURS = Kind(
    name="week_hours",
    parse=_parse_week_hours,
    allowed="days and hours such as Mon-Fri 9:00-17:00 or Mon-Sun 00:00-24:00; Sat-Mon and 19:00-7:00 run on",
)


def _parse_dated_hours(given: str) -> DatedHours:
    if (
        (match := _DATED_HOURS.fullmatch(given))
        and (day := _day(match)) is not None
        and (times := _minutes(match, 4)) is not None
    ):
        return DatedHours(day, *times)
    raise BadValue(given, DATED_HOURS.allowed)


DATED_HOURS = Kind(
    name="dated_hours",
    parse=_parse_dated_hours,
    allowed="a day and hours such as 2026-11-30 10:00-14:00, without a year for every year",
)


def _parse_day(given: str) -> Day:
    if (match := re.fullmatch(_DAY, given)) and (day := _day(match)) is not None:
        return day
    raise BadValue(given, DAY.allowed)


DAY = Kind(name="day", parse=_parse_day, allowed="a day such as 2026-12-25, or 12-25 for every year")


def _parse_dates(given: str) -> tuple[date, date]:
    first, _, last = given.partition(" to ")
    if all(re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text.strip()) for text in (first, last or first)):
        try:
            dates = date.fromisoformat(first.strip()), date.fromisoformat((last or first).strip())
        except ValueError:
            raise BadValue(given, DATES.allowed) from None
        if dates[0] <= dates[1]:
            return dates
    raise BadValue(given, DATES.allowed)


DATES = Kind(
    name="dates",
    parse=_parse_dates,
    allowed="a day such as 2026-04-01, or the first and the last of several: 2026-04-01 to 2026-10-31",
)


def _parse_weekdays(given: str) -> tuple[int, ...]:
    inner = given[1:-1] if given.startswith("[") and given.endswith("]") else given
    days = tuple(dict.fromkeys(_weekday(part.strip().strip("'\"")) for part in inner.split(",") if part.strip()))
    if 0 in days:
        raise BadValue(given, WEEK_DAYS.allowed)
    return days


WEEK_DAYS = Kind(
    name="weekdays",
    parse=_parse_weekdays,
    allowed=f"days of the week in brackets, such as [{', '.join(WEEKDAYS)}]",
    empty=(),
)


def capacity_of_day(number: int) -> Kind:
    """How many can be booked in each hour of day `number`; value: Mapping of the hour, 0 to 23, to the number."""
    allowed = f'JSON with the day and its hours, such as {{"{number}": {{"0900": 10, "1000": 6}}}}'

    def parse(given: str) -> Mapping[int, int]:
        match load(given, allowed):
            case Mapping() as value if value.keys() == {str(number)}:
                hours = value[str(number)]
            case _:
                raise BadValue(given, allowed)
        return _hours(hours, given, allowed)

    return Kind(name="capacity_of_day", parse=parse, allowed=allowed, empty=MappingProxyType({}), widget="lines")


def _hours(hours: object, given: str, allowed: str) -> Mapping[int, int]:
    """How many by the hour, 0 to 23, of an object such as {"0900": 10}. Raises BadValue."""
    if not isinstance(hours, Mapping) or not all(_HOUR.fullmatch(hour) for hour in hours):
        raise BadValue(given, allowed)
    # A JSON true is an int of Python's.
    if not all(type(places) is int and places >= 0 for places in hours.values()):
        raise BadValue(given, allowed)
    return MappingProxyType({int(hour[:2]): places for hour, places in hours.items()})


def _parse_capacity_of_dates(given: str) -> Mapping[Day, Mapping[int, int]]:
    allowed = CAPACITY_OF_DATES.allowed
    dates = load(given, allowed)
    if dates == ():  # the vendor's samples write [] for none
        return MappingProxyType({})
    if not isinstance(dates, Mapping):
        raise BadValue(given, allowed)
    found = {}
    for text, hours in dates.items():
        day = _day(match) if (match := re.fullmatch(_DAY, text)) else None
        if day is None:
            raise BadValue(text, allowed)
        found[day] = _hours(hours, given, allowed)
    return MappingProxyType(found)


CAPACITY_OF_DATES = Kind(
    name="capacity_of_dates",
    parse=_parse_capacity_of_dates,
    allowed='JSON with days and their hours, such as {"2026-12-24": {"0900": 5}, "12-25": {}}; without a year, every '
    "year's",
    empty=MappingProxyType({}),
    widget="lines",
)


@functools.cache
def _parts_of_countries() -> Mapping[str, Collection[str]]:
    """The countries whose public holidays are known, and the parts of each that have some of their own."""
    import holidays  # a tenth of a second, and most processes never read such an option

    return holidays.list_supported_countries(include_aliases=False)


def _parse_holidays_country(given: str) -> str:
    country, _, part = given.partition("-")
    country = country.upper()
    parts = _parts_of_countries().get(country)
    if parts is None:
        raise BadValue(given, HOLIDAYS_COUNTRY.allowed)
    if not part and given.upper() == country:
        return country
    for known in parts:
        if known.upper() == part.upper():
            return f"{country}-{known}"
    ways = ", ".join(f"{country}-{known}" for known in sorted(parts))
    raise BadValue(given, f"{country}, or a part of it with holidays of its own: {ways}" if ways else country)


HOLIDAYS_COUNTRY = Kind(
    name="holidays_country",
    parse=_parse_holidays_country,
    allowed="a country or a part of one by its code in ISO 3166, such as DE, DE-BY or US-CA",
    empty="",
)
