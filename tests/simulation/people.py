"""Who takes part: customers with a mind of their own, agents, and the lines in which callbacks wait."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto
from heapq import heappop, heappush
from math import exp, log, sqrt

from callbacks.flow import projections
from callbacks.flow.options import FlowOptions
from callbacks.flow.session import Session, Stage
from telephony.pacing import Line as PacingLine
from telephony.queueplace import QueuePlace
from telephony.routing import Waiter
from telephony.targets import Profile
from telephony.wanted import NOTHING, WantedCall

RESTING = frozenset({Stage.RETRYING, Stage.PAUSED})


def lognormal(chance: random.Random, mean: float, spread: float) -> float:
    """A time of that mean, with a standard deviation of `spread` times the mean."""
    variance = log(1 + spread * spread)
    return mean * exp(chance.gauss(-variance / 2, sqrt(variance)))


@dataclass(frozen=True)
class Customer:
    """What a customer will do, drawn when they arrive: the same whatever is done with their callback.

    `rings` says for each attempt how long it rings until they answer, None where nobody does; `detection` how long it
    then takes to tell a human. `patience` is how long they hold, `talk` how long they talk, all in seconds.
    """

    rings: tuple[float | None, ...]
    detection: float
    patience: float
    talk: float


@dataclass(eq=False)
class Line:
    """Those of a virtual queue who want the same and have the same priority: the earlier place is served first."""

    name: str
    queue: str
    target: str
    key: str
    priority: int = 0
    increment: int = 0
    interval: int = 0
    callers: dict[str, Caller] = field(default_factory=dict)
    _heads: dict[str, list[tuple[datetime, str, int]]] = field(default_factory=lambda: {"agent": [], "dial": []})

    @property
    def pacing(self) -> PacingLine:
        return PacingLine(self.queue, frozenset({self.key}))

    def wants(self, caller: Caller, place: QueuePlace) -> None:
        heappush(self._heads[place.wants], (place.place_at, caller.owner, place.visit))

    def head(self, wants: str) -> Caller | None:
        """The first who wants an agent, or a dial."""
        heap = self._heads[wants]
        while heap:
            _, owner, visit = heap[0]
            caller = self.callers.get(owner)
            if caller and caller.place and (caller.place.wants, caller.place.visit) == (wants, visit) and caller.free:
                return caller
            heappop(heap)
        return None

    def waiter(self, caller: Caller) -> Waiter:
        place_at = caller.place.place_at if caller.place else caller.session.desired_at
        return Waiter(caller.owner, frozenset({self.key}), place_at, self.priority, self.increment, self.interval)


@dataclass(eq=False)
class Caller:
    """One callback: its session, and what the centre has done about it so far."""

    owner: str
    line: Line
    options: FlowOptions
    session: Session
    customer: Customer
    place: QueuePlace | None = None
    wish: WantedCall = NOTHING
    armed: dict[str, datetime] = field(default_factory=dict)
    granted_until: datetime | None = None
    agent: Agent | None = None
    # When things happened, in seconds of the centre's clock; None: they did not.
    promised: float | None = None
    joined: float | None = None
    answered: float | None = None
    reserved: float | None = None
    talking: float | None = None
    left: float | None = None
    # Seconds for which agents were reserved for it without its customer.
    lost: float = 0.0

    @property
    def free(self) -> bool:
        """Nobody is reserved for it, and it has no grant that still counts."""
        return self.agent is None and self.granted_until is None

    @property
    def is_ahead(self) -> bool:
        """Whether it stands before who comes now: in the line, no agent is theirs, and they may be called or were.

        Who waits for another attempt keeps the place, and mostly comes too late to use it before who comes now.
        """
        return self.place is not None and self.agent is None and self.session.stage not in RESTING

    def project(self) -> tuple[QueuePlace | None, WantedCall, dict[str, datetime]]:
        """What follows from the session: the service computes it by the same functions."""
        session, options = self.session, self.options
        return (
            projections.queue_place(session, options),
            projections.wanted_call(session, options),
            projections.timers(session, options),
        )


class Doing(Enum):
    AWAY = auto()
    READY = auto()
    RESERVED = auto()
    WRAP_UP = auto()


@dataclass(eq=False)
class Agent:
    """`since` is when the present state began; `leaves`: logs out as soon as they are free."""

    profile: Profile
    lines: tuple[Line, ...]
    doing: Doing = Doing.AWAY
    since: float = 0.0
    free_at: float = 0.0
    leaves: bool = False

    @property
    def name(self) -> str:
        return self.profile.name
