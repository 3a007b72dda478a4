from celery import shared_task
from django.utils import timezone

from scheduling import tick as tick_module


@shared_task(ignore_result=True)
def tick() -> None:
    """Beat, each second."""
    tick_module.tick(timezone.now())


@shared_task(ignore_result=True)
def sweep() -> None:
    """Beat, every ten seconds."""
    tick_module.sweep(timezone.now())
