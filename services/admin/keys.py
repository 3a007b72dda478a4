"""Django admin of API keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.utils import timezone

from services.forms import ApiKeyForm
from services.models import ApiKey

if TYPE_CHECKING:
    ApiKeyModelAdmin = admin.ModelAdmin[ApiKey]
else:
    ApiKeyModelAdmin = admin.ModelAdmin


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
        web = ["is_public", "requests_a_minute", "captcha_url", "captcha_secret"]
        return [
            (None, {"fields": ["prefix", *fields, "revoked"] if obj else fields}),
            ("In web pages", {"fields": ["script", *web] if obj and obj.is_public else web}),
        ]

    def get_form(
        self, request: HttpRequest, obj: ApiKey | None = None, change: bool = False, **kwargs: Any
    ) -> type[forms.ModelForm[ApiKey]]:
        return super().get_form(request, obj, change, **{**kwargs, "fields": list(ApiKeyForm.Meta.fields)})

    def get_readonly_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> tuple[str, ...]:
        return ("prefix", "limits", "script") if obj else ()

    @admin.display(description="The page's script")
    def script(self, api_key: ApiKey) -> str:
        return render_to_string("admin/services/apikey/script.html", {"api_key": api_key})

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
