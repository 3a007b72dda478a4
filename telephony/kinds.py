"""The kinds of option value that only telephony understands, for the option tables of `services`."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import cached_property

from django.db.models import Count

from services import kinds
from services.kinds import BadValue, Kind
from telephony import audience, routes, targets, trunks
from telephony.models import Agent, AgentGroup, Place, PlaceGroup, RoutePoint, Skill, VirtualQueue
from telephony.targets import Profile, Target


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


class _Staff:
    """Whom targets can mean, as it is configured; each table is read when it is first asked for."""

    @cached_property
    def agents(self) -> list[Profile]:
        return list(audience.profiles(Agent.objects.all()).values())

    @cached_property
    def names(self) -> frozenset[str]:
        return frozenset(Agent.objects.values_list("name", flat=True))

    @cached_property
    def groups(self) -> dict[str, int]:
        return dict(AgentGroup.objects.annotate(size=Count("agents")).values_list("name", "size"))

    @cached_property
    def places(self) -> frozenset[str]:
        return frozenset(Place.objects.values_list("name", flat=True))

    @cached_property
    def place_groups(self) -> dict[str, int]:
        return dict(PlaceGroup.objects.annotate(size=Count("places")).values_list("name", "size"))

    @cached_property
    def skills(self) -> frozenset[str]:
        return frozenset(Skill.objects.values_list("name", flat=True))

    def absent(self, target: Target) -> list[str]:
        """What the target names and is not there."""
        if target.expression is not None:
            return [f"there is no skill {name}" for name in sorted(target.skills() - self.skills)]
        known: Collection[str]
        match target.type:
            case "A":
                known, noun = self.names, "agent"
            case "AP":
                known, noun = self.places, "place"
            case "GP":
                known, noun = self.place_groups, "place group"
            case _:
                known, noun = self.groups, "agent group"
        return [] if target.name in known else [f"there is no {noun} {target.name}"]

    def nobody(self, target: Target) -> str:
        """Why no agent can ever take a call for it, or nothing. Who sits at a place is another matter each day."""
        if target.expression is not None:
            found = any(target.matches(agent) for agent in self.agents)
            return "" if found else f"no agent has skills for {target.expression}"
        match target.type:
            case "GA" | "GC":
                return "" if self.groups[target.name] else f"nobody is in the agent group {target.name}"
            case "GP":
                return "" if self.place_groups[target.name] else f"no place is in the place group {target.name}"
        return ""


def _missing_targets() -> Callable[[str], str]:
    staff = _Staff()

    def missing(text: str) -> str:
        try:
            plan = targets.parse(text)
        except ValueError:  # said of the text itself
            return ""
        named = [step.target for step in plan.steps]
        absent = [sentence for target in named for sentence in staff.absent(target)]
        if not absent:
            # As long as one of a list can be served, the others are spare.
            nobody = [staff.nobody(target) for target in named]
            absent = nobody if all(nobody) else []
        return ", ".join(dict.fromkeys(absent))

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
    allowed=targets.ALLOWED,
    widget="lines",
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
