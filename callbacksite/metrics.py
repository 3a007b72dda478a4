"""`/metrics`: how the service stands, in Prometheus' text form (docs/monitoring.md).

What counts and what takes time comes from the totals of all processes (`scheduling.totals`); how things stand now is
asked of the database at the moment. So every web process of every host gives the same answer.
"""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Iterator
from typing import Any

from celery import current_app
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from callbacks import metrics as callbacks
from callbacksite import health
from callbacksite.probe import NoAnswer, Probe
from scheduling import metrics as scheduling
from scheduling import totals
from telephony import metrics as telephony

logger = logging.getLogger(__name__)

# Less than Prometheus waits by default.
SECONDS = 8.0
# A proxy adds one of these; then the address of the client is not the one that we see.
_FORWARDED = ("HTTP_FORWARDED", "HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_PROTO", "HTTP_X_REAL_IP", "HTTP_VIA")

REQUESTS = Counter(
    "callbacksite_http_requests",
    "Requests, by the pattern of their address.",
    ["method", "view", "status"],
    registry=totals.REGISTRY,
)
REQUEST_SECONDS = Histogram(
    "callbacksite_http_request_seconds",
    "How long requests took.",
    ["view"],
    buckets=scheduling.DURATIONS,
    registry=totals.REGISTRY,
)


def metrics(request: HttpRequest) -> HttpResponse:
    """All metrics, for who has the token of METRICS_TOKEN or, where there is none, asks from this very machine."""
    if not _is_allowed(request):
        return HttpResponse("A bearer token is required (METRICS_TOKEN).\n", content_type="text/plain", status=403)
    try:
        text = _exposition.ask()
    except Exception as error:  # noqa: BLE001 (every error means the same: there is nothing to tell)
        if not isinstance(error, NoAnswer):
            logger.warning("the metrics cannot be read: %s", error)
        return HttpResponse("The database does not answer.\n", content_type="text/plain", status=503)
    return HttpResponse(text, content_type=CONTENT_TYPE_LATEST, headers={"Cache-Control": "no-store"})


def _is_allowed(request: HttpRequest) -> bool:
    if settings.METRICS_TOKEN:
        given = request.META.get("HTTP_AUTHORIZATION", "")
        return constant_time_compare(given, f"Bearer {settings.METRICS_TOKEN}")
    if any(name in request.META for name in _FORWARDED):
        return False
    try:
        return ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False


class _Everything(Collector):
    def collect(self) -> Iterator[Metric]:
        now = timezone.now()
        yield from totals.read()
        yield from callbacks.figures(now)
        yield from telephony.figures(now)
        yield from scheduling.figures(now)
        yield from _operations()


def _operations() -> Iterator[Metric]:
    ready = GaugeMetricFamily("callbacksite_ready", "1 while the check of /readyz passes.", labels=["check"])
    for check in health.checks():
        ready.add_metric([check.name], not check.problem)
    depth = GaugeMetricFamily("callbacksite_queue_depth", "Messages that wait in the broker.", labels=["queue"])
    for queue, waiting in _depths():
        depth.add_metric([queue], waiting)
    yield from (ready, depth)


def _depths() -> list[tuple[str, int]]:
    """Messages by queue; nothing while the broker does not answer, which is a metric of its own."""
    found = []
    try:
        with current_app.connection_for_write() as broker:
            broker.transport.establish_connection()
            channel: Any = broker.default_channel
            for queue in health.queues():
                try:
                    waiting = channel.queue_declare(queue, passive=True).message_count
                except broker.channel_errors:
                    # An empty queue does not exist.
                    waiting = 0
                found.append((queue, int(waiting)))
    except Exception as error:  # noqa: BLE001 (whatever the client library raises, there is no broker)
        logger.warning("the broker cannot be asked: %s", error)
        return []
    return found


def _expose() -> bytes:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Everything())
    return generate_latest(registry)


_exposition = Probe(_expose, seconds=SECONDS)
