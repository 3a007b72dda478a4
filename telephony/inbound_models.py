"""Rows of calls that arrived: who is on the line and is not yet anybody's."""

from __future__ import annotations

from django.db import models


class ArrivedCall(models.Model):
    """Somebody who called us, from the arrival until their leg is an owner's (`telephony.models.Leg`) or has ended.

    `number` counts the lists of sounds that it is to hear, and `said` is the last of them that was played: what was not
    said yet is found by that. At `deadline` it goes on by itself, so that nobody is left waiting in silence.
    """

    class Step(models.TextChoices):
        ASKED = "asked", "Asked for a code"
        OFFERED = "offered", "Matched; its owner decides"
        REFUSED = "refused", "Hears why, then is hung up"

    leg = models.CharField(primary_key=True, max_length=96, help_text="The switch's id of it.")
    switch = models.ForeignKey("telephony.Switch", on_delete=models.CASCADE)
    called = models.CharField(max_length=64)
    caller = models.CharField(max_length=64, blank=True, help_text="Empty: withheld.")
    arrived_at = models.DateTimeField()
    step = models.CharField(max_length=8, choices=Step)
    digits = models.CharField(max_length=32, blank=True, help_text="What was typed of a code so far.")
    wrong = models.PositiveSmallIntegerField(default=0, help_text="Wrong or missing codes.")
    says = models.CharField(max_length=64, blank=True, help_text="What it is to hear; empty: nothing.")
    number = models.PositiveIntegerField(default=0)
    said = models.PositiveIntegerField(default=0)
    changed_at = models.DateTimeField()
    deadline = models.DateTimeField()

    def __str__(self) -> str:
        return self.leg
