"""What the address bar of the list of callbacks says: which callbacks, in which order, in which columns.

The list, bulk cancel and the export all read it here, so that all of them mean the same callbacks (docs/list.md).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Any

from django.db.models import Q
from django.http import QueryDict
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.http import urlencode
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from callbacks.flow.states import Reason, State
from callbacks.models import Callback, CallbackQuerySet
from callbacks.pages.access import SEE_NUMBERS
from services import people

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

CUSTOM = "custom"
TODAY = "today"
# The vendor's eight, in their order.
RANGES: dict[str, str | Promise] = {
    "last-24-hours": _("Last 24 hours"),
    "last-7-days": _("Last 7 days"),
    "last-30-days": _("Last 30 days"),
    TODAY: _("Today"),
    "next-24-hours": _("Next 24 hours"),
    "next-7-days": _("Next 7 days"),
    "next-30-days": _("Next 30 days"),
    CUSTOM: _("Custom range"),
}
# The vendor's maximum of one month: the longest that a month is.
MOST_DAYS = 31
# Years that a range may be of: beside their ends nothing can be reckoned, in any zone.
YEARS = range(1900, 2200)

# What an index holds in this order within any time range; a leading minus turns it round (callbacks/pages/listing.py).
ORDERS: dict[str, str] = {
    "desired": "desired_at",
    "state": "state",
    "service": "service_name",
    "reason": "reason",
    "queue": "queue",
    "agent": "agent",
}
COLUMNS: dict[str, str | Promise] = {
    "id": _("Service ID"),
    "state": _("State"),
    "reason": _("Reason"),
    "desired": _("Desired"),
    "number": _("Number"),
    "service": _("Service"),
    "queue": _("Queue"),
    "agent": _("Agent"),
    "created": _("Created"),
    "completed": _("Completed"),
}
DEFAULT_COLUMNS = ("state", "reason", "desired", "number", "service", "agent", "created")
# In front of a request key that is a column.
KEY = "key."
NUMBER_KEY = "_customer_number"
MOST_DATA = 5
# What the address says about time, and what depends on it.
_OF_TIME = {"range", "from", "to", "sort"}
MOST_KEY_COLUMNS = 10


@dataclass(frozen=True)
class View:
    """One view of the list. Where there are `errors` (field to text) it shows no callback: never more than was meant.

    `start` and `end` bound the desired time, the end excluded. `services` are names, `service_ids` the keys of those
    that the person may see. `number` may begin or end with `*` for whoever may see numbers.
    """

    range: str
    start: datetime
    end: datetime
    zone: tzinfo
    states: tuple[str, ...] = ()
    reason: str = ""
    services: tuple[str, ...] = ()
    service_ids: tuple[int, ...] = ()
    queue: str = ""
    agent: str = ""
    number: str = ""
    data: tuple[tuple[str, str], ...] = ()
    sort: str = ""
    columns: tuple[str, ...] = DEFAULT_COLUMNS
    errors: Mapping[str, str] = field(default_factory=dict)
    # What was typed and could not be read, by field, for the form to show again.
    typed: Mapping[str, str] = field(default_factory=dict)
    # Every service that the person may choose from, by name.
    choices: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def read(cls, query: QueryDict, *, user: User | AnonymousUser, now: datetime, zone: tzinfo | None = None) -> View:
        """The view that `query` asks for. One statement, two for a person limited to services.

        `zone` is that of whoever looks, in which days begin: without it the one that is active. What runs later (a
        job) gives the `now` of the moment at which the person asked.
        """
        return _Reader(query, user).view(now, zone or timezone.get_current_timezone())

    def rows(self, user: User | AnonymousUser) -> CallbackQuerySet:
        """The callbacks of this view that the person may see, in no order."""
        visible = Callback.objects.visible_to(user)
        return visible.none() if self.errors else visible.filter(self.condition)

    @property
    def condition(self) -> Q:
        return Q(desired_at__gte=self.start, desired_at__lt=self.end) & self.but_time

    @property
    def but_time(self) -> Q:
        """All that it asks for beside the time range."""
        asked = Q()
        if self.states:
            asked &= Q(state__in=self.states)
        if self.services:
            asked &= Q(service__in=self.service_ids)
        for name in ("reason", "queue", "agent"):
            if value := getattr(self, name):
                asked &= Q((name, value))
        if self.number:
            asked &= _numbered(self.number)
        for key, value in self.data:
            asked &= _said(key, value)
        return asked

    @property
    def order(self) -> tuple[str, ...]:
        """For `order_by`: the chosen column, then the desired time and the id, so that it is total."""
        return tuple(f"-{name}" if self.descending else name for name in self.order_names)

    @property
    def order_names(self) -> tuple[str, ...]:
        column = ORDERS[self.sort.removeprefix("-")]
        return (column, "id") if column == "desired_at" else (column, "desired_at", "id")

    @property
    def descending(self) -> bool:
        return self.sort.startswith("-")

    @property
    def has_number(self) -> bool:
        """True where a customer's number stands in it."""
        return bool(self.number) or any(key == NUMBER_KEY for key, _ in self.data)

    @property
    def filtered(self) -> bool:
        """True where it leaves out callbacks of its time range."""
        return bool(self.but_time)

    @property
    def parameters(self) -> list[tuple[str, str]]:
        """Names and values of the address, in one order, without what is so anyway."""
        said: list[tuple[str, str]] = []
        if self.range != TODAY:
            said.append(("range", self.range))
        if self.range == CUSTOM:
            said += [("from", written(self.start)), ("to", written(self.end))]
        said += [("state", state) for state in self.states]
        said += [(name, getattr(self, name)) for name in ("reason",) if getattr(self, name)]
        said += [("service", name) for name in self.services]
        said += [(name, getattr(self, name)) for name in ("queue", "agent", "number") if getattr(self, name)]
        said += [("data", f"{key}={value}") for key, value in self.data]
        if self.sort != default_sort(self.range):
            said.append(("sort", self.sort))
        if self.columns != DEFAULT_COLUMNS:
            said += [("column", column) for column in self.columns]
        return said

    @property
    def query(self) -> str:
        """The canonical query string, empty for the list as it opens: reading it gives this view again."""
        return urlencode(self.parameters)

    @property
    def but_query(self) -> str:
        """The same of all but the time range, for the same in another one."""
        return urlencode([(name, value) for name, value in self.parameters if name not in _OF_TIME])

    @property
    def words(self) -> list[str]:
        """What it asks for, as a person reads it: the time range first."""
        local = (f"{at.astimezone(self.zone):%Y-%m-%d %H:%M %Z}" for at in (self.start, self.end))
        said = [" \N{EN DASH} ".join(local) if self.range == CUSTOM else str(RANGES[self.range])]
        said += [str(dict(Callback.STATES)[State(state)]) for state in self.states]
        said += [*([self.reason] if self.reason else []), *self.services]
        if self.queue:
            said.append(gettext("queue %(name)s") % {"name": self.queue})
        if self.agent:
            said.append(gettext("agent %(name)s") % {"name": self.agent})
        if self.number:
            said.append(gettext("number %(number)s") % {"number": self.number})
        return said + [f"{key}={value}" for key, value in self.data]


