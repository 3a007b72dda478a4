"""Django admin of configured services: the list, the form with its live checks, what uses one, deleting."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect, JsonResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.http import urlencode
from django.utils.safestring import SafeString, mark_safe

from services import actions, resolution
from services import uses as usage
from services.admin import comparing, copying, previewing, uses
from services.admin.filters import ConfigurationFilter, StateFilter, TypeFilter
from services.admin.log import LoggedAdmin, actor, reason_given
from services.forms import AddServiceForm
from services.models import ConfiguredService
from services.option_form import ServiceOptionsForm
from services.readiness import Readiness
from services.types import CALLBACK

if TYPE_CHECKING:
    ServiceModelForm = forms.ModelForm[ConfiguredService]
else:
    ServiceModelForm = forms.ModelForm

# So many findings of a service stand in the list; its own page has them all.
MOST_LISTED = 3
READY = mark_safe('<span class="service-ready">ready</span>')


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
class ConfiguredServiceAdmin(LoggedAdmin):
    list_filter = (StateFilter, TypeFilter, ConfigurationFilter)
    list_per_page = 50
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    search_fields = ("name",)
    actions = ("compare",)
    add_form_template = "admin/services/configuredservice/add_form.html"

    class Media:
        css = {"all": ["services/admin.css"]}
        js = ["services/options.js", "services/option_preview.js", "services/add.js"]

    def view_on_site(self, service: ConfiguredService) -> str | None:
        """Its callbacks, where it is one that has any."""
        if service.type != CALLBACK.name:
            return None
        return f"{reverse('callback-list')}?{urlencode({'service': service.name})}"

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        own = [
            path("compare/", wrap(self.compare_view), name="services_configuredservice_compare"),
            path("<path:object_id>/check/", wrap(self.check_view), name="services_configuredservice_check"),
            path("<path:object_id>/preview/", wrap(self.preview_view), name="services_configuredservice_preview"),
            path(
                "<path:object_id>/preview/<str:option>/",
                wrap(self.option_view),
                name="services_configuredservice_option",
            ),
            path("<path:object_id>/copy/", wrap(self.copy_view), name="services_configuredservice_copy"),
        ]
        return [*own, *super().get_urls()]

    # --- the list ---

    def get_list_display(self, request: HttpRequest) -> tuple[str | Callable[[Any], str], ...]:
        return ("name", state_column(), "type", "configuration", "changed")

    @admin.display(description="Changed", ordering="updated_at")
    def changed(self, service: ConfiguredService) -> str:
        """Short, because the column State needs the width."""
        return timezone.localtime(service.updated_at).strftime("%Y-%m-%d %H:%M")

    @admin.action(description="Compare two services", permissions=["view"])
    def compare(self, request: HttpRequest, queryset: QuerySet[ConfiguredService]) -> HttpResponse | None:
        names = list(queryset.order_by("name").values_list("name", flat=True)[:3])
        if len(names) != 2:
            chosen = "more than two" if len(names) > 2 else str(len(names))
            self.message_user(request, f"Choose two services to compare; chosen: {chosen}.", messages.WARNING)
            return None
        return HttpResponseRedirect(comparing.url(names[0], names[1]))

    # --- the form ---

    @admin.display(description="Options")
    def all_options(self, service: ConfiguredService) -> SafeString:
        lines = "\n".join(f"{name} = {text}" for name, text in comparing.shown_texts(service).items())
        return format_html("<pre>{}</pre>", lines)

    def get_readonly_fields(self, request: HttpRequest, obj: ConfiguredService | None = None) -> tuple[str, ...]:
        return ("name", "type", "configuration", "all_options") if obj else ()

    def get_form(
        self, request: HttpRequest, obj: ConfiguredService | None = None, change: bool = False, **kwargs: Any
    ) -> type[ServiceModelForm]:
        return ServiceOptionsForm if obj else AddServiceForm

    def get_fieldsets(self, request: HttpRequest, obj: ConfiguredService | None = None) -> Any:
        """The options are not among them: the page shows the form's own parts."""
        if obj is None:
            return [(None, {"fields": ("type", "name", "configuration", "why")})]
        facts = ["name", "type", "configuration"]
        return [(None, {"fields": facts if self.has_change_permission(request, obj) else [*facts, "all_options"]})]

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        service, form = context.get("original"), context["adminform"].form
        if service and isinstance(form, ServiceOptionsForm) and self.has_change_permission(request, service):
            context["parts"] = form.parts
            context |= previewing.editor_context(service.type)
        return super().render_change_form(request, context, *args, **kwargs)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        context = extra_context or {}
        service = self.get_object(request, object_id)
        if service:
            url = request.build_absolute_uri(service.url_path)
            context |= {
                "service_url": url,
                "curl": curl_line(service, url) if service.type == "callback" else "",
                "problems": Readiness().problems(service),
                "warnings": service.warnings,
                "used_by": uses.of_service(service),
            }
        return super().change_view(request, object_id, form_url, context)

    def check_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """What saving would say, by field, without saving: for the page to ask while somebody types."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        return JsonResponse(ServiceOptionsForm(request.POST, instance=self._to_change(request, object_id)).found())

    def preview_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """What the form's texts amount to in the next days, without saving; a piece of the page."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        service = self._to_change(request, object_id)
        preview = previewing.of_type(service.type)
        if preview is None:
            raise Http404("Services of this type have no preview.")
        return previewing.page(request, service, preview, timezone.now())

    def option_view(self, request: HttpRequest, object_id: str, option: str) -> HttpResponse:
        """What the text of one option amounts to now, without saving; a piece of the page."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        page = previewing.of_option(request, self._to_change(request, object_id), option, timezone.now())
        if page is None:
            raise Http404("There is no preview of this option.")
        return page

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Django's list of what goes with it, unless something stands in the way."""
        if in_the_way := [f"{name}: {use}" for name, use in usage.obstacles(list(objs))]:
            return [], {}, set(), in_the_way
        return super().get_deleted_objects(objs, request)

    def delete_model(self, request: HttpRequest, obj: ConfiguredService) -> None:
        actions.delete_service(obj, actor=actor(request), reason=reason_given(request), now=timezone.now())

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[ConfiguredService]) -> None:
        """What names others goes first: all of them go, or none."""
        with transaction.atomic():
            for service in sorted(queryset, key=lambda service: service.type != "callback"):
                self.delete_model(request, service)

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        try:
            return super().delete_view(request, object_id, extra_context)
        except actions.InUse as in_use:
            # A callback that was started since the page was shown.
            self.message_user(request, str(in_use), messages.ERROR)
            return HttpResponseRedirect(reverse("admin:services_configuredservice_change", args=[object_id]))

    def response_add(
        self, request: HttpRequest, obj: ConfiguredService, post_url_continue: str | None = None
    ) -> HttpResponse:
        """On to the options, which the configuration has filled in."""
        self.message_user(request, f"The service {obj.name} was added. Its options can be set below.", messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:services_configuredservice_change", args=[obj.pk]))

    def response_change(self, request: HttpRequest, obj: ConfiguredService) -> HttpResponse:
        for finding in (*Readiness().problems(obj), *obj.warnings):
            self.message_user(request, f"{obj.name}: {finding}", messages.WARNING)
        return super().response_change(request, obj)

    def construct_change_message(
        self, request: HttpRequest, form: Any, formsets: Any, add: bool = False
    ) -> list[dict[str, Any]]:
        if add or not isinstance(form, ServiceOptionsForm):
            return super().construct_change_message(request, form, formsets, add)
        names = form.changed_options
        return [{"changed": {"fields": names}}] if names else []

    # --- pages of their own ---

    def copy_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        service = self._service(request, object_id)
        if not self.has_add_permission(request) or not self.has_view_permission(request, service):
            raise PermissionDenied
        return copying.page(self, request, service)

    def compare_view(self, request: HttpRequest) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        return comparing.page(self, request)

    def _to_change(self, request: HttpRequest, object_id: str) -> ConfiguredService:
        service = self._service(request, object_id)
        if not self.has_change_permission(request, service):
            raise PermissionDenied
        return service

    def _service(self, request: HttpRequest, object_id: str) -> ConfiguredService:
        service: ConfiguredService | None = self.get_object(request, object_id)
        if service is None:
            raise Http404("There is no such service.")
        return service


def state_column() -> Callable[[ConfiguredService], SafeString]:
    """The column State of one page, for which what is configured is read once."""
    readiness = Readiness()

    @admin.display(description="State")
    def state(service: ConfiguredService) -> SafeString:
        problems = readiness.problems(service)
        return format_html(
            "{}{}",
            _findings("service-problem", problems) if problems else READY,
            _findings("service-warning", [f"Warning: {warning}" for warning in service.warnings]),
        )

    return state


def _findings(style: str, sentences: list[str]) -> SafeString:
    shown = sentences[:MOST_LISTED]
    if more := len(sentences) - len(shown):
        shown = [*shown, f"and {more} more"]
    return format_html_join("", '<div class="{}">{}</div>', ((style, sentence) for sentence in shown))
