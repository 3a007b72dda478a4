"""A job: long work that somebody asked for, how far it is, and what became of each callback."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from services import people

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User


class JobQuerySet(models.QuerySet["Job"]):
    def visible_to(self, user: User | AnonymousUser) -> JobQuerySet:
        """Everybody's, for who may look at callbacks of all services; their own for who is limited to some."""
        if not (user.is_active and user.has_perm("callbacks.view_callback")):
            return self.none()
        return self.filter(user=user.pk) if people.is_limited(user) else self


class Job(models.Model):
    """Who asked for what, of which view, when, and how far it is. Also the record of who had callbacks given out.

    Callbacks are cancelled by a worker, row by row (`callbacks.jobs.cancelling`); a list is given out while the
    browser fetches it (`callbacks.jobs.exporting`).
    """

    class Kind(models.TextChoices):
        CANCEL = "cancel", _("Cancel callbacks")
        EXPORT = "export", _("Download as CSV")

    class State(models.TextChoices):
        WAITING = "waiting", _("Not begun")
        RUNNING = "running", _("Running")
        DONE = "done", _("Done")
        STOPPED = "stopped", _("Stopped")
        FAILED = "failed", _("Failed")

    ACTIVE = (State.WAITING, State.RUNNING)

    kind = models.CharField(max_length=6, choices=Kind)
    state = models.CharField(max_length=7, choices=State, default=State.WAITING)
    # Of the form that asked for it: sent twice, it is one job.
    form = models.UUIDField(unique=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    actor = models.CharField(max_length=150, help_text="The user's name, also when the user is gone.")
    # Emptied when the job ends: a number may stand in it.
    query = models.TextField(blank=True, help_text="The view, as it stood in the address bar.")
    zone = models.CharField(max_length=64, help_text="The time zone in which its days begin.")
    view = models.TextField("of", blank=True, help_text="The view in words, without what is a customer's.")
    whole_range = models.BooleanField(
        default=False, help_text="All callbacks of the view, not those that were ticked on a page."
    )
    as_of = models.DateTimeField(help_text="When the person saw the view: what came after it is not meant.")
    asked_at = models.DateTimeField()
    began_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    total = models.PositiveIntegerField(null=True, help_text="Of how many callbacks; empty until they are counted.")
    done = models.PositiveIntegerField(default=0, help_text="How many of them are through.")
    failed = models.PositiveIntegerField(default=0, help_text="How many of these were not cancelled.")
    stopped_by = models.CharField(max_length=150, blank=True)
    error = models.CharField(max_length=200, blank=True)
    # Who works on it and until when nobody else does.
    claim = models.UUIDField(null=True)
    claimed_until = models.DateTimeField(null=True)
    # The callbacks of the view are looked for from the newest on: the last one that was found.
    reached_at = models.DateTimeField(null=True)
    reached_id = models.CharField(max_length=64, blank=True)

    objects = JobQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["waiting", "running"], ended_at__isnull=True)
                | Q(state__in=["done", "stopped", "failed"], ended_at__isnull=False),
                name="job_ended_iff_over",
            ),
            models.CheckConstraint(condition=Q(kind__in=["cancel", "export"]), name="job_kind_known"),
        ]
        indexes = [
            # The page of jobs, newest first; the sweep of those that are old.
            models.Index(fields=["-asked_at", "-id"], name="job_newest"),
            # The sweep: those that nobody works on.
            models.Index(fields=["claimed_until"], name="job_active", condition=Q(state__in=["waiting", "running"])),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} by {self.actor}: {self.get_state_display()}"

    @property
    def is_over(self) -> bool:
        return self.state not in self.ACTIVE

    @property
    def cancelled(self) -> int:
        return self.done - self.failed

    def ends_at(self, now: datetime) -> datetime | None:
        """When it will be through at its pace so far; None until that is known."""
        if self.is_over or not self.total or not self.done or self.began_at is None:
            return None
        return now + (now - self.began_at) * (self.total - self.done) / self.done


class JobRow(models.Model):
    """What became of one callback of a job that cancels; without outcome until its turn has come."""

    class Outcome(models.TextChoices):
        WAITING = "", _("Not yet")
        CANCELLED = "cancelled", _("Cancelled")
        ALREADY = "already", _("Was cancelled already")
        REFUSED = "refused", _("Not cancelled")
        CHANGED = "changed", _("Not cancelled: changed meanwhile")
        GONE = "gone", _("Not found")
        BUSY = "busy", _("Not cancelled: changed by others at this moment")
        ERROR = "error", _("Not cancelled: internal error")

    # As it was wished.
    GOOD = (Outcome.CANCELLED, Outcome.ALREADY)

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="rows", db_index=False)
    callback = models.CharField(max_length=64, help_text="Its id, whether or not it still exists.")
    service_name = models.CharField(max_length=64)
    desired_at = models.DateTimeField(help_text="As it was when the cancel was asked for.")
    # Of callbacks that were ticked on a page, one that was cancelled already is `refused`: it was not as it was shown.
    outcome = models.CharField(max_length=9, blank=True, choices=Outcome, default=Outcome.WAITING)
    detail = models.CharField(max_length=200, blank=True, help_text="Why it was not cancelled.")
    at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = "row of a job"
        verbose_name_plural = "rows of jobs"
        constraints = [models.UniqueConstraint(fields=["job", "callback"], name="job_row_once")]
        indexes = [
            # The next one; those of one outcome.
            models.Index(fields=["job", "outcome", "id"], name="job_row_outcome"),
        ]

    def __str__(self) -> str:
        return f"{self.callback}: {self.get_outcome_display()}"

    @property
    def is_good(self) -> bool:
        """True where it is as it was wished."""
        return self.outcome in self.GOOD
