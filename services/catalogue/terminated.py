"""How the customer is called."""

from __future__ import annotations

from services import kinds
from services.catalogue.option import DAY, Option
from services.kinds import BOOLEAN, DIAL_PREFIX, NUMBER

SECTION = "Voice-User Terminated"

OPTIONS = (
    Option(
        name="_route_point",
        kind="route_point",
        section=SECTION,
        mandatory=True,
        help="The route point from which customers are called.",
    ),
    Option(
        name="_userterminated_first_connect_party",
        kind=kinds.choice("CUSTOMER", "AGENT"),
        section=SECTION,
        default="CUSTOMER",
        mandatory=True,
        help="Whom to call first when we call the customer.",
    ),
    Option(
        name="_prefix_dial_out",
        kind=DIAL_PREFIX,
        section=SECTION,
        help="Dialled before the customer's number. Empty unless your PBX expects one: the vendor's preset, 91, dials "
        "wrong numbers wherever it is not expected.",
    ),
    Option(
        name="_max_dial_attempts",
        kind=kinds.integer(1, 100),
        section=SECTION,
        default="3",
        help="How often the customer is dialled before the callback is given up.",
    ),
    Option(
        name="_dial_retry_timeout",
        kind=kinds.seconds(0, 7 * DAY),
        section=SECTION,
        default="300",
        help="Pause between two attempts to reach the customer.",
    ),
    Option(
        name="_ixn_createcall_timeout",
        kind=kinds.seconds(1, 600),
        section=SECTION,
        default="32",
        help="How long the customer's phone rings before the attempt counts as not answered.",
    ),
    Option(
        name="_calling_party_number",
        kind=NUMBER,
        section=SECTION,
        help="The number that the customer's phone shows. Empty: what the trunk sends by itself.",
    ),
    Option(
        name="_calling_party_display_name",
        kind=kinds.text(maximum=64, forbidden='"<>\\'),
        section=SECTION,
        help="The name that the customer's phone shows.",
    ),
    Option(
        name="_cpd_enable",
        kind=BOOLEAN,
        section=SECTION,
        default="true",
        help="true: find out whether a human or a machine answered. false: whatever answers is treated as human.",
    ),
    Option(
        name="_cpd_unsure",
        kind=kinds.choice("human", "machine"),
        section=SECTION,
        default="human",
        help="What an answer is treated as when the detection is not sure. An option of this system, unknown to the "
        "vendor's.",
    ),
    Option(
        name="_call_timeguard_timeout",
        kind=kinds.milliseconds(500, 120_000),
        section=SECTION,
        default="15000",
        advanced=True,
        help="How long after the answer the detection may take; then its result is not sure.",
    ),
)
