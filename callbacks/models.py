"""The callback itself, what waits to be decided about it, and what happened to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from callbacks.flow.session import Stage
from callbacks.flow.states import MOVES, State
from services import credentials, people
from services.models import ApiKey, ConfiguredService

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User


class CallbackQuerySet(models.QuerySet["Callback"]):
    def visible_to(self, user: User | AnonymousUser) -> CallbackQuerySet:
        """The one door for pages: for who may view callbacks, all or those of the services to which they are limited.

        A callback whose service was deleted belongs to none: who is limited does not see it. One statement a person
        and request beside the query itself.
        """
        if not (user.is_active and user.has_perm("callbacks.view_callback")):
            return self.none()
        only = people.limits(user)
        return self if only is None else self.filter(service__in=only)

    def visible_to_key(self, key: ApiKey | None) -> CallbackQuerySet:
        """The one door for the API: what `limits_of` says. One statement beside the query itself."""
        return self.within(limits_of(key))

    def within(self, limits: Limits) -> CallbackQuerySet:
        if limits.only is not None:
            return self.filter(service__in=limits.only)
        return self.exclude(service__in=limits.without) if limits.without else self


@dataclass(frozen=True)
class Limits:
    """The services whose callbacks a client sees: `only` these, None for all but those `without`."""

    only: tuple[int, ...] | None = None
    without: tuple[int, ...] = ()


def limits_of(key: ApiKey | None) -> Limits:
    """A key limited to services sees only theirs.

    None is the anonymous client: it sees nothing of services that ask for a password. One statement.
    """
    opened = credentials.opened(None, unasked=True) if key is None else key.opened
    if opened is None:
        limited_to = tuple(key.services.values_list("pk", flat=True)) if key else ()
        return Limits(only=limited_to or None)
    if opened.others:
        return Limits(without=tuple(pk for pk, is_open in opened.own.items() if not is_open))
    return Limits(only=tuple(pk for pk, is_open in opened.own.items() if is_open))


class Callback(models.Model):
    """One customer's request, from the start request to its removal after `_ttl`.

    `state` and `reason` are the public face of the finer `stage`; the machine's whole memory is `session`. Only
    `callbacks.actions.advance` and the start change a row.
    """

    STATES = [
        (State.SCHEDULED.value, _("Scheduled")),
        (State.QUEUED.value, _("Queued")),
        (State.ROUTING.value, _("Routing")),
        (State.PROCESSING.value, _("Processing")),
        (State.PAUSED.value, _("Paused")),
        (State.COMPLETED.value, _("Completed")),
    ]

    id = models.CharField(max_length=64, primary_key=True)
    # Null once it was deleted, which services.actions.delete_service does only with completed callbacks. The indexes
    # that begin with it serve it too.
    service = models.ForeignKey(
        ConfiguredService, null=True, on_delete=models.SET_NULL, related_name="callbacks", db_index=False
    )
    service_name = models.CharField(max_length=64)
    state = models.CharField(max_length=12, choices=STATES)
    reason = models.CharField(max_length=64, blank=True, help_text="Why it is completed.")
    stage = models.CharField(max_length=16, choices=[(stage.value, stage.value) for stage in Stage])
    session = models.JSONField()
    options = models.JSONField(default=dict, help_text="The options it runs with, frozen when its execution starts.")
    overrides = models.JSONField(default=dict, help_text="Options that the request itself set.")
    customer_number = models.CharField(max_length=64, blank=True)
    user_data = models.JSONField(default=dict, help_text="Every request key without a leading underscore.")
    properties = models.JSONField(default=dict, help_text="Request keys with an underscore that are no options.")
    created_at = models.DateTimeField()
    desired_at = models.DateTimeField(help_text="The desired time; for an immediate callback the time of the request.")
    completed_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(help_text="The desired time plus `_ttl`.")
    # The desired time less `_request_execution_time_buffer`, until the scan has told it to start.
    start_base = models.DateTimeField(null=True)
    # Names as they were, for lists and after the row they came from is gone.
    agent = models.CharField(max_length=64, blank=True)
    queue = models.CharField(max_length=64, blank=True)
    # With a default of the database: processes of the release before still insert while hosts are upgraded.
    reported = models.BooleanField(
        default=False, db_default=False, editable=False, help_text="It is over, and in the reports."
    )

    objects = CallbackQuerySet.as_manager()

    class Meta:
        # The supervisors' pages: `view_callback` lets look, `change_callback` steer, this one unmasks numbers.
        permissions = [("see_numbers", "Can see customers' numbers in full")]
        constraints = [
            models.CheckConstraint(
                condition=Q(state=State.COMPLETED, completed_at__isnull=False) & ~Q(reason="")
                | ~Q(state=State.COMPLETED) & Q(completed_at__isnull=True, reason=""),
                name="callback_completed_iff_reason",
            ),
            models.CheckConstraint(condition=Q(state__in=list(MOVES)), name="callback_state_known"),
            # A callback that is not over is run by its service's options.
            models.CheckConstraint(
                condition=Q(state=State.COMPLETED) | Q(service__isnull=False), name="callback_live_has_service"
            ),
        ]
        indexes = [
            # The list page and the default query: newest first.
            models.Index(fields=["-created_at", "-id"], name="callback_newest"),
            # Queries by `_customer_number`.
            models.Index(fields=["customer_number", "-created_at"], name="callback_number"),
            # The sweep: live ones that are to be told, and completed ones that are to be removed.
            models.Index(fields=["expires_at"], name="callback_expiring", condition=~Q(state=State.COMPLETED)),
            models.Index(fields=["expires_at"], name="callback_removable", condition=Q(state=State.COMPLETED)),
            # Lists by state.
            models.Index(fields=["state", "-created_at"], name="callback_state"),
            # Queries by properties in one service, newest first; the watermarks (callbacks/queries.py).
            models.Index(fields=["service", "state", "-created_at", "-id"], name="callback_service_newest"),
            # Queries of queues, earliest first, and the list of callbacks: of some services, and of all.
            models.Index(
                fields=["service", "state", "desired_at", "id"],
                name="callback_of_service",
                include=["reason", "queue", "agent"],
            ),
            models.Index(
                fields=["state", "desired_at", "id"],
                name="callback_of_state",
                include=["service", "reason", "queue", "agent"],
            ),
            # The list of callbacks by reason, queue, agent, in the order of the desired time. What it can be filtered
            # by beside these is included, so that no row is fetched that is not shown (callbacks/pages/listing.py).
            models.Index(
                fields=["reason", "desired_at", "id"],
                name="callback_of_reason",
                include=["service", "state", "queue", "agent"],
            ),
            models.Index(
                fields=["queue", "desired_at", "id"],
                name="callback_of_queue",
                include=["service", "state", "reason", "agent"],
            ),
            models.Index(
                fields=["agent", "desired_at", "id"],
                name="callback_of_agent",
                include=["service", "state", "reason", "queue"],
            ),
            # The list by user data. No list of what is yet to be put in: a start would now and then put in all of it.
            GinIndex(fields=["user_data"], name="callback_user_data", opclasses=["jsonb_path_ops"], fastupdate=False),
            # Queries by reason; the report of those that were cancelled.
            models.Index(fields=["reason", "-created_at", "-id"], name="callback_reason", condition=~Q(reason="")),
            # The others of a customer who is served (callbacks/served.py).
            models.Index(fields=["customer_number"], name="callback_number_live", condition=~Q(state=State.COMPLETED)),
            # The scan for those whose time comes, queue by queue.
            models.Index(fields=["queue", "start_base"], name="callback_start", condition=Q(start_base__isnull=False)),
            # The audit: those completed since the last one.
            models.Index(fields=["completed_at"], name="callback_completed", condition=Q(completed_at__isnull=False)),
            # Those that are over and in no report yet.
            models.Index(
                fields=["completed_at"], name="callback_unreported", condition=Q(stage=Stage.ENDED, reported=False)
            ),
        ]

    def __str__(self) -> str:
        return self.id

    @property
    def masked_number(self) -> str:
        """The number as lists and logs show it: 9165***32."""
        number = self.customer_number
        return f"{number[:4]}***{number[-2:]}" if len(number) > 8 else f"***{number[-2:]}"

    def number_for(self, user: User | AnonymousUser) -> str:
        """The number as this person may see it: in full, or masked."""
        return self.customer_number if user.has_perm("callbacks.see_numbers") else self.masked_number


class Pending(models.Model):
    """An event that waits to be decided. Deleted in the transaction that decided it."""

    callback = models.ForeignKey(Callback, on_delete=models.CASCADE, related_name="pending")
    event = models.JSONField()
    created_at = models.DateTimeField()
    # When the tick kicks the callback again if nobody handled the event; doubles with every look.
    look_at = models.DateTimeField()
    looks = models.PositiveSmallIntegerField(default=0)
    failures = models.PositiveSmallIntegerField(default=0, help_text="Failed tries to handle it.")

    class Meta:
        verbose_name_plural = "pending"
        indexes = [models.Index(fields=["look_at"], name="pending_look")]

    def __str__(self) -> str:
        return f"{self.event.get('kind')} for {self.callback_id}"


class JournalEntry(models.Model):
    """One thing that happened, or was suppressed, and why. Append-only while its callback lives."""

    callback = models.ForeignKey(Callback, on_delete=models.CASCADE, related_name="journal")
    at = models.DateTimeField()
    kind = models.CharField(max_length=32)
    text = models.TextField(help_text="What a supervisor reads.")
    cause = models.CharField(max_length=32, help_text="The event that led to it.")
    actor = models.CharField(max_length=64, help_text="Who: system, customer, an API key, a user, an agent.")
    state = models.CharField(max_length=12, help_text="The public state after it.")
    stage = models.CharField(max_length=16, help_text="The stage after it.")
    data = models.JSONField(default=dict)

    class Meta:
        verbose_name_plural = "journal"
        indexes = [
            models.Index(fields=["callback", "id"], name="journal_timeline"),
            # An agent's day at the desk: the previews that came to nothing.
            models.Index(fields=["at"], name="journal_refused", condition=Q(kind__in=["rejected", "lapsed"])),
        ]

    def __str__(self) -> str:
        return self.text


class Attempt(models.Model):
    """One try to reach the customer or an agent, and its outcome in the vendor's dial result words."""

    callback = models.ForeignKey(Callback, on_delete=models.CASCADE, related_name="attempts")
    party = models.CharField(max_length=8)
    number = models.PositiveIntegerField()
    agent = models.CharField(max_length=64, blank=True)
    began_at = models.DateTimeField()
    dialled_at = models.DateTimeField(null=True)
    answered_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    result = models.CharField(max_length=48, blank=True)
    detail = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["callback", "party", "number"], name="attempt_once")]
        indexes = [
            # An agent's day at the desk.
            models.Index(fields=["agent", "-began_at"], name="attempt_agent", condition=~Q(agent="")),
        ]

    def __str__(self) -> str:
        return f"{self.party} {self.number} of {self.callback_id}: {self.result or 'under way'}"


