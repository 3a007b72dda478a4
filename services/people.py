"""Which services a person may see: all, or those to which an admin limited them; and their own time zone.

docs/people.md is written for admins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import connection

from services import resolution
from services.models import ConfiguredService, ConfiguredServiceQuerySet
from services.people_models import Preference

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User
    from django.http import HttpRequest

CALLBACK = "callback"
# The key under which a session keeps its person's time zone: so that no page has to ask the database for it.
ZONE = "time_zone"
# One round trip says both whether there are limits and what they let through; the list of groups is split as
# `kinds.names` splits it.
_ALLOWED = """
    SELECT service.id
    FROM services_personscope AS scope
    LEFT JOIN services_configuredservice AS service ON service.type = %s AND CASE scope.kind
        WHEN 'service' THEN service.name = scope.name
        ELSE scope.name = ANY (regexp_split_to_array(service.options->>'_service_groups', '^\\s+|\\s*,\\s*|\\s+$'))
    END
    WHERE scope.user_id = %s
"""


def visible(user: User | AnonymousUser) -> ConfiguredServiceQuerySet:
    """The callback services that this person may see; nobody's are none."""
    services = ConfiguredService.objects.of_type(CALLBACK)
    if not user.is_active:
        return services.none()
    only = limits(user)
    return services if only is None else services.filter(pk__in=only)


def is_limited(user: User | AnonymousUser) -> bool:
    """True for whom an admin limited to some services, also where none of these is there any more."""
    return limits(user) is not None


def limits(user: User | AnonymousUser) -> frozenset[int] | None:
    """The primary keys of the services to which this person is limited; None for who is not.

    One statement for a person in a request: kept at the user as Django keeps permissions there.
    """
    kept: Any = user
    if not hasattr(kept, "_limits"):
        kept._limits = _read(user.pk) if user.pk else None
    found: frozenset[int] | None = kept._limits
    return found


def _read(user_id: int) -> frozenset[int] | None:
    with connection.cursor() as cursor:
        cursor.execute(_ALLOWED, [CALLBACK, user_id])
        rows = cursor.fetchall()
    return frozenset(pk for (pk,) in rows if pk is not None) if rows else None


def remember_zone(request: HttpRequest, user: User, **_: Any) -> None:
    """Take a person's time zone into the session that begins; a receiver of Django's signal `user_logged_in`."""
    name = Preference.objects.filter(user=user).values_list("time_zone", flat=True).first()
    if name:
        request.session[ZONE] = name


def choose_zone(request: HttpRequest, user: User, name: str) -> None:
    """Show this person their times in this zone from now on, in all later sessions too; empty: in the office's."""
    Preference.objects.update_or_create(user=user, defaults={"time_zone": name})
    request.session[ZONE] = name


def groups_of(service: ConfiguredService) -> tuple[str, ...]:
    """The groups that a service says it is in (`_service_groups`); none where its configuration cannot be read."""
    try:
        names = resolution.resolve_one(service, "_service_groups")
    except (resolution.OptionError, LookupError):
        return ()
    return names if isinstance(names, tuple) else ()
