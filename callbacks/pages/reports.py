"""Reports: what became of callbacks in a period, beside the one before; every table also as CSV."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import urlencode

from django.contrib.auth.models import AnonymousUser, User
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from callbacks.pages.access import looks
from callbacks.reporting import charts, export, figures, periods, reading
from callbacks.reporting.counting import What
from callbacks.reporting.periods import BadPeriod, Period
from callbacks.reporting.tables import Table
from services import people

DAY, WEEK, SERVICE = "day", "week", "service"
BY = {DAY: gettext_lazy("Day"), WEEK: gettext_lazy("Week"), SERVICE: gettext_lazy("Service")}
CSV = "text/csv; charset=utf-8"
# More columns than that are told by week.
MOST_COLUMNS = 62
# The bars of a distribution begin and end there: seconds.
LATE_EDGES = (-1800, -600, -300, -60, -30, 0, 30, 60, 120, 300, 600, 1800)
ERROR_EDGES = (-1800, -600, -300, -120, -60, -30, 0, 30, 60, 120, 300, 600, 1800)

Response = TypeVar("Response", bound=HttpResponseBase)


@dataclass(frozen=True)
class Asked:
    """What an address asks for, as far as this person may see it; `services` None: all there are."""

    period: Period
    by: str
    service: str
    services: frozenset[str] | None


@dataclass(frozen=True)
class Section:
    """A table as the page shows it, with what is drawn of it."""

    table: Table
    csv_url: str
    bars: list[tuple[int, int | None]] | None = None
    chart: charts.Columns | None = None
    levels: list[list[int]] | None = None


@require_safe
@looks
def reports(request: HttpRequest) -> HttpResponse:
    """The figures of a period beside those of the period before."""
    now = timezone.now()
    names = sorted(_names(request.user))
    context: dict[str, Any] = {
        "title": _("Reports"),
        "choices": [(name, label) for name, (label, _days) in periods.CHOICES.items()],
        "custom": periods.CUSTOM,
        "by_choices": BY.items(),
        "services": names,
        "given": {name: request.GET.get(name, "") for name in ("period", "from", "to", "by", "service")},
        "fresh": reading.fresh(now),
    }
    try:
        asked = _asked(request, names, now)
    except BadPeriod as error:
        return render(request, "reports/page.html", context | {"error": str(error)})
    tables = _tables(asked)
    query = urlencode(
        {key: value for key in ("period", "from", "to", "by", "service") if (value := request.GET.get(key))}
    )
    return render(
        request,
        "reports/page.html",
        context
        | {
            "asked": asked,
            "chosen": {"period": asked.period.name, "by": asked.by},
            "sections": {name: _section(table, tables.now, query) for name, table in tables.tables.items()},
            "nothing": not tables.now.by_what,
            "facts_url": f"{reverse('reports-facts')}?{query}",
        },
    )


@require_safe
@looks
def table(request: HttpRequest, name: str) -> HttpResponse:
    """One table of the same report as CSV, with the figures as they are."""
    now = timezone.now()
    try:
        asked = _asked(request, sorted(_names(request.user)), now)
    except BadPeriod as error:
        raise Http404(str(error)) from None
    found = _tables(asked).tables.get(name)
    if found is None:
        raise Http404
    written = io.StringIO()
    writer = csv.writer(written)
    writer.writerow(column.label for column in found.columns)
    writer.writerows([export.plain(value) for value in row] for row in found.rows)
    days = asked.period.days
    return _named(HttpResponse(written.getvalue(), content_type=CSV), f"{name}-{days.first}-{days.last}.csv")


@require_safe
@looks
def facts(request: HttpRequest) -> HttpResponseBase:
    """The reporting fields of every callback that ended in the period, as CSV, streamed."""
    try:
        asked = _asked(request, sorted(_names(request.user)), timezone.now())
    except BadPeriod as error:
        raise Http404(str(error)) from None
    start, end = export.between(asked.period.days)
    lines = export.csv_lines(export.facts(start=start, end=end, services=asked.services))
    days = asked.period.days
    return _named(StreamingHttpResponse(lines, content_type=CSV), f"callbacks-{days.first}-{days.last}.csv")


def _named(response: Response, name: str) -> Response:
    """The answer as a file to be kept under this name."""
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _names(user: User | AnonymousUser) -> list[str]:
    return list(people.visible(user).values_list("name", flat=True))


def _asked(request: HttpRequest, names: list[str], now: datetime) -> Asked:
    """Raises BadPeriod. A service that this person may not see is one of which there is nothing."""
    period = periods.read(request.GET, timezone.localtime(now, timezone.get_default_timezone()).date())
    by = request.GET.get("by") or DAY
    if by not in BY:
        raise BadPeriod(_("Figures can be told by %(known)s.") % {"known": ", ".join(BY)})
    if by == DAY and len(period.days) > MOST_COLUMNS:
        by = WEEK
    service = request.GET.get("service", "").replace("\0", "")
    limited = people.is_limited(request.user)
    seen = frozenset(names) if limited else None
    services = seen if not service else frozenset({service}) & (seen if seen is not None else {service})
    return Asked(period, by, service, services)


@dataclass(frozen=True)
class Tables:
    tables: dict[str, Table]
    now: reading.Counts


def _tables(asked: Asked) -> Tables:
    """Every table of a report, in seven statements at most."""
    days, then = asked.period.days, asked.period.before
    now = reading.totals(days, asked.services)
    before = reading.totals(then, asked.services) if then else None
    if asked.by == SERVICE:
        earlier = reading.by_service(then, asked.services) if then else None
        course = figures.services(reading.by_service(days, asked.services), earlier)
    else:
        known = (then, reading.by_day(then, asked.services)) if then else None
        course = figures.course(asked.by, days, reading.by_day(days, asked.services), known)
    handled = reading.by_agent(then, asked.services) if then else None
    made = (
        figures.funnel(now, before),
        figures.refused(now, before),
        course,
        figures.outcomes(now, before),
        figures.promises(now, before),
        figures.waits(now, before),
        figures.results(now, before),
        figures.tries(now, before),
        figures.detection(now, before),
        figures.said(now, before),
        figures.estimates(now, before),
        figures.agents(reading.by_agent(days, asked.services), handled),
        figures.load(What.REQUESTED, now),
        figures.load(What.RUNG, now),
    )
    return Tables({each.name: each for each in made}, now)


# Tables of counts, whose second column is drawn as bars beside the fourth.
_BARS = frozenset({"funnel", "refused", "outcomes", "attempts", "tries", "detection", "said"})


def _section(table: Table, now: reading.Counts, query: str) -> Section:
    """A table with its bars, its chart, or how dark its cells are."""
    section = Section(table, f"{reverse('reports-table', args=[table.name])}?{query}")
    match table.name:
        case "course":
            return replace(section, chart=charts.columns(table, whole=2, inner=5, before=7))
        case "promises":
            bars = now.distribution(What.RING_LATE).grouped(LATE_EDGES)
            return replace(section, chart=charts.histogram(figures.edges(bars)))
        case "estimates":
            bars = now.distribution(What.EWT).grouped(ERROR_EDGES)
            return replace(section, chart=charts.histogram(figures.edges(bars)))
        case "requests" | "calls":
            return replace(section, levels=charts.levels(table))
        case name if name in _BARS:
            return replace(section, bars=charts.bars(table, 1, 3))
    return section
