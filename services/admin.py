"""Django admin of configured services and API keys."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.db.models import PROTECT, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import capfirst

from services import resolution
from services.forms import AddServiceForm, ApiKeyForm, ServiceOptionsForm, field_name
from services.models import ApiKey, ConfiguredService
from services.types import service_type

if TYPE_CHECKING:
    ServiceModelAdmin = admin.ModelAdmin[ConfiguredService]
    ApiKeyModelAdmin = admin.ModelAdmin[ApiKey]
else:
    ServiceModelAdmin = ApiKeyModelAdmin = admin.ModelAdmin

ADVANCED = "Advanced"
# So many of the rows that keep a service from being deleted are named.
MOST_NAMED = 10


def curl_line(service: ConfiguredService, url: str) -> str:
    """A start request for the shell, with every mandatory key."""
    try:
        keys = resolution.resolve_one(service, "_mandatory_customer_lookup_keys")
    except (resolution.OptionError, LookupError):
        keys = ()
    names = [key for key in (keys if isinstance(keys, tuple) else ()) if key != "_customer_number"]
    data = " ".join(f"-d {shlex.quote(f'{key}=...')}" for key in names)
    return f"curl -H 'x-api-key: YOUR-KEY' -d _customer_number=5115 {data}".rstrip() + f" {shlex.quote(url)}"


@admin.register(ConfiguredService)
class ConfiguredServiceAdmin(ServiceModelAdmin):
    list_display = ("name", "type", "configuration", "url", "state")
    search_fields = ("name",)
    add_form_template = "admin/services/configuredservice/add_form.html"

    class Media:
        css = {"all": ["services/admin.css"]}

    @admin.display(description="URL")
    def url(self, service: ConfiguredService) -> str:
        try:
            return service.url_path
        except LookupError:  # a type that is not registered any more; the state says so
            return "-"

    @admin.display(description="State")
    def state(self, service: ConfiguredService) -> str | SafeString:
        problems = service.problems
        return format_html_join(mark_safe("<br>"), "{}", ((problem,) for problem in problems)) or "ready"

    @admin.display(description="Kept as they are")
    def other_options(self, service: ConfiguredService) -> SafeString:
        return _as_lines(_unknown_options(service))

    @admin.display(description="Options")
    def all_options(self, service: ConfiguredService) -> SafeString:
        return _as_lines(resolution.effective(service))

    def get_readonly_fields(self, request: HttpRequest, obj: ConfiguredService | None = None) -> tuple[str, ...]:
        return ("name", "type", "configuration", "other_options", "all_options") if obj else ()

    def get_form(
        self, request: HttpRequest, obj: ConfiguredService | None = None, change: bool = False, **kwargs: Any
    ) -> type[forms.ModelForm[ConfiguredService]]:
        return ServiceOptionsForm if obj else AddServiceForm

    def get_fieldsets(self, request: HttpRequest, obj: ConfiguredService | None = None) -> Any:
        if obj is None:
            return [(None, {"fields": ("type", "name", "configuration")})]
        sets: list[tuple[str | None, dict[str, Any]]] = [(None, {"fields": ["name", "type", "configuration"]})]
        if not self.has_change_permission(request, obj):
            return [*sets, (None, {"fields": ["all_options"]})]
        options = service_type(obj.type).options
        for section in service_type(obj.type).sections:
            names = [field_name(o) for o in options if o.section == section and not o.advanced]
            if names:
                sets.append((section, {"fields": names}))
        advanced: list[str] = [field_name(o) for o in options if o.advanced]
        if advanced:
            sets.append((ADVANCED, {"fields": advanced, "classes": ["collapse"]}))
        if _unknown_options(obj):
            sets.append(("Unknown options", {"fields": ["other_options"], "classes": ["collapse"]}))
        return sets

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        context = extra_context or {}
        service = self.get_object(request, object_id)
        if service:
            url = request.build_absolute_uri(service.url_path)
            context |= {"service_url": url, "curl": curl_line(service, url), "problems": service.problems}
        return super().change_view(request, object_id, form_url, context)

    def response_add(
        self, request: HttpRequest, obj: ConfiguredService, post_url_continue: str | None = None
    ) -> HttpResponse:
        """On to the options, which the configuration has filled in."""
        self.message_user(request, f"The service {obj.name} was added. Its options can be set below.", messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:services_configuredservice_change", args=[obj.pk]))

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Django's list of what goes with it; of what stands in the way only the first: there may be a million."""
        if in_the_way := [line for service in objs for line in _protecting(service)]:
            return [], {}, set(), in_the_way
        return super().get_deleted_objects(objs, request)

    def response_change(self, request: HttpRequest, obj: ConfiguredService) -> HttpResponse:
        for problem in obj.problems:
            self.message_user(request, f"{obj.name}: {problem}", messages.WARNING)
        return super().response_change(request, obj)


