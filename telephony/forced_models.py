"""Rows of what supervisors did to agents."""

from __future__ import annotations

from django.db import models
from django.db.models import Q


class ForcedChange(models.Model):
    """Somebody else than the agent set the agent's state, and why. Kept for 90 days (`telephony.forcing`).

    Written once; only `told_at` is set later, when the agent's desk has said it. With `is_later` the agent was reserved
    or on a call, and the state is taken up after it.
    """

    agent = models.ForeignKey("Agent", null=True, on_delete=models.SET_NULL, related_name="forced", db_index=False)
    agent_name = models.CharField("agent's name", max_length=64)
    at = models.DateTimeField()
    by = models.CharField(max_length=150)
    why = models.CharField(max_length=200)
    before = models.CharField("state before", max_length=16)
    before_reason = models.CharField(max_length=64, blank=True)
    state = models.CharField(max_length=16)
    reason = models.CharField("reason for not ready", max_length=64, blank=True)
    is_later = models.BooleanField()
    told_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            # An agent's own, newest first; also what follows when an agent is deleted.
            models.Index(fields=["agent", "-id"], name="forced_change_agent"),
            # The desk asks with every refresh whether there is something to say.
            models.Index(fields=["agent"], name="forced_change_untold", condition=Q(told_at=None)),
            # Removing the old ones.
            models.Index(fields=["at"], name="forced_change_at"),
        ]
        constraints = [models.CheckConstraint(condition=~Q(by="") & ~Q(why=""), name="forced_change_says_who_and_why")]

    def __str__(self) -> str:
        return f"{self.agent_name} to {self.state} by {self.by}"
