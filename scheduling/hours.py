"""When an office is open. Pure: touches neither the database nor the clock.

All moments are aware and in UTC; days and minutes are local to the office. It is open at a moment exactly when the
clock on its wall then shows a time within its hours: what comes twice on the day that clocks go back is open twice,
what is skipped when they go forward is not there.

What a day's hours are, where the vendor's documents leave it open:

1. Hours belong to the day on which they open, also their part after midnight.
2. A holiday closes the whole local day: weekly hours that would open on it do not happen, nor does their part after
   midnight, and those that run into it from the day before end at midnight. Additional hours happen all the same.
3. A day without a year is one of every year, 02-29 only of leap years.
4. With effective dates, hours that would open on any other day do not happen, and those that run into one end at
   midnight.
5. On the days of an alternative it counts instead, in its own zone, from local midnight to local midnight.
6. What is included is read as times on this office's wall, each day as that service says it: without its holidays for
   `regular`, and never beyond its own effective dates and alternatives.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import TypeVar
from zoneinfo import ZoneInfo

from scheduling.public_holidays import public_holidays
from scheduling.zones import clock_change, local_day, segments
from services.kinds import DatedHours, Day, WeekHours

# Minutes after local midnight, half-open; more than a day's run into the next.
Minutes = tuple[int, int]
Value = TypeVar("Value")

ONE_DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
DAY_MINUTES = 24 * 60
# The name of a holiday that a service names by its day only.
HOLIDAY = "Holiday"
# An office that opens later than this is not waited for.
LOOK_AHEAD = timedelta(days=400)
# Days of one office that are kept worked out, a few hundred bytes each.
MOST_KEPT = 2000


@dataclass(frozen=True)
class Period:
    """Time in which an office is open, half-open, in UTC."""

    start: datetime
    end: datetime


@dataclass(frozen=True)
class DayFacts:
    """What a local day looks like: `intervals` are open, in minutes on the wall's clock.

    `holiday` is the name of the one that closes it, `clock_change` a sentence about a clock that changes; else "".
    """

    date: date
    intervals: tuple[Minutes, ...]
    holiday: str
    clock_change: str


@dataclass(frozen=True)
class Alternative:
    """Other hours that count from the first day to the last, which is one of them."""

    first: date
    last: date
    hours: OfficeHours


@dataclass(frozen=True)
class _Said:
    """What a service says of the hours that open on one day. `holiday` names what closes it, or is empty."""

    weekly: tuple[Minutes, ...] = ()
    added: tuple[Minutes, ...] = ()
    holiday: str = ""


@dataclass(frozen=True, eq=False, kw_only=True)
class OfficeHours:
    """The hours of one office, with those that it includes and those that replace it.

    Does not change and is shared by all who read the same configuration; compared as the object that it is.
    `country` adds the public holidays of a country (`DE`) or a part of one (`DE-BY`). None of `effective`: always.
    """

    zone: ZoneInfo
    weekly: tuple[WeekHours, ...] = ()
    added: tuple[DatedHours, ...] = ()
    holidays: tuple[Day, ...] = ()
    country: str = ""
    effective: tuple[tuple[date, date], ...] = ()
    alternatives: tuple[Alternative, ...] = ()
    regular: tuple[OfficeHours, ...] = ()
    included: tuple[OfficeHours, ...] = ()
    _said: dict[date, _Said] = field(default_factory=dict, init=False, repr=False)
    _open: dict[date, tuple[Minutes, ...]] = field(default_factory=dict, init=False, repr=False)

    def is_open(self, at: datetime) -> bool:
        """True if the clock on the wall shows a time within the hours at this moment."""
        local = at.astimezone(self.zone)
        day = local.date()
        speaker = self._speaker(day)
        if speaker is not self:
            return speaker is not None and speaker.is_open(at)
        minute = local.hour * 60 + local.minute
        return any(opens <= minute < closes for opens, closes in self._open_minutes(day))

    def next_open(self, at: datetime) -> datetime | None:
        """The first moment from `at` on at which it is open, `at` itself if it is; None when not within 400 days."""
        return self.first_open(at, at + LOOK_AHEAD)

    def first_open(self, start: datetime, end: datetime) -> datetime | None:
        """The first moment in [start, end) at which it is open; None when it is closed all through."""
        if start < end and self.is_open(start):
            return start
        return next((opens for opens, _ in self._pieces(start, end)), None)

    def periods(self, start: datetime, end: datetime) -> list[Period]:
        """When it is open in [start, end), ascending; what touches is one."""
        found: list[Period] = []
        for opens, closes in self._pieces(start, end):
            if found and found[-1].end == opens:
                found[-1] = Period(found[-1].start, closes)
            else:
                found.append(Period(opens, closes))
        return found

    def day(self, day: date) -> DayFacts:
        """What a local day looks like, for people to see."""
        periods = [
            (opens + piece.offset, closes + piece.offset)
            for piece in local_day(self.zone, day)
            for opens, closes in self._pieces(piece.start, piece.end)
        ]
        midnight = datetime.combine(day, time.min, UTC)
        intervals = _merged(((opens - midnight) // MINUTE, (closes - midnight) // MINUTE) for opens, closes in periods)
        return DayFacts(day, intervals, self._holiday(day), clock_change(self.zone, day))

    def _pieces(self, start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
        """As periods(), where those of two days may touch."""
        for segment in segments(self.zone, start, end):
            midnight = _midnight(segment.start, segment.offset)
            while midnight < segment.end:
                day = (midnight + segment.offset).date()
                first, last = max(midnight, segment.start), min(midnight + ONE_DAY, segment.end)
                if (speaker := self._speaker(day)) is self:
                    for opens, closes in self._open_minutes(day):
                        piece = max(midnight + opens * MINUTE, first), min(midnight + closes * MINUTE, last)
                        if piece[0] < piece[1]:
                            yield piece
                elif speaker is not None:
                    yield from speaker._pieces(first, last)
                midnight += ONE_DAY

    def _speaker(self, day: date) -> OfficeHours | None:
        """Whose hours count on a day: an alternative's or its own; None's when it is not in effect."""
        for alternative in self.alternatives:
            if alternative.first <= day <= alternative.last:
                return alternative.hours
        if self.effective and not any(first <= day <= last for first, last in self.effective):
            return None
        return self

    def _holiday(self, day: date) -> str:
        """The name of the holiday that closes the day, whoever counts on it."""
        speaker = self._speaker(day)
        if speaker is None or speaker is self:
            return self._says(day).holiday
        return speaker._holiday(day)

    def _open_minutes(self, day: date) -> tuple[Minutes, ...]:
        """The hours of a day on which its own count, from 0 to 1440, ascending and apart."""
        if (known := self._open.get(day)) is not None:
            return known
        today, eve = self._says(day), self._says(day - ONE_DAY)
        found = [*today.added, *_after_midnight(eve.added)]
        if not today.holiday:
            found += today.weekly
            if not eve.holiday:
                found += _after_midnight(eve.weekly)
        return _keep(self._open, day, _merged(_until_midnight(found)))

    def _says(self, day: date) -> _Said:
        """What it says of the hours that open on a day, to itself and to those that include it."""
        if (known := self._said.get(day)) is not None:
            return known
        speaker = self._speaker(day)
        if speaker is None:
            return _keep(self._said, day, _Said())
        said = self._says_itself(day) if speaker is self else speaker._says(day)
        if self._speaker(day + ONE_DAY) is not speaker:
            said = _Said(tuple(_until_midnight(said.weekly)), tuple(_until_midnight(said.added)), said.holiday)
        return _keep(self._said, day, said)

    def _says_itself(self, day: date) -> _Said:
        weekday = day.isoweekday()
        weekly = [_run_on(each.opens, each.closes) for each in self.weekly if weekday in each.days]
        added = [_run_on(each.opens, each.closes) for each in self.added if _is_on(each.day, day)]
        holiday = public_holidays(self.country, day.year).get(day, "") if self.country else ""
        if not holiday and any(_is_on(each, day) for each in self.holidays):
            holiday = HOLIDAY
        for other in self.regular:
            weekly += other._says(day).weekly
        for other in self.included:
            said = other._says(day)
            weekly += said.weekly
            added += said.added
            holiday = holiday or said.holiday
        return _Said(tuple(weekly), tuple(added), holiday)


def _midnight(at: datetime, offset: timedelta) -> datetime:
    """The midnight, in UTC, that begins the local day of a moment, as long as that offset holds."""
    return datetime.combine((at + offset).date(), time.min, UTC) - offset


def _is_on(day: Day, date: date) -> bool:
    return (day.month, day.day) == (date.month, date.day) and day.year in {None, date.year}


def _run_on(opens: int, closes: int) -> Minutes:
    """Hours that close before they open close on the next day."""
    return opens, closes if closes > opens else closes + DAY_MINUTES


def _until_midnight(intervals: Iterable[Minutes]) -> Iterator[Minutes]:
    return ((opens, min(closes, DAY_MINUTES)) for opens, closes in intervals)


def _after_midnight(intervals: Iterable[Minutes]) -> Iterator[Minutes]:
    return ((0, closes - DAY_MINUTES) for _, closes in intervals if closes > DAY_MINUTES)


def _merged(intervals: Iterable[Minutes]) -> tuple[Minutes, ...]:
    """Ascending, and apart from each other."""
    found: list[Minutes] = []
    for opens, closes in sorted(intervals):
        if found and opens <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], closes))
        else:
            found.append((opens, closes))
    return tuple(found)


def _keep(kept: dict[date, Value], day: date, value: Value) -> Value:
    if len(kept) >= MOST_KEPT:
        kept.clear()
    kept[day] = value
    return value
