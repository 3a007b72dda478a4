"""Customer and agent talk; the public state may already be COMPLETED. The first hang-up ends the call for both.

Then, where the service asks for it, the agent says what came of it (`_enable_disposition_dialog`).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from callbacks.flow import transitions
from callbacks.flow.decision import ReleaseAgent, ShortenWrapUp
from callbacks.flow.events import Disposed, Event, Expired, HoldChanged, HungUp, TimerFired
from callbacks.flow.options import FlowOptions
from callbacks.flow.session import Session, Stage
from callbacks.flow.states import Reason
from callbacks.flow.turn import Turn
from telephony.events import LegEnded, LegsJoined, LegSoundsFinished, Party, ReservationExpired
from telephony.upwards import Choice

AGAIN = frozenset({Choice.CALL_NOW, Choice.CALL_AT})
SAID: dict[Choice, str] = {
    Choice.DONE: "done",
    Choice.CALL_NOW: "call again now",
    Choice.CALL_AT: "call again later",
    Choice.WRONG_NUMBER: "wrong number",
    Choice.MACHINE: "it was an answering machine",
    Choice.DO_NOT_CALL: "the customer does not want to be called",
}


def on_talking(turn: Turn, event: Event) -> bool:
    session = turn.session
    match event:
        case LegEnded(party=party):
            who = "The customer" if party is Party.CUSTOMER else f"Agent {session.agent}"
            hang_up(turn, f"{who} hung up; the talk is over.")
        case ReservationExpired(reservation=reservation) if reservation == session.reservation:
            hang_up(turn, "The agent's call is gone; the talk is over.")
        case HungUp(actor=actor, reservation=reservation) if reservation == session.reservation:
            hang_up(turn, f"Agent {actor} ended the talk.")
        case HoldChanged(reservation=reservation, on=on) if reservation == session.reservation:
            hold(turn, on)
        case LegsJoined():
            # Joined again after a hold.
            pass
        case LegSoundsFinished(party=Party.CUSTOMER, number=number, failed=True) if number == session.sounds:
            if session.on_hold and not session.fallback:
                transitions.fall_back(turn)
        case TimerFired(name="stage"):
            # The record is closed, the talk is not: a joined call is never cut.
            turn.session = replace(session, deadline=None, reason=Reason.AGENT_CONNECTED)
            turn.note("retained", "Still talking after _max_time_to_wait_for_ixn_delete; the record is completed.")
        case _:
            return False
    return True


def hold(turn: Turn, on: bool) -> None:
    """Let the customer hear the waiting treatment, or talk with the agent again; said twice, it changes nothing."""
    session = turn.session
    if session.on_hold is on:
        return
    # A new visit, by which the wish is known as new; the time that is left to the record stays.
    turn.session = replace(session, visit=session.visit + 1, on_hold=on, sounds=session.sounds + on)
    said = f"Agent {session.agent} {'lets the customer wait' if on else 'goes on talking'}."
    turn.note("hold", said, hears=transitions.hears(turn))


def hang_up(turn: Turn, text: str) -> None:
    options, session = turn.options, turn.session
    asks = options.enable_disposition_dialog and session.reason is None
    wrap_up = max(options.wrap_up_time, options.agent_disposition_timeout) if asks else options.wrap_up_time
    turn.agent(ReleaseAgent(session.reservation, wrap_up_seconds=wrap_up))
    if session.reserved_at is not None:
        turn.measure("handling", session.reserved_at, more=options.wrap_up_time)
    turn.attempt(Party.CUSTOMER, ended_at=turn.now)
    turn.attempt(Party.AGENT, ended_at=turn.now)
    if asks:
        transitions.dispose(turn, text)
        return
    # A record that has its reason keeps it: what is COMPLETED does not change any more.
    turn.go(Stage.ENDED, reason=session.reason or Reason.AGENT_CONNECTED, reservation="", on_hold=False)
    turn.note("hung-up", text)


def choices(session: Session, options: FlowOptions) -> tuple[Choice, ...]:
    """What an agent may say of the talk: no further call after `_max_successful_customer_contacts` of them."""
    most = options.max_successful_customer_contacts
    may_call_again = most is None or session.contacts < most
    return tuple(choice for choice in Choice if may_call_again or choice not in AGAIN)


def on_disposition(turn: Turn, event: Event) -> bool:
    match event:
        case Disposed(actor=actor, choice=choice, desired_at=desired_at, slot=slot):
            if choice not in choices(turn.session, turn.options):
                return False
            turn.session = replace(turn.session, disposition=choice)
            at = f": {transitions.said(desired_at)}" if choice is Choice.CALL_AT and desired_at else ""
            turn.note("disposed", f"Agent {actor} says: {SAID[choice]}{at}.", disposition=choice)
            # It was as long as they might have taken to say so.
            turn.agent(ShortenWrapUp(turn.options.wrap_up_time))
            _go_on(turn, choice, desired_at, slot)
        case TimerFired(name="stage"):
            turn.session = replace(turn.session, disposition=Choice.DONE)
            transitions.end(turn, Reason.AGENT_CONNECTED, "The agent said nothing of the talk: it is taken as done.")
        case Expired():
            transitions.end(turn, Reason.AGENT_CONNECTED, "Its time to live is over (_ttl); the talk is taken as done.")
        case _:
            return False
    return True


def _go_on(turn: Turn, choice: Choice, desired_at: datetime | None, slot: datetime | None) -> None:
    if choice is Choice.CALL_NOW:
        transitions.call_again(turn, turn.now, None)
    elif choice is Choice.CALL_AT and desired_at is not None:
        transitions.call_again(turn, desired_at, slot)
    else:
        transitions.end(turn, Reason.AGENT_CONNECTED, "The talk is over.")
