"""The machine: what one event means for one callback. Pure: no database, no clock, no network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from callbacks.flow import projections, steered, transitions
from callbacks.flow.decision import Decision, RefuseArrived, ReleaseAgent
from callbacks.flow.events import (
    Cancelled,
    Changed,
    Connected,
    Disposed,
    Event,
    Expired,
    HoldChanged,
    HungUp,
    Paused,
    PreviewAccepted,
    PreviewRejected,
    PushSettled,
    Rescheduled,
    Resumed,
    Served,
    SetAside,
    Snoozed,
    StartDue,
    TimerFired,
)
from callbacks.flow.options import FlowOptions
from callbacks.flow.session import Session, Stage
from callbacks.flow.stages import (
    agent_first,
    connecting,
    detecting,
    dialling,
    originated,
    scheduled,
    talking,
    waiting,
)
from callbacks.flow.states import Reason, State
from callbacks.flow.turn import Turn
from telephony.events import (
    AgentReserved,
    CustomerArrived,
    DialGranted,
    LegDialling,
    LegsJoined,
    Party,
    ReservationExpired,
    TargetSwitched,
)

Handler = Callable[[Turn, Event], bool]

# An agent is asked, or their phone rings: their reservation lasts as long as the stage.
ASKS_AGENT = frozenset({Stage.PREVIEWING, Stage.CALLING_AGENT, Stage.CONNECTING})


def _nothing(turn: Turn, event: Event) -> bool:
    return False


STAGES: dict[Stage, Handler] = {
    Stage.NEW: scheduled.on_new,
    Stage.SCHEDULED: scheduled.on_scheduled,
    Stage.HELD: scheduled.on_held,
    Stage.AWAITING: scheduled.on_awaiting,
    Stage.RESERVING: agent_first.on_reserving,
    Stage.PREVIEWING: agent_first.on_previewing,
    Stage.CALLING_AGENT: agent_first.on_calling_agent,
    Stage.CONFIRMING: scheduled.on_confirming,
    Stage.EXPECTING: originated.on_expecting,
    Stage.DIALLING: dialling.on_dialling,
    Stage.RINGING: dialling.on_ringing,
    Stage.DETECTING: detecting.on_detecting,
    Stage.MESSAGE: detecting.on_message,
    Stage.GREETING: waiting.on_greeting,
    Stage.WAITING: waiting.on_waiting,
    Stage.CONNECTING: connecting.on_connecting,
    Stage.JOINING: connecting.on_joining,
    Stage.TALKING: talking.on_talking,
    Stage.DISPOSITION: talking.on_disposition,
    Stage.APOLOGY: waiting.on_apology,
    Stage.RETRYING: dialling.on_retrying,
    Stage.PAUSED: scheduled.on_paused,
    Stage.ENDED: _nothing,
}


def decide(session: Session, options: FlowOptions, event: Event, now: datetime) -> Decision:
    """Decide one event. Any event may come in any stage and any order; what is not for now is dropped, and said so.

    1. What was made for something that is no longer current is dropped.
    2. Ends from outside (cancel, expiry, an event that cannot be handled) are the same in every stage, and so is what
       the customer or a supervisor may ask for at any time, and is told when it is not the time for it.
    3. The stage decides.
    4. A resource that the stage did not want is given back.
    """
    turn = Turn(session, options, now)
    if _is_stale(session, event, now):
        turn.note("dropped", f"{_name(event)} came too late and changed nothing.")
    elif not (
        _ends_from_outside(turn, event)
        or STAGES[session.stage](turn, event)
        or _is_asked_for(turn, event)
        or steered.steer(turn, event)
    ):
        _give_back(turn, event)
    return turn.decision()


def _is_stale(session: Session, event: Event, now: datetime) -> bool:
    match event:
        case TimerFired(name="stage", visit=visit):
            return visit != session.visit
        case PushSettled(visit=visit):
            return visit != session.visit
        case LegsJoined(agent_attempt=attempt):
            return attempt != session.agent_attempt
        case ReservationExpired(reservation=reservation) if session.stage in ASKS_AGENT:
            # It ran out before the callback heard of it, which has prolonged it since.
            in_time = session.deadline is not None and now < session.deadline
            return in_time and reservation == session.reservation
    party = getattr(event, "party", None)
    current = {Party.CUSTOMER: session.attempt, Party.AGENT: session.agent_attempt}
    return party is not None and getattr(event, "attempt", None) != current[party]


def _ends_from_outside(turn: Turn, event: Event) -> bool:
    session = turn.session
    match event:
        case Cancelled(actor=actor, reason=reason):
            state = projections.public_state(session)
            if session.stage is Stage.TALKING or state in {State.PROCESSING, State.COMPLETED}:
                turn.refuse(f"A cancel by {actor}", "cannot be cancelled")
            else:
                transitions.end(turn, reason, f"Cancelled by {actor}.")
        case Served():
            _served(turn, event)
        case Expired() if session.stage is not Stage.DISPOSITION:
            if projections.wanted_call(session, turn.options).empty and session.stage is not Stage.ENDED:
                transitions.end(turn, Reason.FAIL_TIMEOUT_TTL, "Not handled within its time to live (_ttl).")
        case SetAside(error=error):
            _set_aside(turn, error)
        case _:
            return False
    return True


def _served(turn: Turn, served: Served) -> None:
    """End one whose customer is served another way; by their number only one that waits and is not being called."""
    state = projections.public_state(turn.session)
    if served.callback and state in {State.QUEUED, State.PAUSED}:
        text = f"Agent {served.actor} talks with the customer in callback {served.callback}."
        transitions.end(turn, Reason.CANCELLED_SERVED, text)
    elif served.callback:
        if turn.session.stage is not Stage.ENDED:
            turn.note("dropped", f"The customer talks in callback {served.callback}; this one goes on as {state}.")
    elif turn.session.stage is Stage.TALKING or state in {State.PROCESSING, State.COMPLETED}:
        turn.refuse(f"A mark as served by {served.actor}", "cannot be marked as served")
    else:
        transitions.end(turn, Reason.CANCELLED_SERVED, f"Marked as served by {served.actor}.")


def _is_asked_for(turn: Turn, event: Event) -> bool:
    """What may be asked for in every stage, where the stage itself has nothing to say about it."""
    match event:
        case Rescheduled(actor=actor, desired_at=desired_at, slot=slot):
            if turn.session.stage in projections.WITH_CUSTOMER:
                turn.refuse(f"A new time by {actor}", "cannot be given another time: the customer is being called")
            elif turn.session.stage in {Stage.CALLING_AGENT, Stage.PREVIEWING}:
                turn.refuse(f"A new time by {actor}", "cannot be given another time: an agent is being asked")
            elif turn.session.stage in {Stage.DISPOSITION, Stage.ENDED}:
                turn.refuse(f"A new time by {actor}", "cannot be given another time")
            else:
                turn.note("rescheduled", f"Another time was asked for by {actor}: {transitions.said(desired_at)}.")
                transitions.reschedule(turn, desired_at, slot)
        case Changed(actor=actor, text=text, unaskable=unaskable):
            if turn.session.stage is Stage.ENDED:
                turn.refuse(f"A change by {actor}", "cannot be changed")
            else:
                turn.session = replace(turn.session, unaskable=unaskable)
                turn.note("changed", f"{text} By {actor}.")
        case Connected(actor=actor) if turn.session.stage is Stage.EXPECTING:
            why = "has been given an access number as often as it may be (_userorig_connect_limit)"
            turn.refuse(f"Another access number for {actor}", why)
        case Connected(actor=actor):
            # The same answer again for a client that did not hear the first one.
            if not turn.session.confirmed or projections.public_state(turn.session) is State.COMPLETED:
                turn.refuse(f"A confirmation by {actor}", "is not waiting for a confirmation")
        case Snoozed(actor=actor):
            turn.refuse(f"A wish to be asked later by {actor}", "is not waiting for a confirmation")
        case PreviewRejected(actor=actor, reservation=reservation) if (
            turn.session.stage is Stage.PREVIEWING and reservation == turn.session.reservation
        ):
            turn.refuse(f"A rejection by {actor}", "may only be accepted (_agent_preview_allow_reject)")
        case PreviewAccepted(actor=actor) | PreviewRejected(actor=actor):
            turn.refuse(f"A decision by {actor}", "is no longer offered")
        case HoldChanged(actor=actor) | HungUp(actor=actor):
            turn.refuse(f"An act by {actor}", "is not on the line")
        case Disposed(actor=actor):
            turn.refuse(f"A disposition by {actor}", "takes none")
        case TargetSwitched(target=target, why=why):
            if turn.session.stage in projections.IN_QUEUE:
                turn.note("target", f"Now looking for {target}: {why}.")
        case TimerFired(name=projections.REMINDER) if turn.session.remind_at is not None:
            transitions.remind(turn)
        case Paused() | Resumed():
            pass
        case _:
            return False
    return True


def _set_aside(turn: Turn, error: str) -> None:
    """End in error; a joined call runs on until a party hangs up, and a talk that is over stays what it was."""
    if turn.session.stage is Stage.TALKING:
        turn.session = replace(turn.session, deadline=None, reason=turn.session.reason or Reason.FAIL_ERROR)
        turn.note("error", f"An event could not be handled: {error} The talk goes on.")
    elif turn.session.stage is Stage.DISPOSITION:
        text = f"An event could not be handled: {error} The talk is taken as done."
        transitions.end(turn, Reason.AGENT_CONNECTED, text)
    elif turn.session.stage is Stage.ENDED:
        turn.note("error", f"An event could not be handled: {error}")
    else:
        transitions.end(turn, Reason.FAIL_ERROR, error)


def _give_back(turn: Turn, event: Event) -> None:
    match event:
        case AgentReserved(agent=agent, reservation=reservation):
            turn.agent(ReleaseAgent(reservation))
            turn.note("given-back", f"Agent {agent} was reserved but is no longer needed; given back.", agent=agent)
        case ReservationExpired(reservation=reservation):
            turn.agent(ReleaseAgent(reservation))
        case LegDialling(party=Party.CUSTOMER):
            # A dial that was under way as the wish was withdrawn: its attempt still tells that the phone may have rung.
            is_over = turn.session.stage not in projections.WITH_CUSTOMER
            turn.attempt(Party.CUSTOMER, dialled_at=turn.now, ended_at=turn.now if is_over else None)
            turn.note("dropped", "The call had already been sent; it is being taken back.")
        case CustomerArrived(leg=leg):
            turn.arrival(RefuseArrived(leg))
            turn.note("turned-away", "The customer called, but no call is expected from them now; they are told so.")
        case DialGranted() | TimerFired() | StartDue():
            turn.note("dropped", f"{_name(event)} came too late and changed nothing.")


def _name(event: Event) -> str:
    return f"Timer {event.name}" if isinstance(event, TimerFired) else type(event).__name__
