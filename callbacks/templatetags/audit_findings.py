"""The marks of open findings of the audit on supervisors' pages."""

from __future__ import annotations

from typing import Any

from django import template
from django.db.models import Exists, OuterRef

from callbacks.models import AuditFinding, Callback

register = template.Library()

# An outage may make everything overdue at once: the list names the first ones and says how many there are.
MOST_COUNTED = 500
MOST_NAMED = 20


@register.inclusion_tag("callbacks/attention.html")
def attention() -> dict[str, Any]:
    """How many callbacks need attention, and which."""
    known = Exists(Callback.objects.filter(pk=OuterRef("owner")))
    found = AuditFinding.objects.open().annotate(known=known).order_by("owner", "kind")[:MOST_COUNTED]
    by_owner: dict[str, list[AuditFinding]] = {}
    for finding in found:
        by_owner.setdefault(finding.owner, []).append(finding)
    named = list(by_owner.items())[:MOST_NAMED]
    return {"count": len(by_owner), "named": named, "unnamed": len(by_owner) - len(named)}


@register.inclusion_tag("callbacks/findings.html")
def findings(callback: Callback) -> dict[str, Any]:
    """What is wrong with one callback."""
    return {"findings": list(AuditFinding.objects.open().filter(owner=callback.pk).order_by("kind"))}
