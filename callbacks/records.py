"""Writing down what the machine decided, in the transaction of the decision."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from callbacks import originated, served, waits
from callbacks.flow import projections
from callbacks.flow.decision import (
    AgentMove,
    AgentOnCall,
    ArrivalMove,
    AttemptChange,
    Decision,
    ExtendReservation,
    Measured,
    Note,
    ShortenWrapUp,
)
from callbacks.flow.events import Event, TimerFired
from callbacks.flow.options import FLOW_OPTIONS, FlowOptions
from callbacks.flow.session import SESSION, Session, Stage
from callbacks.flow.states import MOVES, State
from callbacks.models import Attempt, Callback, JournalEntry
from callbacks.push import notices
from callbacks.status import outbox
from scheduling import bookings, timers
from telephony import agents, calls, queues
from telephony.events import Party
from telephony.wanted import NOTHING


class IllegalMove(Exception):
    """The machine moved between two states that `MOVES` does not join: a fault of ours, nothing is stored."""


class Turns:
    """The decisions on one or several events of one callback, in order."""

    def __init__(self, session: Session | None) -> None:
        self._session = session
        self.notes: list[tuple[Event, Note]] = []
        # Every session on the way, with the event that led to it.
        self.path: list[tuple[Event, Session]] = []
        self.attempts: list[AttemptChange] = []
        self.agents: list[AgentMove] = []
        self.measured: list[Measured] = []
        self.arrivals: list[ArrivalMove] = []
        self.fired: set[str] = set()
        # What a verb changed of the row beside what follows from the session.
        self.columns: dict[str, Any] = {}
        self.refused = ""

    @property
    def session(self) -> Session:
        if self._session is None:
            raise RuntimeError("nothing was decided")
        return self._session

    def add(self, event: Event, decision: Decision) -> None:
        before, after = projections.public_state(self.session), projections.public_state(decision.session)
        if before != after and after not in MOVES[before]:
            raise IllegalMove(f"{before} to {after} by {type(event).__name__}")
        if isinstance(event, TimerFired):
            self.fired.add(event.name)
        self._session = decision.session
        self.notes += [(event, note) for note in decision.notes]
        self.path += [*((event, note.session) for note in decision.notes), (event, decision.session)]
        self.attempts += decision.attempts
        self.agents += decision.agents
        self.measured += decision.measured
        self.arrivals += decision.arrivals
        self.refused = decision.refused


def store_new(callback: Callback, turns: Turns, options: FlowOptions | None, now: datetime) -> None:
    """Insert a callback with its first decisions."""
    for name, value in _columns(turns.session, options, now).items():
        setattr(callback, name, value)
    callback.save(force_insert=True)
    _write(callback, None, turns, options, now)


def store(callback: Callback, before: Session, turns: Turns, options: FlowOptions | None, now: datetime) -> None:
    """Update a locked callback with what followed; the state is moved by a guarded update."""
    columns = _columns(turns.session, options, now) | turns.columns
    if callback.completed_at is not None:
        columns.pop("completed_at", None)
    if agent := next((change.agent for change in reversed(turns.attempts) if change.agent), ""):
        columns["agent"] = agent
    moved = Callback.objects.filter(pk=callback.pk, state=callback.state).update(**columns)
    if moved != 1:
        raise IllegalMove(f"{callback.pk} is no longer {callback.state}")
    for name, value in columns.items():
        setattr(callback, name, value)
    _write(callback, before, turns, options, now)


def _columns(session: Session, options: FlowOptions | None, now: datetime) -> dict[str, Any]:
    state = projections.public_state(session)
    columns: dict[str, Any] = {
        "state": state,
        "reason": session.reason if state == State.COMPLETED else "",
        "stage": session.stage,
        "session": SESSION.dump_python(session, mode="json"),
        "desired_at": session.desired_at,
    }
    if state == State.COMPLETED:
        columns |= {"completed_at": now, "start_base": None}
    if options is not None:
        columns["queue"] = options.virtual_queue
        columns["start_base"] = projections.start_base(session, options)
        # One that goes back to rest runs, when its time comes, with what its service says then.
        rests = session.stage in {Stage.NEW, Stage.SCHEDULED}
        columns["options"] = {} if rests else FLOW_OPTIONS.dump_python(options, mode="json")
        if state != State.COMPLETED:
            columns["expires_at"] = projections.expires_at(session, options)
    return columns


def _write(
    callback: Callback, before: Session | None, turns: Turns, options: FlowOptions | None, now: datetime
) -> None:
    _write_journal(callback, turns, now)
    _write_attempts(callback, turns.attempts, now)
    for move in turns.agents:
        _move_agent(callback.pk, move, now)
    if options is not None:
        _write_wishes(callback.pk, before, turns, options, now)
        _write_notice(callback, before, turns.session, options, now)
        waits.write(callback.pk, before, turns, options, now)
        originated.write(callback.pk, before, turns.session, options, turns.arrivals, now)
    elif turns.session.stage is Stage.ENDED:
        # It ends before its execution began: it never wanted more than to be woken.
        timers.forget([callback.pk])
    served.tell_others(callback, before, turns.session, now)
    if before and projections.booked_slot(before) and not projections.booked_slot(turns.session):
        bookings.cancel(callback.pk)
    outbox.write(callback, before, turns, options, now)


def _write_journal(callback: Callback, turns: Turns, now: datetime) -> None:
    JournalEntry.objects.bulk_create(
        JournalEntry(
            callback=callback,
            at=now,
            kind=note.kind,
            text=note.text,
            cause=type(event).__name__,
            actor=getattr(event, "actor", "system"),
            state=projections.public_state(note.session),
            stage=note.session.stage,
            data=note.data,
        )
        for event, note in turns.notes
    )


def _write_attempts(callback: Callback, changes: list[AttemptChange], now: datetime) -> None:
    """One statement an attempt, two when it begins."""
    merged: dict[tuple[Party, int], dict[str, Any]] = {}
    for change in changes:
        fields = {k: v for k, v in asdict(change).items() if k not in {"party", "number"} and v not in (None, "")}
        merged.setdefault((change.party, change.number), {}).update(fields)
    for (party, number), fields in merged.items():
        if "detail" in fields:
            fields["detail"] = fields["detail"][:200]
        one = Attempt.objects.filter(callback=callback, party=party, number=number)
        if not fields or not one.update(**fields):
            Attempt.objects.create(callback=callback, party=party, number=number, began_at=now, **fields)


def _move_agent(owner: str, move: AgentMove, now: datetime) -> None:
    match move:
        case ShortenWrapUp(seconds=seconds):
            agents.shorten_wrap_up(owner, timedelta(seconds=seconds), now)
        case ExtendReservation(reservation=reservation, until=until):
            agents.extend(reservation, until)
        case AgentOnCall(reservation=reservation):
            agents.on_call(reservation, now)
        case _:
            agents.release(
                move.reservation,
                now,
                wrap_up=timedelta(seconds=move.wrap_up_seconds),
                not_ready_reason=move.not_ready_reason,
            )


def _write_wishes(owner: str, before: Session | None, turns: Turns, options: FlowOptions, now: datetime) -> None:
    """Store what changed of the wanted call, the place in the queue and the timers: all follow from the session."""
    after = turns.session
    wish = projections.wanted_call(after, options)
    if wish != (projections.wanted_call(before, options) if before else NOTHING):
        calls.want(owner, wish, number=after.visit, now=now)

    place = projections.queue_place(after, options)
    if place != (projections.queue_place(before, options) if before else None):
        if place is None:
            queues.leave(owner)
        else:
            queues.take_place(owner, place, now)

    armed = armed_timers(after, options)
    was_armed = armed_timers(before, options) if before else {}
    # A fired timer is gone, whether its event changed anything or not.
    again = {name: timer for name, timer in armed.items() if name in turns.fired or was_armed.get(name) != timer}
    timers.arm(owner, again)
    timers.disarm(owner, was_armed.keys() - armed.keys())


def _write_notice(
    callback: Callback, before: Session | None, after: Session, options: FlowOptions, now: datetime
) -> None:
    """Have the customer's device told that they are being asked; take back what was not yet sent of an earlier time."""
    asked_before = before.visit if before and before.stage is Stage.CONFIRMING else None
    asks = after.visit if after.stage is Stage.CONFIRMING else None
    if asks == asked_before:
        return
    if asked_before is not None:
        notices.withdraw(callback.pk)
    # Whom nothing can be sent to may still ask by themselves for the number to call.
    if asks is not None and not (after.unaskable and projections.is_user_originated(options)):
        notices.put(
            callback.pk,
            visit=asks,
            device=callback.properties.get("_device_notification_id", ""),
            device_os=callback.properties.get("_device_os", ""),
            body=originated.question(callback),
            attempts=options.max_notify_delivery_attempts,
            now=now,
            number=callback.customer_number,
            seconds=options.user_confirm_timeout,
            notification=options.notification,
        )


def armed_timers(session: Session, options: FlowOptions) -> dict[str, tuple[datetime, dict[str, int]]]:
    """Which timers are armed for a session: by name the moment, and what it is armed for."""
    # Only the stage's own timer is bound to its visit; the others outlast it.
    return {
        name: (due, {"visit": session.visit if name == "stage" else 0})
        for name, due in projections.timers(session, options).items()
    }
