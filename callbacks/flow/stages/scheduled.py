"""Before the first dial: a new request, one that rests until its time, one that waits for the grant to dial."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from callbacks.flow import asking, projections, transitions
from callbacks.flow.events import (
    Connected,
    Event,
    Paused,
    PushSettled,
    Resumed,
    Snoozed,
    StartDue,
    Started,
    TimerFired,
)
from callbacks.flow.session import Stage
from callbacks.flow.stages.dialling import refused
from callbacks.flow.stages.originated import connect
from callbacks.flow.states import Reason
from callbacks.flow.turn import Turn
from telephony.events import DialGranted, DialRefused, Party


def on_new(turn: Turn, event: Event) -> bool:
    match event:
        case Started(of=of):
            if of:
                turn.note("recreated", f"Asks anew for what callback {of} was about.", callback=of)
            start_base = turn.session.desired_at - timedelta(seconds=turn.options.request_execution_time_buffer)
            if start_base <= turn.now:
                transitions.begin(turn, answers=True)
            else:
                transitions.schedule(turn)
            return True
    return False


def on_scheduled(turn: Turn, event: Event) -> bool:
    match event:
        case StartDue(desired_at=desired_at, ewt=ewt, place_at=place_at) if desired_at == turn.session.desired_at:
            if not transitions.is_too_late(turn, desired_at):
                transitions.begin(turn, ewt, place_at)
        case TimerFired(name="stage"):
            # Scheduled by a release in which each had a timer.
            if not transitions.is_too_late(turn, turn.session.desired_at):
                transitions.begin(turn)
        case _:
            return False
    return True


def on_held(turn: Turn, event: Event) -> bool:
    match event:
        case TimerFired(name="stage"):
            if not transitions.is_too_late(turn, turn.session.deadline or turn.now):
                transitions.proceed(turn)
        case Paused():
            transitions.pause(turn)
        case _:
            return False
    return True


def on_awaiting(turn: Turn, event: Event) -> bool:
    match event:
        case DialGranted(visit=visit) if visit == turn.session.visit:
            _granted(turn)
        case DialRefused(party=Party.CUSTOMER):
            # Before the question: nobody is asked whether to be called now who may not be.
            refused(turn, event)
        case Paused():
            transitions.pause(turn)
        case TimerFired(name="queue_ttl"):
            time_is_over(turn)
        case _:
            return False
    return True


def _granted(turn: Turn) -> None:
    if projections.is_user_originated(turn.options):
        asking.ask(turn)
    elif not turn.options.wait_for_user_confirm or turn.session.confirmed:
        transitions.dial(turn)
    elif turn.session.unaskable:
        turn.note("not-asked", f"The customer is not asked: {turn.session.unaskable}.")
        transitions.dial(turn)
    else:
        asking.ask(turn)


def on_confirming(turn: Turn, event: Event) -> bool:
    match event:
        case Connected() if projections.is_user_originated(turn.options):
            return connect(turn)
        case Connected(actor=actor):
            turn.session = replace(turn.session, confirmed=True)
            turn.note("confirmed", f"The customer wants to be called now ({actor}).")
            transitions.dial(turn)
        case Snoozed(actor=actor):
            pause = turn.options.snooze_duration
            turn.go(Stage.HELD, deadline=turn.now + timedelta(seconds=pause), asked=0)
            turn.note("snoozed", f"The customer wants to be asked again in {pause} s ({actor}).")
        case TimerFired(name="stage"):
            timeout = turn.options.user_confirm_timeout
            asking.not_confirmed(turn, f"The customer did not answer within {timeout} s.")
        case PushSettled(delivered=True, detail=detail):
            turn.note("pushed", f"The customer's device was told ({detail}).")
        case PushSettled(delivered=False, detail=detail, gone=gone):
            if gone:
                turn.session = replace(turn.session, unaskable=detail)
            asking.not_confirmed(turn, f"The customer's device could not be told ({detail}).")
        case Paused():
            transitions.pause(turn)
        case TimerFired(name="queue_ttl"):
            time_is_over(turn)
        case _:
            return False
    return True


def on_paused(turn: Turn, event: Event) -> bool:
    match event:
        case Resumed():
            transitions.resume(turn)
        case TimerFired(name="queue_ttl"):
            time_is_over(turn)
        case _:
            return False
    return True


def time_is_over(turn: Turn) -> None:
    transitions.end(turn, Reason.FAIL_TARGET_NOT_FOUND, "The time in the queue is over (_urs_queued_ttl).")
