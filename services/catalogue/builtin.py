"""What the services have in common that answer by themselves, without a call."""

from __future__ import annotations

from services import kinds
from services.catalogue.credentials import credentials
from services.catalogue.option import YEAR, Option
from services.kinds import TIME_ZONE

GENERAL = "General"


def basics(service: str, *, runs: str = "builtin") -> tuple[Option, ...]:
    """What says which type it is; `runs` is where the vendor's system runs it."""
    return (
        Option(
            name="_type",
            kind=kinds.choice("builtin", "ors"),
            section=GENERAL,
            default=runs,
            mandatory=True,
            advanced=True,
            help="Where the vendor's system runs the service. Kept for compatibility; both words mean the same here.",
        ),
        Option(
            name="_service",
            kind=kinds.choice(service),
            section=GENERAL,
            default=service,
            mandatory=True,
            advanced=True,
            help="The application behind the service.",
        ),
    )


def builtin(service: str, *, zone_of: str) -> tuple[Option, ...]:
    """The first options of services that say when; `zone_of` says whose time zone it is."""
    return (
        *basics(service),
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
            help=f"The time zone of {zone_of}, such as Europe/Berlin. Abbreviations such as EST know no summer time.",
        ),
        *credentials(GENERAL),
    )
