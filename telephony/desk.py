"""What an agent's desk shows, read so that it fits together."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from django.db import connection
from django.db.models import Exists, OuterRef, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from callbacksite import live
from telephony import agents, forcing, lease, upwards
from telephony.models import Agent, ForcedChange
from telephony.upwards import Description, DeskStage, Handled

HEADINGS = {
    DeskStage.OFFER: _("Offer"),
    DeskStage.RINGING: _("Your phone rings"),
    DeskStage.CALLING: _("Calling the customer"),
    DeskStage.JOINING: _("Connecting"),
    DeskStage.TALKING: _("Talking"),
    DeskStage.HELD: _("On hold"),
    DeskStage.DISPOSITION: _("What came of it?"),
    DeskStage.OVER: _("The call is over"),
}
# What the agent has to react to at once: sounds and blinks until they do.
CALLS_FOR = (DeskStage.OFFER, DeskStage.RINGING)
WAITS = (*CALLS_FOR, DeskStage.CALLING, DeskStage.JOINING)
TALKS = (DeskStage.TALKING, DeskStage.HELD)


# Whether somebody listens to the switch of the phone that rings for an agent.
_LISTENING = Exists(lease.live_switches().filter(pk=Coalesce(OuterRef("place__switch"), OuterRef("switch"))))
# What supervisors set and the agent has not read: how old it may be is looked at when there is one.
_UNTOLD = Subquery(ForcedChange.objects.filter(agent=OuterRef("pk"), told_at=None).order_by("-pk").values("pk")[:1])


@dataclass(frozen=True)
class Desk:
    """The agent, the owner that they have or whose call they wrap up, and whether the switch of their phone is live.

    `forced` is what a supervisor set, until the agent has read it.
    """

    agent: Agent
    listening: bool
    call: Description | None
    forced: ForcedChange | None = None

    @property
    def owner(self) -> str:
        return self.agent.reserved_for or self.agent.wrap_up_for

    @property
    def at_work(self) -> bool:
        return self.agent.state in agents.AT_WORK

    @property
    def stage(self) -> DeskStage | None:
        """Without an agent who has it, a call is over, whatever happens to its owner at another desk."""
        if self.call is None:
            return None
        if self.at_work:
            return self.call.stage
        return DeskStage.DISPOSITION if self.call.stage == DeskStage.DISPOSITION else DeskStage.OVER

    @property
    def heading(self) -> str:
        return str(HEADINGS[self.stage]) if self.stage else ""

    @property
    def title(self) -> str:
        return self.heading if self.stage and self.stage != DeskStage.OVER else self.agent.get_state_display()

    @property
    def calls_for_agent(self) -> bool:
        return self.stage in CALLS_FOR

    @property
    def waits(self) -> bool:
        """True while the customer still waits for the agent, and since when is known."""
        return self.call is not None and self.call.since is not None and self.stage in WAITS

    @property
    def talks(self) -> bool:
        return self.stage in TALKS

    def is_current(self) -> bool:
        """False where the agent's reservation changed while its owner was read: it may be at another desk by now."""
        same = Agent.objects.filter(
            pk=self.agent.pk, reservation=self.agent.reservation, wrap_up_for=self.agent.wrap_up_for
        )
        return self.call is None or same.exists()


def read(user: int | None, now: datetime) -> Desk | None:
    """The desk of a user as it is now; None where they have none."""
    agent = (
        Agent.objects.select_related("switch", "place__switch")
        .annotate(listening=_LISTENING, untold=_UNTOLD)
        .filter(user=user)
        .first()
    )
    if agent is None:
        return None
    owner = agent.reserved_for or agent.wrap_up_for
    call = upwards.owner().describe(owner, now) if owner else None
    # Between the reservation and the moment at which its owner hears of it there is nothing to say yet.
    is_new = agent.state == Agent.State.RESERVED and not agent.release_as
    call = None if is_new and call and call.stage == DeskStage.OVER else call
    return Desk(agent, agent.listening, call, forcing.untold(agent, now) if agent.untold else None)


def version(user: int, now: datetime) -> str:
    """A short name of all that the desk of a user shows, found without rendering it and in one statement of our own."""
    statement, parameters = _glance()
    with connection.cursor() as cursor:
        cursor.execute(statement, [*parameters[:-1], user])
        row = cursor.fetchone()
    if row is None:
        return ""
    owner = row[0] or row[1]
    return live.version_of(row, upwards.owner().describe(owner, now) if owner else None)


@cache
def _glance() -> tuple[str, tuple[Any, ...]]:
    """The statement for what an agent's row shows, and its parameters, of which the last one is the user.

    Compiled once: making it anew of a query for every refresh would cost more than all the rest of the answer.
    """
    shown = ("reserved_for", "wrap_up_for", "reservation", "name", "state", "reason", "state_since", "next_state")
    rest = (
        "next_reason",
        "wrap_up_until",
        "release_as",
        "sip_address",
        "place__name",
        "place__phone",
        "listening",
        "untold",
    )
    query = (
        Agent.objects.annotate(listening=_LISTENING, untold=_UNTOLD)
        .order_by()
        .filter(user=-1)
        .values_list(*shown, *rest)
        .query
    )
    statement, parameters = query.sql_with_params()
    return statement, tuple(parameters)


@dataclass(frozen=True)
class Day:
    """What came to an agent since midnight (of the pages' zone)."""

    handled: list[Handled]

    @property
    def talks(self) -> int:
        return sum(1 for call in self.handled if call.talk is not None)

    @property
    def talk_time(self) -> timedelta:
        return sum((call.talk for call in self.handled if call.talk is not None), timedelta())


def day(agent: str, now: datetime) -> Day:
    midnight = timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)
    return Day(upwards.owner().handled_by(agent, since=midnight, now=now))
