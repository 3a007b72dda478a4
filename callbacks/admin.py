"""Django admin of callbacks, for looking only: what changes one is the flow. Numbers are masked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse

from callbacks.models import Attempt, AuditFinding, Callback, JournalEntry, Pending
from callbacks.push.models import Notice
from scheduling.admin import LookOnlyAdmin

if TYPE_CHECKING:
    StoryInlineBase = admin.TabularInline[Model, Callback]
else:
    StoryInlineBase = admin.TabularInline


class StoryInline(StoryInlineBase):
    extra = 0
    can_delete = False
    show_change_link = False
    ordering = ("pk",)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class AttemptInline(StoryInline):
    model = Attempt


class JournalInline(StoryInline):
    model = JournalEntry
    fields = ("at", "kind", "text", "cause", "actor", "state", "stage")


@admin.register(Callback)
class CallbackAdmin(LookOnlyAdmin):
    """Without what the number stands in as it is: the session, the request's other keys."""

    list_display = (
        "id",
        "state",
        "stage",
        "reason",
        "service_name",
        "masked_number",
        "agent",
        "desired_at",
        "created_at",
    )
    list_filter = ("state", "service")
    ordering = ("-created_at", "-id")
    # Django shows the search box for it; what is searched is in get_search_results.
    search_fields = ("id", "customer_number")
    search_help_text = "A callback's id, or the whole number as the customer gave it"
    fields = (
        "id",
        "state",
        "stage",
        "reason",
        "service",
        "masked_number",
        "desired_at",
        "created_at",
        "completed_at",
        "expires_at",
        "queue",
        "agent",
        "user_data",
        "overrides",
        "options",
    )
    inlines = (AttemptInline, JournalInline)

    class Media:
        css = {"all": ["services/admin.css"]}

    @admin.display(description="Number")
    def masked_number(self, callback: Callback) -> str:
        return callback.masked_number

    def view_on_site(self, callback: Callback) -> str:
        return reverse("callback-detail", args=[callback.pk])

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Exact, by two indexes: a part of a number would read every row."""
        term = search_term.strip()
        return queryset.filter(Q(pk=term) | Q(customer_number=term)) if term else queryset, False


@admin.register(Pending)
class PendingAdmin(LookOnlyAdmin):
    list_display = ("callback", "kind", "created_at", "look_at", "failures")
    fields = ("callback", "kind", "created_at", "look_at", "looks", "failures")
    list_select_related = ("callback",)
    ordering = ("pk",)

    @admin.display(description="Event")
    def kind(self, pending: Pending) -> str:
        return str(pending.event.get("kind"))


@admin.register(Notice)
class NoticeAdmin(LookOnlyAdmin):
    """Pushes under way. The device is the customer's: it is shown to nobody."""

    list_display = ("callback", "kind", "attempt", "attempts", "due_at")
    fields = ("callback", "kind", "attempt", "attempts", "due_at")
    list_select_related = ("callback",)
    ordering = ("pk",)


@admin.register(AuditFinding)
class AuditFindingAdmin(LookOnlyAdmin):
    """What the auditor found, also what is gone: docs/audit.md says what each kind means."""

    # The rest of the moments are on its page; beside them no room would be left for the sentence.
    list_display = ("kind", "detail", "owner", "first_seen", "gone_at")
    list_filter = ("kind", ("gone_at", admin.EmptyFieldListFilter))
    show_facets = admin.ShowFacets.NEVER
    search_fields = ("owner",)
    search_help_text = "A callback's whole id"
    ordering = ("-first_seen", "-pk")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Exact, as ids are found elsewhere."""
        term = search_term.strip()
        return queryset.filter(owner=term) if term else queryset, False


# Registered by its import.
from callbacks import people_admin, privacy_admin  # noqa: E402, F401
from callbacks.jobs import admin as jobs_admin  # noqa: E402, F401
