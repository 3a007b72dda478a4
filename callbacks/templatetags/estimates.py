"""Durations and shares as supervisors read them."""

from __future__ import annotations

from django import template
from django.utils.translation import gettext as _

register = template.Library()

NONE = "\N{EN DASH}"
# A number stays on one line with its unit.
SPACE = "\N{NO-BREAK SPACE}"


@register.filter
def duration(seconds: float | None) -> str:
    """ "45 s", "3 min 05 s", "1 h 02 min"; a dash where nothing is known."""
    if seconds is None:
        return NONE
    whole = round(abs(seconds))
    if whole < 60:
        return f"{whole}{SPACE}s"
    high, low, units = (*divmod(whole, 60), ("min", "s")) if whole < 3600 else (*divmod(whole // 60, 60), ("h", "min"))
    parts = [str(high), units[0], *([f"{low:02d}", units[1]] if low else [])]
    return SPACE.join(parts)


@register.filter
def about(seconds: float | None) -> str:
    """A wait that is still to come, no finer than it is known: so a page does not change with each second."""
    if seconds is None:
        return _("not known: nobody is logged in")
    step = 5 if seconds < 60 else 30 if seconds < 600 else 60
    if seconds < 1:
        return _("next")
    return _("about %(wait)s") % {"wait": duration(max(round(seconds / step), 1) * step)}


@register.filter
def lean(bias: float | None) -> str:
    """To which side predictions were wrong on average, in words; within half a second to neither."""
    if bias is None:
        return NONE
    if round(bias) == 0:
        return _("to neither side")
    return (_("%(time)s too long") if bias > 0 else _("%(time)s too short")) % {"time": duration(bias)}


@register.filter
def percent(share: float | None) -> str:
    return NONE if share is None else f"{share:.0%}"
