"""The pages of the site in the head of the admin: from every page of it the way back to work."""

from __future__ import annotations

from typing import Any

from django import template
from django.urls import reverse

from callbacks.templatetags.navigation import navigation

register = template.Library()


@register.inclusion_tag("admin/site_links.html", takes_context=True)
def site_links(context: dict[str, Any]) -> dict[str, Any]:
    return {"links": navigation(context)["links"], "here": reverse("admin:index")}
