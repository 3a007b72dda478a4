"""How long a callback waits for an agent: what is predicted, what comes of it, and what is measured on the way.

All of it follows from the session before and after a decision, as the place in the queue does.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from callbacks.flow import projections
from callbacks.flow.decision import AttemptChange, DialResult
from callbacks.flow.options import FlowOptions
from callbacks.flow.session import Session, Stage
from callbacks.flow.states import Reason
from telephony import measures, predictions
from telephony.events import Party
from telephony.measures import What
from telephony.models import Prediction
from telephony.queueplace import QueuePlace

if TYPE_CHECKING:
    from callbacks.records import Turns

Outcome = Prediction.Outcome

# Something else than the queue now keeps it waiting: an attempt that found nobody, a pause, another desired time.
_PUT_OFF = frozenset({Stage.HELD, Stage.RETRYING, Stage.PAUSED, Stage.SCHEDULED})
_THERE = frozenset({DialResult.PERSON, DialResult.USERORIGINATED_CONNECTED})
# Ends of those who had enough of waiting; any other end says nothing about the queue.
_LEFT = frozenset(
    {
        Reason.CANCELLED,
        Reason.CANCELLED_BY_ADMIN,
        Reason.FAIL_INTERACTION_DELETED,
        Reason.FAIL_TARGET_NOT_FOUND,
        Reason.FAIL_TIMEOUT_TTL,
    }
)


def write(owner: str, before: Session | None, turns: Turns, options: FlowOptions, now: datetime) -> None:
    """Settle and make predictions, and measure, in the transaction of the decisions."""
    held_place = projections.queue_place(before, options) if before else None
    place = projections.queue_place(turns.session, options)
    if before and held_place and (outcome := outcome_of(before, turns, place)):
        predictions.settle(owner, outcome, now)
    measured: list[tuple[What, float]] = [(each.what, each.seconds) for each in turns.measured]
    measured += [("no_show", share) for share in no_shows(turns.attempts)]
    measures.measure_all(options.virtual_queue, measured, now)
    if place and not held_place:
        session = turns.session
        held = (session.deadline - now).total_seconds() if session.stage is Stage.HELD and session.deadline else 0.0
        is_dialled = not projections.is_agent_first(options)
        predictions.predict(owner, place, held=max(held, 0.0), is_dialled=is_dialled, now=now)


def outcome_of(before: Session, turns: Turns, place: QueuePlace | None) -> Outcome | None:
    """What came of the wait of one that had a place, if it is over; `place` is what it has now."""
    after = turns.session
    if before.reservation:
        return None
    if any(note.session.reservation for _, note in turns.notes):
        return Outcome.SERVED
    if after.stage in _PUT_OFF and (after.stage, after.desired_at) != (before.stage, before.desired_at):
        return Outcome.PUT_OFF
    if place is None:
        return Outcome.LEFT if after.reason in _LEFT else Outcome.PUT_OFF
    return None


def no_shows(attempts: Iterable[AttemptChange]) -> list[float]:
    """Of each attempt at the customer that came to something: 1 where nobody was found, 0 where a human was there.

    A call that could not be made says nothing about customers.
    """
    results = [change.result for change in attempts if change.party is Party.CUSTOMER and change.result]
    return [float(result not in _THERE) for result in results if result is not DialResult.CREATE_CALL_ERROR]