def _protecting(service: ConfiguredService) -> list[str]:
    """The first rows that refer to the service and protect it, and how many more there are."""
    lines = []
    for relation in ConfiguredService._meta.related_objects:
        if relation.on_delete is not PROTECT:
            continue
        rows = relation.related_model._default_manager.filter(**{relation.field.name: service})
        lines += [f"{capfirst(relation.related_model._meta.verbose_name)}: {row}" for row in rows[:MOST_NAMED]]
        if (more := rows.count() - MOST_NAMED) > 0:
            lines.append(f"and {more} more {relation.related_model._meta.verbose_name_plural}")
    return lines


def _as_lines(texts: Mapping[str, str]) -> SafeString:
    return format_html("<pre>{}</pre>", "\n".join(f"{name} = {text}" for name, text in sorted(texts.items())))


def _unknown_options(service: ConfiguredService) -> dict[str, str]:
    known = service_type(service.type).by_name
    return {name: text for name, text in resolution.explicit_texts(service).items() if name not in known}


@admin.register(ApiKey)
class ApiKeyAdmin(ApiKeyModelAdmin):
    form = ApiKeyForm
    list_display = ("name", "prefix", "scope_list", "limits", "created_at", "expires_at", "usable")
    search_fields = ("name", "prefix")
    actions = ("revoke",)

    class Media:
        css = {"all": ["services/admin.css"]}

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApiKey]:
        return super().get_queryset(request).prefetch_related("services")

    @admin.display(description="Scopes")
    def scope_list(self, api_key: ApiKey) -> str:
        return ", ".join(api_key.scopes)

    @admin.display(description="Services")
    def limits(self, api_key: ApiKey) -> str:
        return ", ".join(service.name for service in api_key.services.all()) or "all"

    @admin.display(boolean=True)
    def usable(self, api_key: ApiKey) -> bool:
        return api_key.is_usable(timezone.now())

    def get_fieldsets(self, request: HttpRequest, obj: ApiKey | None = None) -> Any:
        limits = "limited_to" if obj is None or self.has_change_permission(request, obj) else "limits"
        fields = ["name", "scopes", limits, "expires_at"]
        return [(None, {"fields": ["prefix", *fields, "revoked"] if obj else fields})]

    def get_form(
        self, request: HttpRequest, obj: ApiKey | None = None, change: bool = False, **kwargs: Any
    ) -> type[forms.ModelForm[ApiKey]]:
        return super().get_form(request, obj, change, **{**kwargs, "fields": list(ApiKeyForm.Meta.fields)})

    def get_readonly_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> tuple[str, ...]:
        return ("prefix", "limits") if obj else ()

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: bool) -> None:
        if not change:
            obj.generate()
        super().save_model(request, obj, form, change)

    def response_add(self, request: HttpRequest, obj: ApiKey, post_url_continue: str | None = None) -> HttpResponse:
        """The one page that shows the key: it goes through no message, cookie or session, and is not stored."""
        context = {
            **self.admin_site.each_context(request),
            "title": "API key created",
            "opts": self.opts,
            "api_key": obj,
        }
        return TemplateResponse(request, "admin/services/apikey/created.html", context)

    @admin.action(description="Revoke the selected API keys (cannot be undone)", permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        keys = list(queryset.filter(revoked=False))
        count = queryset.filter(revoked=False).update(revoked=True)
        for key in keys:
            self.log_change(request, key, "Revoked.")
        self.message_user(request, f"API keys revoked: {count}.", messages.SUCCESS)
