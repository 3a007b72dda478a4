"""The guarded update created→sent taken out, for negative controls: what it keeps from happening must then be seen."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from telephony import upwards
from telephony.events import LegDialling, Party
from telephony.models import Leg
from telephony.routes import Way
from telephony.switch import LegState


def _permitted(leg: Leg, now: datetime) -> bool:
    answer = upwards.owner().permit(leg.call_id, Party(leg.party), leg.attempt, now)
    return not isinstance(answer, upwards.Refusal)


def _tell(leg: Leg, now: datetime) -> None:
    leg.state, leg.sent_at = LegState.SENT, now
    upwards.owner().report([(leg.call_id, LegDialling(Party(leg.party), leg.attempt))], now)


def never_checked(leg: Leg, way: Way, other: Leg | None, now: datetime) -> bool:
    """`converge._send` that marks the leg as sent whatever became of it meanwhile."""
    with transaction.atomic():
        if not _permitted(leg, now):
            return False
        Leg.objects.filter(pk=leg.pk).update(state=LegState.SENT, sent_at=now)
        _tell(leg, now)
    return True


def never_marked(leg: Leg, way: Way, other: Leg | None, now: datetime) -> bool:
    """`converge._send` that remembers what it sent, but does not write it down."""
    with transaction.atomic():
        if not _permitted(leg, now):
            return False
        _tell(leg, now)
    return True
