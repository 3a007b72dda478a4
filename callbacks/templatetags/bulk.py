"""What may be done with many callbacks at once, for the toolbar of the list."""

from __future__ import annotations

from typing import Any

from django import template

from callbacks import sections
from callbacks.jobs import reports

register = template.Library()


register.filter("why", reports.why)


@register.inclusion_tag("jobs/buttons.html", takes_context=True)
def bulk_buttons(context: dict[str, Any], view: Any) -> dict[str, Any]:
    """The buttons, or the sentence that the installation has switched them off."""
    return {
        "disabled": sections.bulk_is_disabled() and sections.DISABLE_BULK,
        "may_act": context["request"].user.has_perm("callbacks.change_callback"),
        "csrf_token": context.get("csrf_token", ""),
        "view": view,
    }
