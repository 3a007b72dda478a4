"""What there is to tell of a decision: which events, and the values of their keys. Pure.

All of it follows from the sessions through which a decision went, as the wanted call and the place in the queue do, so
that no stage can forget to tell something.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise

from callbacks.flow import projections
from callbacks.flow.decision import AttemptChange
from callbacks.flow.events import Event, TimerFired
from callbacks.flow.options import FlowOptions
from callbacks.flow.session import Session, Stage
from callbacks.flow.states import Reason, State
from callbacks.status.reports import Reports, Told
from telephony.events import DialGranted, Party

# The customer's phone was rung, and what comes of it is not known yet.
_DIALLING = frozenset({Stage.RINGING, Stage.DETECTING, Stage.MESSAGE})
# Somebody is on the line.
_REACHED = projections.WITH_CUSTOMER - _DIALLING - {Stage.DIALLING}
_CANCELLED = frozenset({Reason.CANCELLED, Reason.CANCELLED_BY_ADMIN, Reason.CANCELLED_SERVED})


@dataclass(frozen=True)
class Facts:
    """What is told of the row beside its session. `keys` are those of the request, by name."""

    id: str
    service_name: str
    keys: Mapping[str, object] = field(default_factory=dict)


def told(
    before: Session | None,
    path: Sequence[tuple[Event, Session]],
    options: FlowOptions | None,
    reports: Reports,
) -> Iterator[tuple[Told, Session]]:
    """The events that `reports` wants of a decision, in order, each with the session at that moment.

    `path` are the sessions through which it went, with what led to each; `before` is None for a new callback. Without
    options, which is where they cannot be resolved, only the end of the callback is told.
    """
    wanted = {name for name, _ in reports.events}
    sessions = [before or Session(number="", desired_at=path[0][1].desired_at), *(session for _, session in path)]
    for (cause, _), (was, now) in zip(path, pairwise(sessions), strict=True):
        if was != now:
            happened = _happened(was, now, cause, options)
            yield from ((event, now) for event in Told if event in happened and event in wanted)


def _happened(was: Session, now: Session, cause: Event, options: FlowOptions | None) -> set[Told]:
    """What one step of a decision tells."""
    return {
        *_of_the_record(was, now),
        *_of_the_execution(was, now, cause),
        *(_of_the_dial(was, now) if options is None or options.call_direction == "USERTERMINATED" else ()),
        *_of_the_call(was, now),
    }


def _of_the_record(was: Session, now: Session) -> Iterator[Told]:
    state_was, state = projections.public_state(was), projections.public_state(now)
    is_new = was.stage is Stage.NEW
    if is_new and now.stage is Stage.SCHEDULED:
        yield Told.SCHEDULED
    if now.desired_at != was.desired_at:
        yield Told.RESCHEDULED
    if state == state_was and not (is_new and now.stage is not Stage.NEW):
        return
    yield Told.STATUS_UPDATED
    if state is State.QUEUED:
        yield Told.QUEUED
    elif state is State.COMPLETED and now.reason in _CANCELLED:
        yield Told.CANCELLED
    elif state is State.COMPLETED and now.reason is not Reason.AGENT_CONNECTED:
        yield Told.PROCESSING_FAILED if _is_executed(was) else Told.SUBMIT_FAILED


def _of_the_execution(was: Session, now: Session, cause: Event) -> Iterator[Told]:
    if _is_executed(now) and not _is_executed(was):
        yield from (Told.SUBMITTED, Told.SERVICE_CREATE, Told.VIRTUAL_IXN_CREATE)
    if _is_executed(was) and not _is_executed(now):
        yield Told.SERVICE_EXIT
    # Delayed, an agent who is about to be free is found before the dial, and is reserved once the customer waits.
    granted = isinstance(cause, DialGranted) and was.stage is Stage.AWAITING
    if (granted and now.stage in {Stage.DIALLING, Stage.CONFIRMING}) or (now.reservation and not was.reservation):
        yield Told.TARGET_FOUND
    if isinstance(cause, TimerFired) and cause.name == projections.REMINDER and was.remind_at and not now.remind_at:
        yield Told.REMINDER


def _of_the_dial(was: Session, now: Session) -> Iterator[Told]:
    rang, reached = was.stage in _DIALLING, was.stage in _REACHED
    if not (rang or reached) and now.stage in _DIALLING | _REACHED:
        yield Told.DIAL_INIT
    if (rang and now.stage not in _DIALLING) or (not reached and now.stage in _REACHED):
        yield Told.DIAL_DONE


def _of_the_call(was: Session, now: Session) -> Iterator[Told]:
    if now.stage is Stage.GREETING and was.stage is not Stage.GREETING:
        yield Told.CONNECT_TREATMENT_START
    if now.waiting_since and not was.waiting_since:
        yield Told.CUSTOMER_QUEUED
    if now.stage is Stage.TALKING and was.stage is not Stage.TALKING:
        yield Told.ROUTE_TO_AGENT


def _is_executed(session: Session) -> bool:
    """From the place in the queue to the public end, as the vendor's session lives."""
    is_over = projections.public_state(session) is State.COMPLETED
    return not is_over and session.stage not in {Stage.NEW, Stage.SCHEDULED}


def body(
    event: Told,
    session: Session,
    options: FlowOptions | None,
    reports: Reports,
    facts: Facts,
    attempts: Iterable[AttemptChange],
    now: datetime,
) -> str:
    """What is sent: JSON with the event, the moment, and under `data` the keys with which it is told, all texts.

    A key that has no value is told as an empty text, so that a receiver finds every key that it asked for.
    """
    values = {**_texts(facts.keys), **_values(session, options, reports, facts, attempts)}
    data = {key: values.get(key, "") for key in reports.keys(event) or ()}
    return json.dumps({"type": event, "timestamp": wire_time(now), "data": data}, ensure_ascii=False)


def _values(
    session: Session,
    options: FlowOptions | None,
    reports: Reports,
    facts: Facts,
    attempts: Iterable[AttemptChange],
) -> dict[str, str]:
    state = projections.public_state(session)
    reason = str(session.reason or "") if state is State.COMPLETED else ""
    queue = options.virtual_queue if options else ""
    was_dialled = options is not None and session.attempt > session.attempts_before
    results = [
        change.result
        for change in attempts
        if change.result and (change.party, change.number) == (Party.CUSTOMER, session.attempt)
    ]
    return {
        "_id": facts.id,
        "_service_id": facts.id,
        "_service_name": facts.service_name,
        "_customer_number": session.number,
        "_desired_time": wire_time(session.desired_at),
        "_callback_state": state,
        "_callback_reason": reason,
        "_urs_virtual_queue": queue,
        "_v_queue": queue,
        "_vq_for_outbound_calls": reports.outbound_queue,
        "_c_dialed_number": options.prefix_dial_out + session.number if options and was_dialled else "",
        "_c_termination_type": reason,
        "_dial_result": results[-1] if results else "",
        "_agent": session.agent,
    }


def _texts(keys: Mapping[str, object]) -> dict[str, str]:
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in keys.items()}


def wire_time(moment: datetime) -> str:
    """UTC with milliseconds, as the API writes times."""
    moment = moment.astimezone(UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"
