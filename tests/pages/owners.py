"""The floor above telephony, played: the desk hears what a test says, and the test what the desk decided."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from telephony.models import Agent
from telephony.upwards import Choice, Description, DeskStage, Handled


@dataclass
class Owners:
    """What telephony hears of the floor above: the owners as they now are, and what was decided on them."""

    descriptions: dict[str, Description] = field(default_factory=dict)
    decided: list[tuple[Any, ...]] = field(default_factory=list)
    refuses: Exception | None = None
    day: list[Handled] = field(default_factory=list)

    def describe(self, owner: str, now: datetime) -> Description | None:
        return self.descriptions.get(owner)

    def accept(self, owner: str, reservation: str, *, now: datetime) -> None:
        self.decide("accept", owner, reservation)
        self.descriptions[owner] = replace(self.descriptions[owner], stage=DeskStage.RINGING)

    def reject(self, owner: str, reservation: str, *, now: datetime) -> None:
        self.decide("reject", owner, reservation)
        Agent.objects.filter(reservation=reservation).update(state="ready", reserved_for=None, reservation="")

    def hold(self, owner: str, reservation: str, *, on: bool, now: datetime) -> None:
        self.decide("hold" if on else "talk", owner, reservation)

    def hang_up(self, owner: str, reservation: str, *, now: datetime) -> None:
        self.decide("hang up", owner, reservation)

    def dispose(self, owner: str, agent: str, *, choice: Choice, at: datetime | None, now: datetime) -> None:
        self.decide("dispose", owner, agent, choice, at)
        self.descriptions[owner] = replace(self.descriptions[owner], stage=DeskStage.OVER)

    def handled_by(self, agent: str, *, since: datetime, now: datetime) -> list[Handled]:
        return [call for call in self.day if since <= call.at <= now]

    def decide(self, *what: Any) -> None:
        if self.refuses:
            raise self.refuses
        self.decided.append(what)
