"""Services of type capacity: how many callbacks can be booked, by day and hour. Local to `_timezone`."""

from __future__ import annotations

from services import kinds
from services.catalogue.builtin import builtin
from services.catalogue.option import Option
from services.kinds import CAPACITY_OF_DATES, WEEK_DAYS, capacity_of_day

CAPACITY = "Capacity"

_WEEK = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

OPTIONS = (
    *builtin("capacity", zone_of="the hours"),
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
        kind=CAPACITY_OF_DATES,
        section=CAPACITY,
        advanced=True,
        help="Days whose hours stand instead of those of their day of the week. A day with a year stands instead of "
        "that of every year. [ ] or { }: none.",
    ),
)
