"""Who uses a row of telephony by its name: what would break if it were renamed or deleted. Sentences for admins."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db.models import Q

from services import resolution
from services.models import ConfiguredService
from telephony import routes, targets
from telephony.models import Agent, AgentGroup, Leg, QueueEntry, RoutePoint, Switch, VirtualQueue
from telephony.switch import LegState

LIVE = ~Q(state=LegState.ENDED)


Sentences = dict[str, list[str]]


@dataclass(frozen=True)
class Naming:
    """What the options of services name, each with the sentences that say so."""

    route_points: Sentences = field(default_factory=lambda: defaultdict(list))
    targets: Sentences = field(default_factory=lambda: defaultdict(list))
    queues: Sentences = field(default_factory=lambda: defaultdict(list))


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
        _say(found.targets, _targets(texts.get("_target", "")), f"service {service.name}, option _target")
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
    found = list((names or naming()).targets.get(f"A:{agent.name}", []))
    # Ended legs keep their agent until the call is over: the foreign key protects it.
    if agent.reserved_for or Leg.objects.filter(agent=agent).exists():
        found.append("a call that is under way")
    return found


def of_group(group: AgentGroup, names: Naming | None = None) -> list[str]:
    key = f"GA:{group.name}"
    return (names or naming()).targets.get(key, []) + _waiting(QueueEntry.objects.filter(target_key=key).count())


def of_queue(queue: VirtualQueue, names: Naming | None = None) -> list[str]:
    waiting = QueueEntry.objects.filter(queue=queue.name).count()
    return (names or naming()).queues.get(queue.name, []) + _waiting(waiting)


def _say(sentences: Sentences, names: Iterable[str], sentence: str) -> None:
    for name in dict.fromkeys(names):
        sentences[name].append(sentence)


def _targets(text: str) -> list[str]:
    try:
        return [targets.parse(text).steps[0].target.key]
    except ValueError:
        return []


def _calls(count: int) -> list[str]:
    return [f"calls under way: {count}"] if count else []


def _waiting(count: int) -> list[str]:
    return [f"callbacks waiting: {count}"] if count else []
