"""What is measured of timers and of the processes that nobody talks to."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.db.models import Count, Min
from prometheus_client import Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from scheduling import heartbeats
from scheduling.models import Timer
from scheduling.totals import REGISTRY

# What runs within a request or a task, in seconds.
DURATIONS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
# How late something came that was promised for a moment.
LATENESS = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0)

TIMER_LATENESS = Histogram(
    "callbacksite_timer_lateness_seconds",
    "How long after its moment a timer was fired.",
    ["timer"],
    buckets=LATENESS,
    registry=REGISTRY,
)


def figures(now: datetime) -> Iterator[Metric]:
    """How timers and processes stand now, from the database."""
    overdue = Timer.objects.filter(due_at__lte=now).aggregate(count=Count("pk"), oldest=Min("due_at"))
    yield GaugeMetricFamily("callbacksite_timers_overdue", "Timers that are due and not fired.", overdue["count"])
    late = (now - overdue["oldest"]).total_seconds() if overdue["oldest"] else 0.0
    yield GaugeMetricFamily("callbacksite_timers_overdue_seconds", "How long the oldest of them is due.", late)

    pulses = heartbeats.pulses()
    alive = GaugeMetricFamily("callbacksite_processes_alive", "Processes that gave a sign of life.", labels=["name"])
    age = GaugeMetricFamily("callbacksite_heartbeat_age_seconds", "Age of the youngest sign of life.", labels=["name"])
    for name, pulse in sorted(pulses.items()):
        alive.add_metric([name], pulse.alive)
        age.add_metric([name], pulse.age.total_seconds())
    yield from (alive, age)
