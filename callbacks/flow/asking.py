"""Asking the customer's device whether to call, and expecting the call of a customer who calls us."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from callbacks.flow import projections, transitions
from callbacks.flow.decision import DialResult, TakeArrived
from callbacks.flow.options import CONNECT_ANYWAY
from callbacks.flow.session import Stage
from callbacks.flow.states import Reason
from callbacks.flow.turn import Turn
from telephony.events import Party


def ask(turn: Turn) -> None:
    """Ask the customer's device whether to call now; the agent is counted on meanwhile."""
    deadline = turn.now + timedelta(seconds=turn.options.user_confirm_timeout)
    turn.go(Stage.CONFIRMING, deadline=deadline, asked=turn.session.asked + 1)
    most = turn.options.max_confirmation_attempts
    turn.note("asked", f"The customer's device is asked whether to call, {turn.session.asked} of {most} times.")


def not_confirmed(turn: Turn, why: str) -> None:
    """Ask again after a pause, when an agent is about to be free again; at last `_on_user_confirm_timeout` decides.

    Meanwhile the agent is left to others.
    """
    options = turn.options
    if turn.session.asked < options.max_confirmation_attempts and not turn.session.unaskable:
        pause = options.agent_availability_notification_delay
        turn.go(Stage.HELD, deadline=turn.now + timedelta(seconds=pause))
        turn.note("not-confirmed", f"{why} The customer is asked again in {pause} s at the earliest.")
    elif _connects_anyway(turn):
        turn.note("not-confirmed", f"{why} The customer is called all the same (_on_user_confirm_timeout).")
        transitions.dial(turn)
    else:
        transitions.end(turn, Reason.FAIL_USER_NO_CONFIRM, f"{why} The customer did not confirm.")


def _connects_anyway(turn: Turn) -> bool:
    wants = turn.options.on_user_confirm_timeout.strip().upper() == CONNECT_ANYWAY
    return wants and not projections.is_user_originated(turn.options)


def expect(turn: Turn) -> None:
    """Give the customer an access number and wait for their call, for as long as it is held for them."""
    expect_no_more(turn, "another access number was asked for")
    seconds = turn.options.booking_seconds
    deadline = turn.now + timedelta(seconds=seconds) + transitions.GRACE
    turn.go(Stage.EXPECTING, deadline=deadline, attempt=turn.session.attempt + 1)
    turn.attempt(Party.CUSTOMER)
    turn.note("expecting", f"The customer is given an access number, and has {seconds} s to call.")


def expect_no_more(turn: Turn, why: str) -> None:
    """The access number is given back, or another is booked in its place."""
    if turn.session.stage is Stage.EXPECTING:
        turn.end_attempt(Party.CUSTOMER, None, why)


def arrive(turn: Turn, leg: str, sounds: int) -> None:
    """The customer called and was recognised: from here on as after a human's answer. `sounds`: what they heard."""
    turn.session = replace(turn.session, answered_at=turn.now, sounds=max(sounds, turn.session.sounds))
    turn.attempt(Party.CUSTOMER, answered_at=turn.now, result=DialResult.USERORIGINATED_CONNECTED)
    turn.arrival(TakeArrived(leg, turn.session.attempt))
    turn.note("arrived", "The customer called and was recognised.", attempt=turn.session.attempt)
    transitions.greet(turn)
