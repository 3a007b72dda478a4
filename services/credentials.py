"""Name and password (HTTP Basic) in place of an API key: what a service asks for, and what a pair opens.

The rules are the vendor's (wire contract, section 9): username and password are options of a service and of the section
`[server]`, each resolved on its own, and nothing is asked for unless a password results.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field

from services import resolution
from services.models import SECTIONS_SQL, ConfiguredService
from services.resolution import HasOptions, OptionError, Sections
from services.types import CALLBACK


@dataclass(frozen=True)
class Credentials:
    """A user name and a password, as they were sent or as they are asked for."""

    username: str
    # What is represented ends up in logs.
    password: str = field(repr=False)

    def match(self, other: Credentials) -> bool:
        """True if both are the same; takes as long whichever of them is not."""
        name = hmac.compare_digest(self.username.encode(), other.username.encode())
        return hmac.compare_digest(self.password.encode(), other.password.encode()) and name


class Unusable(Exception):
    """What a service asks for cannot be read, so nobody gets in by name and password."""


@dataclass(frozen=True)
class Opened:
    """What a client without a key may use: `own` says it of each service that sets a name or a password, by id.

    `others` says it of all other services, and of requests that concern none.
    """

    others: bool
    own: Mapping[int, bool]
    # True where a password is set anywhere.
    is_asked: bool

    def service(self, pk: int | None) -> bool:
        """True if this service may be used; None stands for requests that concern none."""
        return self.others if pk is None else self.own.get(pk, self.others)

    @property
    def is_nothing(self) -> bool:
        return not self.others and not any(self.own.values())


@dataclass
class _Plain:
    """A service that sets nothing itself: for it counts what stands in the sections."""

    global_sections: Sections
    type: str = CALLBACK.name
    configuration: str = CALLBACK.configurations[0].name
    options: dict[str, str] = field(default_factory=dict)


def wanted(service: HasOptions) -> Credentials | None:
    """What clients of this service have to send; None while no password results. Raises Unusable."""
    try:
        username = resolution.resolve_one(service, "username")
        password = resolution.resolve_one(service, "password")
    except (OptionError, LookupError) as error:
        raise Unusable from error
    return Credentials(str(username), str(password)) if password else None


def is_open(service: HasOptions, given: Credentials | None, *, unasked: bool) -> bool:
    """True if the client sent what the service asks for; of a service that asks for nothing, `unasked`."""
    try:
        pair = wanted(service)
    except Unusable:
        return False
    return unasked if pair is None else given is not None and given.match(pair)


def opened(given: Credentials | None, *, unasked: bool) -> Opened:
    """What these credentials, or none, open everywhere, as is_open() says it of one service. One statement."""
    others, own, is_asked = False, {}, False
    for row in ConfiguredService.objects.raw(_WITH_CREDENTIALS, [resolution.inherited_sections()]):
        service: HasOptions = row if row.pk else _Plain(row.global_sections)
        is_asked = is_asked or not is_open(service, None, unasked=True)
        if row.pk:
            own[row.pk] = is_open(service, given, unasked=unasked)
        else:
            others = is_open(service, given, unasked=unasked)
    return Opened(others, own, is_asked)


# Every service that sets one of the two, and before them a row without a service, which carries the sections alone.
_WITH_CREDENTIALS = f"""
    SELECT service.*, {SECTIONS_SQL} AS sections_read
    FROM (VALUES (false), (true)) AS rows (of_services)
    LEFT JOIN services_configuredservice AS service ON of_services AND options ?| ARRAY['username', 'password']
    WHERE NOT of_services OR service.id IS NOT NULL
"""  # noqa: S608 (fixed texts)
