"""What telephony says upwards: events of a call to its owner, and the question whether a phone may ring now.

The floor above registers one `Owner`. Telephony knows owners only by id; an event for an absent owner is dropped there.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from telephony.events import CallEvent, Party

if TYPE_CHECKING:
    from telephony.brake import Allowance


@dataclass(frozen=True)
class Refusal:
    """Why a phone may not ring now, and from when on it might (None: not foreseeable). `final`: it never may."""

    reason: str
    retry_at: datetime | None = None
    final: bool = False


class TooLate(Exception):
    """What an agent decided on is no longer theirs to decide; nothing was changed. Its text says why, for the desk."""


class NotPossible(Exception):
    """What an agent asked for is not possible; nothing was changed. Its text says what is, for the desk."""


class DeskStage(StrEnum):
    """How far the owner is, as the agent who has it sees it."""

    OFFER = "offer"  # a preview: accept or reject; no phone rings yet
    RINGING = "ringing"  # the agent's own phone rings
    CALLING = "calling"  # the agent is on the line; the customer is being called
    JOINING = "joining"
    TALKING = "talking"
    HELD = "held"  # the customer hears the waiting treatment
    DISPOSITION = "disposition"  # the talk is over: what came of it?
    OVER = "over"  # nothing is left to decide


class Choice(StrEnum):
    """What came of a talk (disposition)."""

    DONE = "done"
    CALL_NOW = "call-now"
    CALL_AT = "call-at"
    WRONG_NUMBER = "wrong-number"
    MACHINE = "machine"
    DO_NOT_CALL = "do-not-call"


@dataclass(frozen=True)
class Description:
    """What an agent is shown of the owner that they have.

    `lines` are (name, text) pairs, mostly the customer's own words: they may hold anything. `why` says why it came to
    this agent. `since` is when its wait began. `until` is when the present stage decides by itself (an offer lapses, a
    disposition is taken as done). `choices` are those that a disposition may choose from, `times` the next ones at
    which the customer may be called again.
    """

    title: str
    number: str
    lines: tuple[tuple[str, str], ...] = ()
    stage: DeskStage = DeskStage.RINGING
    why: str = ""
    since: datetime | None = None
    until: datetime | None = None
    may_reject: bool = False
    choices: tuple[Choice, ...] = ()
    times: tuple[datetime, ...] = ()


@dataclass(frozen=True)
class Handled:
    """One call of an agent's day. Without `talk` they were rung or asked and it came to no talk; `outcome` says why."""

    at: datetime
    number: str
    title: str
    talk: timedelta | None
    outcome: str


class Owner(Protocol):
    """Registered by the floor that owns calls."""

    def report(self, events: list[tuple[str, CallEvent]], now: datetime) -> None:
        """Store the (owner, event) pairs in the caller's transaction and have them looked at after its commit."""

    def permit(self, owner: str, party: Party, attempt: int, now: datetime) -> Refusal | Allowance | None:
        """Lock the owner for the rest of the caller's transaction and say whether it may be rung now.

        A dial that is allowed is counted against the allowance, in the same transaction; None: against nothing.
        """

    def exists(self, owner: str) -> bool:
        """Whether the owner still exists and is not finished, for the sweeps that give resources back."""

    def describe(self, owner: str, now: datetime) -> Description | None:
        """What the agent at the desk is shown of the owner that they have; None when it is gone."""

    def accept(self, owner: str, reservation: str, *, now: datetime) -> None:
        """The agent takes the offer. Raises TooLate."""

    def reject(self, owner: str, reservation: str, *, now: datetime) -> None:
        """The agent refuses the offer. Raises TooLate, and NotPossible where it may not be refused."""

    def hold(self, owner: str, reservation: str, *, on: bool, now: datetime) -> None:
        """Let the customer hear the waiting treatment, or talk again. Raises TooLate."""

    def hang_up(self, owner: str, reservation: str, *, now: datetime) -> None:
        """End the talk for both. Raises TooLate."""

    def dispose(self, owner: str, agent: str, *, choice: Choice, at: datetime | None, now: datetime) -> None:
        """What came of the talk; `at` with CALL_AT only. Raises TooLate, and NotPossible with what is possible."""

    def handled_by(self, agent: str, *, since: datetime, now: datetime) -> list[Handled]:
        """What came to an agent since then, newest first, at most 200."""


_owner: Owner | None = None


def register(owner: Owner) -> None:
    global _owner
    _owner = owner


def owner() -> Owner:
    if _owner is None:
        raise RuntimeError("no owner of calls is registered: the callbacks app is not installed")
    return _owner