def default_sort(range_: str) -> str:
    """What is past newest first, what is to come in the order in which it comes."""
    return "desired" if range_.startswith("next-") else "-desired"


def written(at: datetime) -> str:
    """A moment as the address says it, which means the same in every zone."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M}Z"


def window(range_: str, now: datetime, zone: tzinfo) -> tuple[datetime, datetime]:
    """From when to when a range other than the custom one goes.

    Days are those of the zone: a week before noon is noon, also when the clocks were changed meanwhile; 24 hours are
    24 hours.
    """
    if range_ == TODAY:
        midnight = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
        return _shifted(midnight, 0, zone), _shifted(midnight, 1, zone)
    side, number, unit = range_.split("-")
    if unit == "hours":
        other = now + timedelta(hours=int(number)) * (1 if side == "next" else -1)
    else:
        other = _shifted(now.astimezone(zone), int(number) * (1 if side == "next" else -1), zone)
    return (now, other) if side == "next" else (other, now)


def _shifted(local: datetime, days: int, zone: tzinfo) -> datetime:
    """The same clock time, so many days on."""
    return (local.replace(tzinfo=None, fold=0) + timedelta(days=days)).replace(tzinfo=zone).astimezone(UTC)


def _numbered(number: str) -> Q:
    if number.startswith("*"):
        return Q(customer_number__endswith=number[1:])
    if number.endswith("*"):
        return Q(customer_number__startswith=number[:-1])
    return Q(customer_number=number)


def meant(key: str, value: str) -> list[dict[str, Any]]:
    """What a request may have said: the text, or where it reads like one the number, truth or null."""
    try:
        parsed = json.loads(value)
        # What Python reads besides (NaN, Infinity, 1e400) is no JSON.
        json.dumps(parsed, allow_nan=False)
    except (ValueError, RecursionError):
        return [{key: value}]
    return [{key: value}] if isinstance(parsed, str | list | dict) else [{key: value}, {key: parsed}]


def _said(key: str, value: str) -> Q:
    """That the request said this; keys with an underscore are no user data."""
    columns = ("properties", "overrides") if key.startswith("_") else ("user_data",)
    said = Q()
    for column in columns:
        for each in meant(key, value):
            said |= Q((f"{column}__contains", each))
    return said


class _Reader:
    def __init__(self, query: QueryDict, user: User | AnonymousUser) -> None:
        self.query = query
        self.user = user
        self.errors: dict[str, str] = {}
        self.typed: dict[str, str] = {}

    def view(self, now: datetime, zone: tzinfo) -> View:
        range_, start, end = self._times(now, zone)
        choices = dict(people.visible(self.user).order_by("name").values_list("name", "pk"))
        services = self._several("service", choices, _("There is no service “%(value)s” that you may see."))
        reason = self._one_of("reason", list(Reason), _("“%(value)s” is no reason."))
        sort = self._one_of("sort", ORDERS, _("The list cannot be sorted by “%(value)s”."))
        return View(
            range=range_,
            start=start,
            end=end,
            zone=zone,
            states=self._several("state", [state.value for state in State], _("“%(value)s” is no state.")),
            reason=reason,
            services=services,
            service_ids=tuple(choices[name] for name in services),
            queue=self._text("queue"),
            agent=self._text("agent"),
            number=self._number(),
            data=self._data(),
            sort=sort or default_sort(range_),
            columns=self._columns(),
            errors=self.errors,
            typed=self.typed,
            choices=choices,
        )

    def _text(self, name: str) -> str:
        # PostgreSQL has no NUL in texts.
        return self.query.get(name, "").replace("\0", "").strip()

    def _texts(self, name: str) -> list[str]:
        texts = (text.replace("\0", "").strip() for text in self.query.getlist(name))
        return list(dict.fromkeys(text for text in texts if text))

    def _fault(self, name: str, text: str | Promise, value: str = "") -> None:
        self.errors.setdefault(name, str(text) % {"value": value} if value else str(text))

    def _several(self, name: str, known: Sequence[str] | Mapping[str, int], fault: str | Promise) -> tuple[str, ...]:
        """Those that are known, in the order of `known`: two addresses that mean the same are the same."""
        chosen = self._texts(name)
        for value in chosen:
            if value not in known:
                self._fault(name, fault, value)
        return tuple(value for value in known if value in chosen)

    def _one_of(self, name: str, known: Sequence[str] | Mapping[str, str], fault: str | Promise) -> str:
        value = self._text(name)
        plain = value.removeprefix("-") if name == "sort" else value
        if not value or plain in known:
            return value
        self._fault(name, fault, value)
        return ""

    def _times(self, now: datetime, zone: tzinfo) -> tuple[str, datetime, datetime]:
        range_ = self._text("range") or TODAY
        if range_ not in RANGES:
            self._fault("range", _("“%(value)s” is no time range."), range_)
            range_ = TODAY
        if range_ != CUSTOM:
            return range_, *window(range_, now, zone)
        start, end = self._moment("from", zone, fold=0), self._moment("to", zone, fold=1)
        if start and end:
            if start >= end:
                self._fault("from", _("The start is not before the end."))
            elif end > _shifted(start.astimezone(zone), MOST_DAYS, zone):
                self._fault("to", _("The maximum range is one month (31 days)."))
        today = window(TODAY, now, zone)
        return range_, start or today[0], end or today[1]

    def _moment(self, name: str, zone: tzinfo, *, fold: int) -> datetime | None:
        """A moment, local where it does not say its offset; an hour that comes twice is taken in whole."""
        text = self._text(name)
        self.typed[name] = text
        if not text:
            self._fault(name, _("A custom range needs both a start and an end."))
            return None
        try:
            at = datetime.fromisoformat(text)
            if at.year in YEARS:
                at = at if at.tzinfo else at.replace(tzinfo=zone, fold=fold)
                return at.astimezone(UTC).replace(second=0, microsecond=0)
        except (ValueError, OverflowError):
            pass
        self._fault(name, _("“%(value)s” is no time: write it as 2026-11-22T16:55."), text)
        return None

    def _number(self) -> str:
        number = self._text("number")
        if "*" not in number:
            return number
        self.typed["number"] = number
        plain = number.strip("*")
        if not self.user.has_perm(SEE_NUMBERS):
            self._fault("number", _("Only who may see numbers can look for a part of one."))
        elif len(plain) < 3 or len(number) - len(plain) > 1 or "*" in plain:
            self._fault("number", _("Write at least three digits, with one * before or behind them."))
        return number

    def _data(self) -> tuple[tuple[str, str], ...]:
        found = []
        for text in self._texts("data")[:MOST_DATA]:
            key, equals, value = (part.strip() for part in text.partition("="))
            if key and equals and value:
                found.append((key, value))
            else:
                self.typed["data"] = text
                self._fault("data", _("“%(value)s” is no user data: write key=value."), text)
        return tuple(found)

    def _columns(self) -> tuple[str, ...]:
        """Those that are known in their order, then request keys; the state, which leads on, always."""
        chosen = [*self._texts("column"), *(f"{KEY}{key}" for key in self._texts("key"))]
        if not chosen:
            return DEFAULT_COLUMNS
        keys = [column for column in chosen if column.startswith(KEY) and len(column) > len(KEY)]
        known = (column for column in COLUMNS if column in chosen or column == "state")
        return (*known, *keys[:MOST_KEY_COLUMNS])
