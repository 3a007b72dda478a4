"""The start page of the admin answers: what must I still configure?"""

from __future__ import annotations

from typing import Any

from django import template
from django.utils import timezone

from callbacks import checklist

register = template.Library()

_NEEDED = ("telephony.view_switch", "services.view_configuredservice", "services.view_apikey", "auth.view_user")


@register.inclusion_tag("admin/checklist.html", takes_context=True)
def configuration_checklist(context: dict[str, Any]) -> dict[str, Any]:
    """For who may see all that it speaks of; nothing for others."""
    if not context["request"].user.has_perms(_NEEDED):
        return {"checks": []}
    checks = checklist.checks(timezone.now())
    return {"checks": checks, "done": sum(check.done for check in checks)}
