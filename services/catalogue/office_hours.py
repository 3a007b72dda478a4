"""Services of type office-hours: when an office is open. All times are local to `_timezone`."""

from __future__ import annotations

import graphlib
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace

from services import kinds
from services.catalogue.builtin import builtin
from services.catalogue.option import Option
from services.kinds import DATED_HOURS, DATES, DAY, HOLIDAYS_COUNTRY, WEEK_HOURS

HOURS = "Office Hours"
OTHERS = "Other Office Hours"

# What refers to another service of this type; a number follows.
_REFERRING = re.compile(r"(?:_include_regular|_include|_use_alternative)[0-9]+")


def _missing() -> Callable[[str], str]:
    """As of any service that is named; nor can one work whose references lead back to where they came from."""
    from services.models import ConfiguredService  # models are not loaded yet when option tables are built

    services = ConfiguredService.objects.filter(type="office-hours").values_list("name", "options")
    referred = {
        name: {str(text).strip() for option, text in options.items() if _REFERRING.fullmatch(option)} - {""}
        for name, options in services
    }

    def sentence(text: str) -> str:
        if text not in referred:
            return f"there is no service {text} of type office-hours"
        if circle := _circle(text, referred):
            return f"office hours go round in a circle: {' refers to '.join(circle)}"
        return ""

    return sentence


def _circle(name: str, referred: Mapping[str, Collection[str]]) -> list[str]:
    """Services, from one to the same again, each of which refers to the next; empty when `name` leads to no such."""
    reached: dict[str, Collection[str]] = {}
    ahead = [name]
    while ahead:
        if (each := ahead.pop()) not in reached:
            reached[each] = referred.get(each, ())
            ahead += reached[each]
    try:
        graphlib.TopologicalSorter(reached).prepare()
    except graphlib.CycleError as error:
        circle: list[str] = error.args[1]
        return circle[::-1]
    return []


SERVICE = replace(kinds.service_reference("office-hours"), missing=_missing)

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
        help="Hours of one day beside the weekly ones, also on a holiday.",
    ),
    Option(
        name="_holiday",
        kind=DAY,
        section=HOURS,
        numbered=True,
        help="A day on which the office is closed, but for additional hours.",
    ),
    Option(
        name="_holidays_country",
        kind=HOLIDAYS_COUNTRY,
        section=HOURS,
        help="The public holidays of a country, or of a part of one, are holidays too. An option of this system, "
        "unknown to the vendor's.",
    ),
    Option(
        name="_effective_dates",
        kind=DATES,
        section=HOURS,
        numbered=True,
        help="Days for which this service says anything, also about the hours that it includes. Outside of them the "
        "office is closed. None: always. With a _use_alternative of the same number: the days of the other service.",
    ),
    Option(
        name="_include_regular",
        kind=SERVICE,
        section=OTHERS,
        numbered=True,
        note="The vendor's documents do not print the whole name; this one is taken from what is left of it.",
        help="Another service whose weekly hours are added, in the time zone of this one.",
    ),
    Option(
        name="_include",
        kind=SERVICE,
        section=OTHERS,
        numbered=True,
        note="The vendor's documents do not print the whole name; this one is taken from what is left of it.",
        help="Another service whose weekly hours, additional hours and holidays are added, in the time zone of this "
        "one.",
    ),
    Option(
        name="_use_alternative",
        kind=SERVICE,
        section=OTHERS,
        numbered=True,
        help="Another service that counts instead of this one, in its own time zone, on the days of the "
        "_effective_dates of the same number, which it needs.",
    ),
)
