"""What one event leads to: the new session, and the facts that go with it.

Most of what follows from a decision is not listed here: the wanted call, the place in the queue, the timers and the
public state are functions of the session (`callbacks.flow.projections`), so that they can never disagree with it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

from callbacks.flow.session import Session
from telephony.events import Party


class DialResult(StrEnum):
    """The vendor's words for the outcome of an attempt (reference: dial result vocabulary)."""

    PERSON = "PERSON"
    CONNECTED = "CONNECTED"
    ANSWERING_MACHINE = "ANSWERING_MACHINE"
    FAX = "FAX"
    ERROR_TONE = "ERROR_TONE"
    BUSY = "BUSY"
    NO_ANSWER = "NO_ANSWER"
    CREATE_CALL_ERROR = "CREATE_CALL_ERROR"
    USERORIGINATED_CONNECTED = "USERORIGINATED_CONNECTED"
    FAILED_TO_ESTABLISH_CUSTOMER_ORIGINATED_MEDIA = "FAILED_TO_ESTABLISH_CUSTOMER_ORIGINATED_MEDIA"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True)
class Note:
    """A line of the timeline."""

    kind: str
    text: str
    session: Session
    data: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class AttemptChange:
    """Set these fields of the attempt's record; it begins with its first change."""

    party: Party
    number: int
    agent: str = ""
    dialled_at: datetime | None = None
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    result: DialResult | None = None
    detail: str = ""


@dataclass(frozen=True)
class ExtendReservation:
    """A leg to the agent starts: the reservation now lasts as long as the stage."""

    reservation: str
    until: datetime


@dataclass(frozen=True)
class AgentOnCall:
    reservation: str


@dataclass(frozen=True)
class ReleaseAgent:
    """Give the agent back once their leg has ended: into wrap-up, to not ready with a reason, or to ready as before."""

    reservation: str
    wrap_up_seconds: int = 0
    not_ready_reason: str = ""


@dataclass(frozen=True)
class ShortenWrapUp:
    """Whoever wraps the call up has nothing left to decide: it ends in so many seconds, if not before."""

    seconds: int


@dataclass(frozen=True)
class Measured:
    """How long something took that estimates are made of: "handling" of a call by an agent, "reach" of a customer."""

    what: Literal["handling", "reach"]
    seconds: float


@dataclass(frozen=True)
class TakeArrived:
    """The call that arrived becomes the customer's leg of the present attempt."""

    leg: str
    attempt: int


@dataclass(frozen=True)
class RefuseArrived:
    """The call that arrived is told that it comes too late, and is hung up."""

    leg: str


ArrivalMove = TakeArrived | RefuseArrived
AgentMove = ExtendReservation | AgentOnCall | ReleaseAgent | ShortenWrapUp


@dataclass(frozen=True)
class Decision:
    session: Session
    notes: tuple[Note, ...]
    attempts: tuple[AttemptChange, ...]
    agents: tuple[AgentMove, ...]
    measured: tuple[Measured, ...] = ()
    arrivals: tuple[ArrivalMove, ...] = ()
    refused: str = ""  # a verb's event that the machine does not accept, and why
