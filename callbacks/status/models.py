"""What is to be told to receivers, and how receivers are doing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from services import people

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User


class StatusNoticeQuerySet(models.QuerySet["StatusNotice"]):
    def visible_to(self, user: User | AnonymousUser) -> StatusNoticeQuerySet:
        """Those of callbacks that this person may see, also of callbacks that are gone: by the service's name."""
        if not (user.is_active and user.has_perm("callbacks.view_callback")):
            return self.none()
        if not people.is_limited(user):
            return self
        return self.filter(service_name__in=people.visible(user).values("name"))


class StatusNotice(models.Model):
    """One event of a callback that a receiver is to be told. Outlives its callback.

    Of one callback they are delivered in the order of their ids: the callback is locked while they are inserted.
    """

    class State(models.TextChoices):
        PENDING = "pending", _("Pending")
        DELIVERED = "delivered", _("Delivered")
        PARKED = "parked", _("Parked")

    callback = models.CharField(max_length=64, help_text="Its id, whether or not it still exists.")
    service_name = models.CharField("service", max_length=64)
    event = models.CharField(max_length=64)
    receiver = models.CharField(max_length=300, help_text="Scheme, host and port of the address.")
    target = models.TextField(help_text="The address.")
    # Personal data: what is sent, byte for byte, so that every attempt is the same message. Emptied by the delivery.
    body = models.TextField(blank=True)
    state = models.CharField(max_length=9, choices=State, default=State.PENDING)
    made_at = models.DateTimeField("made")
    give_up_at = models.DateTimeField(help_text="The last attempt is made then; after it the notice is parked.")
    most_attempts = models.PositiveSmallIntegerField(default=0, help_text="Parked after so many; 0: no limit.")
    attempt = models.PositiveSmallIntegerField("attempts", default=0)
    due_at = models.DateTimeField(help_text="Nobody sends it before: the next attempt, or the end of a claim.")
    claimed_until = models.DateTimeField(null=True, help_text="Set while a worker sends it; names the claim.")
    reason = models.CharField(max_length=200, blank=True, help_text="What went wrong at the last attempt.")
    settled_at = models.DateTimeField(null=True, help_text="When it was delivered or parked.")
    resent_by = models.CharField(max_length=150, blank=True, help_text="Who last had a parked one sent again.")

    objects = StatusNoticeQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(state="pending", settled_at__isnull=True)
                | Q(state__in=["delivered", "parked"], settled_at__isnull=False, claimed_until__isnull=True),
                name="status_notice_settled",
            ),
        ]
        indexes = [
            # What a receiver has to be sent next, and which receivers have anything.
            models.Index(fields=["receiver", "due_at", "id"], name="status_notice_due", condition=Q(state="pending")),
            # Whether an earlier one of the same callback is still to be delivered.
            models.Index(fields=["callback", "id"], name="status_notice_line", condition=Q(state="pending")),
            # A callback's own page.
            models.Index(fields=["callback", "-id"], name="status_notice_story"),
            # The page of what was parked, newest first.
            models.Index(fields=["-id"], name="status_notice_parked", condition=Q(state="parked")),
            # The sweep of what is settled.
            models.Index(fields=["state", "settled_at"], name="status_notice_old", condition=~Q(state="pending")),
            # Giving up, and the age of the oldest.
            models.Index(fields=["give_up_at"], name="status_notice_give_up", condition=Q(state="pending")),
            # How many are being sent to a receiver.
            models.Index(fields=["receiver"], name="status_notice_claimed", condition=~Q(claimed_until=None)),
        ]

    def __str__(self) -> str:
        return f"{self.event} of {self.callback} to {self.receiver}: {self.get_state_display().lower()}"


class StatusReceiver(models.Model):
    """How a receiver is doing: one that does not answer rests, so that it does not hold the workers of all others."""

    name = models.CharField(max_length=300, primary_key=True, help_text="Scheme, host and port.")
    failures = models.PositiveIntegerField(default=0, help_text="How often in a row it did not answer.")
    rests_until = models.DateTimeField(null=True, help_text="Nothing is sent to it before.")
    # When the tick kicks a worker if none has come; doubles with every look.
    look_at = models.DateTimeField()
    looks = models.PositiveSmallIntegerField(default=0)

    def __str__(self) -> str:
        return self.name
