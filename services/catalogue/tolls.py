"""Toll fraud: which numbers are called at all, how often one number is, and how much is dialled before somebody looks.

All of it is our own.
"""

from __future__ import annotations

from services.catalogue.option import Option
from services.kinds import COUNTRIES, NUMBER_TYPES, Kind, integer

_OWN = "An option of this system, unknown to the vendor's."
_SECTION = "callback"
_REFUSED = "shared_cost,satellite,global_network,personal,pager"

_OF_SERVICES: tuple[tuple[str, Kind, str, str], ...] = (
    (
        "_allowed_countries",
        COUNTRIES,
        "",
        "Only numbers of these countries are called; empty or all: of every country.",
    ),
    (
        "_refused_number_types",
        NUMBER_TYPES,
        _REFUSED,
        "Numbers of these types are not called; premium is added while _disallow_premium_phone_numbers is true.",
    ),
    (
        "_max_attempts_per_number_per_day",
        integer(0, 1000),
        "30",
        "How often a number is dialled in 24 hours, for whichever service; 0: without limit.",
    ),
    (
        "_max_attempts_per_number_per_week",
        integer(0, 1000),
        "100",
        "How often a number is dialled in 7 days, for whichever service; 0: without limit.",
    ),
    (
        "_max_dials_per_hour",
        integer(0, 10_000_000),
        "0",
        "Spending brake: how many customers the service dials in an hour of the clock; 0: without limit.",
    ),
    (
        "_max_dials_per_day",
        integer(0, 10_000_000),
        "0",
        "Spending brake: how many customers the service dials in a day; 0: without limit.",
    ),
)


def of_services(section: str) -> tuple[Option, ...]:
    """The options of a callback service."""
    return tuple(
        Option(
            name=name,
            kind=kind,
            section=section,
            default=default,
            inherits=(_SECTION, name),
            overridable=False,
            help=f"{text} {_OWN}",
        )
        for name, kind, default, text in _OF_SERVICES
    )


IN_SECTION: tuple[Option, ...] = (
    *(
        Option(name=name, kind=kind, section=_SECTION, default=default, help=f"For services that do not say. {text}")
        for name, kind, default, text in _OF_SERVICES
    ),
    Option(
        name="_max_dials_per_hour_all_services",
        kind=integer(0, 10_000_000),
        section=_SECTION,
        default="0",
        help=f"Spending brake: how many customers all services together dial in an hour; 0: without limit. {_OWN}",
    ),
    Option(
        name="_max_dials_per_day_all_services",
        kind=integer(0, 10_000_000),
        section=_SECTION,
        default="0",
        help=f"Spending brake: how many customers all services together dial in a day; 0: without limit. {_OWN}",
    ),
)
