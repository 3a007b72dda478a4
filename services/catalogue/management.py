"""Which requests are refused, and how the vendor's system looks after its queue."""

from __future__ import annotations

from services import kinds
from services.catalogue import tolls
from services.catalogue.option import DAY, Option
from services.kinds import BOOLEAN, COUNTRY, KEYS, MINUTES_RANGE, THRESHOLDS

SECTION = "Queue Management"

_NUMBER_RULES = (
    Option(
        name="_default_country",
        kind=COUNTRY,
        section=SECTION,
        overridable=False,
        note="Since release 8.5.107.19.",
        help="The country whose numbers customers give without a country code. The Common Default Configurations say "
        "US. Needed while a number rule is on.",
    ),
    Option(
        name="_disallow_impossible_phone_numbers",
        kind=BOOLEAN,
        section=SECTION,
        default="false",
        inherits=("callback", "_disallow_impossible_phone_numbers"),
        overridable=False,
        help="true: refuse numbers that cannot exist, such as too long ones. The vendor's default, true, would refuse "
        "the numbers of its own samples, and internal ones.",
    ),
    Option(
        name="_disallow_premium_phone_numbers",
        kind=BOOLEAN,
        section=SECTION,
        default="true",
        inherits=("callback", "_disallow_premium_phone_numbers"),
        overridable=False,
        help="true: refuse numbers that cost extra, such as +1 900.",
    ),
)

_THROTTLES = (
    Option(
        name="_enable_in_queue_checking",
        kind=kinds.choice("true", "false", "strict"),
        section=SECTION,
        default="true",
        inherits=("callback", "_enable_in_queue_checking"),
        overridable=False,
        note="Since release 8.5.109.05; strict since 8.5.111.04.",
        help="true: refuse a customer whose number has two callbacks in the queue; strict: one.",
    ),
    Option(
        name="_enable_reject_out_of_office_hours",
        kind=BOOLEAN,
        section=SECTION,
        default="false",
        overridable=False,
        note="Since release 8.5.200.",
        help="true: refuse requests for now while the office is closed.",
    ),
    Option(
        name="_throttle_request_parameters",
        kind=KEYS,
        section=SECTION,
        default="_customer_number",
        inherits=("callback", "_throttle_request_parameters"),
        overridable=False,
        help="Request keys whose values are counted for _throttle_request_parameters_limit.",
    ),
    Option(
        name="_throttle_request_parameters_limit",
        kind=kinds.limit(6),
        section=SECTION,
        default="6",
        inherits=("callback", "_throttle_request_parameters_limit"),
        overridable=False,
        note="Since release 8.5.110; before it, _throttle_customer_number_limit.",
        help="How many callbacks for now the same value, such as a customer's number, may ask for in a day.",
    ),
    Option(
        name="_throttle_customer_number_limit",
        kind=kinds.limit(6),
        section=SECTION,
        inherits=("callback", "_throttle_customer_number_limit"),
        advanced=True,
        overridable=False,
        note="Replaced by _throttle_request_parameters_limit in release 8.5.110.",
        help="The former name of _throttle_request_parameters_limit; counts where that is not set.",
    ),
    Option(
        name="_enable_throttle_header_parameters",
        kind=BOOLEAN,
        section=SECTION,
        default="true",
        inherits=("callback", "_enable_throttle_header_parameters"),
        overridable=False,
        note="Since release 8.5.111.04.",
        help="true: a key of _throttle_request_parameters is looked for among the request's headers too, and first.",
    ),
    Option(
        name="_throttle_callbacks_per_service_1",
        kind=kinds.limit(500),
        section=SECTION,
        default="500",
        inherits=("callback", "_throttle_callbacks_per_service_1"),
        overridable=False,
        help="How many callbacks for now the service accepts in _throttle_ttl_1 seconds.",
    ),
    Option(
        name="_throttle_ttl_1",
        kind=kinds.limit(300, unit="seconds"),
        section=SECTION,
        default="300",
        inherits=("callback", "_throttle_ttl_1"),
        overridable=False,
        help="The time in which they are counted; 0: they are not.",
    ),
    Option(
        name="_throttle_callbacks_per_service_2",
        kind=kinds.limit(1000),
        section=SECTION,
        default="1000",
        inherits=("callback", "_throttle_callbacks_per_service_2"),
        overridable=False,
        help="A second such limit, in _throttle_ttl_2 seconds.",
    ),
    Option(
        name="_throttle_ttl_2",
        kind=kinds.limit(3600, unit="seconds"),
        section=SECTION,
        default="3600",
        inherits=("callback", "_throttle_ttl_2"),
        overridable=False,
        help="The time in which the second limit counts; 0: it does not.",
    ),
    Option(
        name="_max_queued_callbacks_per_service",
        kind=kinds.limit(1000),
        section=SECTION,
        default="1000",
        inherits=("callback", "max_queued_callbacks_per_service"),
        overridable=False,
        help="How many callbacks may be queued or in a call at once; scheduled ones do not count.",
    ),
)

_POLLING = (
    Option(
        name="_min_queue_wait",
        kind=kinds.seconds(0, DAY),
        section=SECTION,
        default="0",
        advanced=True,
        help="How long a callback stays queued at least before the customer is called.",
    ),
    Option(
        name="_eta_pos_threshold",
        kind=THRESHOLDS,
        section=SECTION,
        default="0:10,10:5,20:2,30:1,40:0",
        advanced=True,
        help="From which position in the queue on the customer is told or called, by the minutes already waited: 10:5 "
        "is the fifth position after 10 minutes.",
    ),
    Option(
        name="_max_time_to_reach_eta_pos_threshold",
        kind=kinds.seconds(1, 7 * DAY),
        section=SECTION,
        default="14160",
        advanced=True,
        note="3600 in older releases.",
        help="How long a callback waits for such a position at most.",
    ),
    Option(
        name="_min_urs_ewt_pos_polling_interval",
        kind=kinds.seconds(1, 3600),
        section=SECTION,
        default="2",
        advanced=True,
        help="How often at most the vendor's routing server is asked for position and estimated wait time.",
    ),
    Option(
        name="_max_urs_ewt_pos_polling_interval",
        kind=kinds.seconds(1, 3600),
        section=SECTION,
        default="30",
        advanced=True,
        help="How often at least it is asked.",
    ),
    Option(
        name="_queue_poll_period",
        kind=MINUTES_RANGE,
        section=SECTION,
        default="-120,120",
        advanced=True,
        help="Desired times, in minutes from now, of the callbacks that are looked at again and again. Here: how late "
        "a callback may start at most, if that is later than _queue_poll_period_recovery says.",
    ),
    Option(
        name="_queue_poll_period_recovery",
        kind=MINUTES_RANGE,
        section=SECTION,
        default="-1440,-120",
        advanced=True,
        help="The same for callbacks that were left behind by an outage. One that is later than its first number says "
        "ends with FAIL_TOO_LATE instead of being called.",
    ),
    Option(
        name="_queue_ping_ors_period",
        kind=MINUTES_RANGE,
        section=SECTION,
        default="-120,-2",
        advanced=True,
        help="The same for callbacks whose session in the vendor's orchestration server is checked.",
    ),
)

OPTIONS = (*_NUMBER_RULES, *tolls.of_services(SECTION), *_THROTTLES, *_POLLING)
