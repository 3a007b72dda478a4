"""The calendar as rows and columns: times of day on the office's clock against days, or against parts of the hour.

Pure. Rows are what the clock on the wall shows, so a row has no cell on a day on which clocks skip it, and what comes
twice on a day is a row of its own.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from scheduling.occupancy import SlotUse
from scheduling.slots import Slot, slots
from scheduling.zones import local_day, offset_at

ONE_DAY = timedelta(days=1)
HOUR = 60
# In a week finer slots than this are summed up by the hour: nobody can read 288 rows.
FINEST_OF_WEEK = 15
# Shades of the heat map: a quarter of the places each.
SHADES = 4

CLOSED, FREE, FULL, BLOCKED, PARTLY = "closed", "free", "full", "blocked", "partly"


@dataclass(frozen=True, slots=True)
class Cell:
    """What is booked in [start, end), UTC, of one service or of several; `slots` are those in which it is open."""

    start: datetime
    end: datetime
    booked: int = 0
    limit: int = 0
    free: int = 0
    slots: int = 0
    blocked: int = 0
    is_past: bool = False

    @property
    def state(self) -> str:
        if self.blocked and self.blocked == self.slots:
            return BLOCKED
        if self.blocked:
            return PARTLY
        if self.limit == 0 and self.booked == 0:
            return CLOSED
        return FREE if self.free else FULL

    @property
    def shade(self) -> int:
        """How much of it is booked: 0 nothing, 1 to SHADES by quarters."""
        if not self.booked:
            return 0
        return SHADES if self.booked >= self.limit else 1 + SHADES * self.booked // max(self.limit, 1)

    @property
    def key(self) -> str:
        """The moment as addresses say it."""
        return f"{self.start:%Y-%m-%dT%H:%M:%S.000Z}"


@dataclass(frozen=True, slots=True)
class Row:
    """`clock` is what the office's wall shows, for the second time that day if it `is_again`; `viewer` what theirs."""

    clock: str
    is_again: bool
    viewer: str
    cells: tuple[Cell | None, ...]


@dataclass(frozen=True, slots=True)
class Column:
    """A day, with how many hours it has where clocks change; or the minute of the hour at which the slots begin."""

    day: date | None = None
    hours: int | None = None
    minute: int | None = None


@dataclass(frozen=True)
class Grid:
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    # All of them in the order of time, also those of rows that are not shown.
    cells: tuple[Cell, ...] = field(repr=False)

    def cell_at(self, moment: datetime) -> Cell | None:
        """The cell that the moment is in."""
        place = bisect_right(self.cells, moment, key=lambda cell: cell.start) - 1
        cell = self.cells[place] if place >= 0 else None
        return cell if cell and moment < cell.end else None


# The hour, which time that it comes that day, and the minute.
Clock = tuple[int, int, int]


def stretch(days: list[date], zone: ZoneInfo) -> tuple[datetime, datetime]:
    """From the first moment of the first day to the end of the last one, in UTC."""
    found = [segment for day in (days[0], days[-1]) for segment in local_day(zone, day)]
    return found[0].start, found[-1].end


def week(
    uses: Iterable[SlotUse], days: list[date], minutes: int, zone: ZoneInfo, viewer: ZoneInfo, now: datetime
) -> Grid:
    """Days beside each other, a row for each slot; for each hour where slots are finer than a quarter."""
    cut = minutes if minutes >= FINEST_OF_WEEK else HOUR
    cells = _cells(uses, days, cut, zone, now)
    by_row: dict[Clock, dict[int, Cell]] = {}
    for clock, cell in _clocks(cells, zone):
        by_row.setdefault(clock, {})[days.index(_local(cell, zone).date())] = cell
    columns = tuple(Column(day=day, hours=hours_of(day, zone)) for day in days)
    return _grid(columns, by_row, cells, zone, viewer, by_day=True)


