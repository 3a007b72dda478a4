"""Rows of virtual queues: who waits in them, and what was measured and predicted of them."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class VirtualQueue(models.Model):
    """The line in which callbacks wait for their target (option `_urs_virtual_queue`)."""

    # A day, in seconds.
    LONGEST_EWT = 86400

    name = models.CharField(max_length=64, unique=True)
    ewt_limit = models.PositiveIntegerField(
        "alarm at an EWT of",
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(LONGEST_EWT)],
        help_text="In seconds: the board raises an alarm while a new callback would wait longer. Empty: never.",
    )

    def __str__(self) -> str:
        return self.name


class QueueEntry(models.Model):
    """A callback's place in its virtual queue, what it wants there now, and which targets are looked for.

    `eligible_at` is null while it may not be served (retrying, ringing, talking): the entry keeps its place all the
    same. Entries that want the same of the same queue are one `line`: in it the order is by place alone, however long
    they wait, so that the matcher looks at the first of each line, not at everybody (`telephony.lines`).
    """

    # `step` while only the preferred agent is looked for.
    PREFERRED = -1

    class Wants(models.TextChoices):
        DIAL = "dial", "A dial"
        AGENT = "agent", "An agent"

    owner = models.CharField(max_length=64, primary_key=True)
    queue = models.CharField(max_length=64)
    # What the release before matches by, written for it alone; an entry that it inserts has no line until the tick
    # gives it one (`queues.adopt`).
    target_key = models.CharField(max_length=128, db_default="", editable=False)
    wants = models.CharField(max_length=8, choices=Wants, blank=True)
    visit = models.PositiveIntegerField(help_text="The visit of the stage that wants it.")
    place_at = models.DateTimeField(help_text="Earlier is further ahead; kept over retries.")
    eligible_at = models.DateTimeField(null=True)
    reserve_seconds = models.PositiveIntegerField()
    granted = models.BooleanField(default=False, help_text="It may dial, or did: an agent is counted on for it.")
    granted_until = models.DateTimeField(
        null=True, help_text="Until then an agent is counted on for the dial, although nobody waits on the line yet."
    )
    priority = models.IntegerField(default=0)
    # These have a default of the database: processes of the release before still insert while hosts are upgraded.
    paused = models.BooleanField(
        default=False, db_default=False, help_text="Its service is paused: nobody waits behind it meanwhile."
    )
    priority_increment = models.IntegerField(db_default=0)
    priority_interval = models.PositiveIntegerField(db_default=0, help_text="In seconds; 0: the priority stays.")
    passed_over = models.JSONField(
        db_default={}, help_text="Agents who are not offered it, each until when (seconds since 1970)."
    )
    target = models.TextField(db_default="", help_text="The option _target: one target or a list of them.")
    preferred_agent = models.CharField(max_length=64, blank=True, db_default="")
    plan_since = models.DateTimeField(null=True, help_text="When the clock of the list of targets began.")
    step = models.SmallIntegerField(db_default=0, help_text="The element turned to last; -1: the preferred agent.")
    step_until = models.DateTimeField(null=True, help_text="When the next element follows.")
    keys = ArrayField(models.TextField(), db_default=[], help_text="The targets that are looked for now.")
    line = models.CharField(max_length=32, db_default="", help_text="Queue, targets and priority, as a digest.")

    class Meta:
        verbose_name_plural = "queue entries"
        indexes = [
            # The matcher: which lines there are, and the first of each.
            models.Index(
                fields=["wants", "line", "place_at", "owner"],
                name="queue_entry_line",
                condition=Q(eligible_at__isnull=False),
            ),
            # Position in the line.
            models.Index(fields=["queue", "place_at"], name="queue_entry_place"),
            # Pacing: the grants that still count.
            models.Index(fields=["granted_until"], name="queue_entry_granted", condition=Q(granted=True)),
            # The tick: lists of targets that go on; those that wait for an agent of theirs; those without a line.
            models.Index(fields=["step_until"], name="queue_entry_step", condition=Q(step_until__isnull=False)),
            models.Index(fields=["preferred_agent"], name="queue_entry_preferred", condition=Q(step=-1)),
            models.Index(fields=["owner"], name="queue_entry_unlined", condition=Q(line="")),
        ]
        constraints = [
            # Else nothing would ever end the wait for the one agent.
            models.CheckConstraint(
                condition=~Q(step=-1) | Q(step_until__isnull=False), name="queue_entry_preference_ends"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.owner} in {self.queue}"


class QueueMeasure(models.Model):
    """What was measured of a virtual queue: running means over about the last 300, with their variance.

    `handling`: how long an agent is taken up by one call, wrap-up included. `reach`: from the dial until a human is on
    the line; both in seconds. `no_show`: the share of attempts at a customer that found nobody. `abandoned`: the share
    of those who left the line before an agent was theirs; `waited`: how long, in seconds, they and those who were
    served stood in it. `start`: the estimated wait, in seconds, by which scheduled callbacks were last started, kept
    for when nobody is logged in. `correction`, `correction_p90`: the factors by which estimates of the queue are
    multiplied, from what came of earlier ones (`telephony.predictions`).
    """

    class What(models.TextChoices):
        HANDLING = "handling", "Handling time"
        REACH = "reach", "Time to reach a customer"
        NO_SHOW = "no_show", "Share of attempts that found nobody"
        ABANDONED = "abandoned", "Share that left before an agent"
        WAITED = "waited", "Time in the line"
        START = "start", "EWT of the last starts"
        CORRECTION = "correction", "Correction of the EWT"
        CORRECTION_P90 = "correction_p90", "Correction of the p90"

    queue = models.CharField(max_length=64)
    what = models.CharField(max_length=16, choices=What)
    seconds = models.FloatField()
    # With a default of the database: processes of the release before still insert while hosts are upgraded.
    variance = models.FloatField(default=0.0, db_default=0.0)
    measured = models.PositiveIntegerField(default=1, help_text="How often.")
    measured_at = models.DateTimeField()

    class Meta:
        constraints = [
            # One of a kind for a queue; measuring is an upsert on it, every estimate reads by it.
            models.UniqueConstraint(fields=["queue", "what"], name="queue_measure_once"),
            models.CheckConstraint(condition=Q(seconds__gte=0), name="queue_measure_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.queue}: {self.get_what_display()} {self.seconds:.3g}"


class HourMeasure(models.Model):
    """The same for one hour of the week, in the site's time zone: 0 is Monday from midnight to one, 167 Sunday's last.

    Only what is measured.
    """

    queue = models.CharField(max_length=64)
    what = models.CharField(max_length=16, choices=QueueMeasure.What)
    hour = models.PositiveSmallIntegerField(validators=[MaxValueValidator(167)])
    mean = models.FloatField()
    variance = models.FloatField(default=0.0)
    measured = models.PositiveIntegerField(default=1, help_text="How often.")
    measured_at = models.DateTimeField()

    class Meta:
        constraints = [
            # One of a kind for a queue and hour; measuring is an upsert on it.
            models.UniqueConstraint(fields=["hour", "queue", "what"], name="hour_measure_once"),
            models.CheckConstraint(condition=Q(mean__gte=0), name="hour_measure_not_negative"),
            models.CheckConstraint(condition=Q(hour__lte=167), name="hour_measure_of_a_week"),
        ]

    def __str__(self) -> str:
        return f"{self.queue}, hour {self.hour}: {self.get_what_display()} {self.mean:.3g}"


class Prediction(models.Model):
    """What an owner was predicted when it took its place in a queue, and what came of it.

    Seconds count from `made_at` until an agent is reserved. `earliest`: sooner it could not be served, because its time
    had not come and the customer had to be reached. `plain_ewt` and `plain_p90` are what the estimator said of the
    queue alone; corrected, and not before `earliest`, they are `ewt` and `p90`. `ahead` counts who stood before it,
    `agents` who was logged in for it. `hour` is that of the week. Without `outcome` it is open; `waited` is known of
    those who were served. An owner that is deleted is forgotten here; the figures stay for a while
    (`telephony.predictions`).
    """

    class Outcome(models.TextChoices):
        SERVED = "served", "An agent was reserved"
        LEFT = "left", "The customer left the line"
        PUT_OFF = "put_off", "Not to be judged: something else than the queue kept it waiting"

    owner = models.CharField(max_length=64, blank=True)
    queue = models.CharField(max_length=64)
    made_at = models.DateTimeField()
    hour = models.PositiveSmallIntegerField()
    ahead = models.PositiveIntegerField()
    agents = models.PositiveIntegerField()
    plain_ewt = models.FloatField()
    plain_p90 = models.FloatField()
    earliest = models.FloatField()
    ewt = models.FloatField()
    p90 = models.FloatField()
    outcome = models.CharField(max_length=8, choices=Outcome, blank=True)
    settled_at = models.DateTimeField(null=True)
    waited = models.FloatField(null=True)

    class Meta:
        constraints = [
            # Settling looks it up; a new one takes the place of one that was left open.
            models.UniqueConstraint(fields=["owner"], condition=Q(outcome=""), name="prediction_one_open"),
            models.CheckConstraint(
                condition=Q(outcome="served", waited__isnull=False) | (~Q(outcome="served") & Q(waited__isnull=True)),
                name="prediction_waited_iff_served",
            ),
        ]
        indexes = [
            # Forgetting a deleted owner.
            models.Index(fields=["owner"], name="prediction_of_owner", condition=~Q(owner="")),
            # How right the last ones of each queue were.
            models.Index(fields=["queue", "settled_at"], name="prediction_settled", condition=~Q(outcome="")),
            # Removing the old ones.
            models.Index(fields=["made_at"], name="prediction_made"),
        ]

    def __str__(self) -> str:
        return f"{self.queue}: {self.ewt:.0f} s, {self.get_outcome_display() or 'open'}"


class QueueAccuracy(models.Model):
    """How right the predictions of a queue were, of those that were settled in the last `hours`.

    Errors are predicted less real seconds: a positive `bias` says that customers were told more than they waited.
    `within_p90` is the share of those who waited no longer than their p90, to the second: 0.9 is right.
    """

    DAY, WEEK = 24, 168

    queue = models.CharField(max_length=64)
    hours = models.PositiveSmallIntegerField(choices=[(DAY, _("24 hours")), (WEEK, _("7 days"))])
    judged = models.PositiveIntegerField()
    abandoned = models.PositiveIntegerField()
    put_off = models.PositiveIntegerField()
    bias = models.FloatField(null=True)
    mean_absolute = models.FloatField(null=True)
    p90_absolute = models.FloatField(null=True)
    within_p90 = models.FloatField(null=True)
    computed_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "queue accuracies"
        constraints = [
            # Computed anew each minute, by an upsert.
            models.UniqueConstraint(fields=["queue", "hours"], name="queue_accuracy_once"),
        ]

    def __str__(self) -> str:
        return f"{self.queue}, {self.get_hours_display()}: {self.judged} judged"
