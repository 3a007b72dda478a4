"""Durable timers: armed and disarmed in the caller's transaction, fired by the tick."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from django.db import transaction

from scheduling import metrics
from scheduling.models import Timer

# Told about fired timers inside the transaction that deletes them.
Handler = Callable[[list[Timer], datetime], None]

_handler: Handler | None = None


def register(handler: Handler) -> None:
    """Set who is told; called once by the floor whose owners arm timers."""
    global _handler
    _handler = handler


def arm(owner: str, timers: dict[str, tuple[datetime, dict[str, Any]]]) -> None:
    """Arm timers by name, each with its moment and what it is armed for; an armed one of that name is moved."""
    if timers:
        Timer.objects.bulk_create(
            [Timer(owner=owner, name=name, due_at=due, data=data) for name, (due, data) in timers.items()],
            update_conflicts=True,
            unique_fields=["owner", "name"],
            update_fields=["due_at", "data"],
        )


def disarm(owner: str, names: Iterable[str]) -> None:
    if names := list(names):
        Timer.objects.filter(owner=owner, name__in=names).delete()


def forget(owners: Iterable[str]) -> None:
    """Drop all timers of owners that are gone."""
    Timer.objects.filter(owner__in=list(owners)).delete()


def fire_due(now: datetime, *, limit: int = 500, owners: Iterable[str] | None = None) -> int:
    """Delete up to `limit` due timers and tell the handler, in one transaction; return how many.

    Timers that somebody else is firing or moving are left to the next tick.
    """
    if _handler is None:
        return 0
    with transaction.atomic():
        due = Timer.objects.filter(due_at__lte=now)
        if owners is not None:
            due = due.filter(owner__in=list(owners))
        fired = list(due.select_for_update(skip_locked=True).order_by("due_at")[:limit])
        if fired:
            Timer.objects.filter(pk__in=[timer.pk for timer in fired]).delete()
            _handler(fired, now)
    for timer in fired:
        metrics.TIMER_LATENESS.labels(timer.name).observe((now - timer.due_at).total_seconds())
    return len(fired)
