"""Rows of access numbers: which one is held for whom, so that an inbound call is known."""

from __future__ import annotations

from django.db import models
from django.db.models import Q


class AccessBooking(models.Model):
    """An access number, perhaps with a code, that is held for one owner until `expires_at`.

    Without a code the number alone says whose call it is, so that it is held for one owner; with codes it is shared by
    owners whose codes differ. A `shared` row is one of a pool of allocation RANDOM, which keeps a number for nobody.
    """

    owner = models.CharField(max_length=64, primary_key=True)
    group = models.CharField(max_length=64, help_text="The section of GMS_Resources that the number is from.")
    number = models.CharField(max_length=32)
    code = models.CharField(max_length=32, blank=True)
    shared = models.BooleanField(default=False)
    phone_number = models.CharField(
        max_length=64, blank=True, help_text="From where the customer calls; empty: not known."
    )
    expires_at = models.DateTimeField()

    class Meta:
        constraints = [
            # The guard of every allocation: a number without a code is held once, with codes each of them once.
            models.UniqueConstraint(fields=["number", "code"], condition=Q(shared=False), name="access_booked_once"),
            # A code tells owners apart by itself.
            models.CheckConstraint(condition=Q(shared=False) | Q(code=""), name="access_code_is_not_shared"),
        ]
        indexes = [
            # An inbound call: who may be calling this number.
            models.Index(fields=["number"], name="access_number"),
            # The sweep.
            models.Index(fields=["expires_at"], name="access_expiring"),
        ]

    def __str__(self) -> str:
        return f"{self.number} for {self.owner}"
