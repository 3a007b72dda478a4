"""Supervisors set the state of agents: by the agents' own verbs, written down, and told to the agent at their desk."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta

from django.db import models, transaction
from django.utils.translation import gettext_lazy as _

from telephony import agents
from telephony.models import Agent, ForcedChange

State = Agent.State

KEPT = timedelta(days=90)
DELETE_BATCH = 1000
# What was said nowhere is old news by the next shift.
WORTH_TELLING = timedelta(hours=12)


class Wish(models.TextChoices):
    """What an agent can be set to: the states that they can choose themselves."""

    READY = State.READY.value, _("Ready")
    NOT_READY = State.NOT_READY.value, _("Not ready")
    LOGGED_OUT = State.LOGGED_OUT.value, _("Logged out")


class Moved(Exception):
    """The agent is in another state than the one that was seen; nothing was changed. `agent` is as they are now."""

    def __init__(self, agent: Agent) -> None:
        super().__init__(f"{agent} is {agent.state} by now")
        self.agent = agent


class AlreadySo(Exception):
    """The agent is in that state already, or will be after the present call; nothing was changed."""


def seen(agent: Agent) -> str:
    """Names the state in which an agent is shown: another one as soon as anything of it has changed."""
    asked = f"{agent.next_state}:{agent.next_reason}" if agent.next_state else ""
    return f"{agent.state}|{agent.state_since:%Y%m%d%H%M%S.%f}|{agent.reservation}|{asked}"


def force(agent_id: int, wish: Wish, *, shown: str, reason: str, why: str, by: str, now: datetime) -> ForcedChange:
    """Set an agent's state as if they had, and write down who did and why.

    `shown` is `seen` of what the supervisor saw, `reason` why the agent is not ready, `why` what the agent reads.
    Reserved, on a call: it is taken up after it (`is_later`). Raises Agent.DoesNotExist, Moved, AlreadySo, and
    PlaceRefused where somebody else sits at the agent's place; nothing is changed then.
    """
    with transaction.atomic():
        # Who reserves or releases the agent meanwhile comes after this, or before it and is seen.
        agent = Agent.objects.select_for_update(no_key=True, of=("self",)).select_related("place").get(pk=agent_id)
        if seen(agent) != shown:
            raise Moved(agent)
        reason = reason if wish is Wish.NOT_READY else ""
        if _is_so(agent, wish, reason):
            raise AlreadySo
        is_later = agent.state in agents.AT_WORK
        with suppress(agents.AgentBusy):
            if wish is Wish.READY:
                agents.go_ready(agent, now)
            elif wish is Wish.NOT_READY:
                agents.go_not_ready(agent, reason, now)
            else:
                agents.log_out(agent, now)
        return ForcedChange.objects.create(
            agent=agent,
            agent_name=agent.name,
            at=now,
            by=by,
            why=why,
            before=agent.state,
            before_reason=agent.reason,
            state=wish.value,
            reason=reason,
            is_later=is_later,
        )


def _is_so(agent: Agent, wish: Wish, reason: str) -> bool:
    if agent.state in agents.AT_WORK:
        # Who wished for nothing becomes ready after it.
        return (agent.next_state or State.READY, agent.next_reason) == (wish.value, reason)
    return (agent.state, agent.reason) == (wish.value, reason)


def untold(agent: Agent, now: datetime) -> ForcedChange | None:
    """The last change that the agent has not been told of, for their desk."""
    recent = ForcedChange.objects.filter(agent=agent, told_at=None, at__gt=now - WORTH_TELLING)
    return recent.order_by("-pk").first()


def told(agent: Agent, up_to: int, now: datetime) -> None:
    """The agent has read it, and with it what came before."""
    ForcedChange.objects.filter(agent=agent, told_at=None, pk__lte=up_to).update(told_at=now)


def last_of(agent_ids: Iterable[int]) -> dict[int, ForcedChange]:
    """The last change of each of these agents, one statement."""
    rows = ForcedChange.objects.filter(agent__in=list(agent_ids)).order_by("agent", "-id").distinct("agent")
    return {row.agent_id: row for row in rows if row.agent_id}


def sweep(now: datetime) -> int:
    """Remove what was written down longer ago than it is kept, a batch at a time."""
    old = ForcedChange.objects.filter(at__lte=now - KEPT).order_by("at").values("pk")[:DELETE_BATCH]
    return ForcedChange.objects.filter(pk__in=old).delete()[0]
