"""Who had a customer's data given out or deleted: the proof that it was done, without the data."""

from __future__ import annotations

from django.db import models
from django.db.models import Q


class CustomerDataRequest(models.Model):
    """One export or deletion of what is stored of a number. Append-only; kept when all else of the number is gone."""

    class Kind(models.TextChoices):
        EXPORT = "export", "Export"
        DELETE = "delete", "Deletion"

    kind = models.CharField(max_length=6, choices=Kind)
    at = models.DateTimeField()
    by = models.CharField(max_length=150, help_text="The user, or who ran the command.")
    # Never the number itself: who is asked whether it was done has the number, and can be answered by its digest.
    masked_number = models.CharField("number", max_length=16)
    digest = models.CharField(max_length=64, help_text="Keyed hash of the number.")
    callbacks = models.PositiveIntegerField(help_text="How many were given out or deleted.")
    cancelled = models.PositiveIntegerField(default=0, help_text="How many of them were cancelled for it.")
    others = models.PositiveIntegerField(default=0, help_text="How many other rows.")

    class Meta:
        ordering = ["-at", "-pk"]
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=["export", "delete"]), name="customer_data_request_kind"),
        ]
        indexes = [
            # Whether it was done for a number.
            models.Index(fields=["digest"], name="customer_data_request_number"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} of {self.masked_number} at {self.at:%Y-%m-%d %H:%M}"
