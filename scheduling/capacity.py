"""How many callbacks a slot takes, by the day and the hour. Pure: touches neither the database nor the clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from zoneinfo import ZoneInfo

from services.kinds import Day

# Callbacks for each slot that begins in the hour; an hour that is not named takes none.
Hours = Mapping[int, int]

NONE: Hours = MappingProxyType({})


@dataclass(frozen=True, kw_only=True)
class Capacity:
    """The numbers of one capacity service, local to `zone`.

    `weekdays` are by ISO number, 1 Monday to 7 Sunday; one that is not there takes none. `dated` days stand instead of
    their day of the week, one with a year instead of that of every year.
    """

    zone: ZoneInfo
    weekdays: Mapping[int, Hours] = field(default_factory=dict)
    dated: Mapping[Day, Hours] = field(default_factory=dict)

    def at(self, at: datetime) -> int:
        """How many callbacks the slot that begins at this moment takes."""
        local = at.astimezone(self.zone)
        hours = self.weekdays.get(local.isoweekday(), NONE)
        if self.dated:
            every_year = self.dated.get(Day(None, local.month, local.day), hours)
            hours = self.dated.get(Day(local.year, local.month, local.day), every_year)
        return hours.get(local.hour, 0)
