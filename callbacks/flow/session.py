"""What the machine remembers of one callback between two events."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pydantic import TypeAdapter

from callbacks.flow.states import Reason


class Stage(StrEnum):
    """The finer stage behind the public state, in the order of a call."""

    NEW = "new"  # not started: the request's own transaction
    SCHEDULED = "scheduled"  # rests until its execution starts
    HELD = "held"  # in the queue, not yet time to dial
    AWAITING = "awaiting"  # delayed: waits in the queue for the grant to dial
    DIALLING = "dialling"  # the customer's leg is about to be sent
    RINGING = "ringing"  # the leg was sent
    DETECTING = "detecting"  # answered: is it a human?
    MESSAGE = "message"  # an answering machine hears its message
    GREETING = "greeting"  # a human hears the connect treatment
    WAITING = "waiting"  # hears the waiting treatment; the queue looks for an agent
    CONNECTING = "connecting"  # an agent is reserved, their phone rings
    JOINING = "joining"  # both are up and being joined
    TALKING = "talking"  # they hear each other
    APOLOGY = "apology"  # no agent was found: the customer hears so
    RETRYING = "retrying"  # waits for the next attempt
    ENDED = "ended"


@dataclass(frozen=True)
class Session:
    """Frozen: a decision makes a new one. All times are UTC.

    `visit` counts entries into stages, so that a timer or a reservation made for an earlier visit is known as stale.
    `held_back` is why the last dial was put off, until one is sent.
    `attempt` numbers the customer's legs and never falls; `attempts_used` counts those that the customer may have
    noticed. `sounds` numbers the lists that the customer's leg hears; `fallback`: the waiting treatment could not be
    played, the sample is heard instead.
    """

    number: str
    desired_at: datetime
    stage: Stage = Stage.NEW
    visit: int = 0
    deadline: datetime | None = None
    queued_at: datetime | None = None
    attempt: int = 0
    attempts_used: int = 0
    held_back: str = ""
    sounds: int = 0
    fallback: bool = False
    answered_at: datetime | None = None
    waiting_since: datetime | None = None
    agent: str = ""
    reservation: str = ""
    agent_attempt: int = 0
    reason: Reason | None = None


SESSION: TypeAdapter[Session] = TypeAdapter(Session)
