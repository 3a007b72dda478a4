"""What every admin of configuration shares: each save and deletion goes into the change log, with the reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.contrib import admin
from django.contrib.auth.models import AnonymousUser
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone

from services import changes, documents
from services.changes import Difference
from services.documents import Document
from services.reason import LONGEST_REASON

if TYPE_CHECKING:
    AnyModelAdmin = admin.ModelAdmin[Any]
else:
    AnyModelAdmin = admin.ModelAdmin


@dataclass(frozen=True)
class Snapshot:
    """What is configured under a name, as the change log keeps it; the secrets only to see whether they change."""

    name: str
    document: Document
    secrets: Mapping[str, str] = field(default_factory=dict)


def snapshot(row: Model) -> Snapshot:
    """The row as the database has it now."""
    part = documents.part_of(row)
    stored = part.rows().get(pk=row.pk)
    return Snapshot(part.key(stored), part.document(stored), part.secrets(stored))


def record(
    request: HttpRequest, model: type[Model], before: Snapshot | None, after: Snapshot | None, *, reason: str
) -> None:
    """Write what was done in this request. Under a new name a thing has a story of its own: the old one ends."""
    part = documents.part_of(model).name
    if before and after and before.name != after.name:
        differences = [
            Difference(part, before.name, before.document, None),
            Difference(part, after.name, None, after.document),
        ]
        reason = reason or f"Renamed from {before.name} to {after.name}."
    else:
        name = (after or before or Snapshot("", {})).name
        old, new = before.secrets if before else {}, after.secrets if after else {}
        changed = tuple(key for key in {**old, **new} if old.get(key, "") != new.get(key, "")) if after else ()
        differences = [
            Difference(part, name, before.document if before else None, after.document if after else None, changed)
        ]
    changes.record_all(differences, actor=actor(request), reason=reason, now=timezone.now())


def actor(request: HttpRequest) -> str:
    """Who the change log says it was."""
    assert not isinstance(request.user, AnonymousUser)  # noqa: S101 (the admin lets nobody else in)
    return request.user.get_username()


def reason_given(request: HttpRequest) -> str:
    """The reason that a confirmation page was sent with."""
    return request.POST.get("why", "").replace("\0", "").strip()[:LONGEST_REASON]


def history_url(row: Model) -> str:
    """The change log of one thing."""
    part = documents.part_of(row)
    asked = urlencode({"part": part.name, "name": part.key(row)})
    return f"{reverse('admin:services_change_changelist')}?{asked}"


class LoggedAdmin(AnyModelAdmin):
    """An admin of something that is configured. Its forms have a field `why` (services.reason.ReasonForm)."""

    delete_confirmation_template = "admin/services/delete_confirmation.html"
    delete_selected_confirmation_template = "admin/services/delete_selected_confirmation.html"

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        form.before = snapshot(obj) if change else None
        super().save_model(request, obj, form, change)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        reason = form.cleaned_data.get("why", "")
        record(request, self.model, form.before, snapshot(form.instance), reason=reason)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        before = snapshot(obj)
        super().delete_model(request, obj)
        record(request, self.model, before, None, reason=reason_given(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        for row in queryset:
            self.delete_model(request, row)

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The change log of this one; Django's own history for those who may not see that."""
        row = self.get_object(request, object_id)
        if row is None or not request.user.has_perm("services.view_change"):
            return super().history_view(request, object_id, extra_context)
        return HttpResponseRedirect(history_url(row))
