from datetime import datetime, timedelta

from celery import shared_task
from django.utils import timezone

from scheduling import tick as tick_module
from scheduling.kick import publish

# Until shortly before Beat asks for the next one.
SWEEP_TIME = timedelta(seconds=8)


@shared_task(ignore_result=True)
def tick() -> None:
    """Beat, each second."""
    tick_module.tick(timezone.now())


@shared_task(ignore_result=True)
def sweep(until: str = "") -> None:
    """Beat, every ten seconds; and itself until then, as long as there is more to do.

    Each turn is a task of its own, because ticks wait for the same worker: they come in between.
    """
    now = timezone.now()
    found = tick_module.sweep(now, again=bool(until))
    until = until or (now + SWEEP_TIME).isoformat()
    if found and timezone.now() < datetime.fromisoformat(until):
        publish(sweep.name, (until,))
