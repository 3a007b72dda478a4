"""Request values that are more than text: times and telephone numbers, in both directions."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from callbacks.api import errors
from callbacks.api.errors import ApiError
from services.kinds import NUMBER, BadValue, shown

_TIME = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{3}))?Z")
# Far enough from the ends of the calendar for any time to live.
_YEARS = range(2000, 2100)
# What people put between digits to read them better.
_SEPARATORS = str.maketrans("", "", " \t-./()")


def read_desired_time(text: str) -> datetime:
    """`yyyy-MM-dd'T'HH:mm:ss.SSS'Z'`, the milliseconds optional (wire contract, section 1). Raises ApiError."""
    if match := _TIME.fullmatch(text):
        *parts, milliseconds = (int(group or 0) for group in match.groups())
        if parts[0] in _YEARS:
            try:
                return datetime(*parts, milliseconds * 1000, tzinfo=UTC)  # type: ignore[misc,arg-type]
            except ValueError:
                pass
    raise ApiError(
        f"Invalid option: _desired_time {shown(text)} is not a UTC time like 2026-07-30T15:00:00.000Z "
        f"in the years {_YEARS[0]} to {_YEARS[-1]}.",
        exception=errors.INVALID_OPTION,
    )


def written_time(moment: datetime) -> str:
    """UTC, always with milliseconds and Z."""
    moment = moment.astimezone(UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


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
