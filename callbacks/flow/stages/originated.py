"""Customers who call us: they have an access number, perhaps with a code, and a while to call it."""

from __future__ import annotations

from dataclasses import replace

from callbacks.flow import asking, transitions
from callbacks.flow.decision import DialResult
from callbacks.flow.events import Connected, Event, TimerFired
from callbacks.flow.states import Reason
from callbacks.flow.turn import Turn
from telephony.events import CustomerArrived, Party


def on_expecting(turn: Turn, event: Event) -> bool:
    match event:
        case CustomerArrived(leg=leg, sounds=sounds):
            asking.arrive(turn, leg, sounds)
        case Connected():
            return connect(turn)
        case TimerFired(name="stage"):
            failed = DialResult.FAILED_TO_ESTABLISH_CUSTOMER_ORIGINATED_MEDIA
            turn.end_attempt(Party.CUSTOMER, failed, "no call came while the access number was held")
            why = f"The customer did not call within {turn.options.booking_seconds} s (_booking_expiration_timeout)."
            transitions.end(turn, Reason.FAIL_CALL_TO_CUSTOMER, why)
        case _:
            return False
    return True


def connect(turn: Turn) -> bool:
    """The customer asks for a number to call, or for another one; so often (`_userorig_connect_limit`)."""
    connects = turn.session.connects + 1
    if connects > turn.options.userorig_connect_limit:
        return False
    turn.session = replace(turn.session, connects=connects)
    asking.expect(turn)
    return True
