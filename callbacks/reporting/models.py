"""Rows of reports: one fact for each callback that is over, and totals of days and months."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q


class Span(models.TextChoices):
    """What a total is of: a day, or a month, so that a year is read from twelve."""

    DAY = "d", "Day"
    MONTH = "m", "Month"


class CallbackFact(models.Model):
    """What became of a callback. Inserted once when it is over, never changed; the callback itself may be gone.

    `seq` grows in the order in which facts become visible, so that whoever reads on from the last one misses none:
    facts are inserted under one lock (`callbacks.reporting.sweep`). Seconds are those of the export (docs/reports.md).
    """

    seq = models.BigAutoField(primary_key=True)
    callback = models.CharField(max_length=64, unique=True, help_text="Its id, whether or not it still exists.")
    service = models.CharField(max_length=64)
    queue = models.CharField(max_length=64, blank=True)
    direction = models.CharField(max_length=16, blank=True, help_text="USERTERMINATED or USERORIGINATED.")
    reason = models.CharField(max_length=64)
    disposition = models.CharField(max_length=16, blank=True, help_text="What the agent said of the last talk.")
    agent = models.CharField(max_length=64, blank=True, help_text="The last agent who was called for it.")
    has_promise = models.BooleanField(help_text="A time was promised, not a call at once.")
    accepted_at = models.DateTimeField()
    desired_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True, help_text="When it took its place in the queue.")
    confirmed_at = models.DateTimeField(null=True, help_text="When the customer, who was asked, said yes.")
    rung_at = models.DateTimeField(null=True, help_text="When the customer's phone was rung first, or they called.")
    reached_at = models.DateTimeField(null=True, help_text="When a human answered.")
    connected_at = models.DateTimeField(null=True, help_text="When customer and agent first heard each other.")
    completed_at = models.DateTimeField()
    ended_at = models.DateTimeField(help_text="When the last call for it ended, or it was completed without any.")
    results = ArrayField(models.CharField(max_length=48), help_text="Of the attempts at the customer, in order.")
    talk_seconds = models.FloatField(help_text="With all agents.")
    # From its first and its last prediction (telephony.Prediction); None where nothing was predicted.
    ewt_offered = models.FloatField(null=True)
    position_offered = models.PositiveIntegerField(null=True)
    ewt = models.FloatField(null=True)
    ewt_p90 = models.FloatField(null=True)
    position = models.PositiveIntegerField(null=True)
    wait_outcome = models.CharField(max_length=8, blank=True)
    waited = models.FloatField(null=True)
    # Actual less promised, in seconds: positive is late. None without a promise, or where it did not come to it.
    ring_late = models.FloatField(null=True)
    agent_late = models.FloatField(null=True)

    class Meta:
        indexes = [
            # The export of a time range; removing the old ones.
            models.Index(fields=["completed_at", "seq"], name="callback_fact_completed"),
        ]

    def __str__(self) -> str:
        return f"{self.seq}: {self.callback}, {self.reason}"


class ReportTotal(models.Model):
    """How often something happened to a service's callbacks that ended in a day or month of the office.

    `what` and `key` are those of `callbacks.reporting.counting`; `seconds` is the sum of what was measured, where the
    key is an interval of a distribution.
    """

    # Also what reads a period.
    pk = models.CompositePrimaryKey("span", "starts", "what", "service", "key")
    span = models.CharField(max_length=1, choices=Span)
    starts = models.DateField()
    what = models.CharField(max_length=12)
    service = models.CharField(max_length=64)
    key = models.CharField(max_length=48)
    n = models.BigIntegerField()
    seconds = models.FloatField()

    def __str__(self) -> str:
        return f"{self.service}, {self.starts}: {self.n} {self.what} {self.key}"


class AgentTotal(models.Model):
    """How often callbacks that ended in a day or month of the office came to an agent, and what the agent did."""

    pk = models.CompositePrimaryKey("span", "starts", "agent", "service")
    span = models.CharField(max_length=1, choices=Span)
    starts = models.DateField()
    agent = models.CharField(max_length=64)
    service = models.CharField(max_length=64)
    offered = models.BigIntegerField(help_text="Previews and calls.")
    connected = models.BigIntegerField()
    unanswered = models.BigIntegerField(help_text="The phone was not answered, was busy or could not be reached.")
    lost = models.BigIntegerField(help_text="The customer was gone first, or the call failed otherwise.")
    rejected = models.BigIntegerField(help_text="Previews that the agent refused, or let pass.")
    disposed = models.BigIntegerField(help_text="Talks of which they said what came of them.")
    ring_seconds = models.FloatField(help_text="Until they answered.")
    talk_seconds = models.FloatField()

    def __str__(self) -> str:
        return f"{self.agent}, {self.service}, {self.starts}: {self.connected} talks"


class RefusalMark(models.Model):
    """How many refused start requests of a kind are in the totals already (`callbacks.reporting.refusals`)."""

    pk = models.CompositePrimaryKey("service", "kind")
    service = models.CharField(max_length=64)
    kind = models.CharField(max_length=16)
    counted = models.BigIntegerField()

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(counted__gte=0), name="refusal_mark_not_negative")]

    def __str__(self) -> str:
        return f"{self.service}: {self.counted} {self.kind}"
