"""The slot picker: when a service can call a customer, one day at a time.

Nothing is promised here: a form that comes back is judged again, in the transaction that books the place.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

from django.utils import timezone
from django.utils.translation import gettext as _

from callbacks import promises
from callbacks.calling import CallingTimes, calling_times
from callbacks.promises import NotAvailable
from scheduling import availability, offices
from scheduling.availability import Offer
from scheduling.offices import Unreadable
from scheduling.plan import Plan
from scheduling.slots import slot_of
from services import resolution
from services.models import ConfiguredService
from telephony import estimates

NOW = "now"
# The days around one that has nothing: enough to see whether it is the evening or the week that is full.
_NEAREST = 5
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,3})?Z")


@dataclass(frozen=True)
class Choice:
    """One time that can be chosen; `value` is what the form sends."""

    value: str
    at: datetime
    free: int
    total: int

    @property
    def office_clock(self) -> str:
        """The same moment by the office's clock; empty where that says what the reader's says."""
        office = timezone.localtime(self.at, timezone.get_default_timezone())
        if office.utcoffset() == timezone.localtime(self.at).utcoffset():
            return ""
        return f"{office:%H:%M} {office.tzname()}"


@dataclass(frozen=True)
class Now:
    """A call as soon as possible: the wait in seconds, None where nobody is logged in; or why there is none.

    `opens_at`: nobody is called before.
    """

    ewt: float | None = None
    p90: float | None = None
    opens_at: datetime | None = None
    why_not: str = ""


@dataclass(frozen=True)
class Times:
    """What is offered on a `day`; where that is nothing, the `nearest` times. `chosen` is the value to be marked.

    `missed` is a time that was asked for and is not offered. With a `problem`, a sentence, there is no offer at all.
    """

    day: date
    first: date
    last: date
    now: Now
    offered: list[Choice] = field(default_factory=list)
    nearest: list[Choice] = field(default_factory=list)
    chosen: str = ""
    missed: datetime | None = None
    problem: str = ""

    @property
    def is_clock_change(self) -> bool:
        """True on a day on which the reader's clock is put forward or back: an hour may then come twice."""
        start, end = (timezone.localtime(moment) for moment in _bounds(self.day))
        return start.utcoffset() != end.utcoffset()


def value_of(at: datetime) -> str:
    """A moment as forms and addresses say it: 2026-11-22T16:55:00.000Z."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"


def read(text: str) -> datetime | None:
    """The moment back from `value_of`; None for what is none."""
    if not _TIME.fullmatch(text):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    # Near the ends of time there is no clock on the wall.
    return moment if 1970 < moment.year < 9000 else None


def read_day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def times(
    service: ConfiguredService,
    *,
    number: str,
    properties: Mapping[str, str],
    day: date | None,
    chosen: str,
    now: datetime,
) -> Times:
    """What a service offers this customer on a day: by default the chosen time's, else the first with an offer."""
    try:
        return _times(service, number, properties, day, chosen, now)
    except (Unreadable, resolution.OptionError, LookupError) as error:
        today = timezone.localdate(now)
        said = _("No time can be offered, because the service cannot be read: %(error)s") % {"error": error}
        return Times(today, today, today, Now(why_not=said), problem=said)


def _times(
    service: ConfiguredService,
    number: str,
    properties: Mapping[str, str],
    day: date | None,
    chosen: str,
    now: datetime,
) -> Times:
    plan = offices.plan_of(service)
    calling = calling_times(service, number=number, properties=properties)
    earliest, latest = promises.earliest(service, now), promises.latest(service, now)
    first, last = timezone.localdate(now), timezone.localdate(latest)
    asked = read(chosen)
    if day is None and asked is None:
        soonest = availability.nearest(
            service.pk,
            plan,
            now,
            earliest=earliest,
            latest=latest,
            each_side=1,
            suits=lambda moment: not calling.why_not(moment),
        )
        asked_day = timezone.localdate(soonest[-1].time) if soonest else first
    else:
        asked_day = day or timezone.localdate(asked or now)
    shown = min(max(asked_day, first), last)
    start, end = _bounds(shown)
    found = availability.offers(service.pk, plan, start, end, earliest=earliest, latest=latest)
    offered = [_choice(offer) for offer in found if not calling.why_not(offer.time)]
    nearest = [] if offered else _nearest(service, plan, calling, asked or start, now)
    snapped = _snapped(asked, [*offered, *nearest], plan)
    return Times(
        shown,
        first,
        last,
        now_of(service, number=number, properties=properties, now=now),
        offered,
        nearest,
        snapped.value if snapped else (NOW if chosen == NOW else ""),
        asked if asked and not snapped and (day is None or timezone.localdate(asked) == shown) else None,
    )


def _bounds(day: date) -> tuple[datetime, datetime]:
    """The day of whoever looks."""
    zone = timezone.get_current_timezone()
    start = datetime.combine(day, time(), zone)
    return start.astimezone(UTC), datetime.combine(day + timedelta(days=1), time(), zone).astimezone(UTC)


def _choice(offer: Offer) -> Choice:
    return Choice(value_of(offer.time), offer.time, offer.free, offer.total)


def _nearest(
    service: ConfiguredService, plan: Plan, calling: CallingTimes, at: datetime, now: datetime
) -> list[Choice]:
    return [_choice(offer) for offer in promises.offers_near(service, plan, calling, at, now)][: 2 * _NEAREST]


def _snapped(asked: datetime | None, choices: list[Choice], plan: Plan) -> Choice | None:
    """The offer of the slot in which the time lies: an offer is named by the first open moment of its slot."""
    if asked is None:
        return None
    slot = slot_of(asked, plan.minutes, plan.zone)
    return next((choice for choice in choices if slot_of(choice.at, plan.minutes, plan.zone) == slot), None)


def now_of(service: ConfiguredService, *, number: str, properties: Mapping[str, str], now: datetime) -> Now:
    """What a call as soon as possible comes to. Raises Unreadable, OptionError, LookupError."""
    ttl = resolution.resolve_one(service, "_ttl")
    expires_at = now + timedelta(seconds=ttl if isinstance(ttl, int) else 86_400)
    try:
        promises.call_at_once(service, number=number, properties=properties, expires_at=expires_at, now=now)
    except NotAvailable as error:
        return Now(why_not=error.message)
    calling = calling_times(service, number=number, properties=properties)
    opens_at = calling.next_allowed(now) if calling.why_not(now) else None
    queue = str(resolution.resolve_one(service, "_urs_virtual_queue") or "")
    target = str(resolution.resolve_one(service, "_target") or "")
    try:
        estimate = estimates.estimate(queue, target, now=now) if queue and target else None
    except ValueError:  # a target that a request completes
        estimate = None
    if estimate is None or not estimate.is_known:
        return Now(opens_at=opens_at)
    return Now(estimate.ewt.total_seconds(), estimate.p90.total_seconds(), opens_at)
