"""What a callback service promises: when it is open and how many callbacks each slot takes. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from scheduling.capacity import Capacity
from scheduling.hours import OfficeHours
from scheduling.slots import Slot


@dataclass(frozen=True)
class Plan:
    """Slots of `minutes`, cut in `zone`. Without office hours it is always open; without a capacity service every slot
    takes `limit_by_default`."""

    hours: OfficeHours | None
    capacity: Capacity | None
    limit_by_default: int
    minutes: int
    zone: ZoneInfo

    def is_open(self, at: datetime) -> bool:
        """True if there are no office hours, or they are open at this moment."""
        return self.hours is None or self.hours.is_open(at)

    def opens_in(self, slot: Slot) -> datetime | None:
        """The first moment of the slot at which it is open; None when it is closed all through."""
        if self.hours is None:
            return slot.start
        return self.hours.first_open(slot.start, slot.end)

    def limit(self, slot: Slot) -> int:
        """How many callbacks the slot takes: what the capacity says of the moment it opens; closed, none."""
        opens = self.opens_in(slot)
        if opens is None:
            return 0
        return self.limit_by_default if self.capacity is None else self.capacity.at(opens)
