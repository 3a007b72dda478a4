"""What agents do and what happens to them. Every change of state is one guarded update.

A reservation is named, and every verb on it says which: an act on an older reservation finds nothing to change. An
agent with a live leg is never released: the release is written down and carried out when the leg ends.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Case, Exists, F, OuterRef, Q, QuerySet, Value, When

from scheduling.kick import kick
from telephony import upwards
from telephony.events import ReservationExpired
from telephony.models import Agent, Leg, Place
from telephony.switch import LegState

MATCH_AGENT = "telephony.tasks.match_agent"
# How long an agent may stay on a call of whom the switch shows no leg, before the owner is asked.
LEGLESS = timedelta(seconds=5)

State = Agent.State
AT_WORK = (State.RESERVED, State.ON_CALL)
_NO_WRAP_UP: dict[str, Any] = {"wrap_up_until": None, "wrap_up_for": ""}
_LIVE_LEG = Exists(Leg.objects.filter(~Q(state=LegState.ENDED), agent=OuterRef("pk")))


class AgentBusy(Exception):
    """The agent is reserved, on a call or in wrap-up: the wish is kept and taken up when that ends."""


class PlaceRefused(Exception):
    """The agent cannot sit there; nothing was changed. Its text says why, for the desk."""


def go_ready(agent: Agent, now: datetime) -> None:
    """Log in, come back from not ready, or end wrap-up early.

    Raises AgentBusy while reserved or on a call, and PlaceRefused where somebody else meanwhile sits at the agent's
    place.
    """
    resting = Agent.objects.filter(pk=agent.pk, state__in=[State.LOGGED_OUT, State.NOT_READY, State.WRAP_UP])
    with _alone_at(agent.place, agent):
        moved = resting.update(
            state=State.READY, reason="", state_since=now, idle_since=now, next_state="", next_reason="", **_NO_WRAP_UP
        )
    if not moved and Agent.objects.filter(pk=agent.pk, state__in=AT_WORK).update(next_state="", next_reason=""):
        raise AgentBusy
    kick(MATCH_AGENT, agent.name)


def go_not_ready(agent: Agent, reason: str, now: datetime) -> None:
    """Take no more calls, for a reason. Raises AgentBusy when it will be taken up after the present call.

    Logs in who was logged out, and so raises PlaceRefused like go_ready.
    """
    _leave(agent, State.NOT_READY, reason, now)


def log_out(agent: Agent, now: datetime) -> None:
    """Leave. Raises AgentBusy when it will be taken up after the present call."""
    _leave(agent, State.LOGGED_OUT, "", now)


def sit(agent: Agent, place: Place | None) -> None:
    """Choose where the agent sits, whose phone rings from then on; None is the agent's own phone.

    Raises PlaceRefused while reserved or on a call, and where somebody else who is logged in sits.
    """
    if place and Agent.objects.filter(~Q(pk=agent.pk), ~Q(state=State.LOGGED_OUT), place=place).exists():
        raise PlaceRefused(_taken(agent, place))
    with _alone_at(place, agent):
        moved = Agent.objects.filter(~Q(state__in=AT_WORK), pk=agent.pk).update(place=place)
    if not moved:
        raise PlaceRefused("You can change your place when the present call is over.")
    # What is wanted of a place may now be wanted of this agent.
    kick(MATCH_AGENT, agent.name)


@contextmanager
def _alone_at(place: Place | None, agent: Agent) -> Iterator[None]:
    """Two who log in at one place at the same moment: the second one is told (constraint `agent_one_at_a_place`)."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError as error:
        if place is None or "agent_one_at_a_place" not in str(error):
            raise
        raise PlaceRefused(_taken(agent, place)) from error


def _taken(agent: Agent, place: Place) -> str:
    there = Agent.objects.filter(~Q(pk=agent.pk), ~Q(state=State.LOGGED_OUT), place=place).first()
    return f"{place} is taken by {there}." if there else f"{place} was taken a moment ago. Try again."


def _leave(agent: Agent, state: Agent.State, reason: str, now: datetime) -> None:
    with _alone_at(agent.place, agent):
        moved = Agent.objects.filter(~Q(state__in=AT_WORK), pk=agent.pk).update(
            state=state, reason=reason, state_since=now, next_state="", next_reason="", **_NO_WRAP_UP
        )
    if not moved:
        Agent.objects.filter(pk=agent.pk).update(next_state=state, next_reason=reason)
        raise AgentBusy


def extend(reservation: str, until: datetime) -> None:
    """A leg to the agent starts: hold the agent as long as the owner's stage lasts."""
    Agent.objects.filter(reservation=reservation, state=State.RESERVED).update(reserved_until=until)


def on_call(reservation: str, now: datetime) -> None:
    Agent.objects.filter(reservation=reservation, state=State.RESERVED).update(
        state=State.ON_CALL, state_since=now, reserved_until=None
    )


