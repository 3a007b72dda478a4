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
