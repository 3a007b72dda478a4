"""Where a time zone keeps its distance from UTC: the standard library converts, but does not say when clocks change."""

from __future__ import annotations

import functools
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

SECOND = timedelta(seconds=1)
ONE_DAY = timedelta(days=1)
# No zone has ever changed twice in less than four days (Freetown, 1939), so that no change hides between samples.
SAMPLED_EVERY = ONE_DAY


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of time, half-open and in UTC, in which local time is UTC plus `offset`."""

    start: datetime
    end: datetime
    offset: timedelta


def offset_at(zone: ZoneInfo, at: datetime) -> timedelta:
    """How far local time is ahead of UTC at this moment."""
    offset = at.astimezone(zone).utcoffset()
    if offset is None:
        raise TypeError(f"{zone} says nothing about UTC")
    return offset


def segments(zone: ZoneInfo, start: datetime, end: datetime) -> Iterator[Segment]:
    """[start, end), UTC, cut where the zone's clocks change; nothing when it is empty."""
    if start >= end:
        return
    cuts = [start, *_changes_between(zone, start, end), end]
    for first, last in pairwise(cuts):
        yield Segment(first, last, offset_at(zone, first))


def _changes_between(zone: ZoneInfo, start: datetime, end: datetime) -> list[datetime]:
    """The moments after `start` and before `end` from which another offset holds."""
    found: list[datetime] = []
    for year in range(start.year, end.year + 1):
        changes = _changes(zone, year)
        found += changes[bisect_right(changes, start) : bisect_left(changes, end)]
    return found


@functools.lru_cache(maxsize=4096)
def _changes(zone: ZoneInfo, year: int) -> tuple[datetime, ...]:
    """The moments of a year of UTC from which another offset holds, to the second."""
    found = []
    at = datetime(year, 1, 1, tzinfo=UTC) - SECOND
    end = datetime(year + 1, 1, 1, tzinfo=UTC) - SECOND
    while at < end:
        following = min(at + SAMPLED_EVERY, end)
        if (offset := offset_at(zone, at)) != offset_at(zone, following):
            found.append(_first_moment(zone, at, following, offset))
        at = following
    return tuple(found)


def _first_moment(zone: ZoneInfo, before: datetime, after: datetime, offset: timedelta) -> datetime:
    """The first whole second after `before`, and `after` at the latest, at which the offset is another."""
    low, high = 0, int((after - before) / SECOND)
    while high - low > 1:
        middle = (low + high) // 2
        if offset_at(zone, before + middle * SECOND) == offset:
            low = middle
        else:
            high = middle
    return before + high * SECOND


def local_day(zone: ZoneInfo, day: date) -> list[Segment]:
    """The time that is this day in the zone: one segment, more when clocks change, none when the day was skipped."""
    midnight = datetime.combine(day, time.min, UTC)
    found = []
    for segment in segments(zone, midnight - ONE_DAY, midnight + 2 * ONE_DAY):
        start = max(segment.start, midnight - segment.offset)
        end = min(segment.end, midnight - segment.offset + ONE_DAY)
        if start < end:
            found.append(Segment(start, end, segment.offset))
    return found


def clock_change(zone: ZoneInfo, day: date) -> str:
    """A sentence about the clocks that change on this local day, for people; empty when none does."""
    midnight = datetime.combine(day, time.min, UTC)
    sentences = []
    around = segments(zone, midnight - ONE_DAY, midnight + 2 * ONE_DAY)
    for before, after in pairwise(around):
        shown, then = before.end + before.offset, after.start + after.offset
        # The times of day that are skipped, or come twice, have to be this day's.
        if min(shown, then) >= midnight + ONE_DAY or max(shown, then) <= midnight:
            continue
        if shown <= midnight and then >= midnight + ONE_DAY:
            sentences.append(f"{zone} has no such day.")
        elif then > shown:
            sentences.append(f"Clocks go forward from {_clock(shown, midnight)} to {_clock(then, midnight)}.")
        else:
            sentences.append(
                f"Clocks go back from {_clock(shown, midnight)} to {_clock(then, midnight)}: that time comes twice."
            )
    return " ".join(sentences)


def _clock(shown: datetime, midnight: datetime) -> str:
    """What the clock shows; the end of the day is 24:00."""
    return "24:00" if shown == midnight + ONE_DAY else f"{shown:%H:%M}"
