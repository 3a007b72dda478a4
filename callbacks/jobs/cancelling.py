"""Many callbacks are cancelled: by a worker, for a moment at a time, through the one door.

A job whose worker was killed is taken up by the sweep (`take_up`) and goes on where it was: what became of a
callback is committed together with the cancel itself.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import uuid4

from django.contrib.auth.models import User
from django.db import OperationalError, connection, transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_noop

from callbacks import actions
from callbacks.flow.events import Cancelled, Event
from callbacks.flow.options import FlowOptions
from callbacks.flow.states import Reason, State
from callbacks.jobs.models import Job, JobRow
from callbacks.jobs.records import UNREADABLE, Unreadable, end, view_of
from callbacks.models import Callback
from callbacks.pages.access import ACT, LOOK
from callbacks.records import Turns
from scheduling.kick import kicks_to_spare, publish

logger = logging.getLogger(__name__)

TASK = "callbacks.tasks.cancel_some"
# The longest that the tick, which waits for the same worker, has to wait: seconds.
MOST_SECONDS = 0.2
# Nobody else takes a job up for so long after the last sign of its worker.
CLAIM = timedelta(seconds=20)
# So many are looked for, or cancelled, between two looks at the clock.
FOUND_AT_ONCE = 200
CANCELLED_AT_ONCE = 25
# Those that are not over have an index; what takes longer would keep the tick waiting.
MOST_MILLISECONDS = 2000
MOST_TAKEN_UP = 20

# Kept in English, shown in the reader's language.
MAY_NOT = gettext_noop("Who asked for it may not steer callbacks any more.")
NOT_FOUND = gettext_noop("The callbacks could not be found in time: choose a shorter time range, or fewer filters.")

_CANCELS = (Reason.CANCELLED, Reason.CANCELLED_BY_ADMIN, Reason.CANCELLED_SERVED)
Outcome = JobRow.Outcome


class _Over(Exception):
    """The job was stopped meanwhile: what was about to be done is not."""


class _Moved(Exception):
    """The callback's desired time is another one than the person saw; nothing was changed."""


def take_up(now: datetime) -> int:
    """Jobs that nobody works on, for the sweep: their worker was killed, or the broker lost the kick."""
    idle = Job.objects.filter(_unclaimed(now), kind=Job.Kind.CANCEL, state__in=Job.ACTIVE)
    found = list(idle.order_by("claimed_until").values_list("pk", flat=True)[: min(MOST_TAKEN_UP, kicks_to_spare())])
    for pk in found:
        publish(TASK, (str(pk),))
    return len(found)


def turn(job_id: int, claim: str, *, now: datetime) -> str:
    """Go on with a job for 200 ms.

    1. Claim it, or prolong the claim of the turn before; another one's is left alone.
    2. Look for the callbacks of its view, where that is not done.
    3. Cancel the next of them.
    Returns the claim to go on with; empty where that is nobody's, or the sweep's, turn.
    """
    job = _claimed(job_id, claim, now)
    if job is None:
        return ""
    ends = time.monotonic() + MOST_SECONDS
    user = job.user
    if user is None or not (user.is_active and user.has_perms((LOOK, ACT))):
        end(job.pk, Job.State.FAILED, now, error=MAY_NOT)
        return ""
    # A step at least, or on a slow machine nothing would ever be done.
    while True:
        if job.total is None:
            if not _look_for_some(job, user):
                return ""
        elif not _cancel_some(job, user, ends):
            return ""
        if time.monotonic() >= ends:
            break
    if not kicks_to_spare():
        # The workers are behind, and each cancel gives them more to do: customers on the line come first.
        Job.objects.filter(pk=job.pk, claim=job.claim).update(claimed_until=now)
        return ""
    return str(job.claim)


def _unclaimed(now: datetime) -> Q:
    return Q(claimed_until=None) | Q(claimed_until__lte=now)


def _claimed(job_id: int, claim: str, now: datetime) -> Job | None:
    """The job, claimed for this turn; None where somebody else works on it or it is over."""
    mine = Q(claim=claim) if claim else _unclaimed(now)
    active = Job.objects.filter(mine, pk=job_id, kind=Job.Kind.CANCEL, state__in=Job.ACTIVE)
    if not active.update(claim=claim or uuid4(), claimed_until=now + CLAIM, state=Job.State.RUNNING):
        return None
    Job.objects.filter(pk=job_id, began_at=None).update(began_at=now)
    return Job.objects.select_related("user").get(pk=job_id)


