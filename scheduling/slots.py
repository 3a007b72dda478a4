"""The slots that can be booked: time cut in the office's local time, from local midnight. Pure.

Two moments are in one slot exactly when the clock on the wall shows the same date and the same part of the day, at the
same distance from UTC. So what comes twice on the day that clocks go back is two slots, and a slot may begin or end
where clocks change.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from scheduling.zones import Segment, segments


@dataclass(frozen=True, slots=True)
class Slot:
    """Half-open, in UTC; known by its start."""

    start: datetime
    end: datetime


def slot_of(at: datetime, minutes: int, zone: ZoneInfo) -> Slot:
    """The slot that a moment is in. `minutes` is a whole part of a day."""
    length = timedelta(minutes=minutes)
    around = segments(zone, at - length, at + length)
    return _cell(next(segment for segment in around if at < segment.end), at, length)


def slots(start: datetime, end: datetime, minutes: int, zone: ZoneInfo) -> list[Slot]:
    """Every slot of which a part lies in [start, end), ascending."""
    if start >= end:
        return []
    length = timedelta(minutes=minutes)
    found: list[Slot] = []
    for segment in segments(zone, start - length, end + length):
        at, last = max(start, segment.start), min(segment.end, end)
        if at >= last:
            continue
        slot = _cell(segment, at, length)
        while slot.start < last:
            found.append(slot)
            # The next one needs no looking at the clock on the wall: slots are whole parts of a day.
            slot = Slot(slot.end, min(slot.end + length, segment.end))
    return found


def _cell(segment: Segment, at: datetime, length: timedelta) -> Slot:
    """The slot around a moment of the segment, which reaches beyond the slot unless clocks change there."""
    local = at + segment.offset
    start = at - (local - datetime.combine(local.date(), time.min, UTC)) % length
    return Slot(max(start, segment.start), min(start + length, segment.end))
