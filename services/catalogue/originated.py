"""Customers who call us: access numbers and codes."""

from __future__ import annotations

from services import kinds
from services.catalogue.option import Option
from services.kinds import BOOLEAN

SECTION = "Voice-User Originated"

OPTIONS = (
    Option(
        name="_provide_code",
        kind=BOOLEAN,
        section=SECTION,
        default="false",
        mandatory=True,
        help="true: the customer is given a random code that identifies their inbound call.",
    ),
    Option(
        name="_access_code_length",
        kind=kinds.integer(1, 32),
        section=SECTION,
        advanced=True,
        help="How many digits that code has.",
    ),
    Option(
        name="_resource_group",
        kind=kinds.text(maximum=64),
        section=SECTION,
        needed_when=("_call_direction", "USERORIGINATED"),
        help="The pool of access numbers that customers call. Needed only when the customer calls us.",
    ),
    Option(
        name="_booking_expiration_timeout",
        kind=kinds.seconds(5, 1800),
        section=SECTION,
        default="30",
        mandatory=True,
        help="How long an access number stays booked for a customer; their call must come in this time.",
    ),
    Option(
        name="_userorig_connect_limit",
        kind=kinds.integer(1, 100),
        section=SECTION,
        default="3",
        help="How often a customer may ask to be connected again.",
    ),
    Option(
        name="_return_pool_health",
        kind=BOOLEAN,
        section=SECTION,
        default="false",
        advanced=True,
        help="true: answers say how many access numbers are free. Only for pools whose numbers are booked.",
    ),
)
