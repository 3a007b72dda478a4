from contextlib import suppress

from celery import shared_task
from django.utils import timezone
from structlog.contextvars import bind_contextvars

from callbacks import actions
from callbacks.audit import run
from callbacks.jobs import cancelling
from callbacks.push import notices
from callbacks.status import deliveries
from scheduling.kick import chained, publish


@shared_task(ignore_result=True)
@chained
def advance(callback_id: str) -> None:
    bind_contextvars(callback=callback_id)
    actions.advance(callback_id, now=timezone.now())


@shared_task(ignore_result=True)
def send(notice_id: str) -> None:
    bind_contextvars(callback=notices.callback_of(int(notice_id)))
    notices.send(int(notice_id), now=timezone.now())


@shared_task(ignore_result=True)
def deliver_status(receiver: str) -> None:
    deliveries.deliver(receiver, now=timezone.now())


@shared_task(ignore_result=True)
def cancel_some(job_id: str, claim: str = "") -> None:
    """Each turn of a job is a task of its own: the tick, which waits for the same worker, comes in between."""
    if claim := cancelling.turn(int(job_id), claim, now=timezone.now()):
        publish(cancelling.TASK, (job_id, claim))


@shared_task(ignore_result=True)
def audit() -> None:
    """Beat, each minute; quiet where another audit is running."""
    with suppress(run.Busy):
        run.audit(now=timezone.now())
