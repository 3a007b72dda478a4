"""What a call tells its owner: plain facts about a party's leg, in the order in which they became known.

Telephony knows the owner of a call only as an opaque id. The floor above registers one sink (`telephony.upwards`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from telephony.switch import EndCause, Verdict


class Party(StrEnum):
    CUSTOMER = "customer"
    AGENT = "agent"


@dataclass(frozen=True)
class LegDialling:
    """The created leg was sent: from here on the phone may ring, and the attempt counts."""

    party: Party
    attempt: int


@dataclass(frozen=True)
class LegAnswered:
    party: Party
    attempt: int


@dataclass(frozen=True)
class LegProgress:
    party: Party
    attempt: int
    verdict: Verdict
    detail: str = ""


@dataclass(frozen=True)
class LegSoundsFinished:
    party: Party
    attempt: int
    number: int
    failed: bool = False


@dataclass(frozen=True)
class LegsJoined:
    """Both parties are in the bridge and hear each other."""

    agent_attempt: int


@dataclass(frozen=True)
class LegEnded:
    """The leg is gone. `rang`: the phone was seen to ring or was answered."""

    party: Party
    attempt: int
    cause: EndCause
    detail: str = ""
    rang: bool = False


@dataclass(frozen=True)
class DialRefused:
    """The permit said no at the moment of ringing: nothing rang, no attempt used; `retry_at` when it may be allowed.

    `final`: it never will be.
    """

    party: Party
    attempt: int
    reason: str
    retry_at: datetime | None = None
    final: bool = False


@dataclass(frozen=True)
class TrunkUnavailable:
    """The trunk or switch could not carry the call: no phone rang, no attempt used; it rests until `retry_at`."""

    party: Party
    attempt: int
    detail: str
    retry_at: datetime


@dataclass(frozen=True)
class AgentReserved:
    """The matcher reserved an agent for the visit of the stage that asked for one."""

    agent: str
    reservation: str
    visit: int


@dataclass(frozen=True)
class DialGranted:
    """The matcher expects an agent to be free by the time the customer answers (delayed scenarios)."""

    visit: int


@dataclass(frozen=True)
class ReservationExpired:
    """An agent was held beyond the deadline without a live leg."""

    agent: str
    reservation: str


@dataclass(frozen=True)
class TargetSwitched:
    """Its target list went on by itself: `target` is what is now looked for, `why` says so to a supervisor."""

    target: str
    why: str


@dataclass(frozen=True)
class CustomerArrived:
    """A call that was matched to this owner is on the line, answered; it is the owner's to take or to refuse.

    `sounds` is the number of the last list of sounds that it heard.
    """

    leg: str
    sounds: int = 0


CallEvent = (
    LegDialling
    | LegAnswered
    | LegProgress
    | LegSoundsFinished
    | LegsJoined
    | LegEnded
    | DialRefused
    | TrunkUnavailable
    | AgentReserved
    | DialGranted
    | ReservationExpired
    | TargetSwitched
    | CustomerArrived
)
