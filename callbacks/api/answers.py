"""The bodies of the answers, key by key in the order that the seed documents print."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from callbacks import dialogs, originated
from callbacks.api.written import written_local_time, written_time
from callbacks.calling import calling_times
from callbacks.flow.states import State
from callbacks.models import Callback
from scheduling.availability import Offer
from services.models import ConfiguredService

CANCELLED = "The callback has been cancelled"
SERVED = "The customer is not called for this any more"
SNOOZED = "You will be asked again later"


def promises_a_call(callback: Callback, service: ConfiguredService, now: datetime) -> bool:
    """True if the customer may be told to expect the call: we dial at once.

    Not for one that waits for its agent first (its options say so), not for one that ended before it began, such as
    with options that contradict each other, and not while nobody is called: that one waits until the office opens.
    """
    options = callback.options
    return (
        callback.state != State.COMPLETED
        and bool(options)
        and options["call_direction"] == "USERTERMINATED"
        and not options["wait_for_agent"]
        and not calling_times(service, number=callback.customer_number, properties=callback.properties).why_not(now)
    )


def started(callback: Callback, service: ConfiguredService, now: datetime) -> dict[str, str]:
    """What a start request is answered with: the dialog, where somebody is to call at once, else the id alone."""
    if number := number_to_call(callback):
        return number
    if "_desired_time" not in callback.properties and promises_a_call(callback, service, now):
        return dialogs.coming(callback.pk)
    return {"_id": callback.pk}


def number_to_call(callback: Callback) -> dict[str, str] | None:
    """The dialog with the access number that the customer should call now; None where their call is not expected."""
    booking = originated.booking_of(callback)
    if booking is None:
        return None
    expires = written_time(booking.expires_at)
    return dialogs.dial_number(callback.pk, number=booking.number, code=booking.code, expires=expires)


def slots(offers: Iterable[Offer], minutes: int, zone: ZoneInfo | None) -> dict[str, Any]:
    """Slots of so many minutes; their local times where the request named a zone."""
    return {
        "durationMin": minutes,
        "timezone": zone.key if zone else None,
        "slots": [
            {
                "utcTime": written_time(offer.time),
                **({"localTime": written_local_time(offer.time.astimezone(zone))} if zone else {}),
                "capacity": offer.free,
                "total": offer.total,
            }
            for offer in offers
        ],
    }
