"""A list is given out as a file while the browser fetches it, in constant memory however many callbacks there are.

Each batch is a short statement of its own that goes on behind the last callback of the one before, by the moment of
its request, which never changes: no callback stands in the file twice or is left out, and however slowly somebody
fetches it, no transaction stays open, which would keep the database from clearing away what is done (docs/adr/0041).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from operator import attrgetter
from uuid import uuid4

from django.contrib.auth.models import User
from django.db import OperationalError, connection, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_noop

from callbacks import spreadsheets
from callbacks.api.written import written_time
from callbacks.jobs.models import Job
from callbacks.jobs.records import UNREADABLE, Unreadable, end, view_of
from callbacks.models import Callback, CallbackQuerySet
from callbacks.pages import columns as headings
from callbacks.pages.view import KEY, View

logger = logging.getLogger(__name__)

BATCH = 2000
# A statement may look through a million callbacks for those that are meant; nobody else waits for it.
MOST_MILLISECONDS = 60_000
# Who fetches may be slow: after so long without a sign they are gone, and so is who asked and never fetched.
CLAIM = timedelta(minutes=10)
MOST_ENDED = 100
# Kept in English, shown in the reader's language.
BROKE = gettext_noop("An error broke it off; the log says more.")
_MOMENTS = {"desired": "desired_at", "created": "created_at", "completed": "completed_at"}
_DATA = ("user_data", "properties", "overrides")


class Interrupted(Exception):
    """The job was stopped while it was fetched: the file must not look as if it were whole."""


def begin(job_id: int, user: User, *, now: datetime) -> Job | None:
    """Claim a job of this person to be fetched; None where it was fetched already, or is over."""
    changes = {"state": Job.State.RUNNING, "began_at": now, "claim": uuid4(), "claimed_until": now + CLAIM}
    mine = Job.objects.filter(pk=job_id, user=user, kind=Job.Kind.EXPORT, state=Job.State.WAITING)
    return Job.objects.get(pk=job_id) if mine.update(**changes) else None


def end_forgotten(now: datetime) -> int:
    """End those that were asked for and never fetched, and those whose process was killed while they were."""
    exports = Job.objects.filter(kind=Job.Kind.EXPORT)
    silent = exports.filter(state=Job.State.RUNNING, claimed_until__lte=now)
    unfetched = exports.filter(state=Job.State.WAITING, claimed_until=None, asked_at__lte=now - CLAIM)
    ended = 0
    for found, error in (
        (silent, gettext_noop("The download broke off.")),
        (unfetched, gettext_noop("It was not downloaded.")),
    ):
        for pk in list(found.values_list("pk", flat=True)[:MOST_ENDED]):
            ended += end(pk, Job.State.FAILED, now, error=error)
    return ended


def stream(job: Job, user: User) -> Generator[str]:
    """The file of a job that was begun, batch by batch; the job says how far it is. Raises Interrupted, Unreadable."""
    try:
        view = view_of(job, user)
        shown = columns(view)
        readers = [reader(column, user) for column in shown]
        rows = view.rows(user).filter(created_at__lte=job.as_of)
        Job.objects.filter(pk=job.pk).update(total=_count(rows))
        titles = [column.heading for column in headings.columns(shown, headings.aliases())]
        yield spreadsheets.BYTE_ORDER_MARK + spreadsheets.lines([titles])
        done = 0
        for found in _batches(rows.only(*_fields(shown))):
            done += len(found)
            if not _tell(job, done):
                raise Interrupted
            yield spreadsheets.lines([read(each) for read in readers] for each in found)
        Job.objects.filter(pk=job.pk, state=Job.State.RUNNING).update(total=done)
        end(job.pk, Job.State.DONE, timezone.now())
    except GeneratorExit:
        end(job.pk, Job.State.STOPPED, timezone.now(), stopped_by=job.actor)
        raise
    except Interrupted:
        raise
    except Unreadable:
        end(job.pk, Job.State.FAILED, timezone.now(), error=UNREADABLE)
        raise
    except Exception:
        end(job.pk, Job.State.FAILED, timezone.now(), error=BROKE)
        raise


def columns(view: View) -> tuple[str, ...]:
    """Those of the view, behind the id: a line without it could not be told from others."""
    return ("id", *(column for column in view.columns if column != "id"))


def reader(column: str, user: User) -> Callable[[Callback], str]:
    """What of a callback stands in a column; its number as this person may see it."""
    if column in ("number", f"{KEY}_customer_number"):
        return lambda callback: callback.number_for(user)
    if column.startswith(KEY):
        return partial(_said, key=column.removeprefix(KEY))
    if column in _MOMENTS:
        return partial(_moment, name=_MOMENTS[column])
    return attrgetter("service_name" if column == "service" else column)


def _said(callback: Callback, key: str) -> str:
    return spreadsheets.said(callback, key)


def _moment(callback: Callback, name: str) -> str:
    at = getattr(callback, name)
    return written_time(at) if at else ""


def _fields(of: Sequence[str]) -> set[str]:
    """What is read of a callback for these columns: its data, which take long, only where they are asked for."""
    fields = {"id", "created_at"}
    for column in of:
        if column.startswith(KEY):
            fields |= {"customer_number", "state", "reason", "service_name", "desired_at", "expires_at", *_DATA}
        else:
            fields.add({"number": "customer_number", "service": "service_name", **_MOMENTS}.get(column, column))
    return fields


def _count(rows: CallbackQuerySet) -> int | None:
    """Of how many the progress bar speaks; None where counting would take too long."""
    try:
        return rows.count()
    except OperationalError:
        return None


def _batches(rows: CallbackQuerySet) -> Iterator[list[Callback]]:
    """All of them, newest first."""
    behind = Q()
    while True:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute(f"SET LOCAL statement_timeout = {MOST_MILLISECONDS}")
            found = list(rows.filter(behind).order_by("-created_at", "-id")[:BATCH])
        if found:
            yield found
        if len(found) < BATCH:
            return
        last = found[-1]
        behind = Q(created_at__lte=last.created_at) & ~Q(created_at=last.created_at, pk__gte=last.pk)


def _tell(job: Job, done: int) -> bool:
    """How far it is. False where the job was stopped, or given up as nobody fetched on."""
    mine = Job.objects.filter(pk=job.pk, claim=job.claim, state=Job.State.RUNNING)
    return bool(mine.update(done=done, claimed_until=timezone.now() + CLAIM))