def release(reservation: str, now: datetime, *, wrap_up: timedelta = timedelta(), not_ready_reason: str = "") -> None:
    """Give an agent back: into wrap-up, to not ready with a reason, or to ready with the idle time they had."""
    release_as = State.NOT_READY if not_ready_reason else State.WRAP_UP if wrap_up else State.READY
    held = Agent.objects.filter(reservation=reservation, reserved_for__isnull=False)
    if held.update(
        release_as=release_as, release_reason=not_ready_reason, release_wrap_up=int(wrap_up.total_seconds())
    ):
        carry_out_releases(Agent.objects.filter(reservation=reservation), now)


def carry_out_releases(which: QuerySet[Agent], now: datetime) -> None:
    """Release those of the agents whose release is written down and whose leg has ended.

    What the agent asked for meanwhile (not ready, log out) comes before what the release says, and after a wrap-up.
    """
    for agent in which.filter(~Q(release_as=""), ~_LIVE_LEG, reserved_for__isnull=False):
        _release(agent, now)


def _release(agent: Agent, now: datetime) -> None:
    changes: dict[str, object] = {}
    if agent.release_as == State.WRAP_UP:
        changes |= {"state": State.WRAP_UP, "reason": agent.release_reason, "wrap_up_for": agent.reserved_for}
        changes["wrap_up_until"] = now + timedelta(seconds=agent.release_wrap_up)
    else:
        # What is asked for until this very moment counts: a wish may have come since the agent was read.
        unasked = When(next_state="", then=Value(agent.release_as))
        changes |= {"state": Case(unasked, default=F("next_state")), "next_state": "", "next_reason": ""}
        changes["reason"] = Case(When(next_state="", then=Value(agent.release_reason)), default=F("next_reason"))
    held = Agent.objects.filter(~_LIVE_LEG, pk=agent.pk, reservation=agent.reservation, reserved_for__isnull=False)
    moved = held.update(
        state_since=now,
        reserved_for=None,
        reservation="",
        reserved_until=None,
        release_as="",
        release_reason="",
        release_wrap_up=0,
        **changes,
    )
    if moved and agent.release_as == State.READY:
        kick(MATCH_AGENT, agent.name)


def holding(owners: Iterable[str]) -> set[str]:
    """Those of the owners for whom an agent is reserved."""
    held = Agent.objects.filter(reserved_for__in=list(owners)).values_list("reserved_for", flat=True)
    return {owner for owner in held if owner}


def leg_ended(agent_id: int, now: datetime) -> None:
    """Their leg is gone: carry out a release that waited for it; else the owner has a moment to release them."""
    agent = Agent.objects.select_for_update(no_key=True).get(pk=agent_id)
    if agent.release_as:
        _release(agent, now)
    elif agent.state == State.ON_CALL:
        Agent.objects.filter(pk=agent_id).update(reserved_until=now + LEGLESS)


def end_wrap_ups(now: datetime) -> int:
    """Due wrap-ups: ready again, longest idle last, or what the agent asked for meanwhile."""
    over = list(Agent.objects.filter(state=State.WRAP_UP, wrap_up_until__lte=now).values_list("pk", "name"))
    for pk, name in over:
        moved = Agent.objects.filter(pk=pk, state=State.WRAP_UP, wrap_up_until__lte=now).update(
            state=Case(When(next_state="", then=Value(State.READY)), default=F("next_state")),
            reason=F("next_reason"),
            state_since=now,
            idle_since=now,
            next_state="",
            next_reason="",
            **_NO_WRAP_UP,
        )
        if moved:
            kick(MATCH_AGENT, name)
    return len(over)


def shorten_wrap_up(owner: str, rest: timedelta, now: datetime) -> None:
    """Let the wrap-up of an owner's call end so soon, if it does not end before; also one that waits for the leg."""
    wrapping_up = Agent.objects.filter(state=State.WRAP_UP, wrap_up_for=owner, wrap_up_until__gt=now + rest)
    if not wrapping_up.update(wrap_up_until=now + rest):
        seconds = int(rest.total_seconds())
        waiting = Agent.objects.filter(reserved_for=owner, release_as=State.WRAP_UP, release_wrap_up__gt=seconds)
        waiting.update(release_wrap_up=seconds)


def expire_reservations(now: datetime) -> int:
    """Agents held beyond their deadline without a live leg: their owner is told; an absent owner's are released."""
    late = list(
        Agent.objects.filter(~_LIVE_LEG, reserved_for__isnull=False, reserved_until__lte=now).order_by(
            "reserved_until"
        )[:100]
    )
    for agent in late:
        owner = agent.reserved_for or ""
        if agent.release_as:
            carry_out_releases(Agent.objects.filter(pk=agent.pk), now)
        elif upwards.owner().exists(owner):
            # Told again every few seconds until the owner lets go, unless it has just prolonged it.
            still = Agent.objects.filter(pk=agent.pk, reservation=agent.reservation, reserved_until__lte=now)
            if still.update(reserved_until=now + LEGLESS):
                upwards.owner().report([(owner, ReservationExpired(agent.name, agent.reservation))], now)
        else:
            release(agent.reservation, now)
    return len(late)
