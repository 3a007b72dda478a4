"""What is counted of the requests that were accepted, and the answers that a repeated one gets again."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from services.models import ConfiguredService


class StartTotal(models.Model):
    """How many starts for now a service has ever accepted; one row a service, locked by whoever counts."""

    service = models.OneToOneField(
        ConfiguredService, on_delete=models.CASCADE, db_constraint=False, primary_key=True, related_name="+"
    )
    accepted = models.BigIntegerField()
    second = models.BigIntegerField(help_text="Of the last one, in whole seconds since 1970; it never falls.")
    # How many were queued when somebody last counted them, in which second, and the total then: for the rest of that
    # second there are no more than these and those who started since.
    queued = models.IntegerField(default=0, db_default=0)
    queued_second = models.BigIntegerField(default=0, db_default=0)
    queued_accepted = models.BigIntegerField(default=0, db_default=0)

    def __str__(self) -> str:
        return f"{self.accepted} starts"


class StartSecond(models.Model):
    """A second in which a service accepted starts for now: how many it had accepted before.

    The total less that of the first such second in a window is what was accepted in the window, however many they are.
    """

    # Also what finds the first of a window.
    pk = models.CompositePrimaryKey("service_id", "second")
    # Rows of a service that is gone are swept as the others are.
    service = models.ForeignKey(
        ConfiguredService, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    second = models.BigIntegerField()
    before = models.BigIntegerField()
    kept_until = models.BigIntegerField(help_text="After this second no window reaches back to it.")

    class Meta:
        # The sweep.
        indexes = [models.Index(fields=["kept_until"], name="start_second_kept_until")]

    def __str__(self) -> str:
        return f"{self.before} before {self.second}"


class ValueCount(models.Model):
    """How many starts with one value, such as a customer's number, were accepted.

    The value is personal and is not kept: `digest` is a keyed hash of the service, what is counted and the value.
    """

    digest = models.CharField(max_length=32, primary_key=True)
    accepted = models.IntegerField()
    day = models.DateField(help_text="When it was last counted.")

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(accepted__gt=0), name="value_count_positive")]
        # The sweep.
        indexes = [models.Index(fields=["day"], name="value_count_day")]

    def __str__(self) -> str:
        return f"{self.accepted} on {self.day}"


class StartAnswer(models.Model):
    """What a start with an `Idempotency-Key` was answered; stored with the callback, in one transaction.

    `digest` is a keyed hash of the client, the service and the key, `request` one of what the request said.
    """

    digest = models.CharField(max_length=32, primary_key=True)
    request = models.CharField(max_length=32)
    # As text, which keeps the order of its keys.
    answer = models.TextField(help_text="JSON.")
    created_at = models.DateTimeField()

    class Meta:
        # The sweep.
        indexes = [models.Index(fields=["created_at"], name="start_answer_created")]

    def __str__(self) -> str:
        return f"{self.digest} of {self.created_at:%Y-%m-%d %H:%M}"
