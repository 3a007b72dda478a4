from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from services.models import ConfiguredService
from services.reason import LONGEST_REASON


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


class SlotCalendar(models.Model):
    """How a service's time was cut into slots when its bookings were last counted.

    Whoever books or gives back holds this row shared until the transaction ends; whoever counts anew, alone. All three
    tables of bookings go with their service by the database's own cascade: Django's would read and list every booking.
    """

    service = models.OneToOneField(
        ConfiguredService, on_delete=models.DO_NOTHING, db_constraint=False, primary_key=True, related_name="+"
    )
    minutes = models.PositiveSmallIntegerField()
    zone = models.CharField(max_length=64, help_text="Of the office: Europe/Berlin.")

    def __str__(self) -> str:
        return f"{self.minutes} minutes in {self.zone}"


class SlotCounter(models.Model):
    """How many places of one slot are booked."""

    # Also what finds the counters of a service from one moment to another, for what is offered.
    pk = models.CompositePrimaryKey("service_id", "start")
    service = models.ForeignKey(
        ConfiguredService, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    start = models.DateTimeField()
    booked = models.IntegerField()

    class Meta:
        constraints = [
            # A place that is given back twice must not let somebody in for whom there is no room.
            models.CheckConstraint(condition=Q(booked__gte=0), name="slot_counter_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.booked} at {self.start:%Y-%m-%d %H:%M}"


class Booking(models.Model):
    """The one place that an owner holds."""

    owner = models.CharField(max_length=64, primary_key=True)
    service = models.ForeignKey(
        ConfiguredService, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    slot_start = models.DateTimeField(help_text="Of the slot in which it was booked, as slots were cut then.")
    desired_at = models.DateTimeField(help_text="The exact time that was asked for.")

    class Meta:
        indexes = [
            # Counting anew: the bookings of a service from a moment on. Also the cascade of a deleted service.
            models.Index(fields=["service", "desired_at"], name="booking_of_service"),
        ]

    def __str__(self) -> str:
        return f"{self.owner} at {self.desired_at:%Y-%m-%d %H:%M:%S}"


class SlotBlock(models.Model):
    """A stretch of a service's time in whose slots nothing more is booked; what is booked already stays.

    Blocks of one service do not overlap: whoever writes them holds its calendar alone (`scheduling.blocks`).
    """

    service = models.ForeignKey(ConfiguredService, on_delete=models.CASCADE, db_index=False, related_name="+")
    start = models.DateTimeField()
    end = models.DateTimeField()
    reason = models.CharField(max_length=LONGEST_REASON)
    actor = models.CharField(max_length=150, help_text="Who: a user.")
    at = models.DateTimeField()

    class Meta:
        constraints = [
            # Also what finds the blocks of a service from one moment to another, for what is offered and booked.
            models.UniqueConstraint(fields=["service", "start"], name="slot_block_one_per_start"),
            models.CheckConstraint(condition=Q(end__gt=F("start")), name="slot_block_ends_after_its_start"),
            models.CheckConstraint(condition=~Q(reason=""), name="slot_block_says_why"),
        ]
        indexes = [
            # Removing those that are past.
            models.Index(fields=["end"], name="slot_block_end"),
        ]

    def __str__(self) -> str:
        return f"{self.start:%Y-%m-%d %H:%M} to {self.end:%Y-%m-%d %H:%M}: {self.reason}"
