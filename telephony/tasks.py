from celery import shared_task
from django.utils import timezone
from structlog.contextvars import bind_contextvars

from scheduling.kick import chained
from telephony import converge as convergence
from telephony import inbound, matching, predictions


@shared_task(ignore_result=True)
@chained
def converge(owner: str) -> None:
    # An owner is a callback, as logs know it.
    bind_contextvars(callback=owner)
    convergence.converge(owner, now=timezone.now())


@shared_task(ignore_result=True)
@chained
def attend(leg: str) -> None:
    inbound.attend(leg, now=timezone.now())


@shared_task(ignore_result=True)
@chained
def match_entry(owner: str) -> None:
    bind_contextvars(callback=owner)
    matching.match_entry(owner, now=timezone.now())


@shared_task(ignore_result=True)
@chained
def match_agent(agent: str) -> None:
    matching.match_agent(agent, now=timezone.now())


@shared_task(ignore_result=True)
def judge_predictions() -> None:
    """Beat, each minute."""
    predictions.judge(timezone.now())
