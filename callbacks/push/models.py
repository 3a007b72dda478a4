"""A push that is under way."""

from __future__ import annotations

from django.db import models


class Notice(models.Model):
    """One message that is to reach a customer's device. Deleted when it is settled, withdrawn or forgotten."""

    callback = models.ForeignKey("callbacks.Callback", on_delete=models.CASCADE, related_name="notices")
    visit = models.PositiveIntegerField(help_text="The visit of the stage that asked for it.")
    kind = models.CharField(max_length=16, help_text="httpcb or customhttp.")
    device = models.TextField(help_text="Personal data: never logged, never shown.")
    body = models.JSONField()
    attempts = models.PositiveSmallIntegerField(help_text="How often the delivery is tried.")
    attempt = models.PositiveSmallIntegerField(default=0, help_text="The last one that was begun.")
    # Written before the message is sent, and back to 0 with the outcome: more says that nobody knows the outcome.
    begun = models.PositiveSmallIntegerField(default=0, help_text="How often that attempt was begun.")
    due_at = models.DateTimeField(help_text="Nobody sends it before: the next attempt, or the end of a claim.")
    # When the tick kicks a worker if none has taken it; doubles with every look.
    look_at = models.DateTimeField()
    looks = models.PositiveSmallIntegerField(default=0)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(attempts__gt=0), name="notice_is_tried"),
        ]
        indexes = [models.Index(fields=["look_at"], name="notice_look")]

    def __str__(self) -> str:
        return f"{self.kind} for {self.callback_id}, attempt {self.attempt} of {self.attempts}"
