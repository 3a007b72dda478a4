"""Django admin of the change log: who changed what, when and why, what it was before, and bringing it back."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import NoReverseMatch, URLPattern, path, reverse
from django.utils import timezone

from services import changes, documents
from services.admin.log import actor, reason_given
from services.documents import Document, Refused
from services.models import Change

if TYPE_CHECKING:
    ChangeModelAdmin = admin.ModelAdmin[Change]
else:
    ChangeModelAdmin = admin.ModelAdmin

MOST_ACTORS = 50
# What a version is brought back to: as it was after the change, or before it.
AFTER, BEFORE = "after", "before"


@dataclass(frozen=True)
class Line:
    """One value of a document, before and after; None where there was none."""

    path: str
    before: str | None
    after: str | None

    @property
    def differs(self) -> bool:
        return self.before != self.after


def compared(before: Document | None, after: Document | None) -> list[Line]:
    """Every value that one of the documents holds, by its path."""
    old, new = dict(_values(before or {})), dict(_values(after or {}))
    return [Line(path, old.get(path), new.get(path)) for path in dict.fromkeys((*old, *new))]


def _values(document: Mapping[str, Any], start: str = "") -> Iterator[tuple[str, str]]:
    for key, value in document.items():
        if isinstance(value, dict) and value:
            yield from _values(value, f"{start}{key} / ")
        else:
            yield f"{start}{key}", value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


class PartFilter(admin.SimpleListFilter):
    title = "part"
    parameter_name = "part"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(part.name, part.name.replace("_", " ")) for part in documents.parts()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Change]) -> QuerySet[Change]:
        return queryset.filter(part=self.value()) if self.value() else queryset


class ActorFilter(admin.SimpleListFilter):
    title = "who"
    parameter_name = "actor"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        names = Change.objects.order_by("actor").values_list("actor", flat=True).distinct()[:MOST_ACTORS]
        return [(name, name) for name in names]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Change]) -> QuerySet[Change]:
        return queryset.filter(actor=self.value()) if self.value() else queryset


@admin.register(Change)
class ChangeAdmin(ChangeModelAdmin):
    """For looking only; what was is brought back by a change of its own."""

    list_display = ("what", "at", "actor", "verb", "reason")
    list_filter = (PartFilter, ActorFilter, "at")
    list_per_page = 50
    show_full_result_count = False
    search_fields = ("name",)

    class Media:
        css = {"all": ["services/admin.css"]}

    def get_urls(self) -> list[URLPattern]:
        restore = self.admin_site.admin_view(self.restore_view)
        return [path("<int:change_id>/restore/", restore, name="services_change_restore"), *super().get_urls()]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Change | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Change | None = None) -> bool:
        return False

    @admin.display(description="What", ordering="name")
    def what(self, change: Change) -> str:
        return f"{noun(change)} {change.name}"

    @admin.display(description="Done")
    def verb(self, change: Change) -> str:
        return change.verb

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The change itself: before and after, value by value."""
        change = self.get_object(request, object_id)
        if change is None:
            raise Http404("There is no such change.")
        if not self.has_view_permission(request, change):
            raise PermissionDenied
        lines, everything = compared(change.before, change.after), "all" in request.GET
        story = Change.objects.filter(part=change.part, name=change.name)
        context = {
            **self._context(request, change),
            "title": f"{noun(change).capitalize()} {change.name}: {change.verb}",
            "lines": [line for line in lines if everything or line.differs],
            "hidden": sum(not line.differs for line in lines),
            "everything": everything,
            "older": story.filter(pk__lt=change.pk).order_by("-pk").first(),
            "newer": story.filter(pk__gt=change.pk).order_by("pk").first(),
            "may_restore": may_restore(request, change),
            "thing_url": thing_url(change),
        }
        return TemplateResponse(request, "admin/services/change/detail.html", context)

    def restore_view(self, request: HttpRequest, change_id: int) -> HttpResponse:
        """Shows what bringing a version back would do, asks for the reason, and does it."""
        change = self.get_object(request, str(change_id))
        if change is None:
            raise Http404("There is no such change.")
        if not self.has_view_permission(request, change) or not may_restore(request, change):
            raise PermissionDenied
        to = BEFORE if request.GET.get("to") == BEFORE else AFTER
        context: dict[str, Any] = {}
        if request.method == "POST":
            bring_back = changes.undo if to == BEFORE else changes.restore
            try:
                found = bring_back(change, actor=actor(request), reason=reason_given(request), now=timezone.now())
            except Refused as refused:
                context["refused"] = refused.errors
            else:
                said = "was brought back to that version" if found else "is as it was in that version already"
                self.message_user(request, f"{noun(change).capitalize()} {change.name} {said}.", messages.SUCCESS)
                return HttpResponseRedirect(thing_url(change) or reverse("admin:services_change_changelist"))
        wanted = change.before if to == BEFORE else change.after
        context |= {
            **self._context(request, change),
            "title": f"Bring back {noun(change)} {change.name}",
            "lines": [line for line in compared(current(change), wanted) if line.differs],
            "deletes": wanted is None,
            "secrets": change.secrets,
            "to": to,
            "why": request.POST.get("why", ""),
        }
        return TemplateResponse(request, "admin/services/change/restore.html", context)

    def _context(self, request: HttpRequest, change: Change) -> dict[str, Any]:
        return {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "media": self.media,
            "change": change,
            "noun": noun(change),
        }


def noun(change: Change) -> str:
    """The word for one of the part that was changed."""
    try:
        return documents.part(change.part).noun
    except LookupError:  # its part is not known any more
        return change.part


def current(change: Change) -> Document | None:
    """What is configured now under that name."""
    part = documents.part(change.part)
    return next((part.document(row) for row in part.rows() if part.key(row) == change.name), None)


def thing_url(change: Change) -> str:
    """The page of what was changed, empty when it is not there any more."""
    try:
        part = documents.part(change.part)
    except LookupError:
        return ""
    row = next((row for row in part.rows() if part.key(row) == change.name), None)
    if row is None:
        return ""
    try:
        return reverse(f"admin:{part.model._meta.app_label}_{part.model._meta.model_name}_change", args=[row.pk])
    except NoReverseMatch:
        return ""


def may_restore(request: HttpRequest, change: Change) -> bool:
    """True if the user may add, change and delete things of that part: a version may need any of the three."""
    try:
        meta = documents.part(change.part).model._meta
    except LookupError:
        return False
    acts = ("add", "change", "delete")
    return all(request.user.has_perm(f"{meta.app_label}.{act}_{meta.model_name}") for act in acts)
