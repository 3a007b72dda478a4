"""Services of type office-hours: when an office is open. All times are local to `_timezone`."""

from __future__ import annotations

from services import kinds
from services.catalogue.builtin import builtin
from services.catalogue.option import Option
from services.kinds import DATED_HOURS, DATES, DAY, WEEK_HOURS

HOURS = "Office Hours"
OTHERS = "Other Office Hours"

_SERVICE = kinds.service_reference("office-hours")

OPTIONS = (
    *builtin("office-hours", zone_of="the office"),
    Option(
        name="_bh_regular",
        kind=WEEK_HOURS,
        section=HOURS,
        numbered=True,
        help="Weekly hours. Days may run on over the end of the week, hours over the end of the day.",
    ),
    Option(
        name="_bh_add",
        kind=DATED_HOURS,
        section=HOURS,
        numbered=True,
        help="Hours of one day beside the weekly ones.",
    ),
    Option(
        name="_holiday",
        kind=DAY,
        section=HOURS,
        numbered=True,
        help="A day on which the office is closed.",
    ),
    Option(
        name="_effective_dates",
        kind=DATES,
        section=HOURS,
        numbered=True,
        help="Days for which this service says anything, also about the hours that it includes. Outside of them the "
        "office is closed. None: always.",
    ),
    Option(
        name="_include_regular",
        kind=_SERVICE,
        section=OTHERS,
        numbered=True,
        note="The vendor's documents do not print the whole name; this one is taken from what is left of it.",
        help="Another service whose weekly hours are added.",
    ),
    Option(
        name="_include",
        kind=_SERVICE,
        section=OTHERS,
        numbered=True,
        note="The vendor's documents do not print the whole name; this one is taken from what is left of it.",
        help="Another service whose weekly hours, additional hours and holidays are added.",
    ),
    Option(
        name="_use_alternative",
        kind=_SERVICE,
        section=OTHERS,
        numbered=True,
        help="Another service that counts instead of this one on the days of _effective_dates, which it needs.",
    ),
)
