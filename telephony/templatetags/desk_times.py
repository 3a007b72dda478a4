"""How the desk writes times: durations as a clock shows them, moments by day and time."""

from __future__ import annotations

from datetime import datetime, timedelta

from django import template
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext

register = template.Library()


@register.filter
def span(duration: timedelta) -> str:
    """3:07 or 1:02:03; parts of a second are dropped."""
    minutes, seconds = divmod(int(duration.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def moment(at: datetime, now: datetime) -> str:
    """Today 15:30, or Tue 3 Mar 09:00, in the zone of the pages."""
    local, today = timezone.localtime(at), timezone.localtime(now).date()
    return (
        gettext("Today %(time)s") % {"time": f"{local:%H:%M}"}
        if local.date() == today
        else date_format(local, "D j M H:i")
    )
