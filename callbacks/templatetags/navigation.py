"""What of the site a user may go to, for the head of every page."""

from __future__ import annotations

from typing import Any

from django import template
from django.urls import reverse

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
        links.append(("Board", reverse("board")))
        links.append(("Callbacks", reverse("callback-list")))
        links.append(("Calendar", reverse("calendar")))
        links.append(("Agents", reverse("agents")))
        links.append(("Reports", reverse("reports")))
        links.append(("Estimates", reverse("estimates")))
        links.append(("Notifications", reverse("notifications")))
    if Agent.objects.filter(user=user).exists():
        links.append(("Desk", reverse("desk")))
    if user.is_staff:
        links.append(("Administration", reverse("admin:index")))
    return {"links": links, "path": request.path, "user": user, "request": request}
