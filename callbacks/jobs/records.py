"""What a job keeps: the view it is about, until it has ended, and for longer what may be kept of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from django.contrib.auth.models import User
from django.http import QueryDict
from django.utils.translation import gettext_noop

from callbacks.jobs.models import Job
from callbacks.models import Callback
from callbacks.pages.view import View


class Unreadable(Exception):
    """What was asked for can no longer be read: a service of it is gone, or the person may not see it any more."""


# Kept in English, shown in the reader's language.
UNREADABLE = gettext_noop("The list can no longer be read as it was asked for: a service of it may be gone.")


def view_of(job: Job, user: User) -> View:
    """The view that was asked for, as it was at that moment: *today* is that day. Raises Unreadable."""
    view = View.read(QueryDict(job.query), user=user, now=job.as_of, zone=ZoneInfo(job.zone))
    if view.errors:
        raise Unreadable(view.errors)
    return view


def described(view: View) -> str:
    """A view in words, with what may be a customer's left out: it is kept for longer than they are."""
    number = Callback(customer_number=view.number).masked_number if view.number else ""
    data = tuple((key, "***") for key, _ in view.data)
    return " · ".join(replace(view, number=number, data=data).words)


def end(job_id: int, state: Job.State, now: datetime, *, stopped_by: str = "", error: str = "") -> bool:
    """End a job, with all that may be a customer's out of it. False where it was over."""
    changes = {"state": state, "ended_at": now, "query": "", "stopped_by": stopped_by, "error": error[:200]}
    return bool(Job.objects.filter(pk=job_id, state__in=Job.ACTIVE).update(**changes, claim=None, claimed_until=None))
