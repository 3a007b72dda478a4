"""The marks of open findings of the audit on supervisors' pages."""

from __future__ import annotations

from typing import Any

from django import template
from django.db.models import Exists, OuterRef

from callbacks.models import AuditFinding, Callback
from services import people

register = template.Library()

# An outage may make everything overdue at once: the list names the first ones and says how many there are.
MOST_COUNTED = 500
MOST_NAMED = 20


@register.inclusion_tag("callbacks/attention.html", takes_context=True)
def attention(context: dict[str, Any]) -> dict[str, Any]:
    """How many callbacks need attention, and which; of those alone that whoever looks may see.

    What is found of none that is there any more is for who is not limited to services.
    """
    user = context["request"].user
    known = Exists(Callback.objects.visible_to(user).filter(pk=OuterRef("owner")))
    open_ones = AuditFinding.objects.open().annotate(known=known)
    if people.is_limited(user):
        open_ones = open_ones.filter(known=True)
    found = open_ones.order_by("owner", "kind")[:MOST_COUNTED]
    by_owner: dict[str, list[AuditFinding]] = {}
    for finding in found:
        by_owner.setdefault(finding.owner, []).append(finding)
    named = list(by_owner.items())[:MOST_NAMED]
    return {"count": len(by_owner), "named": named, "unnamed": len(by_owner) - len(named)}


@register.inclusion_tag("callbacks/findings.html")
def findings(callback: Callback) -> dict[str, Any]:
    """What is wrong with one callback."""
    return {"findings": list(AuditFinding.objects.open().filter(owner=callback.pk).order_by("kind"))}
