"""Whether a customer may be rung at this moment, beyond what the callback itself says (design, invariant 4)."""

from __future__ import annotations

from datetime import datetime

from callbacks.calling import calling_times
from callbacks.models import Callback
from scheduling.offices import Unreadable
from services import pausing, resolution
from telephony import blocklist
from telephony.upwards import Refusal


def refusal(callback: Callback, now: datetime) -> Refusal | None:
    """What the configuration and the block list have against it now; always read anew."""
    service = callback.service
    if service is None:
        return Refusal(f"the service {callback.service_name} was deleted")
    if pausing.is_paused_now(service):
        return Refusal("the service is paused")
    try:
        country = str(resolution.resolve_one(service, "_default_country") or "")
        times = calling_times(service, number=callback.customer_number, properties=callback.properties)
    except (Unreadable, resolution.OptionError, LookupError) as error:
        return Refusal(f"it cannot be said whether the customer may be called: {error}")
    if blocked := blocklist.blocking(callback.customer_number, country=country, now=now):
        why = f"the number is on the block list: {blocked.reason}"
        return Refusal(why, retry_at=blocked.until, final=blocked.until is None)
    if why := times.why_not(now):
        # Where there will be no such moment, the end of its time to live ends it at once.
        return Refusal(why, retry_at=times.next_allowed(now) or callback.expires_at)
    return None
