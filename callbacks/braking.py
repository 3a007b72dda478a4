"""The brake on spending as supervisors have it: releasing it, so that whom it holds back is dialled at once."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import TYPE_CHECKING

from django.db import transaction

from callbacks import inbox
from callbacks.flow.events import TimerFired
from callbacks.flow.session import Stage
from callbacks.flow.states import State
from callbacks.models import Callback
from services import people
from telephony import brake
from telephony.models import BrakeRelease, DialCount

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

WAKE_BATCH = 500


class NotPulled(Exception):
    """The brake is not pulled, or not any more: its hour or day is over, or somebody else released it."""


def visible_to(user: User | AnonymousUser, counts: Collection[DialCount]) -> list[DialCount]:
    """Those of services that this person may see, and of all services together."""
    if not counts or not people.is_limited(user):
        return list(counts)
    names = {DialCount.ALL, *people.visible(user).values_list("name", flat=True)}
    return [count for count in counts if count.service in names]


def may_release(user: User | AnonymousUser, count: DialCount) -> bool:
    """True where this person may let dialling go on: who is limited to services not for all."""
    is_theirs = count.service != DialCount.ALL or not people.is_limited(user)
    return user.has_perm("telephony.add_brakerelease") and is_theirs and bool(visible_to(user, [count]))


def release(*, brake_id: int, by: str, reason: str, now: datetime) -> BrakeRelease:
    """Let as many more be dialled as the limit says, and wake those whom it held back, oldest first.

    Those are told in batches, after the release has been committed; whom a crash leaves out goes on when the hour or
    day is over, as before. Raises NotPulled.
    """
    released = brake.release(brake_id, by=by, reason=reason, now=now)
    if released is None:
        raise NotPulled
    held = Callback.objects.filter(
        state=State.QUEUED, stage=Stage.RETRYING, session__held_back__startswith=brake.PULLED
    )
    if released.service != DialCount.ALL:
        held = held.filter(service_name=released.service)
    visits = list(held.order_by("created_at").values_list("pk", "session__visit")[: released.extra])
    for begin in range(0, len(visits), WAKE_BATCH):
        batch = visits[begin : begin + WAKE_BATCH]
        with transaction.atomic():
            # As if the moment had come to which they were put off; one that has moved on meanwhile drops it.
            inbox.put([(callback_id, TimerFired("stage", visit)) for callback_id, visit in batch], now)
    return released
