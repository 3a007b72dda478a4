"""What the machine remembers of one callback between two events."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pydantic import TypeAdapter

from callbacks.flow.states import Reason
from telephony.queueplace import PassedOver


class Stage(StrEnum):
    """The finer stage behind the public state, in the order of a call."""

    NEW = "new"  # not started: the request's own transaction
    SCHEDULED = "scheduled"  # rests until its execution starts
    HELD = "held"  # in the queue, not yet time to dial
    AWAITING = "awaiting"  # delayed: waits in the queue for the grant to dial
    RESERVING = "reserving"  # agent first: the queue looks for an agent, nobody is called yet
    PREVIEWING = "previewing"  # the reserved agent sees the customer's data and decides
    CALLING_AGENT = "calling_agent"  # the agent's phone rings; the customer is called once they answer
    CONFIRMING = "confirming"  # an agent is about to be free: the customer's device is asked whether to call
    EXPECTING = "expecting"  # user originated: the customer has an access number, and their call is waited for
    DIALLING = "dialling"  # the customer's leg is about to be sent
    RINGING = "ringing"  # the leg was sent
    DETECTING = "detecting"  # answered: is it a human?
    MESSAGE = "message"  # an answering machine hears its message
    GREETING = "greeting"  # a human hears the connect treatment
    WAITING = "waiting"  # hears the waiting treatment; the queue looks for an agent
    CONNECTING = "connecting"  # an agent is reserved, their phone rings
    JOINING = "joining"  # both are up and being joined
    TALKING = "talking"  # they hear each other
    DISPOSITION = "disposition"  # the talk is over; the agent says what came of it
    APOLOGY = "apology"  # no agent was found: the customer hears so
    RETRYING = "retrying"  # waits for the next attempt
    PAUSED = "paused"  # the service is paused; the place is kept
    ENDED = "ended"


@dataclass(frozen=True)
class Session:
    """Frozen: a decision makes a new one. All times are UTC.

    `visit` counts entries into stages, so that a timer or a reservation made for an earlier visit is known as stale.
    `queued_at` is its place in the queue, `started_at` when that place was taken, which a stopped worker may do late.
    `slot` is the start of the booked time slot, None where none is booked. `ewt` is the wait, in seconds, that was
    estimated at the start of the execution. `unaskable` is why the customer's device cannot be asked, empty where it
    can; `asked` counts how often it was since the customer last said anything, `confirmed`: they said yes.
    `held_back` is why the last dial was put off, until one is sent; `put_off_until` is the moment to which the permit
    last put it off: time in the queue counts from there. At `remind_at` receivers of status notifications are reminded
    of it; None once they were, and where nobody wants to be. A paused one goes on in `paused_from`, not before
    `resume_at`.
    `attempt` numbers the customer's legs, and the access numbers that they were given, and never falls;
    `attempts_before` of them were for earlier desired times, and `attempts_used` counts those that the customer may
    have noticed. `sounds` numbers the lists that the customer's leg hears; `fallback`: the waiting treatment could not
    be played, the sample is heard instead.
    `reservation` names the reserved agent's reservation; while there is one and it is past the preview, there is a leg
    of theirs. `agents_failed` counts those who could not be connected, `rejects` refused previews; `passed_over` says
    who is not offered it for a while. `priority` is what a supervisor set instead of the service's. `assigned_to` is
    the agent whom a supervisor chose, looked for alone for `assigned_seconds`: empty for none at all, None where the
    request and the service decide. `contacts` counts talks, `disposition` is what the last of them came to
    (`telephony.upwards.Choice`). `connects` counts how often a customer who calls us asked for an access number.
    """

    number: str
    desired_at: datetime
    stage: Stage = Stage.NEW
    visit: int = 0
    deadline: datetime | None = None
    queued_at: datetime | None = None
    started_at: datetime | None = None
    slot: datetime | None = None
    ewt: float = 0.0
    unaskable: str = "the request names no device"
    asked: int = 0
    confirmed: bool = False
    paused_from: Stage | None = None
    resume_at: datetime | None = None
    put_off_until: datetime | None = None
    attempt: int = 0
    attempts_before: int = 0
    attempts_used: int = 0
    held_back: str = ""
    sounds: int = 0
    fallback: bool = False
    rung_at: datetime | None = None
    answered_at: datetime | None = None
    waiting_since: datetime | None = None
    agent: str = ""
    reservation: str = ""
    reserved_at: datetime | None = None
    agent_attempt: int = 0
    reason: Reason | None = None
    refusal: str = ""
    rejects: int = 0
    passed_over: tuple[PassedOver, ...] = ()
    on_hold: bool = False
    contacts: int = 0
    disposition: str = ""
    agents_failed: int = 0
    remind_at: datetime | None = None
    connects: int = 0
    priority: int | None = None
    assigned_to: str | None = None
    assigned_seconds: int = 0


SESSION: TypeAdapter[Session] = TypeAdapter(Session)
