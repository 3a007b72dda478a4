"""Everything that can happen to a callback. Telephony's own events come from `telephony.events`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter

from callbacks.flow.states import Reason
from telephony import events as call
from telephony.events import CallEvent
from telephony.upwards import Choice


@dataclass(frozen=True)
class Started:
    """The start request was accepted; `of` is the callback that it repeats, empty where it is none's repetition."""

    actor: str
    of: str = ""


@dataclass(frozen=True)
class TimerFired:
    """A timer armed for one visit of a stage is due."""

    name: str
    visit: int


@dataclass(frozen=True)
class StartDue:
    """The scan found that its time less the estimated wait (`ewt`, seconds) has come, for the time it then had.

    `place_at` is its place in the queue; None: behind all others, when this is decided.
    """

    desired_at: datetime
    ewt: float
    place_at: datetime | None = None


@dataclass(frozen=True)
class Rescheduled:
    """A new desired time; `slot` is the start of the slot that is booked for it, None when it is to be now."""

    actor: str
    desired_at: datetime
    slot: datetime | None


@dataclass(frozen=True)
class Changed:
    """Keys of the request were changed; the row has them already. `unaskable` as in the session."""

    actor: str
    text: str
    unaskable: str


@dataclass(frozen=True)
class NumberChanged:
    """Another number of the customer; the row has it already."""

    actor: str
    number: str


@dataclass(frozen=True)
class CalledNow:
    """A supervisor has the customer called at once; no slot is booked for it any more."""

    actor: str


@dataclass(frozen=True)
class Prioritised:
    """A supervisor gave it another priority in its queue."""

    actor: str
    priority: int


@dataclass(frozen=True)
class Assigned:
    """For so many `seconds` only this agent is looked for, then everybody; nobody by name where `agent` is empty."""

    actor: str
    agent: str
    seconds: int


@dataclass(frozen=True)
class Noted:
    """Somebody's own words for the timeline; `form` names the form that they came with, so that they come once."""

    actor: str
    text: str
    form: str


@dataclass(frozen=True)
class Recreated:
    """One that is over was asked for anew, as another `callback`."""

    actor: str
    callback: str


@dataclass(frozen=True)
class Connected:
    """The customer, who was asked, wants to be called now; one who calls us asks for the number to call."""

    actor: str


@dataclass(frozen=True)
class Snoozed:
    """The customer, who was asked, wants to be asked again later."""

    actor: str


@dataclass(frozen=True)
class PreviewAccepted:
    """The agent takes the callback that they were shown."""

    actor: str
    reservation: str


@dataclass(frozen=True)
class PreviewRejected:
    actor: str
    reservation: str


@dataclass(frozen=True)
class HoldChanged:
    """The agent lets the customer wait (`on`), or goes on talking."""

    actor: str
    reservation: str
    on: bool


@dataclass(frozen=True)
class HungUp:
    """The agent ended the talk at the desk."""

    actor: str
    reservation: str


@dataclass(frozen=True)
class Disposed:
    """What came of the talk; with CALL_AT the new time and its booked slot."""

    actor: str
    choice: Choice
    desired_at: datetime | None = None
    slot: datetime | None = None


@dataclass(frozen=True)
class Paused:
    """The service was paused."""


@dataclass(frozen=True)
class Resumed:
    """The service goes on."""


@dataclass(frozen=True)
class Cancelled:
    actor: str
    reason: Reason = Reason.CANCELLED


@dataclass(frozen=True)
class Served:
    """The customer is served another way: `callback` is the one in which they talk, empty where somebody says so."""

    actor: str
    callback: str = ""


@dataclass(frozen=True)
class Expired:
    """The desired time plus `_ttl` has passed."""


@dataclass(frozen=True)
class SetAside:
    """An event could not be handled three times, or the options cannot be resolved: the callback ends in error."""

    error: str


@dataclass(frozen=True)
class PushSettled:
    """What became of the push that was sent for a visit of the stage. `gone`: the device will not be reached again."""

    visit: int
    delivered: bool
    detail: str = ""
    gone: bool = False


Event = (
    Started
    | TimerFired
    | StartDue
    | Rescheduled
    | Changed
    | NumberChanged
    | CalledNow
    | Prioritised
    | Assigned
    | Noted
    | Recreated
    | Connected
    | Snoozed
    | PreviewAccepted
    | PreviewRejected
    | HoldChanged
    | HungUp
    | Disposed
    | Paused
    | Resumed
    | PushSettled
    | Cancelled
    | Served
    | Expired
    | SetAside
    | CallEvent
)

_ADAPTERS: dict[str, TypeAdapter[Any]] = {
    cls.__name__: TypeAdapter(cls)
    for cls in (
        Started,
        TimerFired,
        StartDue,
        Rescheduled,
        Changed,
        NumberChanged,
        CalledNow,
        Prioritised,
        Assigned,
        Noted,
        Recreated,
        Connected,
        Snoozed,
        PreviewAccepted,
        PreviewRejected,
        HoldChanged,
        HungUp,
        Disposed,
        Paused,
        Resumed,
        PushSettled,
        Cancelled,
        Served,
        Expired,
        SetAside,
        call.LegDialling,
        call.LegAnswered,
        call.LegProgress,
        call.LegSoundsFinished,
        call.LegsJoined,
        call.LegEnded,
        call.DialRefused,
        call.TrunkUnavailable,
        call.AgentReserved,
        call.DialGranted,
        call.ReservationExpired,
        call.TargetSwitched,
        call.CustomerArrived,
    )
}


def dump(event: Event) -> dict[str, Any]:
    """The event as a JSON object with its kind, for the table of pending events."""
    kind = type(event).__name__
    return {"kind": kind, **_ADAPTERS[kind].dump_python(event, mode="json")}


def load(stored: dict[str, Any]) -> Event:
    """The event back from `dump`; raises KeyError or pydantic's ValidationError for what `dump` never wrote."""
    fields = dict(stored)
    event: Event = _ADAPTERS[fields.pop("kind")].validate_python(fields)
    return event
