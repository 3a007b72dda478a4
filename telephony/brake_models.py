"""How much was dialled: by the clock, for the brake on spending; by number, so that nobody is called all day."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class DialCount(models.Model):
    """The customers who were dialled in one hour or day, for one service or for all; written with every dial.

    `most` is the limit as it last was (0: none), `extra` what was released beyond it. `pulled_at` is set while the
    limit keeps somebody from being dialled.
    """

    class Period(models.TextChoices):
        HOUR = "hour", _("hour")
        DAY = "day", _("day")

        def span(self, now: datetime) -> tuple[datetime, datetime]:
            """Beginning and end of the hour of the clock in UTC, or of the day in TIME_ZONE, in which `now` is."""
            if self is DialCount.Period.HOUR:
                begins = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
                return begins, begins + timedelta(hours=1)
            zone = ZoneInfo(settings.TIME_ZONE)
            today = now.astimezone(zone).date()
            begins, ends = (datetime.combine(day, time(), zone) for day in (today, today + timedelta(days=1)))
            return begins.astimezone(UTC), ends.astimezone(UTC)

    # What stands for all services together in place of a service's name.
    ALL = ""

    service = models.CharField(max_length=64, blank=True, help_text="Its name; empty: all services together.")
    period = models.CharField(max_length=4, choices=Period)
    begins_at = models.DateTimeField()
    dials = models.PositiveIntegerField(default=1)
    most = models.PositiveIntegerField(default=0)
    extra = models.PositiveIntegerField(default=0)
    pulled_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            # Each dial adds to its four rows, found by this.
            models.UniqueConstraint(fields=["begins_at", "period", "service"], name="dial_count_once"),
            models.CheckConstraint(condition=Q(period__in=["hour", "day"]), name="dial_count_period_known"),
        ]
        indexes = [
            # Supervisors' pages and the alarm: which brakes are pulled.
            models.Index(fields=["pulled_at"], name="dial_count_pulled", condition=Q(pulled_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.dials} in the {self.period} from {self.begins_at:%Y-%m-%d %H:%M} of {self.service or 'all'}"

    @property
    def ends_at(self) -> datetime:
        return self.Period(self.period).span(self.begins_at)[1]

    @property
    def allowed(self) -> int:
        """How many may be dialled in all, with what was released; of use only where there is a limit."""
        return self.most + self.extra


class NumberDials(models.Model):
    """When one number was dialled in the last seven days. The number itself is not kept, only its keyed hash."""

    number = models.CharField(max_length=64, primary_key=True)
    dialled = ArrayField(models.DateTimeField())
    last_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "number dials"
        indexes = [
            # The sweep of those that are no longer counted.
            models.Index(fields=["last_at"], name="number_dials_last"),
        ]

    def __str__(self) -> str:
        return f"{self.number[:8]}…: {len(self.dialled)}"


class BrakeRelease(models.Model):
    """Somebody let dialling go on, and why. Kept."""

    service = models.CharField(max_length=64, blank=True)
    period = models.CharField(max_length=4, choices=DialCount.Period)
    begins_at = models.DateTimeField("of the hour or day from")
    extra = models.PositiveIntegerField("further dials")
    released_at = models.DateTimeField()
    released_by = models.CharField("by", max_length=150)
    reason = models.CharField(max_length=200)

    class Meta:
        ordering = ["-released_at", "-pk"]
        constraints = [models.CheckConstraint(condition=~Q(reason=""), name="brake_release_has_a_reason")]

    def __str__(self) -> str:
        return f"{self.extra} more for {self.service or 'all services'} by {self.released_by}"
