"""Before the first dial: a new request, one that rests until its time, one that waits for the grant to dial."""

from __future__ import annotations

from datetime import timedelta

from callbacks.flow import transitions
from callbacks.flow.events import Event, Started, TimerFired
from callbacks.flow.session import Stage
from callbacks.flow.states import Reason
from callbacks.flow.turn import Turn
from telephony.events import DialGranted


def on_new(turn: Turn, event: Event) -> bool:
    match event:
        case Started():
            start_at = turn.session.desired_at - timedelta(seconds=turn.options.request_execution_time_buffer)
            if start_at <= turn.now:
                transitions.begin(turn)
            else:
                turn.go(Stage.SCHEDULED, deadline=start_at)
                turn.note("scheduled", f"Scheduled for {turn.session.desired_at:%Y-%m-%d %H:%M:%S} UTC.")
            return True
    return False


def on_scheduled(turn: Turn, event: Event) -> bool:
    match event:
        case TimerFired(name="stage"):
            transitions.begin(turn)
            return True
    return False


def on_held(turn: Turn, event: Event) -> bool:
    match event:
        case TimerFired(name="stage"):
            transitions.proceed(turn)
            return True
    return False


def on_awaiting(turn: Turn, event: Event) -> bool:
    match event:
        case DialGranted(visit=visit) if visit == turn.session.visit:
            transitions.dial(turn)
            return True
        case TimerFired(name="queue_ttl"):
            transitions.end(turn, Reason.FAIL_TARGET_NOT_FOUND, "The time in the queue is over (_urs_queued_ttl).")
            return True
    return False
