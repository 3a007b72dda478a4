"""A human is on the line and no agent yet: greeting, waiting treatment, and the apology when nobody was found."""

from __future__ import annotations

from callbacks.flow import transitions
from callbacks.flow.decision import DialResult
from callbacks.flow.events import Event, TimerFired
from callbacks.flow.states import Reason
from callbacks.flow.turn import Turn
from telephony.events import AgentReserved, LegEnded, LegSoundsFinished, Party

OUT_OF_TIME = {
    "agent_wait": "No agent was found in time (_max_time_to_wait_for_agent_on_the_call).",
    "queue_ttl": "The time in the queue is over (_urs_queued_ttl).",
}


def on_greeting(turn: Turn, event: Event) -> bool:
    match event:
        case LegSoundsFinished(party=Party.CUSTOMER, number=number, failed=failed) if number == turn.session.sounds:
            if failed:
                turn.note("not-heard", f"{turn.options.treatment_customer_connect.file} could not be played.")
            transitions.wait(turn)
        case TimerFired(name="stage"):
            transitions.wait(turn)
        case LegEnded(party=Party.CUSTOMER):
            customer_left(turn)
        case _:
            return False
    return True


def on_waiting(turn: Turn, event: Event) -> bool:
    match event:
        case AgentReserved(agent=agent, reservation=reservation, visit=visit) if visit == turn.session.visit:
            transitions.connect(turn, agent, reservation)
        case LegSoundsFinished(failed=True) if treatment_is_missing(turn, event):
            transitions.fall_back(turn)
        case TimerFired(name=name) if name in OUT_OF_TIME:
            transitions.apologise(turn, Reason.FAIL_TARGET_NOT_FOUND, OUT_OF_TIME[name])
        case LegEnded(party=Party.CUSTOMER):
            customer_left(turn)
        case _:
            return False
    return True


def on_apology(turn: Turn, event: Event) -> bool:
    reason = turn.session.reason or Reason.FAIL_TARGET_NOT_FOUND
    match event:
        case LegSoundsFinished(party=Party.CUSTOMER, number=number, failed=failed) if number == turn.session.sounds:
            why = "The apology could not be played." if failed else "The apology was played."
        case TimerFired(name="stage"):
            why = "The end of the apology was not reported."
        case LegEnded(party=Party.CUSTOMER):
            why = "The customer hung up during the apology."
        case _:
            return False
    transitions.end(turn, reason, why)
    return True


def treatment_is_missing(turn: Turn, event: LegSoundsFinished) -> bool:
    """Whether the treatment that the customer should now be hearing failed, and the sample has not been tried."""
    session = turn.session
    return event.party is Party.CUSTOMER and event.number == session.sounds and not session.fallback


def customer_left(turn: Turn) -> None:
    """The customer hung up before an agent was joined; an agent on the way is given back with their idle time."""
    if turn.session.reservation:
        turn.end_attempt(Party.AGENT, DialResult.UNKNOWN, "the customer hung up first")
    transitions.end(turn, Reason.FAIL_INTERACTION_DELETED, "The customer hung up before an agent was connected.")
