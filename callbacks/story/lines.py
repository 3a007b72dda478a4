"""The journal as a list: what was not done, and by what one may look for an entry in a long one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from callbacks.models import JournalEntry

# Something that was to be done, or was asked for, and was not.
_SUPPRESSED = frozenset(
    {"dropped", "refused", "put-off", "not-asked", "given-back", "turned-away", "not-heard", "treatment-failed"}
)
# Nobody's doing but that of the service itself.
SYSTEM = "system"


class Show(StrEnum):
    """What of the journal is shown."""

    ALL = ""
    NOT_DONE = "not-done"
    PEOPLE = "people"
    CALLS = "calls"
    ASKED = "asked"
    QUEUE = "queue"


_CALLS = frozenset(
    {
        *("dialling", "ringing", "answered", "detected", "unsure", "attempt-failed", "message", "greeting", "waiting"),
        *("treatment-failed", "not-heard", "reserved", "agent-answered", "agent-failed", "agent-left", "joining"),
        *("connected", "hold", "hung-up", "retained", "apology", "arrived", "turned-away", "disposition", "disposed"),
        "ended",
    }
)
_ASKED = frozenset(
    {"asked", "pushed", "confirmed", "not-confirmed", "not-asked", "snoozed", "reminder", "expecting", "arrived"}
)
_QUEUE = frozenset(
    {
        *("scheduled", "rescheduled", "started", "held", "awaiting", "reserving", "target", "put-off", "preview"),
        *("accepted", "rejected", "lapsed", "given-back", "paused", "resumed"),
        *("called-now", "prioritised", "assigned"),
    }
)


def is_suppressed(entry: JournalEntry) -> bool:
    """True where it says that something was not done."""
    return entry.kind in _SUPPRESSED or (entry.kind == "ended" and entry.text.startswith("Not dialled:"))


_SHOWN: dict[Show, Callable[[JournalEntry], bool]] = {
    Show.ALL: lambda entry: True,
    Show.NOT_DONE: is_suppressed,
    Show.PEOPLE: lambda entry: entry.actor != SYSTEM,
    Show.CALLS: lambda entry: entry.kind in _CALLS,
    Show.ASKED: lambda entry: entry.kind in _ASKED,
    Show.QUEUE: lambda entry: entry.kind in _QUEUE,
}


@dataclass(frozen=True)
class Line:
    entry: JournalEntry
    suppressed: bool


def lines(entries: Sequence[JournalEntry], show: Show) -> list[Line]:
    return [Line(entry, is_suppressed(entry)) for entry in entries if _SHOWN[show](entry)]


def counted(entries: Sequence[JournalEntry]) -> dict[Show, int]:
    """How many entries each choice shows."""
    return {show: sum(map(chosen, entries)) for show, chosen in _SHOWN.items()}


@dataclass(frozen=True)
class Push:
    """The customer's device was asked; `outcome` is what became of it, empty while nobody knows."""

    at: datetime
    text: str
    outcome: str = ""
    settled_at: datetime | None = None


def pushes(entries: Sequence[JournalEntry]) -> list[Push]:
    """Each question to the customer's device, also one that was not asked, oldest first."""
    found: list[Push] = []
    for entry in entries:
        if entry.kind == "asked":
            found.append(Push(entry.at, entry.text))
        elif entry.kind == "not-asked":
            found.append(Push(entry.at, entry.text, entry.text, entry.at))
        elif entry.cause == "PushSettled" and found and not found[-1].outcome:
            found[-1] = Push(found[-1].at, found[-1].text, entry.text, entry.at)
    return found
