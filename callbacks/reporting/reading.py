"""Reading totals: a year is twelve months and the days beside them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from django.db import connection
from django.db.models import Min

from callbacks.flow.session import Stage
from callbacks.models import Callback
from callbacks.reporting.counting import What
from callbacks.reporting.distribution import Distribution, of
from callbacks.reporting.periods import Days
from callbacks.reporting.story import Handling

# What is told of each day, week or service.
_COURSE = (What.FUNNEL, What.REFUSED)

_OF_SERVICES = "AND (%(services)s::text[] IS NULL OR service = ANY(%(services)s))"
_WITHIN = """
    (SELECT * FROM {table} WHERE span = 'm' AND starts = ANY(%(months)s::date[]) {services}
    UNION ALL SELECT * FROM {table} WHERE span = 'd' AND starts = ANY(%(days)s::date[]) {services}) AS total
"""
_TOTALS = f"""
SELECT what, key, sum(n), sum(seconds) FROM {_WITHIN.format(table="callbacks_reporttotal", services=_OF_SERVICES)}
GROUP BY what, key
"""  # noqa: S608 (texts of ours)
_BY_SERVICE = f"""
SELECT service, what, key, sum(n) FROM {_WITHIN.format(table="callbacks_reporttotal", services=_OF_SERVICES)}
WHERE what = ANY(%(course)s) GROUP BY service, what, key
"""  # noqa: S608 (texts of ours)
_BY_DAY = f"""
SELECT starts, what, key, sum(n) FROM callbacks_reporttotal
WHERE span = 'd' AND starts BETWEEN %(first)s AND %(last)s AND what = ANY(%(course)s) {_OF_SERVICES}
GROUP BY starts, what, key
"""  # noqa: S608 (texts of ours)
_BY_AGENT = f"""
SELECT agent, sum(offered), sum(connected), sum(unanswered), sum(lost), sum(rejected), sum(disposed),
    sum(ring_seconds), sum(talk_seconds)
FROM {_WITHIN.format(table="callbacks_agenttotal", services=_OF_SERVICES)} GROUP BY agent
"""  # noqa: S608 (texts of ours)

Services = Collection[str] | None


@dataclass(frozen=True)
class Counts:
    """Totals of a period, all services together: by what and key how many, and the sum of their seconds."""

    by_what: Mapping[str, Mapping[str, tuple[int, float]]] = field(default_factory=dict)

    def n(self, what: What, key: str) -> int:
        return self.by_what.get(what, {}).get(key, (0, 0.0))[0]

    def all(self, what: What) -> int:
        return sum(self.of(what).values())

    def of(self, what: What) -> dict[str, int]:
        """By key how many, the most frequent first."""
        found = {key: n for key, (n, _) in self.by_what.get(what, {}).items()}
        return dict(sorted(found.items(), key=lambda one: (-one[1], one[0])))

    def distribution(self, what: What) -> Distribution:
        return of(self.by_what.get(what, {}))


def added(several: Iterable[Counts]) -> Counts:
    """How often in all of them; seconds are left out."""
    sums: dict[str, dict[str, tuple[int, float]]] = {}
    for counts in several:
        for what, keys in counts.by_what.items():
            for key, (n, _) in keys.items():
                of = sums.setdefault(what, {})
                of[key] = (of.get(key, (0, 0.0))[0] + n, 0.0)
    return Counts(sums)


def totals(days: Days, services: Services) -> Counts:
    """Everything of a period; `services` None: all there are. One statement."""
    found: dict[str, dict[str, tuple[int, float]]] = defaultdict(dict)
    for what, key, n, seconds in _rows(_TOTALS, days, services):
        found[what][key] = (int(n), seconds)
    return Counts(found)


def by_service(days: Days, services: Services) -> dict[str, Counts]:
    """How far callbacks came, service by service. One statement."""
    return _courses(_rows(_BY_SERVICE, days, services))


def by_day(days: Days, services: Services) -> dict[date, Counts]:
    """How far callbacks came, day by day; a day of which there is nothing is missing. One statement."""
    return _courses(_rows(_BY_DAY, days, services))


def by_agent(days: Days, services: Services) -> dict[str, Handling]:
    """What each agent did. One statement."""
    return {
        agent: Handling(*(int(count) for count in values[:6]), *values[6:])
        for agent, *values in _rows(_BY_AGENT, days, services)
    }


def fresh(now: datetime) -> datetime:
    """Everything that was over by then is in the reports."""
    waiting = Callback.objects.filter(stage=Stage.ENDED, reported=False, completed_at__isnull=False)
    oldest: datetime | None = waiting.aggregate(oldest=Min("completed_at"))["oldest"]
    return min(oldest, now) if oldest else now


def _courses(rows: list[tuple[Any, ...]]) -> dict[Any, Counts]:
    found: dict[Any, dict[str, dict[str, tuple[int, float]]]] = {}
    for of_what, what, key, n in rows:
        found.setdefault(of_what, {}).setdefault(what, {})[key] = (int(n), 0.0)
    return {of_what: Counts(counts) for of_what, counts in found.items()}


def _rows(statement: str, days: Days, services: Services) -> list[tuple[Any, ...]]:
    months, single = days.split()
    asked: dict[str, Any] = {
        "months": months,
        "days": single,
        "first": days.first,
        "last": days.last,
        "services": None if services is None else sorted(services),
        "course": list(_COURSE),
    }
    with connection.cursor() as cursor:
        cursor.execute(statement, asked)
        return list(cursor.fetchall())