def day(uses: Iterable[SlotUse], day: date, minutes: int, zone: ZoneInfo, viewer: ZoneInfo, now: datetime) -> Grid:
    """Hours below each other, with the slots that begin in each beside each other."""
    cells = _cells(uses, [day], minutes, zone, now)
    starts = sorted({_local(cell, zone).minute for cell in cells})
    by_row: dict[Clock, dict[int, Cell]] = {}
    for (hour, again, minute), cell in _clocks(cells, zone):
        by_row.setdefault((hour, again, 0), {})[starts.index(minute)] = cell
    columns = tuple(Column(minute=minute) for minute in starts)
    return _grid(columns, by_row, cells, zone, viewer, by_day=False)


def _cells(uses: Iterable[SlotUse], days: list[date], minutes: int, zone: ZoneInfo, now: datetime) -> list[Cell]:
    start, end = stretch(days, zone)
    cut = slots(start, end, minutes, zone)
    starts = [slot.start for slot in cut]
    inside: list[list[SlotUse]] = [[] for _ in cut]
    for use in uses:
        if (place := bisect_right(starts, use.start) - 1) >= 0 and use.start < cut[place].end:
            inside[place].append(use)
    return [_sum(slot, found, now) for slot, found in zip(cut, inside, strict=True)]


def _sum(slot: Slot, uses: list[SlotUse], now: datetime) -> Cell:
    # A slot without places is as good as closed.
    taking = [use for use in uses if use.limit]
    return Cell(
        slot.start,
        slot.end,
        booked=sum(use.booked for use in uses),
        limit=sum(use.limit for use in taking),
        free=sum(use.free for use in taking),
        slots=len(taking),
        blocked=sum(bool(use.blocked) for use in taking),
        is_past=slot.end <= now,
    )


def _clocks(cells: list[Cell], zone: ZoneInfo) -> Iterator[tuple[Clock, Cell]]:
    """What the wall shows when each begins, with the number of times that it has shown it that day before."""
    shown = Counter[tuple[date, int, int]]()
    for cell in cells:
        local = _local(cell, zone)
        again = shown[local.date(), local.hour, local.minute]
        shown[local.date(), local.hour, local.minute] += 1
        yield (local.hour, again, local.minute), cell


def _grid(
    columns: tuple[Column, ...],
    by_row: dict[Clock, dict[int, Cell]],
    cells: list[Cell],
    zone: ZoneInfo,
    viewer: ZoneInfo,
    *,
    by_day: bool,
) -> Grid:
    """The rows from the first to the last in which anything is open or booked on any day."""
    clocks = sorted(by_row)
    of_interest = [
        place for place, clock in enumerate(clocks) if any(cell.state != CLOSED for cell in by_row[clock].values())
    ]
    shown = clocks[of_interest[0] : of_interest[-1] + 1] if of_interest else []
    rows = tuple(
        Row(
            clock=f"{hour:02}:{minute:02}",
            is_again=again > 0,
            # Of a row of the day the hour that begins it.
            viewer=_viewer(
                [cell for place, cell in by_row[hour, again, minute].items() if not place or by_day], zone, viewer
            ),
            cells=tuple(by_row[hour, again, minute].get(place) for place in range(len(columns))),
        )
        for hour, again, minute in shown
    )
    return Grid(columns, rows, tuple(cells))


def _viewer(cells: Iterable[Cell], zone: ZoneInfo, viewer: ZoneInfo) -> str:
    """What the viewer's clock shows meanwhile; two times where it is not the same all week, none where both agree."""
    there = [cell for cell in cells if offset_at(zone, cell.start) != offset_at(viewer, cell.start)]
    return "/".join(dict.fromkeys(f"{_local(cell, viewer):%H:%M}" for cell in there))


def hours_of(day: date, zone: ZoneInfo) -> int | None:
    """How many hours a day has on which clocks change; None on all others."""
    start, end = stretch([day], zone)
    return None if end - start == ONE_DAY else round((end - start) / timedelta(hours=1))


def _local(cell: Cell, zone: ZoneInfo) -> datetime:
    return cell.start.astimezone(zone)
