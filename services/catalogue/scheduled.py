"""Callbacks for a time of the customer's choice."""

from __future__ import annotations

from services import kinds
from services.catalogue.option import DAY, Option

SECTION = "Scheduled Call"

OPTIONS = (
    Option(
        name="_request_execution_time_buffer",
        kind=kinds.seconds(0, DAY),
        section=SECTION,
        default="120",
        help="A scheduled callback joins its queue this long before its desired time, and earlier by the estimated "
        "wait time.",
    ),
    Option(
        name="_desired_connect_time_threshold",
        kind=kinds.seconds(1, DAY),
        section=SECTION,
        default="180",
        help="The customer is not called earlier than this before the desired time. Must be greater than "
        "_request_execution_time_buffer.",
    ),
)
