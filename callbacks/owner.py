"""The callbacks floor as telephony sees it: who owns calls, and who allows a phone to ring."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime

from django.db.models import Count

from callbacks import desk, inbox, permit
from callbacks.flow import projections
from callbacks.flow.options import FLOW_OPTIONS
from callbacks.flow.session import SESSION
from callbacks.flow.states import State
from callbacks.models import Callback
from telephony.brake import Allowance
from telephony.events import CallEvent, Party
from telephony.upwards import Choice, Description, Handled, Refusal


class CallbackOwner:
    """Implements `telephony.upwards.Owner`."""

    def report(self, events: list[tuple[str, CallEvent]], now: datetime) -> None:
        inbox.put(events, now)

    def permit(self, owner: str, party: Party, attempt: int, now: datetime) -> Refusal | Allowance | None:
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
        return permit.allowance(callback, now)

    def exists(self, owner: str) -> bool:
        return Callback.objects.filter(pk=owner).exists()

    def describe(self, owner: str, now: datetime) -> Description | None:
        return desk.describe(owner, now)

    def accept(self, owner: str, reservation: str, *, now: datetime) -> None:
        desk.accept(owner, reservation, now=now)

    def reject(self, owner: str, reservation: str, *, now: datetime) -> None:
        desk.reject(owner, reservation, now=now)

    def hold(self, owner: str, reservation: str, *, on: bool, now: datetime) -> None:
        desk.hold(owner, reservation, on=on, now=now)

    def hang_up(self, owner: str, reservation: str, *, now: datetime) -> None:
        desk.hang_up(owner, reservation, now=now)

    def dispose(self, owner: str, agent: str, *, choice: Choice, at: datetime | None, now: datetime) -> None:
        desk.dispose(owner, agent, choice=choice, at=at, now=now)

    def handled_by(self, agent: str, *, since: datetime, now: datetime) -> list[Handled]:
        return desk.handled_by(agent, since=since, now=now)


def live_callbacks(services: Collection[int]) -> Iterator[tuple[int, str]]:
    """What keeps services from being deleted: how many callbacks of each are not completed (`services.uses`)."""
    live = Callback.objects.filter(service__in=list(services)).exclude(state=State.COMPLETED)
    for service, count in live.order_by().values_list("service").annotate(count=Count("pk")):
        yield service, f"callbacks that are not completed: {count}"
