"""From the wish to dial the customer to their answer, and the pause between two attempts."""

from __future__ import annotations

from datetime import timedelta

from callbacks.flow import transitions
from callbacks.flow.decision import DialResult
from callbacks.flow.events import Event, Paused, TimerFired
from callbacks.flow.states import Reason
from callbacks.flow.turn import Turn
from telephony.events import (
    DialRefused,
    LegAnswered,
    LegDialling,
    LegEnded,
    Party,
    ReservationExpired,
    TrunkUnavailable,
)
from telephony.switch import EndCause

# A refusal without a foreseeable end (nobody listens to the switch) is tried again after this pause.
REFUSED_PAUSE = timedelta(seconds=5)

RESULTS: dict[EndCause, tuple[DialResult, str]] = {
    EndCause.BUSY: (DialResult.BUSY, "The customer's line is busy."),
    EndCause.NO_ANSWER: (DialResult.NO_ANSWER, "Nobody answered."),
    EndCause.REFUSED: (DialResult.CREATE_CALL_ERROR, "The call was refused."),
    EndCause.UNREACHABLE: (DialResult.CREATE_CALL_ERROR, "The call could not be carried."),
    EndCause.HANGUP: (DialResult.UNKNOWN, "The call ended."),
    EndCause.CANCELLED: (DialResult.UNKNOWN, "The call was taken back before an answer."),
    EndCause.UNKNOWN: (DialResult.UNKNOWN, "It is unknown whether the phone rang."),
}


def on_dialling(turn: Turn, event: Event) -> bool:
    match event:
        case LegDialling(party=Party.CUSTOMER):
            transitions.ring(turn)
            return True
    return on_ringing(turn, event)


def on_ringing(turn: Turn, event: Event) -> bool:
    match event:
        case LegAnswered(party=Party.CUSTOMER):
            transitions.answer(turn)
        case DialRefused(party=Party.CUSTOMER):
            refused(turn, event)
        case TrunkUnavailable(party=Party.CUSTOMER, detail=detail, retry_at=retry_at):
            transitions.put_off(turn, f"The trunk could not carry the call ({detail}).", retry_at)
        case LegEnded(party=Party.CUSTOMER, cause=cause, detail=detail):
            result, text = RESULTS[cause]
            transitions.fail_attempt(turn, result, f"{text[:-1]} ({detail})." if detail else text)
        # Without a reservation it is the leg of an earlier talk, whose end is only now known.
        case LegEnded(party=Party.AGENT) if turn.session.reservation:
            transitions.agent_left_while_calling(turn)
        case ReservationExpired(reservation=reservation) if reservation == turn.session.reservation:
            transitions.agent_left_while_calling(turn)
        case TimerFired(name="stage"):
            transitions.fail_attempt(turn, DialResult.NO_ANSWER, "The switch did not report an end of the ringing.")
        case _:
            return False
    return True


def refused(turn: Turn, event: DialRefused) -> None:
    """The permit said no: never, in a moment, or not before the office and the customer's day say yes."""
    if event.final:
        transitions.end(turn, Reason.FAIL_NUMBER_BLOCKED, f"Not dialled: {event.reason.rstrip('.')}.")
    elif event.retry_at is None:
        transitions.put_off(turn, event.reason, turn.now + REFUSED_PAUSE)
    else:
        transitions.put_off_for_hours(turn, event.reason, event.retry_at)


def on_retrying(turn: Turn, event: Event) -> bool:
    match event:
        case TimerFired(name="stage"):
            if not transitions.is_too_late(turn, turn.session.deadline or turn.now):
                transitions.proceed(turn)
            return True
        case Paused():
            transitions.pause(turn)
            return True
        case TimerFired(name="queue_ttl"):
            transitions.end(turn, Reason.FAIL_TARGET_NOT_FOUND, "The time in the queue is over (_urs_queued_ttl).")
            return True
    return False
