"""The calendar: how much of each slot is booked, who is booked in one, and blocking it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import chain
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.dateformat import format as date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from callbacks.models import Callback
from callbacks.pages import calendar_grid as grids
from callbacks.pages.access import ACT, acts, looks
from callbacks.pages.calendar_grid import Cell, Grid
from callbacksite import live
from scheduling import blocks, occupancy, offices
from scheduling.models import Booking, SlotBlock
from scheduling.occupancy import SlotUse
from scheduling.plan import Plan
from scheduling.slots import Slot
from services import people
from services.models import ConfiguredService
from services.reason import LONGEST_REASON

PAGE_SECONDS = 3
# How far the pages reach, from today on.
AHEAD = timedelta(days=400)
ONE_DAY = timedelta(days=1)
MOST_NAMED = 50
WEEK, DAY = "week", "day"
LOCAL = "%Y-%m-%dT%H:%M"
DASH = "\N{EN DASH}"


@dataclass(frozen=True)
class Asked:
    """What the address bar says: no service means all of them; `slot` is a moment in the cell that is chosen."""

    services: tuple[ConfiguredService, ...]
    service: ConfiguredService | None
    plans: dict[int, Plan]
    view: str
    day: date
    slot: datetime | None
    now: datetime

    @property
    def plan(self) -> Plan | None:
        return self.plans.get(self.service.pk) if self.service else None

    @property
    def zone(self) -> ZoneInfo:
        """In which the slots are cut; of several services, the site's."""
        return self.plan.zone if self.plan else ZoneInfo(timezone.get_default_timezone_name())

    @property
    def minutes(self) -> int:
        """Of a slot; of several services', the longest, so that every slot begins in one of these."""
        return max((plan.minutes for plan in self.plans.values()), default=grids.HOUR)

    @property
    def days(self) -> list[date]:
        """The day, or a week from it on: what is past is not counted for long, so no week begins with it."""
        return [self.day + timedelta(days=number) for number in range(1 if self.view == DAY else 7)]

    @property
    def first(self) -> date:
        return self.now.astimezone(self.zone).date()

    @property
    def last(self) -> date:
        return (self.now + AHEAD).astimezone(self.zone).date()

    def url(self, **changed: str) -> str:
        """The page as it is shown, but for what is changed; an empty text leaves it out."""
        said = {
            "service": self.service.name if self.service else "",
            "view": self.view if self.view != WEEK else "",
            "date": self.day.isoformat(),
            "slot": _iso(self.slot) if self.slot else "",
            **changed,
        }
        return f"{reverse('calendar')}?{urlencode({name: text for name, text in said.items() if text})}"


@require_safe
@looks
def calendar(request: HttpRequest) -> HttpResponse:
    """Bookings against capacity by slot, for a week or a day; with `slot`, who is booked there."""
    asked = _asked(request)
    found = _uses(asked)
    grid = _grid(asked, found)
    chosen = grid.cell_at(asked.slot) if asked.slot else None
    panel = _panel(request, asked, chosen, found) if chosen else None
    url = asked.url()
    version = live.version_of(url, grid, panel and panel["version"], [service.name for service in asked.services])
    if live.is_seen(request, version):
        return live.unchanged()
    context = {
        "title": _("Calendar"),
        "asked": asked,
        "unreadable": _unreadable(asked),
        "steps": _steps(asked),
        "rows": _rows(asked, grid, chosen),
        "grid": grid,
        "hours": grids.hours_of(asked.day, asked.zone) if asked.view == DAY else None,
        **_lists(asked, grid, chosen),
        "panel": panel,
        "form": _form(asked, chosen) if chosen and request.user.has_perm(ACT) else None,
        "zone": asked.zone.key,
        "viewer": _viewer().key,
        "today": asked.first,
        "may_act": request.user.has_perm(ACT),
    }
    page, part = "calendar/page.html", "calendar/grid.html"
    return live.respond(request, page, part, context, url=url, seconds=PAGE_SECONDS, version=version)


@require_POST
@acts
def block(request: HttpRequest) -> HttpResponse:
    """Block the slots from one moment to another, for a reason."""
    reason = request.POST.get("reason", "").replace("\0", "").strip()

    def work(service: ConfiguredService, start: datetime, end: datetime) -> str:
        if not reason or len(reason) > LONGEST_REASON:
            raise _NotSaid
        blocks.block(service, start, end, reason=reason, actor=request.user.get_username(), now=timezone.now())
        return _("Blocked: nothing more is booked there. Who is booked stays.")

    return _act(request, work)


