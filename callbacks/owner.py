"""The callbacks floor as telephony sees it: who owns calls, and who allows a phone to ring."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime

from django.db.models import Count

from callbacks import inbox, permit
from callbacks.flow import projections
from callbacks.flow.options import FLOW_OPTIONS
from callbacks.flow.session import SESSION
from callbacks.flow.states import State
from callbacks.models import Callback
from telephony.events import CallEvent, Party
from telephony.upwards import Description, Refusal


class CallbackOwner:
    """Implements `telephony.upwards.Owner`."""

    def report(self, events: list[tuple[str, CallEvent]], now: datetime) -> None:
        inbox.put(events, now)

    def permit(self, owner: str, party: Party, attempt: int, now: datetime) -> Refusal | None:
        """Lock the callback and check, at the moment of ringing, what design invariant 4 lists."""
        callback = Callback.objects.select_for_update(no_key=True).filter(pk=owner).first()
        if callback is None:
            return Refusal("the callback is gone")
        session = SESSION.validate_python(callback.session)
        wanted = projections.wanted_call(session, FLOW_OPTIONS.validate_python(callback.options))
        leg = wanted.customer if party is Party.CUSTOMER else wanted.agent
        if leg is None or leg.attempt != attempt:
            return Refusal("the call is no longer wanted")
        if callback.state == State.PAUSED:
            return Refusal("the service is paused")
        if party is not Party.CUSTOMER:
            return None
        if callback.expires_at <= now:
            return Refusal("it is too late (_ttl)")
        return permit.refusal(callback, now)

    def exists(self, owner: str) -> bool:
        return Callback.objects.filter(pk=owner).exists()

    def describe(self, owner: str, now: datetime) -> Description | None:
        callback = Callback.objects.filter(pk=owner).only("service_name", "customer_number", "user_data").first()
        if callback is None:
            return None
        lines = tuple((name, str(value)) for name, value in callback.user_data.items())
        return Description(callback.service_name, callback.customer_number, lines)


def live_callbacks(services: Collection[int]) -> Iterator[tuple[int, str]]:
    """What keeps services from being deleted: how many callbacks of each are not completed (`services.uses`)."""
    live = Callback.objects.filter(service__in=list(services)).exclude(state=State.COMPLETED)
    for service, count in live.order_by().values_list("service").annotate(count=Count("pk")):
        yield service, f"callbacks that are not completed: {count}"
