"""The banner on supervisors' pages while the brake on spending is pulled."""

from __future__ import annotations

from typing import Any

from django import template
from django.utils import timezone

from callbacks import braking
from telephony import brake

register = template.Library()


@register.inclusion_tag("callbacks/brake.html", takes_context=True)
def brakes(context: dict[str, Any]) -> dict[str, Any]:
    return {"pulled": braking.visible_to(context["request"].user, brake.pulled(timezone.now()))}
