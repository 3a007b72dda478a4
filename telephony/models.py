"""Rows of the telephony floor. Hot tables (calls, legs, queue entries) hold only what is alive.

Those of virtual queues, access numbers and calls that arrived stand in files of their own (`telephony.queue_models`,
`telephony.access_models`, `telephony.inbound_models`), and are imported from here as the others.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.conf import settings
from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from telephony.access_models import AccessBooking as AccessBooking
from telephony.brake_models import BrakeRelease as BrakeRelease
from telephony.brake_models import DialCount as DialCount
from telephony.brake_models import NumberDials as NumberDials
from telephony.events import Party
from telephony.forced_models import ForcedChange as ForcedChange
from telephony.inbound_models import ArrivedCall as ArrivedCall
from telephony.queue_models import HourMeasure as HourMeasure
from telephony.queue_models import Prediction as Prediction
from telephony.queue_models import QueueAccuracy as QueueAccuracy
from telephony.queue_models import QueueEntry as QueueEntry
from telephony.queue_models import QueueMeasure as QueueMeasure
from telephony.queue_models import VirtualQueue as VirtualQueue
from telephony.switch import EndCause, LegState

PARTIES = [(party.value, party.value) for party in Party]
LEG_STATES = [(state.value, state.value) for state in LegState]
END_CAUSES = [(cause.value, cause.value) for cause in EndCause]


class Switch(models.Model):
    """A telephone engine and the lease of the one process that listens to it.

    The lease is kept by the database's clock: only its holder writes events, and nobody dials while it is not renewed.
    """

    class Kind(models.TextChoices):
        SIMULATOR = "simulator", _("Simulator")
        ASTERISK = "asterisk", "Asterisk"

    name = models.CharField(max_length=64, unique=True, help_text="The part behind the @ of a route point: SIP_Switch.")
    kind = models.CharField(max_length=16, choices=Kind, default=Kind.SIMULATOR)
    ari_url = models.URLField("ARI address", blank=True, help_text="Asterisk only, for example http://127.0.0.1:8088")
    ari_user = models.CharField("ARI user", max_length=64, blank=True)
    ari_password = models.CharField("ARI password", max_length=128, blank=True)
    ari_app = models.CharField(
        "Stasis application", max_length=64, blank=True, default="callbacksite", help_text="One for every installation."
    )
    detection_context = models.CharField(
        "detection context",
        max_length=64,
        blank=True,
        default="callbacksite-cpd",
        help_text="Dialplan context that runs AMD and comes back through Stasis (docs/asterisk.md).",
    )
    sound_prefix = models.CharField(
        max_length=128,
        blank=True,
        default="callbacksite",
        help_text="Folder below Asterisk's sounds that holds our treatments.",
    )
    lease_holder = models.CharField(max_length=64, blank=True, editable=False)
    lease_epoch = models.PositiveBigIntegerField(default=0, editable=False)
    lease_until = models.DateTimeField(null=True, editable=False)
    # When the holder last had its event socket; the 60 s rule for an unreachable switch counts from here.
    reachable_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        verbose_name_plural = "switches"

    def __str__(self) -> str:
        return self.name


class UnconfirmedDeletion(models.Model):
    """A leg given up while its switch was unreachable: deleted on the switch before anything else when it returns."""

    switch = models.ForeignKey(Switch, on_delete=models.CASCADE)
    leg = models.CharField(max_length=96, unique=True)

    def __str__(self) -> str:
        return self.leg


class RoutePoint(models.Model):
    """Where outbound calls to customers are created: a trunk of a switch (option `_route_point`, `NAME@SWITCH`)."""

    name = models.CharField(max_length=64)
    switch = models.ForeignKey(Switch, on_delete=models.PROTECT, related_name="route_points")
    endpoint = models.CharField(
        max_length=128,
        default="{number}",
        help_text="How the switch is told to dial; {number} is the customer's number: PJSIP/{number}@trunk",
    )
    # Back-off of a trunk that could not carry a call; no dial through it before that moment.
    failures = models.PositiveIntegerField(default=0, editable=False)
    unavailable_until = models.DateTimeField(null=True, editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["name", "switch"], name="route_point_name")]

    def __str__(self) -> str:
        return f"{self.name}@{self.switch.name}"


class Agent(models.Model):
    """Somebody who takes calls, with their phone and their state. One row holds at most one reservation.

    `reserved_for` is the owner of the call; `reservation` names this one reservation of them, so that a late act on an
    older one is seen as such.
    """

    class State(models.TextChoices):
        LOGGED_OUT = "logged_out", _("Logged out")
        READY = "ready", _("Ready")
        NOT_READY = "not_ready", _("Not ready")
        RESERVED = "reserved", _("Reserved")
        ON_CALL = "on_call", _("On a call")
        WRAP_UP = "wrap_up", _("Wrap-up")

    name = models.CharField(max_length=64, unique=True, help_text="The name in targets: kate@StatServer.A")
    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, help_text="Who works as this agent."
    )
    switch = models.ForeignKey(Switch, on_delete=models.PROTECT, related_name="agents")
    sip_address = models.CharField(max_length=128, help_text="The agent's phone in the switch's syntax: PJSIP/kate")
    # With a default of the database: processes of the release before still insert while hosts are upgraded.
    number = models.CharField(
        max_length=64,
        blank=True,
        db_default="",
        help_text="The agent's telephone number, for services that call agents through a route point: 4030123.",
    )
    place = models.ForeignKey(
        "Place",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="agents",
        help_text="Where the agent sits: the phone there rings instead of the agent's own.",
    )
    state = models.CharField(max_length=16, choices=State, default=State.LOGGED_OUT)
    reason = models.CharField(max_length=64, blank=True, help_text="Why the agent is not ready.")
    state_since = models.DateTimeField(db_default=Now())
    # Longest idle first; a released reservation keeps it.
    idle_since = models.DateTimeField(db_default=Now())
    # Not ready was asked for during a reservation, call or wrap-up: taken up when that ends.
    next_state = models.CharField(max_length=16, choices=State, blank=True)
    next_reason = models.CharField(max_length=64, blank=True)
    reserved_for = models.CharField(max_length=64, null=True, blank=True, editable=False)  # noqa: DJ001 (unique)
    reservation = models.CharField(max_length=40, blank=True, editable=False)
    reserved_until = models.DateTimeField(null=True, editable=False)
    wrap_up_until = models.DateTimeField(null=True, editable=False)
    # With a default of the database: processes of the release before still insert while hosts are upgraded.
    wrap_up_for = models.CharField(
        max_length=64, blank=True, db_default="", editable=False, help_text="The owner whose call is wrapped up."
    )
    # A release that waits for the agent's leg to end: what the agent becomes then.
    release_as = models.CharField(max_length=16, choices=State, blank=True, editable=False)
    release_reason = models.CharField(max_length=64, blank=True, editable=False)
    release_wrap_up = models.PositiveIntegerField(default=0, editable=False)

    class Meta:
        constraints = [
            # One open reservation an agent, and one agent an owner.
            models.UniqueConstraint(fields=["reserved_for"], name="agent_one_per_owner"),
            models.CheckConstraint(
                condition=Q(state__in=["reserved", "on_call"], reserved_for__isnull=False)
                | (~Q(state__in=["reserved", "on_call"]) & Q(reserved_for__isnull=True)),
                name="agent_reserved_iff_owner",
            ),
            models.CheckConstraint(
                condition=~Q(state="wrap_up") | Q(wrap_up_until__isnull=False), name="agent_wrap_up_ends"
            ),
            # A place has one phone.
            models.UniqueConstraint(fields=["place"], condition=~Q(state="logged_out"), name="agent_one_at_a_place"),
        ]
        indexes = [
            # The matcher: ready agents, longest idle first.
            models.Index(fields=["idle_since"], name="agent_ready", condition=Q(state="ready")),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def phone(self) -> str:
        """What rings for the agent, in the syntax of `phone_switch_id`: the place's phone, else their own."""
        return self.place.phone if self.place else self.sip_address

    @property
    def phone_switch_id(self) -> int:
        return self.place.switch_id if self.place else self.switch_id


