"""An agent is reserved: their phone rings, then both parties are joined."""

from __future__ import annotations

from callbacks.flow import transitions
from callbacks.flow.decision import DialResult
from callbacks.flow.events import Event, TimerFired
from callbacks.flow.stages.waiting import customer_left, treatment_is_missing
from callbacks.flow.turn import Turn
from telephony.events import (
    DialRefused,
    LegAnswered,
    LegDialling,
    LegEnded,
    LegsJoined,
    LegSoundsFinished,
    Party,
    ReservationExpired,
    TrunkUnavailable,
)
from telephony.switch import EndCause

# Why a phone that did not answer makes its agent not ready; anything else is a fault of the phone. Where nobody can say
# what became of the call (its worker died), neither is to blame: the agent is given back as they were.
NOT_READY: dict[EndCause, tuple[DialResult, str]] = {
    EndCause.NO_ANSWER: (DialResult.NO_ANSWER, "no answer"),
    EndCause.BUSY: (DialResult.BUSY, "phone busy"),
    EndCause.REFUSED: (DialResult.CREATE_CALL_ERROR, "call refused"),
    EndCause.UNREACHABLE: (DialResult.CREATE_CALL_ERROR, "phone unreachable"),
    EndCause.HANGUP: (DialResult.UNKNOWN, "no answer"),
    EndCause.CANCELLED: (DialResult.NO_ANSWER, "no answer"),
    EndCause.UNKNOWN: (DialResult.UNKNOWN, ""),
}


def on_connecting(turn: Turn, event: Event) -> bool:
    match event:
        case LegAnswered(party=Party.AGENT):
            transitions.join(turn)
        case LegSoundsFinished(failed=True) if treatment_is_missing(turn, event):
            transitions.fall_back(turn)
        case LegEnded(party=Party.CUSTOMER):
            customer_left(turn)
        case _:
            return on_ringing_agent(turn, event)
    return True


def on_ringing_agent(turn: Turn, event: Event) -> bool:
    """What may come of ringing an agent's phone but an answer."""
    match event:
        case LegDialling(party=Party.AGENT):
            turn.attempt(Party.AGENT, dialled_at=turn.now)
        case LegEnded(party=Party.AGENT, cause=cause, detail=detail):
            result, why = NOT_READY[cause]
            text = why or "it is unknown whether the phone rang"
            text = f"{text} ({detail})." if detail else f"{text}."
            transitions.agent_failed(turn, text, result=result, not_ready_reason=why)
        case TimerFired(name="stage"):
            transitions.agent_failed(turn, "no answer.", result=DialResult.NO_ANSWER, not_ready_reason="no answer")
        case DialRefused(party=Party.AGENT, reason=reason):
            transitions.agent_failed(turn, reason, result=DialResult.CREATE_CALL_ERROR)
        case TrunkUnavailable(party=Party.AGENT, detail=detail):
            why = "phone unreachable"
            transitions.agent_failed(
                turn, f"{why} ({detail}).", result=DialResult.CREATE_CALL_ERROR, not_ready_reason=why
            )
        case ReservationExpired(reservation=reservation) if reservation == turn.session.reservation:
            transitions.agent_failed(turn, "the reservation ran out.", result=DialResult.CREATE_CALL_ERROR)
        case _:
            return False
    return True


def on_joining(turn: Turn, event: Event) -> bool:
    wrap_up = turn.options.wrap_up_time
    match event:
        case LegsJoined():
            transitions.talk(turn)
        case LegEnded(party=Party.CUSTOMER):
            customer_left(turn)
        case LegEnded(party=Party.AGENT):
            transitions.agent_failed(turn, "the agent hung up.", result=DialResult.UNKNOWN, wrap_up=wrap_up)
        case ReservationExpired(reservation=reservation) if reservation != turn.session.reservation:
            return False
        case TimerFired(name="stage") | ReservationExpired():
            text = "the two calls were not joined in time."
            transitions.agent_failed(turn, text, result=DialResult.UNKNOWN, wrap_up=wrap_up)
        case _:
            return False
    return True
