"""Services of type capacity: how many callbacks can be booked in each hour of the week."""

from __future__ import annotations

from services import kinds
from services.catalogue.option import Option

SECTION = "Capacity"

OPTIONS = (
    Option(
        name="_timezone",
        kind=kinds.text(maximum=64),
        section=SECTION,
        default="UTC",
        help="The time zone of all times of this service, as Europe/Berlin.",
    ),
)
