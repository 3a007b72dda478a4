"""Copying a service: a new name, the same type, configuration and options."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.contrib.admin.helpers import AdminForm
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse

from services.admin.log import record, snapshot
from services.forms import CopyServiceForm
from services.models import ConfiguredService

if TYPE_CHECKING:
    from services.admin.log import LoggedAdmin


def page(model_admin: LoggedAdmin, request: HttpRequest, service: ConfiguredService) -> HttpResponse:
    """Asks for the name, then leads to the copy."""
    copy = ConfiguredService(type=service.type, configuration=service.configuration, options=dict(service.options))
    form = CopyServiceForm(request.POST or None, instance=copy)
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            form.save()
            model_admin.log_addition(request, copy, f"Copied from {service.name}.")
            why = form.cleaned_data["why"] or f"Copied from {service.name}."
            record(request, ConfiguredService, None, snapshot(copy), reason=why)
        model_admin.message_user(request, f"{service.name} was copied to {copy.name}.", messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:services_configuredservice_change", args=[copy.pk]))
    fieldsets = [(None, {"fields": ["name", "why"]})]
    context = {
        **model_admin.admin_site.each_context(request),
        "title": f"Copy {service.name}",
        "opts": model_admin.opts,
        "original": service,
        "media": model_admin.media + form.media,
        "adminform": AdminForm(form, fieldsets, {}, model_admin=model_admin),
        "errors": form.errors,
    }
    return TemplateResponse(request, "admin/services/configuredservice/copy.html", context)
