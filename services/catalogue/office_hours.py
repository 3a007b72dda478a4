"""Services of type office-hours: when an office is open."""

from __future__ import annotations

from services import kinds
from services.catalogue.option import Option

SECTION = "Office Hours"

OPTIONS = (
    Option(
        name="_timezone",
        kind=kinds.text(maximum=64),
        section=SECTION,
        default="UTC",
        help="The time zone of all times of this service, as Europe/Berlin.",
    ),
    Option(
        name="_bh_regular",
        kind=kinds.text(),
        section=SECTION,
        numbered=True,
        help="Weekly hours, as Mon-Fri 9:00-17:00.",
    ),
)
