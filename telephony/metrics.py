"""What is measured of calls, queues, agents and switches. Never a label with a number or a name of a customer."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.db.models import Count, Q
from prometheus_client import Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from scheduling.metrics import DURATIONS
from scheduling.totals import REGISTRY
from telephony import brake, lease
from telephony.models import Agent, Call, Leg, QueueAccuracy, QueueEntry, QueueMeasure, RoutePoint, Switch
from telephony.switch import LegState

What = QueueMeasure.What

CONVERGE_SECONDS = Histogram(
    "callbacksite_converge_seconds",
    "How long it took to make the switch agree with what a callback wants.",
    buckets=DURATIONS,
    registry=REGISTRY,
)


def figures(now: datetime) -> Iterator[Metric]:
    """How calls, queues, agents and switches stand now. All of it is in tables that hold only what is alive."""
    unsettled = Call.objects.filter(settled=False).count()
    yield GaugeMetricFamily("callbacksite_calls_unsettled", "Calls on which the switch has yet to act.", unsettled)

    legs = GaugeMetricFamily("callbacksite_legs", "Legs that are alive.", labels=["switch", "party", "state"])
    live = Leg.objects.filter(~Q(state=LegState.ENDED)).values_list("switch__name", "party", "state")
    for *labels, count in live.annotate(Count("pk")).order_by():
        legs.add_metric(labels, count)

    waiting = GaugeMetricFamily(
        "callbacksite_waiting", "Callbacks in a virtual queue, by what they wait for.", labels=["queue", "wants"]
    )
    for queue, wants, count in QueueEntry.objects.values_list("queue", "wants").annotate(Count("pk")).order_by():
        waiting.add_metric([queue, wants or "nothing"], count)

    agents = GaugeMetricFamily("callbacksite_agents", "Agents.", labels=["state"])
    counted = dict(Agent.objects.values_list("state").annotate(Count("pk")).order_by())
    for state in Agent.State.values:
        agents.add_metric([state], counted.get(state, 0))

    yield from (legs, waiting, agents, *_measures(), *_accuracy(), *_switches(), _trunks(now), *_brakes(now))


def _measures() -> Iterator[Metric]:
    seconds = GaugeMetricFamily(
        "callbacksite_queue_measured_seconds",
        "What estimates of a virtual queue are made of: handling, reach, waited, and the EWT of the last starts.",
        labels=["queue", "what"],
    )
    ratios = GaugeMetricFamily(
        "callbacksite_queue_measured_ratio",
        "Shares that estimates of a virtual queue are made of, and the factors that correct them.",
        labels=["queue", "what"],
    )
    in_seconds = {What.HANDLING, What.REACH, What.WAITED, What.START}
    for queue, what, value in QueueMeasure.objects.values_list("queue", "what", "seconds"):
        (seconds if what in in_seconds else ratios).add_metric([queue, what], value)
    return iter((seconds, ratios))


def _accuracy() -> Iterator[Metric]:
    errors = GaugeMetricFamily(
        "callbacksite_estimate_error_seconds",
        "How wrong estimated waits were: predicted less real.",
        labels=["queue", "hours", "figure"],
    )
    within = GaugeMetricFamily(
        "callbacksite_estimate_within_p90_ratio",
        "The share that waited no longer than the p90 they were predicted; 0.9 is right.",
        labels=["queue", "hours"],
    )
    counted = GaugeMetricFamily(
        "callbacksite_estimates_settled",
        "Predictions of which it is known what came of them.",
        labels=["queue", "hours", "outcome"],
    )
    for row in QueueAccuracy.objects.all():
        labels = [row.queue, str(row.hours)]
        for outcome, number in (("served", row.judged), ("left", row.abandoned), ("put_off", row.put_off)):
            counted.add_metric([*labels, outcome], number)
        for figure in ("bias", "mean_absolute", "p90_absolute"):
            if (error := getattr(row, figure)) is not None:
                errors.add_metric([*labels, figure], error)
        if row.within_p90 is not None:
            within.add_metric(labels, row.within_p90)
    return iter((errors, within, counted))


def _switches() -> Iterator[Metric]:
    held = GaugeMetricFamily("callbacksite_switch_live", "1 while a process listens to the switch.", labels=["switch"])
    changes = CounterMetricFamily(
        "callbacksite_lease_changes", "How often the lease of a switch was taken.", labels=["switch"]
    )
    holder = GaugeMetricFamily("callbacksite_lease_holder", "Who has the lease.", labels=["switch", "holder"])
    live = set(lease.live_switches().values_list("pk", flat=True))
    for switch in Switch.objects.order_by("name"):
        held.add_metric([switch.name], switch.pk in live)
        # The epoch counts exactly these, and outlives every process.
        changes.add_metric([switch.name], switch.lease_epoch)
        if switch.lease_holder:
            holder.add_metric([switch.name, switch.lease_holder], 1)
    return iter((held, changes, holder))


def _trunks(now: datetime) -> Metric:
    down = GaugeMetricFamily(
        "callbacksite_trunk_down", "1 while nothing is dialled through a route point.", labels=["route_point"]
    )
    for point in RoutePoint.objects.select_related("switch").order_by("pk"):
        down.add_metric([str(point)], point.unavailable_until is not None and point.unavailable_until > now)
    return down


def _brakes(now: datetime) -> Iterator[Metric]:
    dialled = GaugeMetricFamily(
        "callbacksite_dialled", "Customers dialled in this hour and on this day.", labels=["service", "period"]
    )
    pulled = GaugeMetricFamily(
        "callbacksite_brake_pulled",
        "1 while the spending brake keeps customers from being dialled.",
        labels=["service", "period"],
    )
    for count in brake.counts(now):
        labels = [count.service or "all services", count.period]
        dialled.add_metric(labels, count.dials)
        pulled.add_metric(labels, count.pulled_at is not None)
    return iter((dialled, pulled))
