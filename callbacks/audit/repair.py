"""Mending what the auditor found, through the ordinary doors, with a journal entry that says so.

Nothing here rings a phone: where a callback goes on, the flow decides and the check before ringing holds. Two people
who talk are never cut off. What cannot be mended is left, with advice for a person.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F
from structlog.contextvars import bound_contextvars

from callbacks import actions, inbox
from callbacks.audit import checks, stored
from callbacks.audit.checks import Fault, Remedy
from callbacks.audit.stored import Listing, Stored
from callbacks.flow import projections
from callbacks.flow.events import Expired, StartDue
from callbacks.flow.options import FLOW_OPTIONS, FlowOptions
from callbacks.flow.session import SESSION, Session, Stage
from callbacks.flow.states import State
from callbacks.models import Callback, JournalEntry
from callbacks.records import armed_timers
from scheduling import bookings, timers
from scheduling.kick import kick
from services import resolution
from telephony import agents, calls, queues, switches
from telephony.events import LegDialling, LegEnded, Party, ReservationExpired
from telephony.models import Call, Switch
from telephony.switch import EndCause, Rejected, Unavailable
from telephony.wanted import NOTHING, WISH, WantedCall

logger = logging.getLogger(__name__)

ACTOR = "auditor"
CAUSE = "Audit"
KIND = "repaired"


def repair(owners: Iterable[str], *, listing: Listing, now: datetime, actor: str = ACTOR) -> dict[str, list[str]]:
    """Mend what can be mended of these owners; what was done, by owner, in sentences. Safe to repeat.

    Each owner for itself: lock the callback, judge again, mend, write the journal, commit; then let the flow go on.
    """
    done: dict[str, list[str]] = {}
    for owner in owners:
        with bound_contextvars(callback=owner):
            if sentences := _repair(owner, listing, now, actor):
                done[owner] = sentences
    return done


def _repair(owner: str, listing: Listing, now: datetime, actor: str) -> list[str]:
    try:
        faults, sentences = _mend(owner, listing, now, actor)
    except Exception:
        # One that resists must not keep the others from being mended; it stays a finding.
        logger.exception("audit: callback %s cannot be repaired", owner)
        return []
    if sentences:
        if any(fault.remedy is Remedy.HANG_UP for fault in faults):
            _hang_up(owner, listing)
        timers.fire_due(now, owners=[owner])
        actions.advance(owner, now=now)
    return sentences


def _mend(owner: str, listing: Listing, now: datetime, actor: str) -> tuple[list[Fault], list[str]]:
    with transaction.atomic():
        # The lock keeps the flow from changing what is judged; `stored.read` allows for the rest.
        Callback.objects.select_for_update(no_key=True).filter(pk=owner).first()
        row = stored.read([owner])[owner]
        faults = list(checks.examine(row, listing, now))
        wanted = {fault.remedy for fault in faults}
        sentences = [text for remedy, mend in REMEDIES.items() if remedy in wanted and (text := mend(row, now))]
        if not sentences:
            return faults, []
        logger.warning("audit: callback %s repaired: %s", owner, " ".join(sentences))
        if row.callback is not None:
            row.callback.refresh_from_db(fields=["state", "stage"])
            JournalEntry.objects.create(
                callback=row.callback,
                at=now,
                kind=KIND,
                text=f"Repaired: {' '.join(sentences)}",
                cause=CAUSE,
                actor=actor,
                state=row.callback.state,
                stage=row.callback.stage,
                data={"faults": [fault.text for fault in faults]},
            )
    return faults, sentences


def _session(row: Stored) -> tuple[Callback, Session, FlowOptions | None]:
    """The callback of a row and what it remembers; whoever comes here, `checks` has read both."""
    if row.callback is None:
        raise LookupError(row.owner)
    options = FLOW_OPTIONS.validate_python(row.callback.options) if row.callback.options else None
    return row.callback, SESSION.validate_python(row.callback.session), options


def _advance(row: Stored, now: datetime) -> str:
    return "It was asked to go on."


def _converge(row: Stored, now: datetime) -> str:
    Call.objects.filter(pk=row.owner).update(settled=False, news=F("news") + 1, look_at=now, looks=0)
    kick(calls.CONVERGE, row.owner)
    return "Its call is looked at again."


def _expire(row: Stored, now: datetime) -> str:
    inbox.put([(row.owner, Expired())], now)
    return "It was told that its time to live is over."


def _restore(row: Stored, now: datetime) -> str:
    """Timers, place and wish as they follow from the session."""
    callback, session, options = _session(row)
    # Without options only what reads none: it has not started.
    armed = armed_timers(session, options)  # type: ignore[arg-type]
    fired = {pending.event.get("name") for pending in row.pending}
    timers.arm(row.owner, {name: timer for name, timer in armed.items() if name not in fired})
    timers.disarm(row.owner, row.timers.keys() - armed.keys())
    place = projections.queue_place(session, options)  # type: ignore[arg-type]
    if place is not None and not (row.entry and row.entry.place_at == place.place_at):
        # `take_place` never moves a place, so that a retry keeps it.
        queues.leave(row.owner)
    if place is not None:
        queues.take_place(row.owner, place, now)
    elif row.entry is not None:
        queues.leave(row.owner)
    if session.stage is Stage.SCHEDULED and session.deadline is None:
        _set_start(callback, session)
    wish = projections.wanted_call(session, options)  # type: ignore[arg-type]
    if row.call is not None or wish != NOTHING:
        _want(row, wish, session.visit, now)
    return "Its timers, its place in the queue and what it wants of the switch were set as its stage needs them."


def _set_start(callback: Callback, session: Session) -> None:
    """Let the scan find it again; where its service cannot be read, at its time."""
    try:
        buffer = int(str(resolution.resolve_one(callback.service, "_request_execution_time_buffer")))  # type: ignore[arg-type]
    except (resolution.OptionError, LookupError, AttributeError):
        buffer = 0
    Callback.objects.filter(pk=callback.pk).update(start_base=session.desired_at - timedelta(seconds=buffer))


def _start(row: Stored, now: datetime) -> str:
    _, session, _ = _session(row)
    inbox.put([(row.owner, StartDue(session.desired_at, 0.0))], now)
    return "It was told that its time has come."


def _unbook(row: Stored, now: datetime) -> str:
    bookings.cancel(row.owner)
    return "Its place in the slot was given back."


def _want(row: Stored, wish: WantedCall, visit: int, now: datetime) -> None:
    """State the wish again; a performer who still acts on another one under this number sees that there is news."""
    if row.call is not None and WISH.dump_python(wish, mode="json") == row.call.wish:
        return
    calls.want(row.owner, wish, number=max(visit, row.call.wish_number if row.call else 0), now=now)
    Call.objects.filter(pk=row.owner).update(news=F("news") + 1)


def _forget(row: Stored, now: datetime) -> str:
    timers.forget([row.owner])
    queues.forget([row.owner])
    if not row.live_legs:
        calls.forget([row.owner])
    return "What was left of it was removed."


def _give_up(row: Stored, now: datetime) -> str:
    _want(row, NOTHING, 0, now)
    return "Its call is given up."


def _call_gone(row: Stored, now: datetime) -> str:
    _, session, _ = _session(row)
    gone = LegEnded(*checks.called_party(session), EndCause.UNKNOWN, "found without a call by the auditor")
    inbox.put([(row.owner, gone)], now)
    return "It was told that its call is gone."


def _columns(row: Stored, now: datetime) -> str:
    callback, session, _ = _session(row)
    state = projections.public_state(session)
    over = state == State.COMPLETED
    Callback.objects.filter(pk=callback.pk).update(
        state=state,
        stage=session.stage,
        reason=session.reason if over else "",
        completed_at=(callback.completed_at or now) if over else None,
    )
    return f"It is shown as {state} ({session.stage}), as its flow and its timeline have it."


def _write_down(row: Stored, now: datetime) -> str:
    callback, _, _ = _session(row)
    return f"It was found as {callback.state} ({callback.stage}), which its timeline did not say."


def _dialled(row: Stored, now: datetime) -> str:
    _, session, _ = _session(row)
    inbox.put([(row.owner, LegDialling(Party.CUSTOMER, session.attempt))], now)
    return "It was told that its call was sent."


def _release(row: Stored, now: datetime) -> str:
    if row.agent is None:
        return ""
    agents.release(row.agent.reservation, now)
    return f"Agent {row.agent.name} was given back."


def _let_go(row: Stored, now: datetime) -> str:
    if row.agent is None:
        return ""
    inbox.put([(row.owner, ReservationExpired(row.agent.name, row.agent.reservation))], now)
    return f"It was told to give agent {row.agent.name} back."


def _announce_hang_up(row: Stored, now: datetime) -> str:
    return "The switch was asked to hang up what is not known here."


def _hang_up(owner: str, listing: Listing) -> None:
    """Outside of any transaction: a switch may take its time."""
    row = stored.read([owner])[owner]
    for switch, leg in checks.strays(row, listing):
        if leg.bridge:
            continue
        try:
            switches.connect(Switch.objects.get(pk=switch)).delete_leg(leg.id)
        except (Rejected, Unavailable) as error:
            logger.warning("audit: leg %s is not deleted: %s", leg.id, error)


# In the order in which they are carried out: what is restored comes before what is told.
REMEDIES: dict[Remedy, Callable[[Stored, datetime], str]] = {
    Remedy.COLUMNS: _columns,
    Remedy.WRITE_DOWN: _write_down,
    Remedy.FORGET: _forget,
    Remedy.UNBOOK: _unbook,
    Remedy.GIVE_UP: _give_up,
    Remedy.RESTORE: _restore,
    Remedy.RELEASE: _release,
    Remedy.CALL_GONE: _call_gone,
    Remedy.DIALLED: _dialled,
    Remedy.START: _start,
    Remedy.EXPIRE: _expire,
    Remedy.LET_GO: _let_go,
    Remedy.CONVERGE: _converge,
    Remedy.ADVANCE: _advance,
    Remedy.HANG_UP: _announce_hang_up,
}
