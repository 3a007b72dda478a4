"""When a callback's customer may be called: while the office is open and the customer's own clock is inside the window.

Always read anew from the configuration: it is asked at the moment of ringing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from scheduling import offices, windows
from scheduling.hours import OfficeHours
from scheduling.offices import Unreadable
from scheduling.windows import CallingWindow
from services import resolution
from services.models import ConfiguredService
from telephony import numbers

UTC_ZONE = ZoneInfo("UTC")


@dataclass(frozen=True)
class CallingTimes:
    """`zones` are the customer's: the window has to hold in all of them. No hours: always open; no window: any time."""

    hours: OfficeHours | None
    window: CallingWindow | None
    zones: tuple[ZoneInfo, ...]

    def next_allowed(self, at: datetime) -> datetime | None:
        """The first moment from `at` on at which the customer may be called; None if there is none within 400 days."""
        return windows.next_allowed(at, self.hours, self.window, self.zones)

    def why_not(self, at: datetime) -> str:
        """What stands in the way at this moment; empty where nothing does."""
        if self.hours is not None and not self.hours.is_open(at):
            local = at.astimezone(self.hours.zone)
            return f"the office is closed ({local:%a %Y-%m-%d %H:%M} in {self.hours.zone})"
        if self.window is not None and windows.next_allowed(at, None, self.window, self.zones) != at:
            clocks = ", ".join(f"{at.astimezone(zone):%H:%M} in {zone}" for zone in self.zones)
            return f"customers are not called at this time of their day (_calling_window; {clocks})"
        return ""


def calling_times(service: ConfiguredService, *, number: str, properties: Mapping[str, str]) -> CallingTimes:
    """When the customer of a request with these keys may be called. Raises scheduling.offices.Unreadable."""
    try:
        name = resolution.resolve_one(service, "_business_hours_service")
        window = windows.window_of(service)
        country = str(resolution.resolve_one(service, "_default_country") or "")
    except (resolution.OptionError, LookupError) as error:
        raise Unreadable(f"Service {service.name}: {error}") from None
    hours = offices.office_hours(str(name)) if name else None
    zones = _zones(number, country, properties, hours) if window else ()
    return CallingTimes(hours, window, zones)


def _zones(number: str, country: str, properties: Mapping[str, str], hours: OfficeHours | None) -> tuple[ZoneInfo, ...]:
    """What the request says; else where the number may be, all of these places; else the office's."""
    if stated := properties.get("_customer_timezone", "").strip():
        return (ZoneInfo(stated),)
    return numbers.zones_of(number, country) or (hours.zone if hours else UTC_ZONE,)
