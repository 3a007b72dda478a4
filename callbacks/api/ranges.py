"""The stretch of time that a request asks about (REST API reference, *Availability*; *Office Hours service*)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from callbacks.api import errors, values
from callbacks.api.written import written_time
from services.kinds import shown

MOST_DAYS = 366


@dataclass(frozen=True)
class Range:
    """[start, end) in UTC; `end` equal to `start` asks about that one moment."""

    start: datetime
    end: datetime

    @property
    def is_moment(self) -> bool:
        return self.start == self.end


def check_keys(query: Mapping[str, str], known: Iterable[str]) -> None:
    """That every key is a known one; those with a leading underscore are not looked at.

    Browsers' libraries add `_` against caching, which seed 2 prints as `_id` too. Raises ApiError.
    """
    known = tuple(known)
    for key in query:
        if key not in known and not key.startswith("_"):
            raise errors.invalid(f"{shown(key)} is not one of {', '.join(known)}")


def from_query(
    query: Mapping[str, str], *, now: datetime, days_in: ZoneInfo, times_in: ZoneInfo | None = None
) -> Range:
    """The range by `start`, `end` and `number-of-days`, or `start-ms` and `end-ms`.

    Without `start` it begins now; without an end it is that one moment. `number-of-days` counts from the start, days of
    `days_in`, and wins over an end. Times without Z are those of `times_in`, where it is given. Raises ApiError for a
    value that is not allowed, an end before the start, and more than `MOST_DAYS`.
    """
    start = _moment(query, "start", times_in, fold=0) or now
    if "number-of-days" in query:
        days = values.read_integer("number-of-days", query["number-of-days"], 1, MOST_DAYS)
        return Range(start, days_later(start, days, days_in))
    # Of two moments with the same local time the end is the later one, so that both are within.
    end = _moment(query, "end", times_in, fold=1)
    if end is None:
        return Range(start, start)
    if end < start:
        raise errors.invalid(f"end {written_time(end)} is before start {written_time(start)}")
    if end - start > timedelta(days=MOST_DAYS):
        raise errors.invalid(f"from start to end are more than {MOST_DAYS} days")
    return Range(start, end)


def days_later(start: datetime, days: int, zone: ZoneInfo) -> datetime:
    """The same time on the clock, so many days later: a day on which clocks change has not 24 hours."""
    return (start.astimezone(zone) + timedelta(days=days)).astimezone(UTC)


def _moment(query: Mapping[str, str], key: str, zone: ZoneInfo | None, *, fold: int) -> datetime | None:
    in_milliseconds = f"{key}-ms"
    if in_milliseconds in query:
        if key in query:
            raise errors.invalid(f"{key} and {in_milliseconds} say the same; only one of them is allowed")
        return values.read_milliseconds(in_milliseconds, query[in_milliseconds])
    if key not in query:
        return None
    if zone is None:
        return values.read_time(key, query[key])
    return values.read_local_time(key, query[key], zone, fold=fold)
