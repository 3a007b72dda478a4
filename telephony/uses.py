"""Who uses a row of telephony by its name: what would break if it were renamed or deleted. Sentences for admins."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from django.db.models import Q

from services import resolution
from services.models import ConfiguredService
from telephony import routes, targets
from telephony.models import Agent, AgentGroup, Leg, QueueEntry, RoutePoint, Switch, VirtualQueue
from telephony.switch import LegState

LIVE = ~Q(state=LegState.ENDED)


def of_switch(switch: Switch) -> list[str]:
    points = [f"route point {point}" for point in RoutePoint.objects.filter(switch=switch)]
    phones = [f"phone of agent {agent}" for agent in Agent.objects.filter(switch=switch)]
    return points + phones + _calls(Leg.objects.filter(LIVE, switch=switch).count())


def of_route_point(point: RoutePoint) -> list[str]:
    found = list(_services("_route_point", lambda text: str(point) in routes.split(text)))
    return found + _calls(Leg.objects.filter(LIVE, route_point=point).count())


def of_agent(agent: Agent) -> list[str]:
    found = list(_services("_target", lambda text: _targets(text, f"A:{agent.name}")))
    # Ended legs keep their agent until the call is over: the foreign key protects it.
    if agent.reserved_for or Leg.objects.filter(agent=agent).exists():
        found.append("a call that is under way")
    return found


def of_group(group: AgentGroup) -> list[str]:
    return list(_services("_target", lambda text: _targets(text, f"GA:{group.name}"))) + _waiting(
        QueueEntry.objects.filter(target_key=f"GA:{group.name}").count()
    )


def of_queue(queue: VirtualQueue) -> list[str]:
    return list(_services("_urs_virtual_queue", lambda text: text == queue.name)) + _waiting(
        QueueEntry.objects.filter(queue=queue.name).count()
    )


def _services(option: str, names_it: Callable[[str], bool]) -> Iterator[str]:
    for service in ConfiguredService.objects.all():
        try:
            text = resolution.effective(service).get(option, "")
        except LookupError:  # its type or configuration is no longer there
            text = resolution.explicit_texts(service).get(option, "")
        if names_it(text.strip()):
            yield f"service {service.name}, option {option}"


def _targets(text: str, key: str) -> bool:
    try:
        return targets.parse(text).key == key
    except ValueError:
        return False


def _calls(count: int) -> list[str]:
    return [f"calls under way: {count}"] if count else []


def _waiting(count: int) -> list[str]:
    return [f"callbacks waiting: {count}"] if count else []
