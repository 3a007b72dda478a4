"""The kinds of option value that only telephony understands, for the option tables of `services`."""

from __future__ import annotations

from collections.abc import Callable

from django.db.models import Count

from services import kinds
from services.kinds import BadValue, Kind
from telephony import routes, targets, trunks
from telephony.models import Agent, AgentGroup, RoutePoint, VirtualQueue


def _parse_target(text: str) -> str:
    targets.parse(text)
    return text


def _parse_route_points(text: str) -> str:
    named = [each.partition("@") for each in routes.split(text)]
    if not named or not all(name and switch for name, _, switch in named):
        raise BadValue(text, ROUTE_POINT.allowed)
    return text


def _route_point_choices() -> list[tuple[str, str]]:
    points = RoutePoint.objects.select_related("switch").order_by("name", "switch__name")
    return [(str(point), str(point)) for point in points]


def _queue_choices() -> list[tuple[str, str]]:
    return [(queue.name, queue.name) for queue in VirtualQueue.objects.order_by("name")]


def _check_route_points(text: str) -> None:
    configured = {str(point) for point in trunks.named(text)}
    if unknown := [name for name in routes.split(text) if name not in configured]:
        raise BadValue(", ".join(unknown), ROUTE_POINT.allowed)


def _check_queue(text: str) -> None:
    if not VirtualQueue.objects.filter(name=text).exists():
        raise BadValue(text, VIRTUAL_QUEUE.allowed)


def _missing_targets() -> Callable[[str], str]:
    agents = frozenset(Agent.objects.values_list("name", flat=True))
    groups = dict(AgentGroup.objects.annotate(size=Count("agents")).values_list("name", "size"))

    def missing(text: str) -> str:
        try:
            target = targets.parse(text).steps[0].target
        except ValueError:  # said of the text itself
            return ""
        if target.type == "A":
            return "" if target.name in agents else f"there is no agent {target.name}"
        if target.type == "GA" and target.name not in groups:
            return f"there is no agent group {target.name}"
        return f"nobody is in the agent group {target.name}" if groups.get(target.name) == 0 else ""

    return missing


def _missing_route_points() -> Callable[[str], str]:
    configured = frozenset(name for name, _ in _route_point_choices())

    def missing(text: str) -> str:
        unknown = [name for name in routes.split(text) if name not in configured]
        return f"there is no route point {', '.join(unknown)}" if unknown else ""

    return missing


def _missing_queue() -> Callable[[str], str]:
    configured = frozenset(name for name, _ in _queue_choices())
    return lambda text: "" if text in configured else f"there is no virtual queue {text}"


TARGET = Kind(
    name="target",
    parse=_parse_target,
    missing=_missing_targets,
    allowed="NAME@STATSERVER.A for an agent or NAME@STATSERVER.GA for a group of agents",
)
ROUTE_POINT = Kind(
    name="route_point",
    parse=_parse_route_points,
    allowed="one or several configured route points, NAME@SWITCH, with commas between",
    choices=_route_point_choices,
    check=_check_route_points,
    missing=_missing_route_points,
    empty="",
    widget="several",
)
VIRTUAL_QUEUE = Kind(
    name="virtual_queue",
    parse=lambda text: text,
    allowed="the name of a configured virtual queue",
    choices=_queue_choices,
    check=_check_queue,
    missing=_missing_queue,
    empty="",
    widget="select",
)


def register() -> None:
    for kind in (TARGET, ROUTE_POINT, VIRTUAL_QUEUE):
        kinds.register(kind)
