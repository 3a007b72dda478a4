from celery import shared_task
from django.utils import timezone

from callbacks import actions
from scheduling.kick import chained


@shared_task(ignore_result=True)
@chained
def advance(callback_id: str) -> None:
    actions.advance(callback_id, now=timezone.now())
