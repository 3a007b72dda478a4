"""What a job that cancelled came to, as CSV."""

from __future__ import annotations

from collections.abc import Generator, Iterator

from django.contrib.auth.models import User
from django.utils.translation import gettext as _

from callbacks import spreadsheets
from callbacks.api.written import written_time
from callbacks.flow.states import State
from callbacks.jobs.models import Job, JobRow
from callbacks.models import Callback
from callbacks.templatetags.callback_words import reason_words

BATCH = 1000
# As clients of the API know them.
KEYS = ("_service_id", "_service_name", "_callback_state", "_callback_reason", "_desired_time", "_customer_number")


def why(row: JobRow) -> str:
    """Why a callback was not cancelled, in words; empty where the outcome says all."""
    if row.outcome != JobRow.Outcome.REFUSED:
        return ""
    return _("customer and agent talk") if row.detail == State.PROCESSING else reason_words(row.detail)


def summary(job: Job) -> Generator[str]:
    """One result per id."""
    titles = [_("Service ID"), _("Result"), _("Why"), _("When"), _("Service"), _("Desired")]
    yield spreadsheets.BYTE_ORDER_MARK + spreadsheets.lines([titles])
    for rows in _batches(job):
        yield spreadsheets.lines(
            [
                row.callback,
                row.get_outcome_display(),
                why(row),
                written_time(row.at) if row.at else "",
                row.service_name,
                written_time(row.desired_at),
            ]
            for row in rows
        )


def cancelled(job: Job, user: User) -> Generator[str]:
    """A line for each callback that this job cancelled; of one that is removed by now what the job still knows."""
    yield spreadsheets.BYTE_ORDER_MARK + spreadsheets.lines([KEYS])
    for rows in _batches(job, outcome=JobRow.Outcome.CANCELLED):
        found = Callback.objects.visible_to(user).defer("session", "options").in_bulk([row.callback for row in rows])
        yield spreadsheets.lines([_key(row, found.get(row.callback), key, user) for key in KEYS] for row in rows)


def _key(row: JobRow, callback: Callback | None, key: str, user: User) -> str:
    known = {"_service_id": row.callback, "_service_name": row.service_name}
    if key in known:
        return known[key]
    if callback is None:
        return ""
    return callback.number_for(user) if key == "_customer_number" else spreadsheets.said(callback, key)


def _batches(job: Job, **only: str) -> Iterator[list[JobRow]]:
    """The rows in their order."""
    last = 0
    while rows := list(JobRow.objects.filter(job=job, pk__gt=last, **only).order_by("pk")[:BATCH]):
        yield rows
        last = rows[-1].pk
