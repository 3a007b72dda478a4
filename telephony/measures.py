"""What was measured of virtual queues: running means with their variance, for the whole week and for each hour of it.

A measurement counts for a three hundredth once there were so many: with a fiftieth the mean follows chance more than
the day (tests/simulation). An hour of the week has its own once enough was measured in it; until then the queue's whole
mean stands for it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from django.db import connection
from django.utils import timezone

from telephony import ewt

# So many measurements of an hour say more about it than the whole week does.
ENOUGH_FOR_AN_HOUR = 10

What = Literal["handling", "reach", "no_show", "abandoned", "waited"]

# Continues a statement that has `given` (queue, what, value), each kind of a queue once. In the order of their kinds,
# hours before the whole: two who measure the same at once wait for each other, not crosswise.
TAKE_IN = """
whole AS (
    INSERT INTO telephony_queuemeasure AS known (queue, what, seconds, variance, measured, measured_at)
    SELECT queue, what, value, 0, 1, %(now)s FROM given ORDER BY what
    ON CONFLICT (queue, what) DO UPDATE SET
        seconds = known.seconds + (excluded.seconds - known.seconds) / least(known.measured + 1, %(memory)s),
        variance = (1 - 1.0 / least(known.measured + 1, %(memory)s)) * (known.variance
            + (excluded.seconds - known.seconds) ^ 2 / least(known.measured + 1, %(memory)s)),
        measured = known.measured + 1, measured_at = excluded.measured_at
)
INSERT INTO telephony_hourmeasure AS known (queue, what, hour, mean, variance, measured, measured_at)
SELECT queue, what, %(hour)s, value, 0, 1, %(now)s FROM given ORDER BY what
ON CONFLICT (hour, queue, what) DO UPDATE SET
    mean = known.mean + (excluded.mean - known.mean) / least(known.measured + 1, %(memory)s),
    variance = (1 - 1.0 / least(known.measured + 1, %(memory)s)) * (known.variance
        + (excluded.mean - known.mean) ^ 2 / least(known.measured + 1, %(memory)s)),
    measured = known.measured + 1, measured_at = excluded.measured_at
"""

_MEASURE = (
    """
WITH given AS (
    SELECT %(queue)s AS queue, what, value FROM unnest(%(kinds)s::text[], %(values)s::float8[]) AS given (what, value)
),"""  # noqa: S608 (texts of ours)
    + TAKE_IN
)

# The hour's figures come last, so that they take the place of the week's.
_READ = """
SELECT queue, what, seconds, variance, measured, 0 AS of_the_hour FROM telephony_queuemeasure
WHERE queue = ANY(%(queues)s)
UNION ALL
SELECT queue, what, mean, variance, measured, 1 FROM telephony_hourmeasure
WHERE hour = %(hour)s AND queue = ANY(%(queues)s) AND measured >= %(enough)s
ORDER BY of_the_hour
"""


@dataclass(frozen=True)
class Figure:
    """A running mean and its standard deviation, both in the unit of what was `measured` so many times."""

    mean: float
    deviation: float
    measured: int


def hour_of_week(at: datetime) -> int:
    """0 for Monday from midnight to one, 167 for the last hour of Sunday, in the site's time zone."""
    local = timezone.localtime(at, timezone.get_default_timezone())
    return local.weekday() * 24 + local.hour


def measure(queue: str, what: What, value: float, now: datetime) -> None:
    """Take one measurement into the queue's means, in the caller's transaction and one statement.

    "handling": how long one call took up an agent; "reach": how long from a dial until a human was on the line, both in
    seconds. "no_show" is 1 for an attempt at the customer that found nobody, else 0; "abandoned" 1 for who left the
    line before an agent was theirs, else 0; "waited": how long, in seconds, either stood in it.
    """
    measure_all(queue, [(what, value)], now)


def measure_all(queue: str, measured: Iterable[tuple[What, float]], now: datetime) -> None:
    """Take measurements in, in one statement unless a kind comes twice."""
    rest = list(measured)
    while rest:
        # One statement may not change a row twice.
        once = dict(rest[::-1])
        for item in once.items():
            rest.remove(item)
        # Clocks of two machines may make a moment look older than what came before it.
        values = [max(value, 0.0) for value in once.values()]
        given: dict[str, Any] = {"kinds": list(once), "values": values, "queue": queue, "hour": hour_of_week(now)}
        with connection.cursor() as cursor:
            cursor.execute(_MEASURE, given | {"now": now, "memory": ewt.MEMORY})


def figures(queues: Collection[str], now: datetime) -> dict[str, dict[str, Figure]]:
    """What is known of these queues for this hour of the week, by queue and kind (`QueueMeasure.What`); one statement.

    A kind of which nothing was measured is missing.
    """
    found: dict[str, dict[str, Figure]] = {queue: {} for queue in queues}
    asked: dict[str, Any] = {"queues": list(queues), "hour": hour_of_week(now), "enough": ENOUGH_FOR_AN_HOUR}
    with connection.cursor() as cursor:
        cursor.execute(_READ, asked)
        for queue, what, mean, variance, measured, _ in cursor.fetchall():
            found[queue][what] = Figure(mean, variance**0.5, measured)
    return found
