"""What processes count and measure, added up in the database (docs/adr/0012-metrics-are-added-up-in-the-database.md).

Metrics are defined with prometheus-client in the `metrics.py` of the floor that they belong to, in `REGISTRY`, and
counted in memory. Every few seconds each process adds what is new to the table of totals. So the totals are of all
processes on all hosts, they outlive every one of them, and whoever reads the table can tell them.

A histogram whose buckets change needs a new name: the totals of its old ones stay.
"""

from __future__ import annotations

import atexit
import json
import logging
import os
import threading
from collections import defaultdict
from collections.abc import Iterator

from django.db import connection
from prometheus_client import CollectorRegistry, disable_created_metrics
from prometheus_client.metrics_core import Metric

from scheduling.models import Total

logger = logging.getLogger(__name__)

PUBLISH_SECONDS = 5.0
SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}

# When each counter began says nothing here: a total outlives the process that began it.
disable_created_metrics()  # type: ignore[no-untyped-call]
REGISTRY = CollectorRegistry(auto_describe=True)

Counts = dict[tuple[str, str], float]


class Publisher(threading.Thread):
    """Adds what this process counts to the totals, from the moment at which it is made."""

    def __init__(self) -> None:
        super().__init__(name="totals", daemon=True)
        self.process = os.getpid()
        # A forked process begins with its parent's counts, which the parent publishes.
        self._published = {key: value for key, value in _counted().items() if value}
        self._lock = threading.Lock()

    def run(self) -> None:
        failing = False
        while True:
            threading.Event().wait(PUBLISH_SECONDS)
            try:
                self.publish()
                failing = False
            except Exception as error:  # noqa: BLE001 (it is kept, and added with the next turn)
                if not failing:
                    logger.warning("metrics wait for the database: %s", error)
                failing = True
            # Kept open it would hold a connection of the database for one statement in five seconds.
            connection.close()

    def publish(self) -> None:
        """Add what is new since the last time. What the database does not take is still new the next time."""
        with self._lock:
            counted = _counted()
            # New samples also at zero: a histogram needs all its buckets.
            new = {
                key: value - self._published.get(key, 0.0)
                for key, value in counted.items()
                if value != self._published.get(key)
            }
            if new:
                _add(new)
            self._published = counted


_publisher: Publisher | None = None


def begin() -> None:
    """Publish what this process counts from now on; in a forked process again, since threads stay with the parent."""
    global _publisher
    if _publisher is None or _publisher.process != os.getpid():
        _publisher = Publisher()
        _publisher.start()
        atexit.register(finish)


def finish() -> None:
    """Publish the rest, at the end of the process."""
    if _publisher is None or _publisher.process != os.getpid():
        return
    try:
        _publisher.publish()
    except Exception as error:  # noqa: BLE001 (the process ends all the same)
        logger.warning("the last metrics of this process are lost: %s", error)


def read() -> Iterator[Metric]:
    """Every metric of the registry, with the totals of all processes."""
    stored: dict[str, list[tuple[dict[str, str], float]]] = defaultdict(list)
    for name, text, value in Total.objects.values_list("name", "labels", "value"):
        stored[name].append((json.loads(text), value))
    for metric in REGISTRY.collect():
        family = Metric(metric.name, metric.documentation, metric.type)
        for suffix in SUFFIXES[metric.type]:
            for labels, value in sorted(stored[metric.name + suffix], key=_order):
                family.add_sample(metric.name + suffix, labels, value)
        yield family


def _order(sample: tuple[dict[str, str], float]) -> tuple[list[str], float]:
    """By labels, and the buckets of one histogram from low to high."""
    labels, _ = sample
    others = [f"{name}={value}" for name, value in sorted(labels.items()) if name != "le"]
    return others, float(labels.get("le", 0))


def _counted() -> Counts:
    return {
        (sample.name, json.dumps(sample.labels, sort_keys=True)): sample.value
        for metric in REGISTRY.collect()
        for sample in metric.samples
    }


def _add(new: Counts) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            # Sorted, because two processes that take the same rows in different orders lock each other out.
            """
            INSERT INTO scheduling_total AS total (name, labels, value)
            SELECT * FROM unnest(%s::text[], %s::text[], %s::float8[]) AS new (name, labels, value)
            ORDER BY name COLLATE "C", labels COLLATE "C"
            ON CONFLICT (name, labels) DO UPDATE SET value = total.value + excluded.value
            """,
            [[name for name, _ in new], [labels for _, labels in new], list(new.values())],
        )
