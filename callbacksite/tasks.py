from celery import shared_task
from django.core.management import call_command


@shared_task(ignore_result=True)
def clear_sessions() -> None:
    """Beat, each hour: Django keeps the sessions of the pages' users after their end."""
    call_command("clearsessions")
