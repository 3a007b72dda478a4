"""Pushes that are under way: what is sent to devices, and what waits until a comet client asks for it."""

from __future__ import annotations

from django.db import models


class Notice(models.Model):
    """One message that is to reach a customer's device. Deleted when it is settled, withdrawn or forgotten."""

    callback = models.ForeignKey("callbacks.Callback", on_delete=models.CASCADE, related_name="notices")
    visit = models.PositiveIntegerField(help_text="The visit of the stage that asked for it.")
    kind = models.CharField(max_length=16, help_text="httpcb, customhttp, fcm, ios or sms.")
    provider = models.CharField(
        max_length=64, default="", db_default="", help_text="_provider_name; empty: what [push] says."
    )
    is_debug = models.BooleanField(default=False, db_default=False, help_text="_use_debug_push_certificate.")
    device = models.TextField(help_text="Personal data: never logged, never shown.")
    body = models.JSONField()
    # Only what the service's message file says; its provider has others.
    texts = models.JSONField(default=dict, db_default=models.Value({}, models.JSONField()))
    good_until = models.DateTimeField(null=True, help_text="After it the question is no longer asked.")
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


class CometMessage(models.Model):
    """A message that waits until the client of its user asks for it, or until it is no longer good."""

    callback = models.ForeignKey("callbacks.Callback", on_delete=models.CASCADE, related_name="comet_messages")
    user = models.CharField(max_length=256, help_text="The request's _device_notification_id: personal data.")
    data = models.JSONField()
    expires_at = models.DateTimeField()

    class Meta:
        indexes = [
            # A poll, and the limit of messages that wait for a user.
            models.Index(fields=["user", "id"], name="comet_message_user"),
            # The sweep.
            models.Index(fields=["expires_at"], name="comet_message_expired"),
        ]

    def __str__(self) -> str:
        return f"comet message for {self.callback_id}"


class CometSubscription(models.Model):
    """That a comet client wants the messages of its user. Renewed while it asks; else it expires."""

    client = models.CharField(max_length=64, primary_key=True, help_text="Its clientId.")
    user = models.CharField(max_length=256, help_text="Its header gms_user: personal data.")
    expires_at = models.DateTimeField()

    class Meta:
        indexes = [
            # The limit of clients of a user.
            models.Index(fields=["user"], name="comet_subscription_user"),
            # The sweep.
            models.Index(fields=["expires_at"], name="comet_subscription_expired"),
        ]

    def __str__(self) -> str:
        return f"subscription of comet client {self.client}"
