"""How much was dialled: by the clock, for the brake on spending; by number, so that nobody is called all day."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q


class DialCount(models.Model):
    """The customers who were dialled in one hour or day, for one service or for all; written with every dial.

    `most` is the limit as it last was (0: none), `extra` what was released beyond it. `pulled_at` is set while the
    limit keeps somebody from being dialled.
    """

    class Period(models.TextChoices):
        HOUR = "hour", "hour"
        DAY = "day", "day"

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
