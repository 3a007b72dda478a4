"""The banner on supervisors' pages while the brake on spending is pulled."""

from __future__ import annotations

from typing import Any

from django import template
from django.utils import timezone

from telephony import brake

register = template.Library()


@register.inclusion_tag("callbacks/brake.html")
def brakes() -> dict[str, Any]:
    return {"pulled": brake.pulled(timezone.now())}
