"""When a customer may be called: while the office is open and the customer's own clock is inside the calling window.

Arithmetic on moments and texts; nothing here reads the database or the clock.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from scheduling.zones import segments
from services import resolution
from services.kinds import CallingWindow
from services.resolution import HasOptions

__all__ = ["CallingWindow", "next_allowed", "window_of"]

# As far ahead as office hours are searched.
LONGEST = timedelta(days=400)
_DAY = timedelta(days=1)
# A window comes once a day; a day can be skipped (Pacific/Apia, 2011-12-30), with changes of the clock around it.
_LONGEST_WAIT = timedelta(days=7)


class Hours(Protocol):
    """What is asked of office hours; scheduling.hours.OfficeHours is one."""

    def next_open(self, t: datetime) -> datetime | None: ...


def window_of(service: HasOptions) -> CallingWindow | None:
    """The calling window of a service as it is configured now; None where any time of day will do.

    Raises resolution.OptionError and LookupError, as resolve_one() does.
    """
    window = resolution.resolve_one(service, "_calling_window")
    return window if isinstance(window, CallingWindow) else None


def next_allowed(
    now: datetime,
    hours: Hours | None,
    window: CallingWindow | None,
    zones: tuple[ZoneInfo, ...],
) -> datetime | None:
    """The first moment from `now` on at which the office is open and the window holds in every one of the zones.

    `now` itself if that is so now; None if it is not within 400 days. All moments are aware and in UTC. Customers whose
    zone is not known have the office's: a window without any zone raises ValueError, as nobody could say when it holds.

    Each condition in turn moves the moment on to where it next holds, which is never past the moment sought; when none
    of them moves it any more, all hold.
    """
    if window and not zones:
        raise ValueError("a calling window holds in a time zone, and none was given")
    moment = now
    while moment <= now + LONGEST:
        later: datetime | None = hours.next_open(moment) if hours else moment
        if later is None:
            return None
        if window:
            for zone in zones:
                later = _next_inside(later, window, zone)
        if later == moment:
            return moment
        moment = later
    return None


def _next_inside(moment: datetime, window: CallingWindow, zone: ZoneInfo) -> datetime:
    """The first moment from this one on at which a clock in the zone shows a time inside the window.

    Between two changes of the clock it runs evenly: the next opening is so many minutes away. If the clock is changed
    before, it is looked at anew from there, whether it was put back or forward, into the window or over it.
    """
    if _is_inside(moment.astimezone(zone), window):
        return moment
    for segment in segments(zone, moment, moment + _LONGEST_WAIT):
        local = segment.start + segment.offset
        opening = segment.start
        if not _is_inside(local, window):
            time_of_day = local - local.replace(hour=0, minute=0, second=0, microsecond=0)
            opening += (timedelta(minutes=window.opens) - time_of_day) % _DAY
        if opening < segment.end:
            return opening
    raise AssertionError("clocks are not changed so often that a window never comes")


def _is_inside(local: datetime, window: CallingWindow) -> bool:
    return window.holds(local.hour * 60 + local.minute)
