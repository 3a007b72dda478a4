"""The next days of office hours and of capacity, as the editors in admin show them while somebody fills in a form."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import TypeVar
from zoneinfo import ZoneInfo

from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from scheduling import offices
from scheduling.capacity import Capacity
from scheduling.hours import Minutes, OfficeHours
from scheduling.offices import Unreadable
from scheduling.zones import clock_change, local_day
from services import previews
from services.models import ConfiguredService
from services.previews import NoPreview

DAYS = 14
# So many holidays are listed, of so many days.
MOST_HOLIDAYS = 8
HOLIDAYS_WITHIN = 366
# No zone's offset is finer today.
STEP = timedelta(minutes=15)
TEMPLATE = "admin/scheduling/preview.html"
# Lines of the bars, in minutes.
TICKS = (360, 720, 1080)

Value = TypeVar("Value")


@dataclass(frozen=True)
class Bar:
    """A part of a day, in minutes after its midnight; `share`, from 0 to 100, is how high it stands."""

    start: int
    end: int
    share: int = 100

    @property
    def length(self) -> int:
        return self.end - self.start

    @property
    def top(self) -> int:
        return 100 - self.share


@dataclass(frozen=True)
class PreviewDay:
    """One line of the preview. `words` say of the day what the bars show."""

    date: date
    bars: list[Bar]
    words: str
    notes: list[str]
    is_special: bool


def register() -> None:
    previews.register(offices.OFFICE_HOURS, preview_office_hours)
    previews.register(offices.CAPACITY, preview_capacity)


def preview_office_hours(service: ConfiguredService, now: datetime) -> SafeString:
    """Two weeks of the hours that these options amount to. Raises NoPreview."""
    hours = _readable(lambda: offices.hours_of(service))
    today = now.astimezone(hours.zone).date()
    return _page(
        zone=hours.zone,
        state=_state(hours, now),
        days=[_day_of_hours(hours, today + timedelta(days=n)) for n in range(DAYS)],
        holidays=list(_next_holidays(hours, today)),
    )


def preview_capacity(service: ConfiguredService, now: datetime) -> SafeString:
    """Two weeks of the places that these options amount to. Raises NoPreview."""
    capacity = _readable(lambda: offices.capacity_of(service))
    today = now.astimezone(capacity.zone).date()
    places = {day: _places(capacity, day) for day in (today + timedelta(days=n) for n in range(DAYS))}
    most = max((number for hours in places.values() for number in hours.values()), default=0)
    here = capacity.at(now)
    return _page(
        zone=capacity.zone,
        state=f"A slot that begins now takes {here} callback{'' if here == 1 else 's'}.",
        days=[_day_of_capacity(capacity.zone, day, hours, most) for day, hours in places.items()],
        holidays=[],
    )


def _readable(read: Callable[[], Value]) -> Value:
    try:
        return read()
    except Unreadable as why:
        raise NoPreview(str(why)) from None


def _page(**context: object) -> SafeString:
    return render_to_string(TEMPLATE, {**context, "ticks": TICKS})


def _state(hours: OfficeHours, now: datetime) -> str:
    """Whether it is open now, and until when that holds."""
    opens = hours.next_open(now)
    if opens is None:
        return "Closed now, and does not open within 400 days."
    if opens > now:
        return f"Closed now, opens {opens.astimezone(hours.zone):%A %-d %B %Y at %H:%M}."
    closes = hours.periods(now, now + timedelta(days=DAYS))[0].end
    if closes >= now + timedelta(days=DAYS):
        return "Open now, and for the next 14 days."
    return f"Open now, closes {closes.astimezone(hours.zone):%A %-d %B %Y at %H:%M}."


def _day_of_hours(hours: OfficeHours, day: date) -> PreviewDay:
    facts = hours.day(day)
    words = ", ".join(map(_between, facts.intervals)) or "closed"
    notes = [note for note in (facts.holiday, facts.clock_change) if note]
    return PreviewDay(day, [Bar(*each) for each in facts.intervals], words, notes, bool(notes))


def _next_holidays(hours: OfficeHours, today: date) -> Iterator[tuple[date, str]]:
    left = MOST_HOLIDAYS
    for n in range(HOLIDAYS_WITHIN):
        if left and (name := hours.day(today + timedelta(days=n)).holiday):
            left -= 1
            yield today + timedelta(days=n), name


def _places(capacity: Capacity, day: date) -> dict[int, int]:
    """How many places a slot has, by the hour on the wall; hours that the day does not have are not there."""
    found = {}
    for piece in local_day(capacity.zone, day):
        at = piece.start
        while at < piece.end:
            found[(at + piece.offset).hour] = capacity.at(at)
            at += STEP
    return dict(sorted(found.items()))


def _day_of_capacity(zone: ZoneInfo, day: date, places: dict[int, int], most: int) -> PreviewDay:
    bars, words = [], []
    for number, run in groupby(places, places.__getitem__):
        hours = list(run)
        start, end = hours[0] * 60, (hours[-1] + 1) * 60
        if number:
            bars.append(Bar(start, end, share=round(100 * number / most)))
            words.append(f"{_between((start, end))}: {number}")
    note = clock_change(zone, day)
    return PreviewDay(day, bars, ", ".join(words) or "no places", [note] if note else [], bool(note))


def _between(minutes: Minutes) -> str:
    start, end = minutes
    return f"{start // 60:02}:{start % 60:02}-{end // 60:02}:{end % 60:02}"
