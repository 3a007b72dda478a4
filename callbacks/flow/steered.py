"""What supervisors do to one callback, beside what its customer may ask for as well: the same in every stage."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from callbacks.flow import projections, transitions
from callbacks.flow.events import Assigned, CalledNow, Event, Noted, NumberChanged, Prioritised, Recreated
from callbacks.flow.session import Stage
from callbacks.flow.turn import Turn

# Nobody is looked for any more, and nobody waits any more.
_HAS_AGENT = frozenset({Stage.PREVIEWING, Stage.CALLING_AGENT, Stage.CONNECTING, Stage.JOINING})
_AFTER = frozenset({Stage.TALKING, Stage.DISPOSITION, Stage.ENDED, Stage.APOLOGY, Stage.MESSAGE})
# Those to which a grant to dial, or an agent, may be on its way.
_OFFERED = frozenset({Stage.AWAITING, Stage.RESERVING, Stage.WAITING})
_WAITS_TO_BE_CALLED = frozenset({Stage.HELD, Stage.AWAITING, Stage.CONFIRMING, Stage.RETRYING})


def steer(turn: Turn, event: Event) -> bool:
    """True where the event is a supervisor's; one that makes no sense in this stage is refused with the reason."""
    match event:
        case NumberChanged(actor=actor, number=number):
            if why := _why_number_stays(turn):
                turn.refuse(f"Another number by {actor}", f"cannot be given another number: {why}")
            else:
                turn.session = replace(turn.session, number=number)
                # Numbers are personal: the timeline says that there is another one, not which.
                turn.note("number-changed", f"The customer's number was changed by {actor}.")
        case CalledNow(actor=actor):
            if why := _why_not_called(turn):
                turn.refuse(f"A call at once by {actor}", f"cannot be called at once: {why}")
            else:
                turn.note("called-now", f"To be called at once, says {actor}.")
                _call_now(turn)
        case Prioritised(actor=actor, priority=priority):
            if turn.session.stage in _AFTER or _has_agent(turn):
                turn.refuse(f"Another priority by {actor}", "does not wait in a queue any more")
            else:
                before = projections.priority(turn.session, turn.options)
                _move_place(turn, priority=priority)
                turn.note("prioritised", f"Priority {priority} instead of {before}, by {actor}.", priority=priority)
        case Assigned():
            _assign(turn, event)
        case Noted(actor=actor, text=text, form=form):
            turn.note("note", text, form=form)
        case Recreated(actor=actor, callback=callback):
            # While they talk it is COMPLETED to the world, and the customer's phone is busy.
            if turn.session.stage is not Stage.ENDED:
                turn.refuse(f"A repetition by {actor}", "cannot be repeated before it is over")
            else:
                turn.note("recreated", f"Asked for anew by {actor}, as callback {callback}.", callback=callback)
        case _:
            return False
    return True


def _why_number_stays(turn: Turn) -> str:
    stage = turn.session.stage
    if stage in {Stage.DISPOSITION, Stage.ENDED}:
        return "it is over"
    if stage in projections.WITH_CUSTOMER:
        return "the customer is being called"
    if stage in _HAS_AGENT:
        return "an agent is being asked"
    return "the customer's call is waited for" if stage is Stage.EXPECTING else ""


def _why_not_called(turn: Turn) -> str:
    stage = turn.session.stage
    if stage in {Stage.DISPOSITION, Stage.ENDED}:
        return "it is over"
    if stage in projections.WITH_CUSTOMER:
        return "the customer is being called already"
    if projections.is_user_originated(turn.options):
        return "the customer calls us"
    if stage is Stage.PAUSED:
        return "its service is paused"
    if stage in _HAS_AGENT | {Stage.RESERVING}:
        return "an agent is called first, and is being looked for already"
    return ""


def _move_place(turn: Turn, **changes: Any) -> None:
    """Change its place in the queue; what was offered to the place as it was is given back."""
    session = turn.session
    visit = session.visit + 1 if session.stage in _OFFERED else session.visit
    turn.session = replace(session, visit=visit, **changes)


def _has_agent(turn: Turn) -> bool:
    return turn.session.stage in _HAS_AGENT or bool(turn.session.reservation)


def _call_now(turn: Turn) -> None:
    """Call the customer without waiting any longer: for their time, the next attempt, an answer, or an agent.

    Only where an agent is called first one is looked for first all the same: nobody else would talk to the customer.
    """
    session = turn.session
    turn.session = replace(
        session,
        desired_at=turn.now,
        slot=None,
        ewt=0.0,
        asked=0,
        confirmed=True,
        held_back="",
        put_off_until=None,
        remind_at=None,
        attempts_before=session.attempt,
    )
    if session.stage is Stage.SCHEDULED:
        transitions.begin(turn)
    if turn.session.stage not in _WAITS_TO_BE_CALLED:
        return
    if projections.is_agent_first(turn.options):
        transitions.reserve(turn)
    else:
        transitions.dial(turn)


def _assign(turn: Turn, event: Assigned) -> None:
    if turn.session.stage in _AFTER:
        turn.refuse(f"An assignment by {event.actor}", "looks for no agent any more")
        return
    if _has_agent(turn):
        turn.refuse(f"An assignment by {event.actor}", f"has agent {turn.session.agent} already")
        return
    before, _ = projections.preferred(turn.session, turn.options)
    _move_place(turn, assigned_to=event.agent, assigned_seconds=event.seconds)
    if event.agent:
        text = f"Assigned to agent {event.agent} by {event.actor}; after {event.seconds} s anybody may have it."
    else:
        text = f"No longer assigned to agent {before}, by {event.actor}."
    turn.note("assigned", text, assigned_to=event.agent, seconds=event.seconds)