def _look_for_some(job: Job, user: User) -> bool:
    """Write the next callbacks of the view down, newest first: a key of moment and id never changes.

    Only those that were there when the person asked, and that are not over. False where they cannot be found.
    """
    try:
        view = view_of(job, user)
    except Unreadable:
        end(job.pk, Job.State.FAILED, timezone.now(), error=UNREADABLE)
        return False
    rows = view.rows(user).exclude(state=State.COMPLETED).filter(created_at__lte=job.as_of)
    if job.reached_at is not None:
        rows = rows.filter(created_at__lte=job.reached_at).exclude(created_at=job.reached_at, pk__gte=job.reached_id)
    newest = rows.order_by("-created_at", "-id").only("service_name", "desired_at", "created_at")
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute(f"SET LOCAL statement_timeout = {MOST_MILLISECONDS}")
            found = list(newest[:FOUND_AT_ONCE])
    except OperationalError:
        end(job.pk, Job.State.FAILED, timezone.now(), error=NOT_FOUND)
        return False
    with transaction.atomic():
        JobRow.objects.bulk_create(
            JobRow(job=job, callback=each.pk, service_name=each.service_name, desired_at=each.desired_at)
            for each in found
        )
        if found:
            job.reached_at, job.reached_id = found[-1].created_at, found[-1].pk
        if len(found) < FOUND_AT_ONCE:
            job.total = JobRow.objects.filter(job=job).count()
        changes = {"reached_at": job.reached_at, "reached_id": job.reached_id, "total": job.total}
        if not Job.objects.filter(pk=job.pk, claim=job.claim).update(**changes):
            transaction.set_rollback(True)
    return True


def _cancel_some(job: Job, user: User, ends: float) -> bool:
    """Cancel the next ones until the time is over. False when the job is over."""
    waiting = JobRow.objects.filter(job=job, outcome=Outcome.WAITING).order_by("pk")[:CANCELLED_AT_ONCE]
    rows = dict(waiting.values_list("pk", "callback"))
    if not rows:
        end(job.pk, Job.State.DONE, timezone.now())
        return False
    visible = set(Callback.objects.visible_to(user).filter(pk__in=rows.values()).values_list("pk", flat=True))
    for pk in rows:
        try:
            _settle(job, pk, visible)
        except _Over:
            return False
        if time.monotonic() >= ends:
            break
    return True


def _settle(job: Job, row_id: int, visible: Collection[str]) -> None:
    """Cancel one callback and write down what came of it, in one transaction. Raises _Over, with nothing done."""
    with transaction.atomic():
        waiting = JobRow.objects.select_for_update(skip_locked=True).filter(pk=row_id, outcome=Outcome.WAITING)
        row = waiting.first()
        if row is None:
            return
        now = timezone.now()
        if row.callback in visible:
            row.outcome, row.detail = _cancel(job, row, now)
        else:
            row.outcome = Outcome.GONE
        row.at = now
        row.save(update_fields=["outcome", "detail", "at"])
        counted = {"done": F("done") + 1, "failed": F("failed") + int(row.outcome not in JobRow.GOOD)}
        if not Job.objects.filter(pk=job.pk, claim=job.claim, state=Job.State.RUNNING).update(**counted):
            raise _Over


def _cancel(job: Job, row: JobRow, now: datetime) -> tuple[Outcome, str]:
    """What became of a callback, and the state or reason that says why not."""

    def wish(callback: Callback, decided: Turns, options: FlowOptions | None) -> list[Event]:
        if callback.state != State.COMPLETED and callback.desired_at != row.desired_at:
            raise _Moved
        return [Cancelled(actor=job.actor[:64], reason=Reason.CANCELLED_BY_ADMIN)]

    try:
        actions.decide_now(row.callback, wish, now)
    except actions.NotFound:
        return Outcome.GONE, ""
    except _Moved:
        return Outcome.CHANGED, ""
    except actions.Busy:
        return Outcome.BUSY, ""
    except actions.Refused:
        # Locked by the try: it is what refused.
        state, reason = Callback.objects.values_list("state", "reason").get(pk=row.callback)
        if reason in _CANCELS and job.whole_range:
            return Outcome.ALREADY, reason
        return Outcome.REFUSED, reason or state
    except Exception:
        logger.exception("callback %s could not be cancelled", row.callback)
        return Outcome.ERROR, ""
    return Outcome.CANCELLED, ""
