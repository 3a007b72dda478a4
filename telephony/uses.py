"""Who uses a row of telephony by its name: what would break if it were renamed or deleted. Sentences for admins."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

from django.db.models import Count, Q

from services import resolution
from services.models import ConfiguredService
from telephony import routes, targets
from telephony.models import (
    Agent,
    AgentGroup,
    Leg,
    Place,
    PlaceGroup,
    QueueEntry,
    RoutePoint,
    Skill,
    Switch,
    VirtualQueue,
)
from telephony.switch import LegState

LIVE = ~Q(state=LegState.ENDED)


Sentences = dict[str, list[str]]


@dataclass(frozen=True)
class Naming:
    """What the options of services name, each with the sentences that say so.

    `targets` knows agents, places and groups by the key of the target that names them, and skills as "skill:NAME";
    `waiting` says of the same how many callbacks wait for a target that names them, now or later in its list.
    """

    route_points: Sentences = field(default_factory=lambda: defaultdict(list))
    targets: Sentences = field(default_factory=lambda: defaultdict(list))
    queues: Sentences = field(default_factory=lambda: defaultdict(list))

    @cached_property
    def waiting(self) -> Counter[str]:
        found: Counter[str] = Counter()
        # Each text once: all who wait for a service wait for the same.
        entries = QueueEntry.objects.order_by().values_list("target", "target_key").annotate(number=Count("pk"))
        for target, key, number in entries:
            # Processes of the release before store the key alone.
            found.update(dict.fromkeys(_named(target) if target else [key], number))
        return found

    def of_target(self, key: str) -> list[str]:
        return self.targets.get(key, []) + _waiting(self.waiting[key])


def naming() -> Naming:
    """Read all services once; whoever asks for many rows hands it to each question."""
    found = Naming()
    for service in ConfiguredService.objects.all():
        try:
            texts = resolution.effective(service)
        except LookupError:  # its type or configuration is no longer there
            texts = resolution.explicit_texts(service)
        points = routes.split(texts.get("_route_point", ""))
        _say(found.route_points, points, f"service {service.name}, option _route_point")
        _say(found.targets, _named(texts.get("_target", "")), f"service {service.name}, option _target")
        queue = texts.get("_urs_virtual_queue", "").strip()
        _say(found.queues, [queue], f"service {service.name}, option _urs_virtual_queue")
    return found


def of_switch(switch: Switch) -> list[str]:
    points = [f"route point {point}" for point in RoutePoint.objects.filter(switch=switch)]
    phones = [f"phone of agent {agent}" for agent in Agent.objects.filter(switch=switch)]
    return points + phones + _calls(Leg.objects.filter(LIVE, switch=switch).count())


def of_route_point(point: RoutePoint, names: Naming | None = None) -> list[str]:
    return (names or naming()).route_points.get(str(point), []) + _calls(
        Leg.objects.filter(LIVE, route_point=point).count()
    )


def of_agent(agent: Agent, names: Naming | None = None) -> list[str]:
    found = (names or naming()).of_target(f"A:{agent.name}")
    # Ended legs keep their agent until the call is over: the foreign key protects it.
    if agent.reserved_for or Leg.objects.filter(agent=agent).exists():
        found.append("a call that is under way")
    return found


def of_group(group: AgentGroup, names: Naming | None = None) -> list[str]:
    return (names or naming()).of_target(f"GA:{group.name}")


def of_place(place: Place, names: Naming | None = None) -> list[str]:
    sitting = Agent.objects.filter(~Q(state=Agent.State.LOGGED_OUT), place=place)
    return (names or naming()).of_target(f"AP:{place.name}") + [f"agent {agent} sits there" for agent in sitting]


def of_place_group(group: PlaceGroup, names: Naming | None = None) -> list[str]:
    return (names or naming()).of_target(f"GP:{group.name}")


def of_skill(skill: Skill, names: Naming | None = None) -> list[str]:
    """Where skill expressions name it; who has it is not among it."""
    return (names or naming()).of_target(f"skill:{skill.name}")


def of_queue(queue: VirtualQueue, names: Naming | None = None) -> list[str]:
    waiting = QueueEntry.objects.filter(queue=queue.name).count()
    return (names or naming()).queues.get(queue.name, []) + _waiting(waiting)


def _say(sentences: Sentences, names: Iterable[str], sentence: str) -> None:
    for name in dict.fromkeys(names):
        sentences[name].append(sentence)


def _named(text: str) -> list[str]:
    """What a target, or any of a list of them, names: as Naming knows it."""
    try:
        plan = targets.parse(text)
    except ValueError:
        return []
    named: dict[str, None] = {}
    for target in (step.target for step in plan.steps):
        if target.expression is None:
            # A campaign group is the group of agents of that name.
            named[f"GA:{target.name}" if target.type == "GC" else target.key] = None
        named |= dict.fromkeys(f"skill:{skill}" for skill in sorted(target.skills()))
    return list(named)


def _calls(count: int) -> list[str]:
    return [f"calls under way: {count}"] if count else []


def _waiting(count: int) -> list[str]:
    return [f"callbacks waiting: {count}"] if count else []
