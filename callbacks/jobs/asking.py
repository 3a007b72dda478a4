"""A job is asked for: once, however often the form is sent."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.contrib.auth.models import User
from django.db import transaction

from callbacks.jobs import cancelling
from callbacks.jobs.models import Job, JobRow
from callbacks.jobs.records import described
from callbacks.models import Callback
from callbacks.pages.view import View
from scheduling.kick import kick


def cancel_page(*, form: UUID, seen: Sequence[tuple[str, datetime]], view: View, user: User, now: datetime) -> Job:
    """Have these callbacks cancelled: ids, each with the desired time that the person saw.

    Those that the person may not see become rows as well, and are not found when their turn comes.
    """
    desired = dict(seen)
    with transaction.atomic():
        job, is_new = _ask(Job.Kind.CANCEL, form, view, user, now, total=len(desired))
        if is_new:
            visible = Callback.objects.visible_to(user).filter(pk__in=desired)
            services = dict(visible.values_list("pk", "service_name"))
            JobRow.objects.bulk_create(
                JobRow(job=job, callback=callback_id, service_name=services.get(callback_id, ""), desired_at=desired_at)
                for callback_id, desired_at in desired.items()
            )
            kick(cancelling.TASK, str(job.pk))
    return job


def cancel_range(*, form: UUID, view: View, user: User, as_of: datetime, now: datetime) -> Job:
    """Have all callbacks of a view cancelled that were there at `as_of` and are not over; a worker looks for them."""
    with transaction.atomic():
        job, is_new = _ask(Job.Kind.CANCEL, form, view, user, now, as_of=as_of, whole_range=True)
        if is_new:
            kick(cancelling.TASK, str(job.pk))
    return job


def export(*, form: UUID, view: View, user: User, now: datetime) -> Job:
    """Let the person fetch all callbacks of a view as a file, once."""
    return _ask(Job.Kind.EXPORT, form, view, user, now, whole_range=True)[0]


def _ask(
    kind: Job.Kind,
    form: UUID,
    view: View,
    user: User,
    now: datetime,
    *,
    as_of: datetime | None = None,
    total: int | None = None,
    whole_range: bool = False,
) -> tuple[Job, bool]:
    """The job, and whether it is new: a form that was sent twice asks once. Others' forms are not theirs."""
    return Job.objects.get_or_create(
        form=form,
        user=user,
        defaults={
            "kind": kind,
            "actor": user.get_username(),
            "query": view.query,
            # Its key: the name that Django would give is that of the offset, where the clocks never change.
            "zone": str(view.zone),
            "view": described(view),
            "whole_range": whole_range,
            "as_of": as_of or now,
            "asked_at": now,
            "total": total,
        },
    )