@require_POST
@acts
def unblock(request: HttpRequest) -> HttpResponse:
    """Let slots be booked again that are blocked as they were `seen`."""
    seen = {int(pk) for pk in request.POST.get("seen", "").split(",") if pk.isascii() and pk.isdigit()}

    def work(service: ConfiguredService, start: datetime, end: datetime) -> str:
        actor = request.user.get_username()
        blocks.unblock(service, start, end, actor=actor, now=timezone.now(), seen=seen)
        return _("Unblocked: it can be booked again.")

    return _act(request, work)


class _NotSaid(Exception):
    """Without a reason, or with one that is too long."""


def _act(request: HttpRequest, work: Callable[[ConfiguredService, datetime, datetime], str]) -> HttpResponse:
    """Do it to the stretch of time that the form says, say what came of it, and go back to the slot."""
    service = get_object_or_404(people.visible(request.user), name=request.POST.get("service", ""))
    back = {name: request.POST.get(name, "") for name in ("view", "date", "slot")}
    url = f"{reverse('calendar')}?{urlencode({'service': service.name, **{k: v for k, v in back.items() if v}})}"
    try:
        zone = offices.plan_of(service).zone
        start, end = _stretch(request, zone)
        messages.success(request, work(service, start, end))
    except _NotSaid:
        said = _("Nothing was blocked: say why, in 1 to %(most)s characters.") % {"most": LONGEST_REASON}
        messages.error(request, said)
    except (ValueError, blocks.TooLong):
        said = _("Nothing was changed: give a beginning and a later end, at most %(days)s days after it.")
        messages.error(request, said % {"days": blocks.LONGEST.days})
    except blocks.Past:
        messages.error(request, _("Nothing was blocked: that time has passed."))
    except blocks.Unchanged as unchanged:
        messages.warning(request, _why_unchanged(unchanged.found))
    except blocks.Changed as changed:
        said = _("Nothing was unblocked: it was blocked anew meanwhile, by %(actor)s: %(reason)s")
        messages.warning(request, said % {"actor": changed.found[0].actor, "reason": changed.found[0].reason})
    except OperationalError:
        messages.error(request, _("Nothing was changed: too much is being booked at this moment. Try it again."))
    except offices.Unreadable as error:
        messages.error(request, str(error))
    return redirect(url)


def _why_unchanged(found: list[SlotBlock]) -> str:
    if not found:
        return _("Nothing is blocked there any more.")
    said = _("It is blocked already, by %(actor)s: %(reason)s")
    return said % {"actor": found[0].actor, "reason": found[0].reason}


