"""What is paused, above every page of those who look at callbacks."""

from __future__ import annotations

from typing import Any

from django import template

from callbacks.pages.access import LOOK
from callbacks.pages.pauses import banner

register = template.Library()


@register.inclusion_tag("pauses/banner.html", takes_context=True)
def pauses(context: dict[str, Any]) -> dict[str, Any]:
    """The banner; nothing on a page that was rendered without a request or for somebody else."""
    request = context.get("request")
    user = getattr(request, "user", None)
    if request is None or user is None or not user.has_perm(LOOK):
        return {"looks": False}
    return banner(request, request.path)
