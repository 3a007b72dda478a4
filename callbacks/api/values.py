"""Request values that are more than text: times, zones and telephone numbers, in both directions."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import cast
from zoneinfo import ZoneInfo

from callbacks.api import errors
from callbacks.api.errors import ApiError
from services.kinds import NUMBER, TIME_ZONE, BadValue, shown

_TIME = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{3}))?(Z?)")
_MILLISECONDS = re.compile(r"[0-9]{12,13}")
_INTEGER = re.compile(r"[0-9]{1,9}")
# Far enough from the ends of the calendar for any time to live.
_YEARS = range(2000, 2100)
_WITHIN = f"in the years {_YEARS[0]} to {_YEARS[-1]}"
# What people put between digits to read them better.
_SEPARATORS = str.maketrans("", "", " \t-./()")


def read_time(key: str, text: str) -> datetime:
    """`yyyy-MM-dd'T'HH:mm:ss.SSS'Z'`, the milliseconds optional (wire contract, section 1). Raises ApiError."""
    found = _parts(text)
    if found is None or found.tzinfo is None:
        raise errors.invalid(f"{key} {shown(text)} is not a UTC time like 2026-07-30T15:00:00.000Z {_WITHIN}")
    return found


def read_local_time(key: str, text: str, zone: ZoneInfo, *, fold: int = 0) -> datetime:
    """As `read_time`, or without Z a time of this zone. Raises ApiError.

    A local time that comes twice is the first with `fold` 0 and the second with 1; one that is skipped is as much
    later as was skipped.
    """
    found = _parts(text)
    if found is None:
        raise errors.invalid(f"{key} {shown(text)} is not a time of {zone.key} like 2026-07-30T15:00:00.000 {_WITHIN}")
    if found.tzinfo is None:
        found = found.replace(tzinfo=zone, fold=fold).astimezone(UTC)
    return found


def read_milliseconds(key: str, text: str) -> datetime:
    """Milliseconds since 1970 began, in UTC. Raises ApiError."""
    if _MILLISECONDS.fullmatch(text):
        found = datetime.fromtimestamp(int(text) / 1000, UTC)
        if found.year in _YEARS:
            return found
    raise errors.invalid(f"{key} {shown(text)} is not a time like 1406647599350, in milliseconds, {_WITHIN}")


def _parts(text: str) -> datetime | None:
    """The time as it is written, in UTC where it says so; None for what is none."""
    match = _TIME.fullmatch(text)
    if match is None or int(match[1]) not in _YEARS:
        return None
    *parts, milliseconds = (int(group or 0) for group in match.groups()[:-1])
    try:
        return datetime(*parts, milliseconds * 1000, tzinfo=UTC if match[8] else None)  # type: ignore[misc,arg-type]
    except ValueError:
        return None


def read_zone(key: str, text: str) -> ZoneInfo:
    """A time zone by its name. Raises ApiError."""
    try:
        found = TIME_ZONE.read(text)
    except BadValue:
        found = None
    if found is None:
        raise errors.invalid(f"{key} {shown(text)} is not {TIME_ZONE.allowed}")
    return cast(ZoneInfo, found)


def read_integer(key: str, text: str, least: int, most: int) -> int:
    """A whole number within bounds. Raises ApiError."""
    if not _INTEGER.fullmatch(text) or not least <= int(text) <= most:
        raise errors.invalid(f"{key} {shown(text)} is not a whole number from {least} to {most}")
    return int(text)


def read_boolean(key: str, text: str) -> bool:
    """`true` or `false`. Raises ApiError."""
    if text not in {"true", "false"}:
        raise errors.invalid(f"{key} {shown(text)} is neither true nor false")
    return text == "true"


def read_number(text: str) -> str:
    """A customer's number as it is stored, dialled and compared: without separators. Raises ApiError."""
    number = plain_number(text)
    try:
        # It ends up in the address that the switch dials: anything else could name another one.
        NUMBER.read(number)
    except BadValue:
        message = f"Customer Number [{text[:80]}] is disallowed, because it is not a telephone number."
        raise ApiError(message, exception=errors.NUMBER) from None
    return number


def plain_number(text: str) -> str:
    return text.translate(_SEPARATORS)
