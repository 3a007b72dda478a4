"""What receivers were told of a callback, for its own page."""

from __future__ import annotations

from typing import Any

from django import template

from callbacks.models import Callback
from callbacks.status.models import StatusNotice

register = template.Library()

MOST_SHOWN = 30


@register.inclusion_tag("notifications/of_callback.html")
def status_notices(callback: Callback) -> dict[str, Any]:
    """Its last notices, oldest first; nothing where nobody is told of it."""
    found = list(StatusNotice.objects.filter(callback=callback.pk).order_by("-pk")[: MOST_SHOWN + 1])
    return {"notices": found[:MOST_SHOWN][::-1], "left_out": len(found) > MOST_SHOWN}
