"""Sending again what was parked."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from callbacks.status import configuration
from callbacks.status.models import StatusNotice, StatusReceiver
from callbacks.status.outbox import DELIVER, PATIENCE, receiver_of
from scheduling.kick import kick
from services.models import ConfiguredService

logger = logging.getLogger(__name__)

# As many as one transaction should hold.
MOST_AT_ONCE = 500


class NotParked(Exception):
    """There is no such notice, or it is not parked any more; nothing was changed."""


def resend(among: QuerySet[StatusNotice], notice_id: int, *, actor: str, now: datetime) -> StatusNotice:
    """Send a parked notice again, for another day, if it is `among` those that the actor may see. Raises NotParked.

    It goes to where its service reports now: that the address was wrong is why many are parked.
    """
    if not _send_again(among.filter(pk=notice_id), actor, now):
        raise NotParked
    return StatusNotice.objects.get(pk=notice_id)


def resend_all(among: QuerySet[StatusNotice], receiver: str, *, actor: str, now: datetime) -> int:
    """Send again what is parked for a receiver `among` these, oldest first; how many, at most `MOST_AT_ONCE`."""
    return _send_again(among.filter(receiver=receiver), actor, now)


def _send_again(notices: QuerySet[StatusNotice], actor: str, now: datetime) -> int:
    with transaction.atomic():
        parked = notices.filter(state=StatusNotice.State.PARKED).order_by("pk").select_for_update(skip_locked=True)
        found = list(parked[:MOST_AT_ONCE])
        targets = _targets({notice.service_name for notice in found})
        for notice in found:
            notice.target = targets.get(notice.service_name) or notice.target
            notice.receiver = receiver_of(notice.target)
            notice.state, notice.settled_at, notice.resent_by = StatusNotice.State.PENDING, None, actor[:150]
            notice.attempt, notice.due_at, notice.give_up_at = 0, now, now + PATIENCE
        StatusNotice.objects.bulk_update(
            found,
            ["target", "receiver", "state", "settled_at", "resent_by", "attempt", "due_at", "give_up_at"],
        )
        receivers = {notice.receiver for notice in found}
        # Somebody says that it is worth a try.
        StatusReceiver.objects.filter(pk__in=receivers).update(rests_until=None, look_at=now, looks=0)
        for receiver in sorted(receivers):
            kick(DELIVER, receiver)
    if found:
        logger.info("%s parked status notifications are sent again by %s", len(found), actor)
    return len(found)


def _targets(service_names: Iterable[str]) -> dict[str, str]:
    """Where these services report now; those are missing whose address is none, or differs from request to request."""
    services = ConfiguredService.objects.filter(name__in=service_names)
    found = {service.name: configuration.target_of(service) for service in services}
    return {name: target for name, target in found.items() if target}
