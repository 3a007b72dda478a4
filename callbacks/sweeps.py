"""Records that expire: live ones are told so, completed ones are removed with all that any floor knows of them."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import Exists, OuterRef

from callbacks import inbox
from callbacks.flow.events import Expired
from callbacks.flow.states import State
from callbacks.models import Callback, Pending
from scheduling import timers
from telephony import agents, calls, queues

# A batch of the sweep stays below 200 ms.
SWEEP_BATCH = 200


def expire(now: datetime) -> int:
    """Callbacks that were not handled within `_ttl`: told so, unless a call is up; then it waits for the call's end."""
    told = Exists(Pending.objects.filter(callback=OuterRef("pk"), event__kind=Expired.__name__))
    late = Callback.objects.filter(~told, expires_at__lte=now).exclude(state=State.COMPLETED)
    ids = list(late.order_by("expires_at").values_list("pk", flat=True)[:SWEEP_BATCH])
    due = sorted(set(ids) - calls.with_live_leg(ids))
    with transaction.atomic():
        inbox.put([(callback_id, Expired()) for callback_id in due], now)
    return len(due)


def delete_expired(now: datetime) -> int:
    """Remove completed callbacks whose `_ttl` is over, with everything that every floor knows of them."""
    with transaction.atomic():
        late = Callback.objects.filter(expires_at__lte=now, state=State.COMPLETED).order_by("expires_at")
        ids = list(late.select_for_update(skip_locked=True, no_key=True).values_list("pk", flat=True)[:SWEEP_BATCH])
        gone = sorted(set(ids) - calls.with_live_leg(ids) - agents.holding(ids))
        for forget in (timers.forget, queues.forget, calls.forget):
            forget(gone)
        Callback.objects.filter(pk__in=gone).delete()
    return len(gone)
