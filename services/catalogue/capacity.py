"""Services of type capacity: how many callbacks can be booked, by day and hour. Local to `_timezone`."""

from __future__ import annotations

from services import kinds
from services.catalogue.option import YEAR, Option
from services.kinds import JSON, TIME_ZONE, WEEK_DAYS, capacity_of_day

GENERAL = "General"
CAPACITY = "Capacity"

_WEEK = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

OPTIONS = (
    Option(
        name="_type",
        kind=kinds.choice("builtin", "ors"),
        section=GENERAL,
        default="builtin",
        mandatory=True,
        advanced=True,
        help="Where the vendor's system runs the service. Kept for compatibility; both words mean the same here.",
    ),
    Option(
        name="_service",
        kind=kinds.choice("capacity"),
        section=GENERAL,
        default="capacity",
        mandatory=True,
        advanced=True,
        help="The application behind the service.",
    ),
    Option(
        name="_ttl",
        kind=kinds.seconds(1, 10 * YEAR),
        section=GENERAL,
        default="30",
        advanced=True,
        help="How long the vendor's system keeps the answer to a request.",
    ),
    Option(
        name="_timezone",
        kind=TIME_ZONE,
        section=GENERAL,
        mandatory=True,
        help="The time zone of the hours, such as Europe/Berlin. Abbreviations such as EST know no summer time.",
    ),
    Option(
        name="_max_capacity",
        kind=kinds.integer(1, 1_000_000),
        section=CAPACITY,
        default="1000",
        mandatory=True,
        help="The greatest number that an hour may have.",
    ),
    Option(
        name="_capacity",
        kind=WEEK_DAYS,
        section=CAPACITY,
        default="[Mon, Tue, Wed, Thu, Fri, Sat, Sun]",
        advanced=True,
        help="The days that _capacity_1 to _capacity_7 stand for, in their order.",
    ),
    *(
        Option(
            name=f"_capacity_{number}",
            kind=capacity_of_day(number),
            section=CAPACITY,
            help=f"{day}: how many callbacks each time slot takes, by the hour in which it begins. An hour that is not "
            "named takes none.",
        )
        for number, day in enumerate(_WEEK, start=1)
    ),
    Option(
        name="_capacity_add",
        kind=JSON,
        section=CAPACITY,
        advanced=True,
        help="Days that differ from their day of the week. [ ] or { }: none.",
    ),
)
