"""Whether a customer may be rung at this moment, beyond what the callback itself says (design, invariant 4)."""

from __future__ import annotations

from datetime import datetime

from callbacks.calling import calling_times
from callbacks.flow import projections
from callbacks.flow.events import Event
from callbacks.flow.options import FlowOptions
from callbacks.flow.session import Session, Stage
from callbacks.models import Callback
from scheduling.offices import Unreadable
from services import pausing, resolution
from services.catalogue import section_option
from services.models import ConfiguredService
from telephony import blocklist, brake, tolls
from telephony.brake import Allowance, Limit, Period
from telephony.events import AgentReserved, DialGranted, DialRefused, Party
from telephony.models import DialCount
from telephony.upwards import Refusal


def refusal(callback: Callback, now: datetime) -> Refusal | None:
    """What the configuration and the block list have against talking to this customer now; always read anew."""
    answer = _judge(callback, now)
    return answer if isinstance(answer, Refusal) else None


def dial_refusal(callback: Callback, now: datetime) -> Refusal | None:
    """What a dial would be refused for now, asked before anybody is bothered for it; nothing is counted."""
    answer = allowance(callback, now)
    return answer if isinstance(answer, Refusal) else brake.refusal(answer, now)


def would_refuse(callback: Callback, now: datetime) -> Refusal | None:
    """As dial_refusal(), with nothing marked: for who only wants to know, also of a callback that is not stored."""
    answer = allowance(callback, now)
    return answer if isinstance(answer, Refusal) else brake.would_refuse(answer, now)


def is_asked_before(session: Session, options: FlowOptions, event: Event) -> bool:
    """A grant to dial somebody who has to be asked first, and an agent who is to be called first, are judged before.

    As a dial before the ring: nobody is asked whether to be called now who may not be called now, and no agent is held
    for them.
    """
    asks = options.wait_for_user_confirm or projections.is_user_originated(options)
    asks_customer = isinstance(event, DialGranted) and asks and not session.confirmed
    return asks_customer or (isinstance(event, AgentReserved) and session.stage is Stage.RESERVING)


def judged(session: Session, event: Event, refused: Refusal | None) -> list[Event]:
    """What is decided in place of an event that was judged before: a grant is dropped, an agent given back."""
    if refused is None:
        return [event]
    refusal = DialRefused(Party.CUSTOMER, session.attempt, refused.reason, refused.retry_at, refused.final)
    return [refusal, event] if isinstance(event, AgentReserved) else [refusal]


def allowance(callback: Callback, now: datetime) -> Refusal | Allowance:
    """What a dial is refused for now, or else what it counts against; always read anew.

    Whoever then dials counts it (`telephony.brake.count`), in the same transaction.
    """
    answer = _judge(callback, now)
    if isinstance(answer, Refusal):
        return answer
    try:
        if toll := toll_refusal(answer, callback.customer_number):
            return Refusal(f"the number may not be called: {toll}", final=True)
        return _allowance(answer, callback.customer_number)
    except (resolution.OptionError, LookupError) as error:
        return _unknown(error)


def _judge(callback: Callback, now: datetime) -> Refusal | ConfiguredService:
    """Why nobody may talk to the customer now, or the service for which somebody may."""
    service = callback.service
    if service is None:
        return Refusal(f"the service {callback.service_name} was deleted")
    if pausing.is_paused_now(service):
        return Refusal("the service is paused")
    try:
        country = str(resolution.resolve_one(service, "_default_country") or "")
        times = calling_times(service, number=callback.customer_number, properties=callback.properties)
    except (Unreadable, resolution.OptionError, LookupError) as error:
        return _unknown(error)
    if blocked := blocklist.blocking(callback.customer_number, country=country, now=now):
        why = f"the number is on the block list: {blocked.reason}"
        return Refusal(why, retry_at=blocked.until, final=blocked.until is None)
    if why := times.why_not(now):
        # Where there will be no such moment, the end of its time to live ends it at once.
        return Refusal(why, retry_at=times.next_allowed(now) or callback.expires_at)
    return service


def _unknown(error: Exception) -> Refusal:
    return Refusal(f"it cannot be said whether the customer may be called: {error}")


def toll_refusal(service: ConfiguredService, number: str) -> str:
    """Why this service does not call this number, as the end of a sentence; empty where it does. Raises OptionError."""
    country = str(resolution.resolve_one(service, "_default_country") or "")
    allowed, refused = (
        resolution.resolve_one(service, "_allowed_countries"),
        resolution.resolve_one(service, "_refused_number_types"),
    )
    types = set(refused) if isinstance(refused, tuple) else set()
    if resolution.resolve_one(service, "_disallow_premium_phone_numbers"):
        types.add(tolls.PREMIUM)
    return tolls.why_not(number, country=country, allowed=allowed if isinstance(allowed, tuple) else (), refused=types)


def _allowance(service: ConfiguredService, number: str) -> Allowance:
    """Raises OptionError, LookupError."""
    country = str(resolution.resolve_one(service, "_default_country") or "")
    hour, day = Period.HOUR, Period.DAY
    own = (
        (hour, "_max_dials_per_hour", resolution.resolve_one(service, "_max_dials_per_hour")),
        (day, "_max_dials_per_day", resolution.resolve_one(service, "_max_dials_per_day")),
    )
    of_all = (
        (hour, "_max_dials_per_hour_all_services", _key(service, "callback", "_max_dials_per_hour_all_services")),
        (day, "_max_dials_per_day_all_services", _key(service, "callback", "_max_dials_per_day_all_services")),
    )
    return Allowance(
        number=brake.counted_as(number, country),
        per_day=_whole(resolution.resolve_one(service, "_max_attempts_per_number_per_day")),
        per_week=_whole(resolution.resolve_one(service, "_max_attempts_per_number_per_week")),
        limits=(
            *(Limit(service.name, period, _whole(most), option) for period, option, most in own),
            *(Limit(DialCount.ALL, period, _whole(most), option) for period, option, most in of_all),
        ),
    )


def _key(service: ConfiguredService, section: str, key: str) -> object:
    """The value of a key that is of all services. Raises OptionError."""
    option = section_option(section, key)
    if option is None:
        raise LookupError(f"there is no key {key} in [{section}]")
    return option.value(str(service.global_sections.get(section, {}).get(key, "")).strip() or option.default)


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0
