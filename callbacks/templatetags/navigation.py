"""What of the site a user may go to, for the head of every page."""

from __future__ import annotations

from typing import Any

from django import template
from django.urls import reverse
from django.utils.translation import gettext as _

from telephony.models import Agent

register = template.Library()


@register.inclusion_tag("parts/navigation.html", takes_context=True)
def navigation(context: dict[str, Any]) -> dict[str, Any]:
    """The links for the user's roles; none on a page that was rendered without a request or for nobody."""
    request = context.get("request")
    user = getattr(request, "user", None)
    if request is None or user is None or not user.is_authenticated:
        return {"links": [], "user": None}
    links = []
    if user.has_perm("callbacks.view_callback"):
        links.append((_("Board"), reverse("board")))
        links.append((_("Callbacks"), reverse("callback-list")))
        links.append((_("Calendar"), reverse("calendar")))
        links.append((_("Agents"), reverse("agents")))
        links.append((_("Reports"), reverse("reports")))
        links.append((_("Estimates"), reverse("estimates")))
        links.append((_("Notifications"), reverse("notifications")))
    if Agent.objects.filter(user=user).exists():
        links.append((_("Desk"), reverse("desk")))
    if user.is_staff:
        links.append((_("Administration"), reverse("admin:index")))
    return {"links": links, "path": request.path, "user": user, "request": request}
