"""Customer and agent talk; the public state may already be COMPLETED. The first hang-up ends the call for both."""

from __future__ import annotations

from dataclasses import replace

from callbacks.flow.decision import ReleaseAgent
from callbacks.flow.events import Event, TimerFired
from callbacks.flow.session import Stage
from callbacks.flow.states import Reason
from callbacks.flow.turn import Turn
from telephony.events import LegEnded, Party, ReservationExpired


def on_talking(turn: Turn, event: Event) -> bool:
    match event:
        case LegEnded(party=party):
            who = "The customer" if party is Party.CUSTOMER else f"Agent {turn.session.agent}"
            hang_up(turn, f"{who} hung up; the talk is over.")
        case ReservationExpired(reservation=reservation) if reservation == turn.session.reservation:
            hang_up(turn, "The agent's call is gone; the talk is over.")
        case TimerFired(name="stage"):
            # The record is closed, the talk is not: a joined call is never cut.
            turn.session = replace(turn.session, deadline=None, reason=Reason.AGENT_CONNECTED)
            turn.note("retained", "Still talking after _max_time_to_wait_for_ixn_delete; the record is completed.")
        case _:
            return False
    return True


def hang_up(turn: Turn, text: str) -> None:
    turn.agent(ReleaseAgent(turn.session.reservation, wrap_up_seconds=turn.options.wrap_up_time))
    if turn.session.reserved_at is not None:
        turn.measure("handling", turn.session.reserved_at, more=turn.options.wrap_up_time)
    turn.attempt(Party.CUSTOMER, ended_at=turn.now)
    turn.attempt(Party.AGENT, ended_at=turn.now)
    # A record that has its reason keeps it: what is COMPLETED does not change any more.
    reason = turn.session.reason or Reason.AGENT_CONNECTED
    turn.go(Stage.ENDED, reason=reason, reservation="")
    turn.note("hung-up", text)
