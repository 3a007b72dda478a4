"""The acts on a callback, as its page offers them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django import template
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from callbacks import steering
from callbacks.models import Callback
from callbacks.steering import Act

register = template.Library()

NAMES: Mapping[Act, Promise] = {
    Act.CALL_NOW: _("Call now"),
    Act.RESCHEDULE: _("Another time"),
    Act.PRIORITY: _("Priority"),
    Act.ASSIGN: _("Assign"),
    Act.EDIT: _("Edit"),
    Act.NOTE: _("Note"),
    Act.SERVED: _("Mark as served"),
    Act.CANCEL: _("Cancel callback"),
    Act.RECREATE: _("Create again"),
}


@dataclass(frozen=True)
class Offered:
    """An act that is possible now; one that `leads_away` opens a page of its own."""

    act: Act
    name: Promise
    leads_away: bool


@register.simple_tag
def possible_acts(callback: Callback) -> list[Offered]:
    """What may be done to it now, in the order of the page."""
    return [Offered(act, NAMES[act], act is Act.RECREATE) for act in steering.possible(callback, timezone.now())]
