"""The kind of value that says at which times of day a customer may be called."""

from __future__ import annotations

import re
from dataclasses import dataclass

from services.kinds.base import BadValue, Kind

MIDNIGHT = 24 * 60

_TIME = r"([01]?[0-9]|2[0-3]):([0-5][0-9])"
_WINDOW = re.compile(rf"{_TIME}\s*-\s*(?:{_TIME}|24:00)")


@dataclass(frozen=True)
class CallingWindow:
    """Each day from `opens` to `closes`, minutes after midnight of the customer's clock; `closes` is outside.

    A window that closes before it opens runs over midnight. 1440 is midnight at the end of the day.
    """

    opens: int
    closes: int

    def holds(self, minute: int) -> bool:
        """True if this minute of the day, 0 to 1439, lies inside."""
        if self.opens < self.closes:
            return self.opens <= minute < self.closes
        return minute >= self.opens or minute < self.closes


def _parse_calling_window(given: str) -> CallingWindow:
    if match := _WINDOW.fullmatch(given):
        opens = int(match[1]) * 60 + int(match[2])
        closes = int(match[3]) * 60 + int(match[4]) if match[3] else MIDNIGHT
        if opens != closes:
            return CallingWindow(opens, closes)
    raise BadValue(given, CALLING_WINDOW.allowed)


CALLING_WINDOW = Kind(
    name="calling_window",
    parse=_parse_calling_window,
    allowed="two different times of day such as 08:00-21:00; 20:00-02:00 runs over midnight, 24:00 ends the day",
)
