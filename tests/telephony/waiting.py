"""People for the tests of queues and of the matcher: who waits, who works, and what the floor above is told."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from telephony import queues
from telephony.events import AgentReserved, CallEvent, DialGranted, TargetSwitched
from telephony.models import Agent, AgentGroup, AgentSkill, Place, PlaceGroup, Skill
from telephony.queueplace import PassedOver, QueuePlace
from tests.factories import NOON, AgentFactory, SwitchFactory

State = Agent.State


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def minutes(number: float) -> timedelta:
    return timedelta(minutes=number)


class Recorder:
    """The floor above, which only remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, CallEvent]] = []

    def report(self, events: list[tuple[str, CallEvent]], now: datetime) -> None:
        self.told += events

    @property
    def granted(self) -> list[str]:
        return [owner for owner, event in self.told if isinstance(event, DialGranted)]

    @property
    def reserved(self) -> list[tuple[str, str]]:
        """Who got whom, in that order."""
        return [(owner, event.agent) for owner, event in self.told if isinstance(event, AgentReserved)]

    @property
    def switched(self) -> list[tuple[str, str, str]]:
        return [(owner, event.target, event.why) for owner, event in self.told if isinstance(event, TargetSwitched)]


def hire(name: str, *groups: str, place: str = "", idle: float = 0, **fields: Any) -> Agent:
    """An agent who is ready, idle for so many seconds at noon; `skills` by name."""
    skills: dict[str, int] = fields.pop("skills", {})
    seat = Place.objects.get_or_create(name=place, defaults={"switch": SwitchFactory.create()})[0] if place else None
    agent = AgentFactory.create(
        **{"name": name, "state": State.READY, "place": seat, "idle_since": NOON - seconds(idle), **fields}
    )
    agent.groups.set([AgentGroup.objects.get_or_create(name=group)[0] for group in groups])
    for skill, level in skills.items():
        AgentSkill.objects.create(agent=agent, skill=Skill.objects.get_or_create(name=skill)[0], level=level)
    return agent


def floor(name: str, *places: str) -> None:
    """A group of places, which somebody may already sit at."""
    group = PlaceGroup.objects.create(name=name)
    group.places.set(Place.objects.filter(name__in=places))


def take_place(
    owner: str,
    target: str = "Billing@StatServer.GA",
    *,
    since: float = 0,
    now: datetime = NOON,
    not_to: dict[str, datetime] | None = None,
    **changes: Any,
) -> None:
    """Wait for an agent since so many minutes before noon; or whatever else the owner states of its place."""
    stated = {"queue": "Billing_VQ", "wants": "agent", "visit": 3, "reserve_seconds": 30, "granted": False, **changes}
    passed_over = tuple(PassedOver(agent, until) for agent, until in (not_to or {}).items())
    queues.take_place(
        owner, QueuePlace(target=target, place_at=NOON - minutes(since), passed_over=passed_over, **stated), now
    )
