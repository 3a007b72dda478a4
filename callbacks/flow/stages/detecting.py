"""Who answered: a human, a machine, or nobody can say."""

from __future__ import annotations

from callbacks.flow import transitions
from callbacks.flow.decision import DialResult
from callbacks.flow.events import Event, TimerFired
from callbacks.flow.states import Reason
from callbacks.flow.turn import Turn
from telephony.events import LegEnded, LegProgress, LegSoundsFinished, Party, ReservationExpired
from telephony.switch import Verdict


def on_detecting(turn: Turn, event: Event) -> bool:
    match event:
        case LegProgress(party=Party.CUSTOMER, verdict=verdict, detail=detail):
            turn.note("detected", f"Detection says {verdict} ({detail})." if detail else f"Detection says {verdict}.")
            _act_on(turn, verdict)
        case TimerFired(name="stage"):
            turn.note("detected", "Detection gave no verdict in time (_call_timeguard_timeout).")
            _act_on(turn, Verdict.UNSURE)
        case LegEnded(party=Party.CUSTOMER):
            # Whoever picked up and hung up again is not called a second time.
            turn.end_attempt(Party.CUSTOMER, DialResult.UNKNOWN, "hung up during detection")
            transitions.end(turn, Reason.FAIL_INTERACTION_DELETED, "The customer answered and hung up again.")
        case LegEnded(party=Party.AGENT) if turn.session.reservation:
            transitions.agent_left_before_joining(turn)
        case ReservationExpired(reservation=reservation) if reservation == turn.session.reservation:
            transitions.agent_left_before_joining(turn)
        case _:
            return False
    return True


def _act_on(turn: Turn, verdict: Verdict) -> None:
    if verdict is Verdict.UNSURE:
        verdict = Verdict.MACHINE if turn.options.cpd_unsure == "machine" else Verdict.HUMAN
        turn.note("unsure", f"Unsure is treated as {verdict} (_cpd_unsure).")
    match verdict:
        case Verdict.HUMAN:
            transitions.human(turn)
        case Verdict.MACHINE:
            transitions.machine(turn)
        case Verdict.FAX:
            transitions.fail_attempt(turn, DialResult.FAX, "A fax answered.")
        case Verdict.TONE:
            transitions.fail_attempt(turn, DialResult.ERROR_TONE, "A special information tone was heard.")


def on_message(turn: Turn, event: Event) -> bool:
    match event:
        case LegSoundsFinished(party=Party.CUSTOMER, number=number, failed=failed) if number == turn.session.sounds:
            played = "could not be played" if failed else "was played"
            why = f"An answering machine answered; the message {played}."
        case LegEnded(party=Party.CUSTOMER):
            why = "An answering machine answered; it hung up before the message was over."
        case TimerFired(name="stage"):
            why = "An answering machine answered; the end of the message was not reported."
        case _:
            return False
    transitions.fail_attempt(turn, DialResult.ANSWERING_MACHINE, why)
    return True
