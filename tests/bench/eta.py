"""What `scheduling` is measured against: each callback started by a Celery task of its own, published with an `eta`."""

from __future__ import annotations

from celery import shared_task
from django.db import transaction
from django.utils import timezone

from callbacks import actions, inbox
from callbacks.flow.events import StartDue
from callbacks.models import Callback
from scheduling.kick import chained


@shared_task(ignore_result=True)
@chained
def start(callback_id: str) -> None:
    """What the tick and the worker do together: say that it is time, and decide what follows."""
    now = timezone.now()
    desired_at = Callback.objects.values_list("desired_at", flat=True).get(pk=callback_id)
    with transaction.atomic():
        inbox.put([(callback_id, StartDue(desired_at, 0.0))], now)
    actions.advance(callback_id, now=now)
