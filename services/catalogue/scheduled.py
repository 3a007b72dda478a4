"""Callbacks for a time of the customer's choice."""

from __future__ import annotations

from services import kinds
from services.catalogue.option import DAY, Option
from services.kinds import CALLING_WINDOW, DURATION, STATISTIC, TIME_ZONE

SECTION = "Scheduled Call"

OPTIONS = (
    Option(
        name="_desired_time",
        kind=kinds.text(maximum=32),
        section=SECTION,
        advanced=True,
        overridable=False,
        help="When the customer wants to be called, in UTC. A key of the request.",
    ),
    Option(
        name="_customer_timezone",
        kind=TIME_ZONE,
        section=SECTION,
        advanced=True,
        overridable=False,
        help="Where the customer's clock is. A key of the request; without it the customer's number tells, else it is "
        "the zone of the office. A key of this system, unknown to the vendor's.",
    ),
    Option(
        name="_calling_window",
        kind=CALLING_WINDOW,
        section=SECTION,
        overridable=False,
        help="The times of day at which customers may be called, by the customer's clock. A call outside is put off. "
        "Empty: any time. An option of this system, unknown to the vendor's.",
    ),
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
    Option(
        name="_request_time_bucket",
        kind=kinds.choice("5", "10", "15", "20", "30", "60", "120"),
        section=SECTION,
        default="5",
        overridable=False,
        note="20 and more since release 8.5.202.03.",
        help="Minutes of a time slot.",
    ),
    Option(
        name="_max_request_by_time_bucket",
        kind=kinds.integer(1, 1_000_000),
        section=SECTION,
        default="100",
        overridable=False,
        help="How many callbacks a time slot takes. A capacity service replaces it.",
    ),
    Option(
        name="_reject_future_desired_time",
        kind=DURATION,
        section=SECTION,
        default="1M",
        overridable=False,
        help="How far ahead a desired time may lie.",
    ),
    Option(
        name="_reject_past_desired_time",
        kind=kinds.seconds(0, 99_999_999_999),
        section=SECTION,
        default="60",
        advanced=True,
        overridable=False,
        help="How long ago a desired time may be. The customer is then called at once.",
    ),
    Option(
        name="_request_queue_time_stat",
        kind=STATISTIC,
        section=SECTION,
        advanced=True,
        help="The vendor's statistic that estimates the wait time.",
    ),
    Option(
        name="_request_ewt_service",
        kind=kinds.pattern("service_name", kinds.SERVICE_NAME.pattern, "the name of a service"),
        section=SECTION,
        advanced=True,
        help="The vendor's statistic service that estimates the wait time.",
    ),
    Option(
        name="_urs_ewt_estimation_method",
        kind=kinds.text(maximum=64),
        section=SECTION,
        default="ursdial",
        advanced=True,
        help="How the vendor's routing server estimates the wait time.",
    ),
)
