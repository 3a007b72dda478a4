"""The contract between the callback flow and a telephone switch.

A switch creates, dials, joins and deletes *legs* (one party's call each), plays lists of sounds to them, and reports
what happens to them as events. Everything vendor-specific stays in the vendor's own folder (`telephony/asterisk`,
`telephony/simulator`); nothing here touches the database or the clock.

Legs that arrive (customers who call us) have the switch's own ids and are answered when they are told of.

Ringing a phone takes two steps: `create_leg` makes the leg under an id of ours and rings nobody; `dial_leg` rings.
All verbs may be repeated: a second `create_leg` of a live id, a `delete_leg` of an absent one, a `play` whose number
is already playing are successes without effect.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

# Every leg that we create carries this prefix. Beside these only legs that `Arrived` are ours; those of others on the
# same switch are never touched.
LEG_PREFIX = "cb-"


class Rejected(Exception):
    """The switch refuses for good: repeating the same act will not help (unknown endpoint, leg gone)."""


class Unavailable(Exception):
    """The switch cannot now (unreachable, overloaded, time-out): try later. Whether the act was done is unknown."""


class Verdict(StrEnum):
    """What call progress detection made of whoever answered."""

    HUMAN = "human"
    MACHINE = "machine"
    FAX = "fax"
    TONE = "tone"
    UNSURE = "unsure"


class LegState(StrEnum):
    """How far a leg has come, in this order; `ENDED` is final."""

    CREATED = "created"
    SENT = "sent"
    RINGING = "ringing"
    UP = "up"
    ENDED = "ended"


class EndCause(StrEnum):
    """Why a leg ended, in our words; each vendor folder maps its own causes to these, totally."""

    HANGUP = "hangup"  # the party, or we, hung up an answered leg
    BUSY = "busy"
    NO_ANSWER = "no_answer"  # it rang and nobody answered
    REFUSED = "refused"  # the far end refused the call (rejected, unallocated number, ...)
    UNREACHABLE = "unreachable"  # the trunk or switch could not carry the call: no phone rang
    CANCELLED = "cancelled"  # deleted by us before it was answered
    UNKNOWN = "unknown"  # nobody can say; it may have rung


@dataclass(frozen=True)
class LegRequest:
    """What `create_leg` needs. `endpoint` is in the switch's own syntax (for Asterisk `PJSIP/4711@trunk`).

    `attached` are (key, text) pairs for the phone that rings, where the switch can hand them over; personal data.
    """

    id: str
    endpoint: str
    caller_number: str = ""
    caller_name: str = ""
    detect: bool = False  # run call progress detection as soon as the leg is answered
    attached: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Sounds:
    """A list of sounds under a number that grows with every new list of a leg.

    `files` are treatment paths below the sound store, without extension rules of any vendor. A list without `loop` is
    played once, in order. `after_beep` waits for the end of an answering machine's greeting first.
    """

    number: int
    files: tuple[str, ...]
    loop: bool = False
    after_beep: bool = False


@dataclass(frozen=True)
class LegSeen:
    """One leg as the switch lists it, for reconciliation. `bridge` is None where it is in none."""

    id: str
    state: LegState
    created_at: datetime
    bridge: str | None = None


@dataclass(frozen=True)
class Created:
    """The leg exists and may be dialled."""

    leg: str


@dataclass(frozen=True)
class Dialling:
    """The call left the switch: the phone may ring from now on."""

    leg: str


@dataclass(frozen=True)
class Ringing:
    leg: str


@dataclass(frozen=True)
class Answered:
    leg: str


@dataclass(frozen=True)
class Progress:
    leg: str
    verdict: Verdict
    detail: str = ""


@dataclass(frozen=True)
class SoundsFinished:
    """List `number` ended by itself (not by `stop`); `failed` when it could not be played at all."""

    leg: str
    number: int
    failed: bool = False


@dataclass(frozen=True)
class EnteredBridge:
    leg: str
    bridge: str


@dataclass(frozen=True)
class LeftBridge:
    leg: str
    bridge: str


@dataclass(frozen=True)
class Arrived:
    """Somebody called us and is on the line, answered; may be told again of a leg that is still there."""

    leg: str
    called: str
    caller: str = ""  # empty where it is withheld


@dataclass(frozen=True)
class Digit:
    """A key that somebody who called us pressed: 0 to 9, *, #."""

    leg: str
    digit: str


@dataclass(frozen=True)
class Ended:
    leg: str
    cause: EndCause
    detail: str = ""  # the switch's own word for it, for the timeline


@dataclass(frozen=True)
class Snapshot:
    """All legs of ours, created or arrived, that the switch knew at `taken_at`.

    Sent after every (re)connect and every 30 s.
    """

    legs: tuple[LegSeen, ...]
    taken_at: datetime


LegEvent = (
    Created
    | Dialling
    | Ringing
    | Answered
    | Progress
    | SoundsFinished
    | EnteredBridge
    | LeftBridge
    | Arrived
    | Digit
    | Ended
)
SwitchEvent = LegEvent | Snapshot


class Switch(Protocol):
    """The verbs. Every one returns within its time-out or raises `Rejected` or `Unavailable`."""

    # The verdicts that this switch's detection can give; an option that needs another one is refused in admin.
    verdicts: frozenset[Verdict]

    def create_leg(self, request: LegRequest) -> None: ...

    def dial_leg(self, leg: str, *, timeout: int) -> None:
        """Ring for at most `timeout` seconds. A success proves nothing; only the events do."""

    def delete_leg(self, leg: str) -> None: ...

    def play(self, leg: str, sounds: Sounds) -> None: ...

    def stop(self, leg: str, number: int) -> None:
        """Stop list `number`; no event follows."""

    def join(self, bridge: str, legs: tuple[str, ...]) -> None:
        """Put all legs into the bridge, creating it where needed. Whatever they hear must have been stopped before."""

    def hold(self, bridge: str, leg: str) -> None:
        """Take the leg out of the bridge; it stays up and hears nothing."""

    def close_bridge(self, bridge: str) -> None: ...

    def list_legs(self) -> tuple[LegSeen, ...]: ...


class Listener(Protocol):
    """The one reader of a switch's events, owned by the process that holds the switch's lease."""

    def events(self) -> Iterator[SwitchEvent | None]:
        """Yield events in the order in which they happened, and None at least every 250 ms when there are none.

        Connects by itself, and again after a loss, yielding a `Snapshot` each time before the events that follow it;
        sends answered legs that asked for detection on into detection at once, without waiting for a worker.
        """

    @property
    def connected(self) -> bool: ...

    def close(self) -> None: ...
