"""A customer whom an agent talks with is not called a second time for the same thing (docs/adr/0025)."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Q

from callbacks import inbox
from callbacks.flow.events import Served
from callbacks.flow.session import Session
from callbacks.flow.states import State
from callbacks.models import Callback


def tell_others(callback: Callback, before: Session | None, after: Session, now: datetime) -> None:
    """Where a talk has just begun, tell the waiting callbacks of the same number, each by an event of its own.

    They are those of the same service or the same virtual queue. They are only told: their rows are locked by whoever
    decides their events, never beside this one's.
    """
    if before is None or after.contacts == before.contacts or not callback.customer_number:
        return
    same_line = Q(service=callback.service_id)
    if callback.queue:
        same_line |= Q(queue=callback.queue)
    live = Callback.objects.filter(~Q(state=State.COMPLETED), same_line, customer_number=callback.customer_number)
    waiting = live.filter(state__in=[State.QUEUED, State.PAUSED]).exclude(pk=callback.pk).order_by("pk")
    event = Served(after.agent, callback.pk)
    inbox.put([(other, event) for other in waiting.values_list("pk", flat=True)], now)