class AgentGroup(models.Model):
    name = models.CharField(max_length=64, unique=True, help_text="The name in targets: Billing@StatServer.GA")
    agents = models.ManyToManyField(Agent, related_name="groups", blank=True)

    def __str__(self) -> str:
        return self.name


class Skill(models.Model):
    """Something that agents can do, better or worse: what skill expressions of targets name."""

    name = models.CharField(max_length=64, unique=True, help_text="The name in skill expressions: English")

    def __str__(self) -> str:
        return self.name


class AgentSkill(models.Model):
    """How well an agent has a skill. An agent without the row does not have it."""

    MOST = 1000

    agent = models.ForeignKey(Agent, on_delete=models.CASCADE, related_name="skills")
    skill = models.ForeignKey(Skill, on_delete=models.PROTECT, related_name="agents")
    level = models.PositiveSmallIntegerField(
        validators=[MaxValueValidator(MOST)], help_text=f"0 to {MOST}; more is better."
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["agent", "skill"], name="agent_skill_once"),
            models.CheckConstraint(condition=Q(level__lte=1000), name="agent_skill_level"),
        ]

    def __str__(self) -> str:
        return f"{self.agent}: {self.skill} {self.level}"


class Place(models.Model):
    """A phone that is a target by itself, whoever sits there."""

    name = models.CharField(max_length=64, unique=True, help_text="The name in targets: Desk1@StatServer.AP")
    switch = models.ForeignKey(Switch, on_delete=models.PROTECT, related_name="places")
    phone = models.CharField(max_length=128, help_text="The phone in the switch's syntax: PJSIP/desk1")

    def __str__(self) -> str:
        return self.name


