"""What is counted of status notifications. Never a label with a receiver: an address may be of one customer."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.db.models import Min
from prometheus_client import Counter
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from callbacks.status.models import StatusNotice
from callbacks.status.outbox import PATIENCE
from scheduling.totals import REGISTRY

DELIVERIES = Counter(
    "callbacksite_status_deliveries",
    "Attempts to deliver a status notification, by result: delivered, refused, failed.",
    ["result"],
    registry=REGISTRY,
)


def figures(now: datetime) -> Iterator[Metric]:
    """How notices stand now; delivered ones are never counted."""
    notices = GaugeMetricFamily(
        "callbacksite_status_notices", "Status notifications that are not delivered.", labels=["state"]
    )
    for state in (StatusNotice.State.PENDING, StatusNotice.State.PARKED):
        notices.add_metric([state.value], StatusNotice.objects.filter(state=state).count())
    yield notices
    # By the index that giving up has: a day after it was made, or sent again.
    last = StatusNotice.objects.filter(state=StatusNotice.State.PENDING).aggregate(first=Min("give_up_at"))["first"]
    age = (now - (last - PATIENCE)).total_seconds() if last else 0.0
    yield GaugeMetricFamily("callbacksite_status_oldest_seconds", "Age of the oldest pending one.", max(age, 0.0))
