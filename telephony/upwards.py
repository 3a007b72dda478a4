"""What telephony says upwards: events of a call to its owner, and the question whether a phone may ring now.

The floor above registers one `Owner`. Telephony knows owners only by id; an event for an absent owner is dropped there.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from telephony.events import CallEvent, Party


@dataclass(frozen=True)
class Refusal:
    """Why a phone may not ring now, and from when on it might (None: not foreseeable). `final`: it never may."""

    reason: str
    retry_at: datetime | None = None
    final: bool = False


@dataclass(frozen=True)
class Description:
    """What an agent is shown of an owner. `lines` are the customer's own words: they may hold anything."""

    title: str
    number: str
    lines: tuple[tuple[str, str], ...] = ()


class Owner(Protocol):
    """Registered by the floor that owns calls."""

    def report(self, events: list[tuple[str, CallEvent]], now: datetime) -> None:
        """Store the (owner, event) pairs in the caller's transaction and have them looked at after its commit."""

    def permit(self, owner: str, party: Party, attempt: int, now: datetime) -> Refusal | None:
        """Lock the owner for the rest of the caller's transaction and say whether it may be rung now."""

    def exists(self, owner: str) -> bool:
        """Whether the owner still exists and is not finished, for the sweeps that give resources back."""

    def describe(self, owner: str) -> Description | None:
        """What the agent at the desk is shown of the owner that they are reserved for; None when it is gone."""


_owner: Owner | None = None


def register(owner: Owner) -> None:
    global _owner
    _owner = owner


def owner() -> Owner:
    if _owner is None:
        raise RuntimeError("no owner of calls is registered: the callbacks app is not installed")
    return _owner
