"""The roles: groups that migrations make, with Django's permissions (docs/people.md)."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import AnonymousUser, Group, Permission, User
from django.utils.translation import gettext_lazy as _

from telephony.models import Agent

ADMINISTRATOR = "Administrator"
SUPERVISOR = "Supervisor"
READ_ONLY = "CallbackReadOnly"
AGENT = "Agent"

WORDS = {
    ADMINISTRATOR: _("may do everything, also configure"),
    SUPERVISOR: _("watches callbacks and steers them"),
    READ_ONLY: _("watches callbacks, without customers' full numbers"),
    AGENT: _("takes calls at the desk"),
}


def keep_administrators_whole(**_: Any) -> None:
    """Give the group of administrators the permissions that came with this release; a receiver of `post_migrate`.

    It does not make the group again for who has deleted it.
    """
    group = Group.objects.filter(name=ADMINISTRATOR).first()
    if group is not None:
        group.permissions.add(*Permission.objects.exclude(group=group))


def has_a_role(user: User | AnonymousUser) -> bool:
    """True if some page is for this person; a group that an admin made counts by what its people may."""
    return (
        user.is_staff
        or user.has_perm("callbacks.view_callback")
        or user.groups.filter(name=AGENT).exists()
        or Agent.objects.filter(user=user.pk).exists()
    )