class PlaceGroup(models.Model):
    """Places that are a target together: whoever is logged in at one of them."""

    name = models.CharField(max_length=64, unique=True, help_text="The name in targets: Floor2@StatServer.GP")
    places = models.ManyToManyField(Place, related_name="groups", blank=True)

    def __str__(self) -> str:
        return self.name


class Call(models.Model):
    """What an owner wants of the switch, and who is making it so.

    The row is deleted with its last leg once nothing is wanted any more.
    """

    owner = models.CharField(max_length=64, primary_key=True)
    wish = models.JSONField()
    wish_number = models.PositiveIntegerField(default=1)
    settled = models.BooleanField(default=False, help_text="Nothing is left to do for this wish.")
    news = models.PositiveIntegerField(default=0, help_text="Counts what the switch reported that may need an act.")
    claim = models.CharField(max_length=40, blank=True)
    claim_until = models.DateTimeField(null=True)
    # When the tick looks again if nobody settled it; doubles with every look.
    look_at = models.DateTimeField()
    looks = models.PositiveSmallIntegerField(default=0)

    class Meta:
        indexes = [models.Index(fields=["look_at"], name="call_unsettled", condition=Q(settled=False))]

    def __str__(self) -> str:
        return self.owner


class Leg(models.Model):
    """One attempt's leg on a switch, written before the switch is asked to create it.

    The id is `cb-OWNER-PARTY-ATTEMPT`, so that an event names its owner by itself.

    Ended rows stay while the wish still names their attempt, so that it is never created again.
    """

    id = models.CharField(max_length=96, primary_key=True)
    call = models.ForeignKey(Call, on_delete=models.CASCADE, related_name="legs")
    party = models.CharField(max_length=8, choices=PARTIES)
    attempt = models.PositiveIntegerField()
    switch = models.ForeignKey(Switch, on_delete=models.PROTECT)
    route_point = models.ForeignKey(RoutePoint, null=True, on_delete=models.SET_NULL)
    agent = models.ForeignKey(Agent, null=True, on_delete=models.PROTECT)
    endpoint = models.CharField(max_length=192)
    detect = models.BooleanField(default=False)
    state = models.CharField(max_length=8, choices=LEG_STATES, default=LegState.CREATED)
    created_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)
    dialling_seen = models.BooleanField(default=False, help_text="The switch reported that the call left.")
    rang = models.BooleanField(default=False)
    answered_at = models.DateTimeField(null=True)
    # The last list of sounds marked as sent, whether the switch took it, and whether it is over.
    sounds = models.PositiveIntegerField(default=0)
    sounds_taken = models.BooleanField(default=False)
    sounds_over = models.BooleanField(default=True)
    bridge = models.CharField(max_length=96, blank=True, help_text="As the switch last reported it.")
    deleting = models.BooleanField(default=False, help_text="We asked the switch to delete it.")
    cause = models.CharField(max_length=16, choices=END_CAUSES, blank=True)

    class Meta:
        constraints = [
            # Invariant 1: a party has at most one live leg, and each attempt at most one leg ever.
            models.UniqueConstraint(fields=["call", "party", "attempt"], name="leg_one_per_attempt"),
            models.UniqueConstraint(fields=["call", "party"], condition=~Q(state="ended"), name="leg_one_alive"),
            models.UniqueConstraint(fields=["agent"], condition=~Q(state="ended"), name="leg_one_alive_per_agent"),
        ]
        indexes = [
            # Reconciliation: the live legs of a switch.
            models.Index(fields=["switch"], name="leg_alive", condition=~Q(state="ended")),
            # The tick: sent, and the switch says nothing.
            models.Index(fields=["sent_at"], name="leg_silent", condition=Q(state="sent", dialling_seen=False)),
        ]

    def __str__(self) -> str:
        return self.id

    @property
    def alive(self) -> bool:
        return self.state != LegState.ENDED

    @property
    def up(self) -> bool:
        return self.state == LegState.UP


