"""What is counted of pushes. Never a label with a device."""

from __future__ import annotations

from prometheus_client import Counter

from scheduling.totals import REGISTRY

PUSHES = Counter(
    "callbacksite_pushes",
    "Attempts to deliver a push, by its kind and result: delivered, rejected, unavailable, unknown.",
    ["provider", "result"],
    registry=REGISTRY,
)
