"""The agents as supervisors see them: who is where, since when, on what, and what they did today."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from django.db import connection
from django.db.models import Case, Count, Exists, IntegerField, OuterRef, QuerySet, Value, When
from django.utils import timezone

from callbacks.models import AuditFinding, Callback
from callbacks.standing import CREW, Standing
from services import people
from telephony import audience, forcing
from telephony.models import Agent, AgentGroup, AgentSkill, ForcedChange

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

State = Agent.State

# In the order of the page: who can take a call comes first.
ORDER = (*CREW, State.LOGGED_OUT)
SORTS: Mapping[str, tuple[str, ...]] = {
    "state": ("state_order", "state_since", "name"),
    "name": ("name",),
    "since": ("state_since", "name"),
}

_TODAY = """
SELECT agent, count(*), count(*) FILTER (WHERE result = 'CONNECTED'),
    coalesce(sum(date_part('epoch', ended_at - answered_at)) FILTER (WHERE result = 'CONNECTED'), 0)
FROM callbacks_attempt WHERE agent = ANY(%s) AND agent <> '' AND began_at >= %s
GROUP BY agent
"""


@dataclass(frozen=True)
class Filter:
    """Which agents are shown. `states` empty: those who are logged in. `serving` are keys of targets."""

    states: tuple[str, ...] = ()
    group: str = ""
    skill: str = ""
    name: str = ""
    serving: frozenset[str] | None = None
    sort: str = "state"


@dataclass(frozen=True)
class Today:
    """The calls that came to an agent since midnight of the office, those that became a talk, and how long in all."""

    calls: int = 0
    talks: int = 0
    talk_seconds: int = 0


@dataclass(frozen=True)
class Work:
    """The callback that an agent has, or wraps up; without `callback` one that the reader may not see."""

    callback: str
    service: str
    number: str
    is_over: bool


@dataclass(frozen=True)
class AgentNow:
    """One agent, in what is shown: equal as long as nothing of it changes. `stuck` is what the audit says of them."""

    pk: int
    name: str
    state: str
    label: str
    reason: str
    since: datetime
    next_label: str
    next_reason: str
    place: str
    phone: str
    groups: tuple[str, ...]
    skills: tuple[tuple[str, int], ...]
    work: Work | None
    today: Today
    forced: tuple[str, str, str, datetime] | None
    stuck: str
    seen: str


def visible(user: User | AnonymousUser, standing: Standing) -> QuerySet[Agent]:
    """The agents whom this person may see: all, or those who serve one of the services to which they are limited."""
    only = people.limits(user)
    if only is None:
        return Agent.objects.all()
    keys = frozenset().union(*(keys for pk, keys in standing.keys.items() if pk in only))
    return Agent.objects.filter(audience.agents_of(keys))


def chosen(agents: QuerySet[Agent], asked: Filter) -> QuerySet[Agent]:
    """Those of the agents whom the filter means, in its order."""
    agents = agents.filter(state__in=asked.states) if asked.states else agents.exclude(state=State.LOGGED_OUT)
    if asked.group:
        agents = agents.filter(Exists(AgentGroup.objects.filter(agents=OuterRef("pk"), name=asked.group)))
    if asked.skill:
        agents = agents.filter(Exists(AgentSkill.objects.filter(agent=OuterRef("pk"), skill__name=asked.skill)))
    if asked.name:
        agents = agents.filter(name__icontains=asked.name)
    if asked.serving is not None:
        agents = agents.filter(audience.agents_of(asked.serving))
    order = Case(*(When(state=state, then=Value(n)) for n, state in enumerate(ORDER)), output_field=IntegerField())
    return agents.annotate(state_order=order).order_by(*SORTS[asked.sort])


def counted(agents: QuerySet[Agent]) -> dict[str, int]:
    """How many of them are in each state."""
    return dict(agents.order_by().values_list("state").annotate(Count("pk")))


def rows(agents: Sequence[Agent], user: User | AnonymousUser, now: datetime) -> list[AgentNow]:
    """What is shown of these agents (read with their places), in their order; six statements, however many they are."""
    ids = [agent.pk for agent in agents]
    owners = {agent.pk: agent.reserved_for or agent.wrap_up_for for agent in agents}
    work = _work(set(owners.values()) - {""}, user)
    today, forced, stuck = _today([agent.name for agent in agents], now), forcing.last_of(ids), _stuck(owners.values())
    groups, skills = _groups(ids), _skills(ids)
    return [
        AgentNow(
            pk=agent.pk,
            name=agent.name,
            state=agent.state,
            label=str(agent.get_state_display()),
            reason=agent.reason,
            since=agent.state_since,
            next_label=str(State(agent.next_state).label) if agent.next_state else "",
            next_reason=agent.next_reason,
            place=agent.place.name if agent.place else "",
            phone=agent.phone,
            groups=groups.get(agent.pk, ()),
            skills=skills.get(agent.pk, ()),
            work=_work_of(agent, work, user),
            today=today.get(agent.name, Today()),
            forced=_forced(agent, forced.get(agent.pk)),
            stuck=stuck.get(agent.reserved_for or "", ""),
            seen=forcing.seen(agent),
        )
        for agent in agents
    ]


def _work(owners: Collection[str], user: User | AnonymousUser) -> dict[str, Callback]:
    visible = Callback.objects.visible_to(user).filter(pk__in=owners)
    return {row.pk: row for row in visible.only("service_name", "customer_number")}


def _work_of(agent: Agent, known: Mapping[str, Callback], user: User | AnonymousUser) -> Work | None:
    owner = agent.reserved_for or agent.wrap_up_for
    if not owner or agent.state not in (State.RESERVED, State.ON_CALL, State.WRAP_UP):
        return None
    callback = known.get(owner)
    is_over = agent.state == State.WRAP_UP
    if callback is None:
        return Work("", "", "", is_over)
    return Work(callback.pk, callback.service_name, callback.number_for(user), is_over)


def _today(names: Collection[str], now: datetime) -> dict[str, Today]:
    office = timezone.localtime(now, timezone.get_default_timezone())
    midnight = office.replace(hour=0, minute=0, second=0, microsecond=0)
    with connection.cursor() as cursor:
        cursor.execute(_TODAY, [list(names), midnight])
        return {name: Today(calls, talks, round(seconds)) for name, calls, talks, seconds in cursor.fetchall()}


def _forced(agent: Agent, change: ForcedChange | None) -> tuple[str, str, str, datetime] | None:
    """Who set the agent to what they are now or will be next, why, and when; None once they did something else."""
    if change is None:
        return None
    set_to = (change.state, change.reason)
    is_now = (agent.state, agent.reason) == set_to and agent.state_since >= change.at
    if change.is_later:
        is_now = is_now or (agent.next_state, agent.next_reason) == set_to
    else:
        # By the same moment: whoever chose the same state again chose it themselves.
        is_now = is_now and agent.state_since == change.at
    if not is_now:
        return None
    return change.by, change.why, str(State(change.state).label), change.at


def _stuck(owners: Iterable[str]) -> dict[str, str]:
    found = AuditFinding.objects.open().filter(kind=AuditFinding.Kind.RESERVED, owner__in=set(owners) - {""})
    return dict(found.values_list("owner", "detail"))


def _groups(ids: Collection[int]) -> dict[int, tuple[str, ...]]:
    found: dict[int, tuple[str, ...]] = {}
    for pk, name in AgentGroup.objects.filter(agents__in=ids).order_by("name").values_list("agents", "name"):
        found[pk] = (*found.get(pk, ()), name)
    return found


def _skills(ids: Collection[int]) -> dict[int, tuple[tuple[str, int], ...]]:
    found: dict[int, tuple[tuple[str, int], ...]] = {}
    held = AgentSkill.objects.filter(agent__in=ids).order_by("skill__name")
    for pk, name, level in held.values_list("agent", "skill__name", "level"):
        found[pk] = (*found.get(pk, ()), (name, level))
    return found
