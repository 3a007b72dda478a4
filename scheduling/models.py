from django.db import models


class Timer(models.Model):
    """One moment at which an owner wants to be woken; a fired timer is deleted in the transaction that tells the owner.

    `data` says what the timer was armed for, so that the owner can drop one that is no longer current.
    """

    owner = models.CharField(max_length=64)
    name = models.CharField(max_length=32)
    due_at = models.DateTimeField()
    data = models.JSONField(default=dict)

    class Meta:
        constraints = [
            # Arming again moves the timer: `ON CONFLICT (owner, name)`; also finds an owner's timers.
            models.UniqueConstraint(fields=["owner", "name"], name="timer_one_per_owner_and_name"),
        ]
        indexes = [
            # The tick: what is due, oldest first.
            models.Index(fields=["due_at"], name="timer_due"),
        ]

    def __str__(self) -> str:
        return f"{self.name} of {self.owner} at {self.due_at:%Y-%m-%d %H:%M:%S}"


class Heartbeat(models.Model):
    """One process saying under one name that it is alive, by the database's clock (`scheduling.heartbeats`)."""

    pk = models.CompositePrimaryKey("name", "process")
    name = models.CharField(max_length=64, help_text="beat, workers/flow, …")
    process = models.CharField(max_length=64, help_text="Host and process number.")
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name} on {self.process} at {self.at:%Y-%m-%d %H:%M:%S}"


class Total(models.Model):
    """What all processes together have counted so far, one row a sample of a metric (`scheduling.totals`)."""

    pk = models.CompositePrimaryKey("name", "labels")
    name = models.CharField(max_length=128)
    labels = models.CharField(max_length=512, help_text="A JSON object with sorted keys.")
    value = models.FloatField()

    def __str__(self) -> str:
        return f"{self.name}{self.labels} {self.value}"
