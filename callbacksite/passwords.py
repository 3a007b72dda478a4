"""Lost passwords: who may ask how often, and the e-mail with the link to a new one.

What the person who asks is told, and how long that takes, depends on nothing in the database: neither page nor clock
says whether somebody has an address. So the e-mail is sent by a worker.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.forms import PasswordResetForm
from django.db import connection, transaction

from scheduling import kick
from services.people_models import ResetRequest

WITHIN = timedelta(hours=1)
# From one client, and for one address; whoever asks for a colleague again and again fills no mailbox.
MOST_BY_ADDRESS = 10
MOST_BY_EMAIL = 3
_LOCK = 0x70617373


class TooMany(Exception):
    """So many were asked for from there that no more are taken before `until`; nothing was stored."""

    def __init__(self, until: datetime) -> None:
        super().__init__(f"too many until {until}")
        self.until = until


def is_possible() -> bool:
    """True where e-mail is sent, or printed on somebody's own machine; links in a server's log would be read there."""
    return bool(settings.EMAIL_URL) or not settings.HTTPS


def ask(*, email: str, address: str, origin: str, now: datetime) -> None:
    """Take a request for a new password. Raises TooMany.

    One for an e-mail address that was asked for often enough is counted and goes no further, without a word.
    """
    with transaction.atomic():
        with connection.cursor() as cursor:
            # Without it several at once would all count the same.
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        ResetRequest.objects.filter(at__lte=now - WITHIN).delete()
        mine = list(ResetRequest.objects.filter(address=address).order_by("at").values_list("at", flat=True))
        if len(mine) >= MOST_BY_ADDRESS:
            raise TooMany(mine[-MOST_BY_ADDRESS] + WITHIN)
        asked = ResetRequest.objects.filter(email__iexact=email).count()
        row = ResetRequest.objects.create(email=email, address=address, origin=origin, at=now)
        if asked < MOST_BY_EMAIL:
            kick.kick("callbacksite.tasks.mail_password", str(row.pk))


def mail(request_id: int, now: datetime) -> None:
    """Send the link to every active user with the address that was typed; once, however often a worker is told."""
    if not ResetRequest.objects.filter(pk=request_id, mailed_at=None).update(mailed_at=now):
        return
    asked = ResetRequest.objects.get(pk=request_id)
    site = urlsplit(asked.origin)
    form = PasswordResetForm({"email": asked.email})
    if form.is_valid():
        form.save(
            domain_override=site.netloc,
            use_https=site.scheme == "https",
            subject_template_name="account/reset_subject.txt",
            email_template_name="account/reset_email.txt",
        )
