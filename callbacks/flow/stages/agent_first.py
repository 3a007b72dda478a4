"""The agent comes first: reserved, perhaps asked whether they take it, and called before the customer is."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from callbacks.flow import transitions
from callbacks.flow.decision import DialResult
from callbacks.flow.events import Event, Paused, PreviewAccepted, PreviewRejected, TimerFired
from callbacks.flow.session import Stage
from callbacks.flow.stages import connecting
from callbacks.flow.stages.dialling import REFUSED_PAUSE, refused
from callbacks.flow.stages.scheduled import time_is_over
from callbacks.flow.states import Reason
from callbacks.flow.turn import Turn
from telephony.events import (
    AgentReserved,
    DialRefused,
    LegAnswered,
    LegDialling,
    Party,
    ReservationExpired,
    TrunkUnavailable,
)


def on_reserving(turn: Turn, event: Event) -> bool:
    match event:
        case AgentReserved(agent=agent, reservation=reservation, visit=visit) if visit == turn.session.visit:
            turn.session = replace(turn.session, held_back="")
            if turn.options.agent_preview:
                transitions.preview(turn, agent, reservation)
            else:
                transitions.call_agent(turn, agent, reservation)
        case DialRefused(party=Party.CUSTOMER):
            # Before anybody is asked or called: an agent is not held for a customer who may not be called.
            refused(turn, event)
        case LegDialling(party=Party.CUSTOMER):
            # Sent at the moment at which the agent hung up: the phone may have rung before it was taken back.
            turn.attempt(Party.CUSTOMER, dialled_at=turn.now)
            transitions.fail_attempt(turn, DialResult.UNKNOWN, transitions.LEFT_WHILE_CALLING)
        case Paused():
            transitions.pause(turn)
        case TimerFired(name="queue_ttl"):
            time_is_over(turn)
        case _:
            return False
    return True


def on_previewing(turn: Turn, event: Event) -> bool:
    session, options = turn.session, turn.options
    match event:
        case PreviewAccepted(actor=actor, reservation=reservation) if reservation == session.reservation:
            turn.note("accepted", f"Agent {actor} accepted.", agent=actor)
            transitions.call_agent(turn, session.agent, reservation)
        case PreviewRejected(actor=actor, reservation=reservation) if reservation == session.reservation:
            if not options.agent_preview_allow_reject:
                return False
            _rejected(turn, actor)
        case TimerFired(name="stage"):
            _lapsed(turn)
        case ReservationExpired(reservation=reservation) if reservation == session.reservation:
            _lapsed(turn)
        case Paused():
            transitions.pause(turn)
        case _:
            return False
    return True


def _rejected(turn: Turn, actor: str) -> None:
    """Another agent is asked, or it is given up; a refusal is no attempt at the customer."""
    options = turn.options
    agent = turn.session.agent
    rejects, most = turn.session.rejects + 1, options.agent_preview_allow_reject
    transitions.pass_over(turn, pause=options.agent_reject_retry_timeout)
    transitions.let_agent_go(turn, "rejected")
    turn.session = replace(turn.session, rejects=rejects)
    turn.note("rejected", f"Agent {actor} rejected it (rejection {rejects} of {most}).", agent=agent)
    if rejects >= most:
        transitions.end(turn, Reason.after_rejects(rejects), f"Given up after {rejects} rejected previews.")
    elif pause := options.agent_reject_retry_timeout:
        turn.go(Stage.HELD, deadline=turn.now + timedelta(seconds=pause))
        turn.note("held", f"Another agent is looked for in {pause} s (_agent_reject_retry_timeout).")
    else:
        transitions.reserve(turn)


def _lapsed(turn: Turn) -> None:
    """The agent did not decide in time."""
    options, agent = turn.options, turn.session.agent
    reason = ""
    if options.agent_preview_timeout_set_notready:
        reason = options.agent_preview_set_notready_reason or "no decision"
    transitions.pass_over(turn)
    transitions.let_agent_go(turn, "no decision", not_ready_reason=reason)
    becomes = f" and is not ready: {reason}" if reason else ""
    turn.note("lapsed", f"Agent {agent} did not decide in time{becomes}.", agent=agent)
    transitions.reserve(turn)


def on_calling_agent(turn: Turn, event: Event) -> bool:
    match event:
        case LegAnswered(party=Party.AGENT):
            transitions.agent_there(turn)
        case DialRefused(party=Party.AGENT, reason=reason, retry_at=retry_at):
            _not_called(turn, reason, retry_at or turn.now + REFUSED_PAUSE)
        case TrunkUnavailable(party=Party.AGENT, detail=detail, retry_at=retry_at):
            _not_called(turn, f"The trunk could not carry the call to agent {turn.session.agent} ({detail}).", retry_at)
        case _:
            return connecting.on_ringing_agent(turn, event)
    return True


def _not_called(turn: Turn, why: str, until: datetime) -> None:
    """No agent's phone can ring now, and nobody waits on the line: it is put off, and is no agent's fault.

    Else agent after agent would be used up while a telephony process starts anew.
    """
    turn.end_attempt(Party.AGENT, DialResult.CREATE_CALL_ERROR, why)
    transitions.put_off(turn, why, until)
