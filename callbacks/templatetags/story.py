"""What the picture of a callback's time needs beside words: lengths and percents."""

from __future__ import annotations

from django import template
from django.utils.translation import gettext as _

from callbacks.templatetags.estimates import duration

register = template.Library()


@register.filter
def percent_of(share: float) -> str:
    """A length in an SVG, whatever the language writes before decimals."""
    return f"{share:.2f}%"


@register.filter
def lasted(seconds: float | None) -> str:
    """As `duration`, to the tenth below ten seconds: stages of a call are that short."""
    if seconds is None:
        return _("so far")
    return f"{seconds:.1f}\N{NO-BREAK SPACE}s" if seconds < 9.95 else duration(seconds)