class LookupKey(models.Model):
    """That a request said something under one of the `_customer_lookup_keys` that its service had at that moment.

    Only finds candidates: what is found is compared with what the callback says now.
    """

    callback = models.ForeignKey(Callback, on_delete=models.CASCADE, related_name="lookups", db_index=False)
    digest = models.BigIntegerField(help_text="Of key and value: these may be long, and are personal.")
    created_at = models.DateTimeField(help_text="The callback's.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["callback", "digest"], name="lookup_key_once")]
        indexes = [
            # Queries by properties, newest first.
            models.Index(fields=["digest", "-created_at", "-callback"], name="lookup_key_newest"),
        ]

    def __str__(self) -> str:
        return f"a key of {self.callback_id}"


class AuditFindingQuerySet(models.QuerySet["AuditFinding"]):
    def open(self) -> AuditFindingQuerySet:
        """Those that the last audit still found: what is counted, shown and alarmed about."""
        return self.filter(gone_at=None)


class AuditFinding(models.Model):
    """Something that the auditor found and that must not be so (docs/audit.md). Open until an audit finds it gone."""

    class Kind(models.TextChoices):
        OVERDUE = "overdue", _("Overdue")
        ORPHANED = "orphaned", _("Orphaned")
        RUNG_TWICE = "rung_twice", _("Rung twice")
        INCONSISTENT = "inconsistent", _("Inconsistent")
        RESERVED = "reserved", _("Agent reserved without reason")

    kind = models.CharField(max_length=16, choices=Kind)
    owner = models.CharField("callback", max_length=96, help_text="The callback's id, whether or not it exists.")
    detail = models.TextField(help_text="What a supervisor reads.")
    first_seen = models.DateTimeField()
    last_seen = models.DateTimeField()
    gone_at = models.DateTimeField(null=True)
    repaired_at = models.DateTimeField(null=True, help_text="Set where a repair mended it.")

    objects = AuditFindingQuerySet.as_manager()

    class Meta:
        constraints = [
            # One open finding of a kind for a callback; also finds the open ones of a callback and counts them.
            models.UniqueConstraint(
                fields=["owner", "kind"], condition=Q(gone_at__isnull=True), name="audit_finding_open_once"
            ),
        ]
        indexes = [
            # Old ones are dropped after a while.
            models.Index(fields=["gone_at"], name="audit_finding_gone", condition=Q(gone_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.owner}: {self.detail}"


# Tables of this app whose rows are described elsewhere.
from callbacks.jobs.models import Job, JobRow  # noqa: E402, F401
from callbacks.limits.models import StartAnswer, StartSecond, StartTotal, ValueCount  # noqa: E402, F401
from callbacks.list_models import SavedView  # noqa: E402, F401
from callbacks.privacy_models import CustomerDataRequest  # noqa: E402, F401
from callbacks.push.models import CometMessage, CometSubscription, Notice  # noqa: E402, F401
from callbacks.reporting.models import AgentTotal, CallbackFact, RefusalMark, ReportTotal  # noqa: E402, F401
from callbacks.status.models import StatusNotice, StatusReceiver  # noqa: E402, F401
from callbacks.storage_models import StorageArea, StoredValue  # noqa: E402, F401