class BlockedNumberQuerySet(models.QuerySet["BlockedNumber"]):
    def in_force(self, now: datetime) -> BlockedNumberQuerySet:
        return self.filter(Q(until__isnull=True) | Q(until__gt=now))

    def matching(self, written: Collection[str]) -> BlockedNumberQuerySet:
        """Those of a number that is written in these ways: the number itself, and everything that it begins with."""
        same = Q(is_prefix=True) | Q(number__in=written)
        return self.filter(same, number__in=BlockedNumber.beginnings(written))


class BlockedNumber(models.Model):
    """A number that is not called, or all numbers that begin so. What has run out stays for looking until deleted."""

    LONGEST = 32

    number = models.CharField(max_length=LONGEST, help_text="Digits, and a leading + where one is dialled.")
    is_prefix = models.BooleanField("all numbers that begin so", default=False)
    until = models.DateTimeField(null=True, blank=True, help_text="Called again from then on. Empty: never.")
    reason = models.CharField(max_length=200, help_text="Why, for whoever wonders why a customer was not called.")
    created_by = models.CharField("by", max_length=150, editable=False)
    created_at = models.DateTimeField("since", db_default=Now(), editable=False)

    objects = BlockedNumberQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-pk"]
        constraints = [
            # Compared as text with numbers that are written so; an entry written otherwise would block nobody.
            models.CheckConstraint(condition=Q(number__regex=r"^\+?[0-9]{1,31}$"), name="blocked_number_is_digits"),
            models.CheckConstraint(condition=~Q(reason=""), name="blocked_number_has_a_reason"),
        ]
        indexes = [
            # At every ring: the number itself and everything that it begins with.
            models.Index(fields=["number"], name="blocked_number"),
        ]

    def __str__(self) -> str:
        """As lists and logs show it: 9165***32. The beginning of many numbers is nobody's."""
        if self.is_prefix:
            return f"{self.number}*"
        return f"{self.number[:4]}***{self.number[-2:]}" if len(self.number) > 8 else f"***{self.number[-2:]}"

    @classmethod
    def beginnings(cls, written: Collection[str]) -> list[str]:
        """Everything that a number begins with which is written in these ways, and the number itself."""
        return list({form[:length] for form in written for length in range(1, min(len(form), cls.LONGEST) + 1)})

    def is_in_force(self, now: datetime) -> bool:
        """True until it runs out."""
        return self.until is None or now < self.until


# The simulator's tables belong to this app; Django finds them by this import.
from telephony.simulator.models import SimulatedHappening, SimulatedLeg  # noqa: E402, F401
