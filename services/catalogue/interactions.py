"""Services of the types request-interaction, request-access, match-interaction, get and hello."""

from __future__ import annotations

from services import kinds
from services.catalogue.builtin import GENERAL, basics
from services.catalogue.credentials import credentials
from services.catalogue.option import YEAR, Option
from services.kinds import BOOLEAN

ACCESS = "Access Number"

_NUMBERS = (
    Option(
        name="_resource_group",
        kind=kinds.text(maximum=64),
        section=ACCESS,
        default="DNIS",
        mandatory=True,
        help="The pool of access numbers, a section of GMS_Resources. Set here, requests cannot ask for another.",
    ),
    Option(
        name="_provide_code",
        kind=BOOLEAN,
        section=ACCESS,
        default="false",
        help="true: the customer is given a code as well. Set here, requests cannot ask for the contrary.",
    ),
    Option(
        name="_access_code_length",
        kind=kinds.integer(1, 32),
        section=ACCESS,
        advanced=True,
        help="How many digits that code has; 6 when neither this nor the request says.",
    ),
    Option(
        name="_booking_expiration_timeout",
        kind=kinds.seconds(5, 1800),
        section=ACCESS,
        help="How long a number stays booked, unless the request says. While empty, the pool says, or else 30 seconds.",
    ),
    Option(
        name="_return_pool_health",
        kind=BOOLEAN,
        section=ACCESS,
        default="false",
        advanced=True,
        help="true: answers say how many access numbers are free. Only for pools whose numbers are booked.",
    ),
)

REQUEST_INTERACTION = (
    *basics("request-interaction"),
    Option(
        name="_ttl",
        kind=kinds.seconds(1, 10 * YEAR),
        section=GENERAL,
        default="30",
        mandatory=True,
        help="How long the request and its data are kept; as long as the number is booked, at the least.",
    ),
    *_NUMBERS,
    *credentials(GENERAL),
)
REQUEST_ACCESS = (*basics("request-access"), *_NUMBERS, *credentials(GENERAL))
MATCH_INTERACTION = (*basics("match-interaction"), *credentials(GENERAL))
GET = (
    *basics("get"),
    Option(
        name="_online_code",
        kind=kinds.integer(200, 599),
        section=GENERAL,
        default="200",
        mandatory=True,
        help="The status with which requests are answered while everything works.",
    ),
    Option(
        name="_offline_code",
        kind=kinds.integer(200, 599),
        section=GENERAL,
        default="503",
        mandatory=True,
        help="The status with which requests are answered while something does not.",
    ),
    *credentials(GENERAL),
)
HELLO = (*basics("hello", runs="ors"), *credentials(GENERAL))
