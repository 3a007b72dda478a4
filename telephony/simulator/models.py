"""The simulator's calls and the future that is planned for them."""

from __future__ import annotations

from datetime import datetime

from django.db import models

from telephony.switch import LegState


class SimulatedLeg(models.Model):
    """One call on the simulator, from its creation until its end has been delivered.

    `rings_at` and `answers_at` are fixed when it is dialled and usually lie in the future.
    """

    id = models.CharField(max_length=96, primary_key=True)
    # Without an index: it would be preferred to the key while the table is too young to be analysed.
    switch = models.ForeignKey("telephony.Switch", on_delete=models.CASCADE, db_index=False)
    endpoint = models.CharField(max_length=192)
    detect = models.BooleanField()
    created_at = models.DateTimeField()
    dialled_at = models.DateTimeField(null=True)
    rings_at = models.DateTimeField(null=True)
    answers_at = models.DateTimeField(null=True)
    beep_at = models.DateTimeField(null=True, help_text="End of an answering machine's greeting.")
    talk_seconds = models.FloatField(null=True, help_text="Hangs up that long after being joined; null: never.")
    sounds = models.PositiveIntegerField(db_default=0, help_text="The last list of sounds that was played.")
    bridge = models.CharField(max_length=96, db_default="")
    deleted = models.BooleanField(db_default=False, help_text="Hung up by us; its end is not delivered yet.")

    def __str__(self) -> str:
        return self.id

    def state(self, now: datetime) -> LegState:
        if self.answers_at is not None and self.answers_at <= now:
            return LegState.UP
        if self.rings_at is not None and self.rings_at <= now:
            return LegState.RINGING
        return LegState.CREATED if self.dialled_at is None else LegState.SENT


class SimulatedHappening(models.Model):
    """One event that will happen, or has happened and is not yet known to have been written down by the listener."""

    switch = models.ForeignKey("telephony.Switch", on_delete=models.CASCADE, db_index=False)
    leg = models.CharField(max_length=96)
    at = models.DateTimeField()
    kind = models.CharField(max_length=16, help_text="Name of the event's class in telephony.switch.")
    data = models.TextField(help_text="Its other fields as JSON.")

    class Meta:
        indexes = [
            # The listener: what is due, in order.
            models.Index(fields=["switch", "at"], name="simulated_happening_due"),
            # The verbs change the future of one leg.
            models.Index(fields=["leg"], name="simulated_happening_leg"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.leg}"
