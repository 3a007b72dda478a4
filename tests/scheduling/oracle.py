"""Office hours by brute force: rules as plain data, and each moment looked up in them on its own, by its wall clock."""

from __future__ import annotations

import zoneinfo
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TypeVar
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from scheduling.hours import Alternative, OfficeHours
from services import kinds

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
Drawn = TypeVar("Drawn")

ONE_DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
ZONES = sorted(zoneinfo.available_timezones() - {"Factory", "localtime"})


def clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


@dataclass(frozen=True, eq=False)
class Rules:
    """What an office-hours service says, as it would be told: days as 0 Monday … 6 Sunday, times in minutes."""

    zone: str
    weekly: tuple[tuple[int, int, int, int], ...] = ()  # first day, last day, opens, closes
    added: tuple[tuple[str, int, int], ...] = ()  # day, opens, closes
    holidays: tuple[str, ...] = ()
    effective: tuple[tuple[date, date], ...] = ()
    alternatives: tuple[tuple[date, date, Rules], ...] = ()
    regular: tuple[Rules, ...] = ()
    included: tuple[Rules, ...] = ()

    def built(self) -> OfficeHours:
        """As the texts of its options are read."""
        weekly = [f"{DAYS[first]}-{DAYS[last]} {clock(a)}-{clock(b)}" for first, last, a, b in self.weekly]
        return OfficeHours(
            zone=ZoneInfo(self.zone),
            weekly=tuple(kinds.WEEK_HOURS.read(text) for text in weekly),  # type: ignore[misc]
            added=tuple(kinds.DATED_HOURS.read(f"{day} {clock(a)}-{clock(b)}") for day, a, b in self.added),  # type: ignore[misc]
            holidays=tuple(kinds.DAY.read(day) for day in self.holidays),  # type: ignore[misc]
            effective=self.effective,
            alternatives=tuple(Alternative(first, last, other.built()) for first, last, other in self.alternatives),
            regular=tuple(other.built() for other in self.regular),
            included=tuple(other.built() for other in self.included),
        )


def is_open(rules: Rules, at: datetime) -> bool:
    """True if the rules, looked up one by one, have the office open when its wall shows what it shows at `at`."""
    local = at.astimezone(ZoneInfo(rules.zone))
    today, minute = local.date(), local.hour * 60 + local.minute
    who = counts(rules, today)
    if who is not rules:
        return who is not None and is_open(who, at)
    eve, later = today - ONE_DAY, minute + 1440
    if is_in(rules, "added", today, minute) or is_in(rules, "added", eve, later):
        return True
    if is_holiday(rules, today):
        return False
    return is_in(rules, "weekly", today, minute) or (not is_holiday(rules, eve) and is_in(rules, "weekly", eve, later))


def counts(rules: Rules, day: date) -> Rules | None:
    for first, last, other in rules.alternatives:
        if first <= day <= last:
            return other
    return rules if not rules.effective or any(first <= day <= last for first, last in rules.effective) else None


def is_in(rules: Rules, layer: str, opened: date, minute: int) -> bool:
    """True if hours that open on that day last until that minute, counted from the midnight before they open."""
    who = counts(rules, opened)
    if who is None or (minute >= 1440 and counts(rules, opened + ONE_DAY) is not who):
        return False
    if who is not rules:
        return is_in(who, layer, opened, minute)
    if layer == "weekly":
        own = [(a, b) for first, last, a, b in rules.weekly if (opened.weekday() - first) % 7 <= (last - first) % 7]
        others = (*rules.regular, *rules.included)
    else:
        own = [(a, b) for day, a, b in rules.added if opened.isoformat().endswith(day)]
        others = rules.included
    return any(a <= minute < (b if b > a else b + 1440) for a, b in own) or any(
        is_in(other, layer, opened, minute) for other in others
    )


def is_holiday(rules: Rules, day: date) -> bool:
    who = counts(rules, day)
    if who is None:
        return False
    if who is not rules:
        return is_holiday(who, day)
    return any(day.isoformat().endswith(each) for each in rules.holidays) or any(
        is_holiday(other, day) for other in rules.included
    )


def clock_changes(zone: str, year: int) -> list[datetime]:
    """The last sampled moments, six hours apart, before the clocks of a zone change."""
    samples = [datetime(year, 1, 1, tzinfo=UTC) + timedelta(hours=6 * n) for n in range(4 * 366)]
    offsets = [at.astimezone(ZoneInfo(zone)).utcoffset() for at in samples]
    return [samples[n] for n in range(len(samples) - 1) if offsets[n] != offsets[n + 1]]


@st.composite
def zones_and_moments(draw: st.DrawFn) -> tuple[str, datetime]:
    """Any zone there is, and a moment, a whole minute, that is mostly within a day of a change of its clocks.

    Drawn at random, because drawing each by itself would try the same twenty zones again and again.
    """
    chance = draw(st.randoms(use_true_random=True))
    # Before 1975 some zones still had seconds, in which a minute of ours is none of the wall's.
    zone, year = chance.choice(ZONES), chance.randint(1975, 2036)
    changes = clock_changes(zone, year)
    if changes and chance.random() < 0.75:
        return zone, chance.choice(changes) + chance.randint(-1440, 360) * MINUTE
    return zone, datetime(year, 1, 1, tzinfo=UTC) + chance.randint(0, 365 * 1440) * MINUTE


# Often near the hours at which clocks change, and often over midnight.
EARLY, LATE = st.integers(0, 240), st.integers(900, 1439)
TIMES = st.one_of(
    st.tuples(EARLY, st.one_of(LATE, st.just(1440))),
    st.tuples(LATE, EARLY),
    st.tuples(EARLY, EARLY).filter(lambda each: each[0] != each[1]),
)


@st.composite
def rules_around(draw: st.DrawFn, zone: str, day: date, depth: int = 2) -> Rules:
    """Rules that say something about the days around one; `depth` is how far others are referred to."""
    days = st.integers(-1, 2).map(lambda n: day + n * ONE_DAY)
    told = st.tuples(days, st.booleans()).map(lambda each: each[0].isoformat()[5 if each[1] else 0 :])
    ranges = st.tuples(days, st.integers(0, 2)).map(lambda each: (each[0], each[0] + each[1] * ONE_DAY))

    def few(strategy: st.SearchStrategy[Drawn], most: int = 2, least: int = 0) -> tuple[Drawn, ...]:
        return tuple(draw(st.lists(strategy, min_size=least, max_size=most)))

    weekdays = st.one_of(st.just((0, 6)), st.tuples(st.integers(0, 6), st.integers(0, 6)))
    # Every other service stands alone, so that what others say does not hide what it says itself.
    one = 1 if depth and draw(st.booleans()) else 0
    others = rules_around(draw(st.sampled_from([zone, "Asia/Kathmandu"])), day, depth - 1)
    return Rules(
        zone,
        weekly=tuple((*days, *times) for days, times in few(st.tuples(weekdays, TIMES), least=1)),
        added=tuple((each, *times) for each, times in few(st.tuples(told, TIMES))),
        holidays=few(told),
        effective=few(ranges) if draw(st.booleans()) else (),
        alternatives=tuple((*dates, other) for dates, other in few(st.tuples(ranges, others), one)),
        regular=few(others, one),
        included=few(others, one),
    )
