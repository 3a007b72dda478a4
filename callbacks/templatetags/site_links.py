"""Links both ways between the pages of the site and the admin."""

from __future__ import annotations

from typing import Any

from django import template
from django.apps import apps
from django.urls import reverse

from callbacks.templatetags.navigation import navigation

register = template.Library()


@register.inclusion_tag("admin/site_links.html", takes_context=True)
def site_links(context: dict[str, Any]) -> dict[str, Any]:
    """The pages of the site, in the head of the admin: from every page of it the way back to work."""
    return {"links": navigation(context)["links"], "here": reverse("admin:index")}


@register.inclusion_tag("parts/admin_page.html", takes_context=True)
def admin_page(context: dict[str, Any], label: str, pk: object) -> dict[str, Any]:
    """The way from a page to the row in the admin that it is about (`telephony.agent`), for who may open it."""
    meta = apps.get_model(label)._meta
    user = context["request"].user
    may = user.is_staff and user.has_perm(f"{meta.app_label}.view_{meta.model_name}")
    return {"url": reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[pk]) if may else ""}
