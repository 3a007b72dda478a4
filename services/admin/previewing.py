"""The preview of a service whose form is being filled in. Stores nothing."""

from __future__ import annotations

from datetime import datetime

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from services import previews, resolution
from services.admin import countries
from services.models import ConfiguredService
from services.option_form import ServiceOptionsForm, field_name
from services.previews import NoPreview, Preview

# The editor that stands above the options and has the preview in it, by type of service.
EDITORS = {
    "office-hours": "admin/services/configuredservice/hours.html",
    "capacity": "admin/services/configuredservice/capacity.html",
}


def of_type(service_type: str) -> Preview | None:
    """The preview of a type that has an editor."""
    return previews.preview(service_type) if service_type in EDITORS else None


def editor_context(service_type: str) -> dict[str, object]:
    """What the page of a service needs for its editor; nothing for a type without one."""
    if of_type(service_type) is None:
        return {}
    known = countries.with_holidays() if service_type == "office-hours" else ()
    return {
        "editor": EDITORS[service_type],
        "holiday_countries": known,
        "holiday_parts": {country.code: country.parts for country in known if country.parts},
    }


def page(request: HttpRequest, service: ConfiguredService, preview: Preview, now: datetime) -> HttpResponse:
    """A piece of a page: in words what cannot be read and is left out, and what the rest amounts to."""
    form = ServiceOptionsForm(request.POST, instance=service)
    form.is_valid()
    refused = {name: form.errors[field_name(name)] for name in form.options if field_name(name) in form.errors}
    texts = {name: text for name, text in form.texts().items() if name not in refused}
    left_out = [str(error) for errors in refused.values() for error in errors]
    for name in [name for name, text in texts.items() if resolution.has_token(text)]:
        left_out.append(f"Option {name}: {texts.pop(name)} is known only when a request fills it in.")
    draft = ConfiguredService(name=service.name, type=service.type, configuration=service.configuration, options=texts)
    context: dict[str, object] = {"left_out": left_out}
    try:
        context["shown"] = preview(draft, now)
    except NoPreview as why:
        context["why_not"] = str(why)
    return TemplateResponse(request, "admin/services/configuredservice/preview.html", context)


def of_option(request: HttpRequest, service: ConfiguredService, name: str, now: datetime) -> HttpResponse | None:
    """A piece of a page: what the text of one option amounts to, its own or what counts otherwise.

    None for an option of which there is no preview.
    """
    form = ServiceOptionsForm(request.POST, instance=service)
    option = form.options.get(name)
    preview = previews.of_kind(option.kind) if option and isinstance(option.kind, str) else None
    if preview is None:
        return None
    form.is_valid()
    texts = form.texts()
    text = texts.get(name, "").strip()
    context: dict[str, object] = {}
    try:
        if field_name(name) in form.errors:
            raise NoPreview("the text cannot be read yet.")
        if resolution.has_token(text):
            raise NoPreview("it is known only when a request fills it in.")
        context["shown"] = preview(text, texts.get("_urs_virtual_queue", "").strip(), now) if text else ""
    except NoPreview as why:
        context["why_not"] = str(why)
    return TemplateResponse(request, "admin/services/configuredservice/preview.html", context)
