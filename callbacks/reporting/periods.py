"""Of which days a report is, and with which it is compared. Pure; days are those of the office."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

DAY = timedelta(days=1)
# Totals of days are kept for 400 days.
FURTHEST = timedelta(days=399)
MOST_DAYS = 366
CUSTOM = "custom"
DEFAULT = "7d"


@dataclass(frozen=True)
class Days:
    """From `first` to `last`, both included."""

    first: date
    last: date

    def __len__(self) -> int:
        return (self.last - self.first).days + 1

    def __iter__(self) -> Iterator[date]:
        return (self.first + number * DAY for number in range(len(self)))

    def moved(self, by: timedelta) -> Days:
        return Days(self.first + by, self.last + by)

    def split(self) -> tuple[list[date], list[date]]:
        """The months that lie in it whole, by their first days, and the days beside them."""
        months, days = [], []
        day = self.first
        while day <= self.last:
            following = next_month(day)
            if day.day == 1 and following - DAY <= self.last:
                months.append(day)
                day = following
            else:
                days.append(day)
                day += DAY
        return months, days


@dataclass(frozen=True)
class Period:
    """`before` is what it is compared with: the same days of the week wherever whole weeks can be had; None where
    nothing that old is kept.
    """

    name: str
    days: Days
    before: Days | None


class BadPeriod(ValueError):
    """What was asked for is no period; its text says why, for people."""


def _last(days: int) -> Callable[[date], Days]:
    return lambda today: Days(today - (days - 1) * DAY, today)


def _month(today: date) -> Days:
    return Days(today.replace(day=1), today)


def _last_month(today: date) -> Days:
    last = today.replace(day=1) - DAY
    return Days(last.replace(day=1), last)


CHOICES: dict[str, tuple[StrOrPromise, Callable[[date], Days]]] = {
    "today": (gettext_lazy("Today"), _last(1)),
    "yesterday": (gettext_lazy("Yesterday"), lambda today: Days(today - DAY, today - DAY)),
    "7d": (gettext_lazy("Last 7 days"), _last(7)),
    "28d": (gettext_lazy("Last 28 days"), _last(28)),
    "month": (gettext_lazy("This month"), _month),
    "last-month": (gettext_lazy("Last month"), _last_month),
    "52w": (gettext_lazy("Last 52 weeks"), _last(364)),
}


def read(query: Mapping[str, str], today: date) -> Period:
    """The period that an address names; DEFAULT where it names none. Raises BadPeriod."""
    name = query.get("period", "") or (CUSTOM if query.get("from") or query.get("to") else DEFAULT)
    if name == CUSTOM:
        days = _custom(query.get("from", ""), query.get("to", ""), today)
    elif name in CHOICES:
        days = CHOICES[name][1](today)
    else:
        known = ", ".join([*CHOICES, CUSTOM])
        raise BadPeriod(_("“%(name)s” is no period. There are %(known)s.") % {"name": name[:40], "known": known})
    return Period(name, days, _before(name, days, today))


def _custom(first: str, last: str, today: date) -> Days:
    try:
        days = Days(date.fromisoformat(first), date.fromisoformat(last))
    except ValueError:
        raise BadPeriod(_("Give the first and the last day, each as YYYY-MM-DD.")) from None
    if days.last < days.first:
        raise BadPeriod(_("The last day is before the first one."))
    if days.first > today:
        raise BadPeriod(_("The first day is in the future; reports tell what has been."))
    days = Days(days.first, min(days.last, today))
    if len(days) > MOST_DAYS:
        text = _("These are %(days)d days; a report can have %(most)d.")
        raise BadPeriod(text % {"days": len(days), "most": MOST_DAYS})
    if days.first < today - FURTHEST:
        text = _("Figures of days are kept for 400 days: the first day can be %(day)s.")
        raise BadPeriod(text % {"day": (today - FURTHEST).isoformat()})
    return days


def _before(name: str, days: Days, today: date) -> Days | None:
    """For a month the one before, as far as this one has come; else whole weeks earlier, without an overlap."""
    if name in {"month", "last-month"}:
        first = (days.first - DAY).replace(day=1)
        last = min(first + (len(days) - 1) * DAY, days.first - DAY) if name == "month" else days.first - DAY
        before = Days(first, last)
    else:
        before = days.moved(-timedelta(weeks=-(-len(days) // 7)))
    return before if before.first >= today - FURTHEST else None


def next_month(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=31)).replace(day=1)


def week_of(day: date) -> date:
    """The Monday of its week."""
    return day - timedelta(days=day.weekday())