def _stretch(request: HttpRequest, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The moments `start` and `end`, or what was typed instead as times on the office's clock. Raises ValueError."""
    return _moment(request, "start", "from", zone), _moment(request, "end", "to", zone)


def _moment(request: HttpRequest, exact: str, typed: str, zone: ZoneInfo) -> datetime:
    moment = _read(request.POST.get(exact, ""))
    text = request.POST.get(typed, "")
    if moment and text in {"", moment.astimezone(zone).strftime(LOCAL)}:
        # What comes twice on a day cannot be typed, only chosen.
        return moment
    return datetime.strptime(text[:16], LOCAL).replace(tzinfo=zone).astimezone(UTC)


def _asked(request: HttpRequest) -> Asked:
    now = timezone.now()
    services = tuple(people.visible(request.user).order_by("name"))
    name = request.GET.get("service", "")
    service = get_object_or_404(people.visible(request.user), name=name) if name else None
    if len(services) == 1:
        service = services[0]
    plans = occupancy.plans([service] if service else services)
    slot = _read(request.GET.get("slot", ""))
    asked = Asked(services, service, plans, DAY if request.GET.get("view") == DAY else WEEK, now.date(), slot, now)
    try:
        day = date.fromisoformat(request.GET.get("date", ""))
    except ValueError:
        day = (slot or now).astimezone(asked.zone).date()
    return Asked(services, service, plans, asked.view, min(max(day, asked.first), asked.last), slot, now)


def _read(text: str) -> datetime | None:
    """A moment as addresses say it, in UTC; None where it is none."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    # Near the ends of time there is no clock on the wall.
    return moment.astimezone(UTC) if moment.tzinfo and 1970 < moment.year < 9000 else None


def _iso(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S.000Z}"


def _uses(asked: Asked) -> dict[int, list[SlotUse]]:
    start, end = grids.stretch(asked.days, asked.zone)
    return occupancy.uses(asked.plans, start, end, now=asked.now)


def _viewer() -> ZoneInfo:
    """The zone of whoever looks, by its key: Django names one whose clocks never change by its offset."""
    return ZoneInfo(str(timezone.get_current_timezone()))


def _grid(asked: Asked, found: dict[int, list[SlotUse]]) -> Grid:
    uses, viewer = chain.from_iterable(found.values()), _viewer()
    if asked.view == DAY:
        return grids.day(uses, asked.day, asked.minutes, asked.zone, viewer, asked.now)
    return grids.week(uses, asked.days, asked.minutes, asked.zone, viewer, asked.now)


def _unreadable(asked: Asked) -> str:
    """Why the chosen service has no slots; empty where it has."""
    if asked.service is None or asked.plan is not None:
        return ""
    try:
        offices.plan_of(asked.service)
    except offices.Unreadable as error:
        return str(error)
    return ""


def _steps(asked: Asked) -> dict[str, str]:
    """Addresses of what is before, after and now; empty where the calendar ends."""
    length = timedelta(days=len(asked.days))
    before, after = max(asked.day - length, asked.first), asked.day + length
    return {
        "before": asked.url(date=before.isoformat(), slot="") if before < asked.day else "",
        "after": asked.url(date=after.isoformat(), slot="") if after <= asked.last else "",
        "today": asked.url(date="", slot=""),
        "day_before": asked.url(date=(asked.day - ONE_DAY).isoformat(), slot="") if asked.day > asked.first else "",
        "day_after": asked.url(date=(asked.day + ONE_DAY).isoformat(), slot="") if asked.day < asked.last else "",
        "week": asked.url(view="", slot=""),
        "day": asked.url(view=DAY, slot=""),
    }


def _rows(asked: Asked, grid: Grid, chosen: Cell | None) -> list[dict[str, Any]]:
    """What the template shows of each row, worked out here because there are hundreds of cells."""
    return [{"row": row, "cells": [cell and _shown(asked, cell, chosen) for cell in row.cells]} for row in grid.rows]


def _lists(asked: Asked, grid: Grid, chosen: Cell | None) -> dict[str, Any]:
    """The cells of the chosen day one below the other, for narrow screens, without those in which it is closed.

    Those that are past apart: what is still to come is what somebody with a telephone looks for.
    """
    of_day = [cell for cell in grid.cells if cell.start.astimezone(asked.zone).date() == asked.day]
    is_open = [cell for cell in of_day if cell.state != grids.CLOSED]
    past = [cell for cell in is_open if cell.is_past]
    return {
        "list": [_shown(asked, cell, chosen) for cell in is_open if not cell.is_past],
        "past_list": [_shown(asked, cell, chosen) for cell in past],
        "past_is_open": len(past) == len(is_open) or chosen in past,
    }


def _shown(asked: Asked, cell: Cell, chosen: Cell | None) -> dict[str, Any]:
    state, past = cell.state, " is-past" if cell.is_past else ""
    shade = f" shade-{cell.shade}" if state in {grids.FREE, grids.PARTLY} else ""
    return {
        "id": f"slot-{cell.start:%Y%m%dT%H%M}",
        "url": asked.url(slot=cell.key),
        "class": f"slot slot-{state}{shade}{past}",
        "chosen": cell == chosen,
        "text": _numbers(cell),
        "time": f"{cell.start.astimezone(asked.zone):%H:%M}{_which(cell.start, asked.zone)}",
        "words": words(cell),
        "label": f"{_when(cell.start, cell.end, asked.zone)}: {words(cell)}",
    }


def _numbers(cell: Cell) -> str:
    if cell.state == grids.CLOSED:
        return DASH
    return f"{cell.booked}/{cell.limit}" if cell.limit else str(cell.booked)


def words(cell: Cell) -> str:
    """The numbers of a cell in words, which say everything that colours and patterns do."""
    if cell.state == grids.CLOSED:
        return _("closed")
    if not cell.limit:
        booked = ngettext("%(number)s booked, closed", "%(number)s booked, closed", cell.booked)
        return booked % {"number": cell.booked}
    numbers = {"booked": cell.booked, "limit": cell.limit, "free": cell.free}
    if cell.state == grids.BLOCKED:
        return _("blocked, %(booked)s of %(limit)s booked") % numbers
    if cell.state == grids.FULL:
        return _("full, %(booked)s of %(limit)s booked") % numbers
    if cell.state == grids.PARTLY:
        return _("partly blocked, %(booked)s of %(limit)s booked, %(free)s free") % numbers
    return _("%(booked)s of %(limit)s booked, %(free)s free") % numbers


def _when(start: datetime, end: datetime, zone: ZoneInfo) -> str:
    """The stretch on the office's clock, with its zone where the clock alone does not tell: "Mon 2 Mar 09:00-09:30"."""
    first, last = start.astimezone(zone), end.astimezone(zone)
    return f"{date_format(first, 'D j M')} {first:%H:%M}{DASH}{last:%H:%M}{_which(start, zone)}"


def _which(moment: datetime, zone: ZoneInfo) -> str:
    """The name of the zone's time, where the clock shows the same twice that day."""
    local = moment.astimezone(zone)
    return f" {local.tzname()}" if local.utcoffset() != local.replace(fold=1 - local.fold).utcoffset() else ""


def _panel(request: HttpRequest, asked: Asked, cell: Cell, found: dict[int, list[SlotUse]]) -> dict[str, Any]:
    """What there is to know of the chosen cell: numbers, blocks, and who is booked; by service where it is of all."""
    within = [(service, _inside(found.get(service.pk, []), cell)) for service in asked.services if service.pk in found]
    panel: dict[str, Any] = {
        "when": _when(cell.start, cell.end, asked.zone),
        "cell": cell,
        "words": words(cell),
        "start": cell.start,
        "version": "",
        "services": [],
        "blocks": [],
        "book_url": "",
    }
    if asked.service is None:
        panel["services"] = [
            (
                service.name,
                asked.url(service=service.name),
                sum(use.booked for use in uses),
                sum(use.limit for use in uses),
            )
            for service, uses in within
            if any(use.limit or use.booked for use in uses)
        ]
        return panel
    booked = Booking.objects.filter(service=asked.service, desired_at__gte=cell.start, desired_at__lt=cell.end)
    rows = Callback.objects.visible_to(request.user).filter(pk__in=booked.values("owner"))
    named = list(rows.order_by("desired_at", "pk")[: MOST_NAMED + 1])
    free = next((use for use in within[0][1] if use.free and use.end > asked.now), None) if within else None
    if free:
        query = urlencode({"service": asked.service.name, "at": _iso(_first_open(asked, free))})
        panel["book_url"] = f"{reverse('callback-new')}?{query}"
    blocked = blocks.within(asked.service.pk, cell.start, cell.end)
    return panel | {
        "version": [(row.pk, row.state, row.desired_at, row.customer_number) for row in named]
        + [(row.pk, row.start, row.end) for row in blocked],
        "booked": [(f"{row.desired_at.astimezone(asked.zone):%H:%M:%S}", row) for row in named[:MOST_NAMED]],
        "more": len(named) > MOST_NAMED,
        "blocks": [
            {
                "row": row,
                "when": _when_long(row, asked.zone),
                "start": max(row.start, cell.start),
                "end": min(row.end, cell.end),
                "is_longer": row.start < cell.start or cell.end < row.end,
            }
            for row in blocked
        ],
    }


def _first_open(asked: Asked, use: SlotUse) -> datetime:
    """The moment to book in a slot: its first one at which it is open and that has not passed."""
    opens = asked.plan.opens_in(Slot(max(use.start, asked.now), use.end)) if asked.plan else None
    return opens or use.start


def _inside(uses: list[SlotUse], cell: Cell) -> list[SlotUse]:
    return [use for use in uses if cell.start <= use.start < cell.end]


def _when_long(row: SlotBlock, zone: ZoneInfo) -> str:
    """A block may reach over days."""
    first, last = row.start.astimezone(zone), row.end.astimezone(zone)
    return f"{date_format(first, 'D j M')} {first:%H:%M} {DASH} {date_format(last, 'D j M')} {last:%H:%M}"


def _form(asked: Asked, cell: Cell) -> dict[str, Any] | None:
    """The form that blocks; none for all services at once, nor for what has passed."""
    if asked.service is None or cell.is_past or cell.state == grids.CLOSED:
        return None
    return {
        "start": _iso(cell.start),
        "end": _iso(cell.end),
        "from": cell.start.astimezone(asked.zone).strftime(LOCAL),
        "to": cell.end.astimezone(asked.zone).strftime(LOCAL),
        "longest": LONGEST_REASON,
    }
