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
        name="_resource_group",
        kind=kinds.text(maximum=64),
        section=SECTION,
        needed_when=("_call_direction", "USERORIGINATED"),
        help="The pool of access numbers that customers call. Needed only when the customer calls us.",
    ),
)
