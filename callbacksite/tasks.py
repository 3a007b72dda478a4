from celery import shared_task
from django.core.management import call_command
from django.utils import timezone


@shared_task(ignore_result=True)
def clear_sessions() -> None:
    """Beat, each hour: Django keeps the sessions of the pages' users after their end."""
    call_command("clearsessions")


@shared_task(ignore_result=True)
def mail_password(request_id: str) -> None:
    from callbacksite import passwords

    passwords.mail(int(request_id), timezone.now())
