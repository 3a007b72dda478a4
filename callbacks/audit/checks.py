"""What must not be so, for one callback and what belongs to it. Pure: judges what `stored` has read.

What the service mends by itself within seconds is no fault before `BOUND` is over; what one transaction keeps
together may never differ at all.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import ValidationError

from callbacks.audit.stored import Listing, Stored
from callbacks.flow import projections
from callbacks.flow.decision import DialResult
from callbacks.flow.events import TimerFired
from callbacks.flow.options import FLOW_OPTIONS, FlowOptions
from callbacks.flow.session import SESSION, Session, Stage
from callbacks.flow.states import MOVES, State
from callbacks.models import AuditFinding, Callback
from callbacks.records import armed_timers
from telephony import targets
from telephony.convergence import names
from telephony.events import AgentReserved, LegDialling, Party
from telephony.models import Agent, Call, Leg
from telephony.switch import LegSeen, LegState
from telephony.wanted import NOTHING, WISH, WantedCall

Kind = AuditFinding.Kind

# The service repeats everything within seconds: what is late by more will not come by itself.
BOUND = timedelta(seconds=60)
# A call that was kicked that often has not been settled for over a minute (2, 4, 8 … s).
MOST_LOOKS = 6
# Moments are written by several machines, whose clocks may differ by that much.
SKEW = timedelta(seconds=2)


class Remedy(StrEnum):
    """What `repair` can do; each goes through the ordinary doors."""

    ADVANCE = "advance"  # fire its due timers and decide what is pending
    CONVERGE = "converge"  # have its call looked at again
    EXPIRE = "expire"  # tell it that its time to live is over
    RESTORE = "restore"  # arm, take, want again what follows from the session
    START = "start"  # tell it that its time has come
    UNBOOK = "unbook"  # give back its place in a slot
    FORGET = "forget"  # drop what is left of an owner that is over
    GIVE_UP = "give_up"  # want nothing of the switch any more
    CALL_GONE = "call_gone"  # tell it that its call is gone
    COLUMNS = "columns"  # show the state that the session has
    WRITE_DOWN = "write_down"  # write into the journal where the callback is
    DIALLED = "dialled"  # tell it that its call was sent
    RELEASE = "release"  # give the agent back
    LET_GO = "let_go"  # tell it that its reservation ran out
    HANG_UP = "hang_up"  # have the switch delete legs that nobody knows


@dataclass(frozen=True)
class Fault:
    """One thing that must not be so. `advice`: what a person should do where there is no remedy."""

    kind: AuditFinding.Kind
    text: str
    remedy: Remedy | None = None
    advice: str = ""
    on_the_switch: bool = False  # judged by what a switch listed: looked at twice


def strays(stored: Stored, listing: Listing) -> list[tuple[int, LegSeen]]:
    """Legs on a switch that no open row knows, older than whatever could still be under way, with their switch."""
    known = {leg.pk for leg in stored.live_legs}
    return [
        (switch, leg)
        for switch, leg in listing.of(stored.owner)
        if leg.id not in known and leg.created_at < listing.taken_at - BOUND
    ]


def examine(stored: Stored, listing: Listing, now: datetime) -> Iterator[Fault]:
    """Everything that is wrong with one owner."""
    yield from _on_the_switch(stored, listing, now)
    callback = stored.callback
    if callback is None:
        yield from _without_owner(stored)
        return
    try:
        session = SESSION.validate_python(callback.session)
        options = FLOW_OPTIONS.validate_python(callback.options) if callback.options else None
    except ValidationError:
        text = "What it remembers of its flow cannot be read."
        advice = (
            "Restore its row from a backup, or delete it in the database: nothing in the service can go on with it."
        )
        yield Fault(Kind.INCONSISTENT, text, advice=advice)
        return
    if options is None and session.stage not in {Stage.NEW, Stage.SCHEDULED, Stage.ENDED}:
        text = "It is under way without the options that it runs with."
        yield Fault(Kind.INCONSISTENT, text, advice="Cancel it: it ends with an error that its timeline explains.")
        return
    yield from _record(stored, callback, session, options)
    yield from _rung_twice(stored, session, options)
    if session.stage is Stage.ENDED:
        yield from _after_the_end(stored, session, now)
    else:
        yield from _under_way(stored, callback, session, options, now)
    yield from _reservation(stored, session, now)


# Owners that are gone or over


def _without_owner(stored: Stored) -> Iterator[Fault]:
    gone = "of a callback that does not exist"
    if stored.timers:
        yield Fault(Kind.ORPHANED, f"Timer {_list(stored.timers)} {gone} is armed.", Remedy.FORGET)
    if stored.entry:
        yield Fault(Kind.ORPHANED, f"A place in queue {stored.entry.queue} {gone} is taken.", Remedy.FORGET)
    if stored.booking:
        text = f"A place in the slot of {_clock(stored.booking.slot_start)} {gone} is taken."
        yield Fault(Kind.ORPHANED, text, Remedy.UNBOOK)
    if stored.call:
        yield _left_over_call(stored, f"A call {gone} is stored.")
    if stored.agent:
        text = f"Agent {stored.agent.name} is reserved for a callback that does not exist."
        yield Fault(Kind.RESERVED, text, Remedy.RELEASE)


def _left_over_call(stored: Stored, text: str) -> Fault:
    if stored.joined:
        advice = "Two people may be talking: let them end the call, or hang it up on the switch."
        return Fault(Kind.ORPHANED, text, advice=advice)
    return Fault(Kind.ORPHANED, text, Remedy.GIVE_UP if stored.live_legs else Remedy.FORGET)


def _after_the_end(stored: Stored, session: Session, now: datetime) -> Iterator[Fault]:
    over = "although it is over"
    if stored.timers:
        yield Fault(Kind.ORPHANED, f"Its timer {_list(stored.timers)} is armed {over}.", Remedy.FORGET)
    if stored.entry:
        yield Fault(Kind.ORPHANED, f"It still has a place in queue {stored.entry.queue} {over}.", Remedy.FORGET)
    if stored.booking and not projections.booked_slot(session):
        text = f"It still has a place in the slot of {_clock(stored.booking.slot_start)} {over}."
        yield Fault(Kind.ORPHANED, text, Remedy.UNBOOK)
    ended_at = stored.journal.at if stored.journal else None
    late = ended_at is not None and ended_at < now - BOUND
    if stored.call and _wish(stored.call) != NOTHING:
        yield _left_over_call(stored, f"It still wants a call {over}.")
    elif stored.call and stored.live_legs and late:
        up = " and ".join(_who(leg) for leg in stored.live_legs)
        yield Fault(Kind.ORPHANED, f"A call to {up} is still up {over}.", Remedy.CONVERGE)
    elif stored.call and not stored.live_legs and (stored.call.settled or late):
        yield Fault(Kind.ORPHANED, f"Its call is still stored {over}.", Remedy.FORGET)
    yield from _late_events(stored, now)


# Callbacks under way


def _under_way(
    stored: Stored, callback: Callback, session: Session, options: FlowOptions | None, now: datetime
) -> Iterator[Fault]:
    missing = list(_differences(stored, session, options))
    if not _will_wake(stored):
        text = " ".join(["Nothing will ever wake it.", *missing])
        yield Fault(Kind.OVERDUE, text, _wake_with(stored, session))
    elif missing:
        yield Fault(Kind.ORPHANED, " ".join(missing), _restore_with(stored, session))
    if session.reservation and (stored.agent is None or stored.agent.reservation != session.reservation):
        text = f"Agent {session.agent}, on whom it counts, is not reserved for it."
        advice = "Find out who gave the agent away; the callback goes on with what it has."
        yield Fault(Kind.ORPHANED, text, advice=advice)
    for timer in stored.timers.values():
        if timer.due_at < now - BOUND:
            text = f"Its timer {timer.name} was due at {_clock(timer.due_at)} and has not gone off."
            yield Fault(Kind.OVERDUE, text, Remedy.ADVANCE)
    yield from _late_start(stored, callback, session, now)
    yield from _late_events(stored, now)
    if projections.booked_slot(session) and stored.booking is None:
        text = f"Its place in the slot of {_clock(session.desired_at)} is missing."
        advice = "It is called all the same; the slot may take one more than it should."
        yield Fault(Kind.ORPHANED, text, advice=advice)
    call = stored.call
    if call and not call.settled and (call.looks >= MOST_LOOKS or call.look_at < now - BOUND):
        text = "For over a minute its call has not been brought to what it wants; the switch may be out of reach."
        yield Fault(Kind.OVERDUE, text, Remedy.CONVERGE)
    late = callback.expires_at < now - BOUND and callback.state != State.COMPLETED
    if late and not stored.live_legs and not stored.pending:
        text = f"Its time to live was over at {_clock(callback.expires_at)} and it has not ended (_ttl)."
        yield Fault(Kind.OVERDUE, text, Remedy.EXPIRE)
    yield from _given_up(stored, now)


def _late_start(stored: Stored, callback: Callback, session: Session, now: datetime) -> Iterator[Fault]:
    """A start that did not come: those of older releases have a timer for it, the others are found by a scan."""
    if session.stage is not Stage.SCHEDULED or stored.pending or _any_late(stored, now):
        return
    due = session.deadline or callback.start_base
    if due and due < now - BOUND:
        remedy = Remedy.RESTORE if session.deadline else Remedy.START
        yield Fault(Kind.OVERDUE, f"It should have started at {_clock(due)}.", remedy)


def _any_late(stored: Stored, now: datetime) -> bool:
    return any(timer.due_at < now - BOUND for timer in stored.timers.values())


def _late_events(stored: Stored, now: datetime) -> Iterator[Fault]:
    late = [pending for pending in stored.pending if pending.created_at < now - BOUND]
    if late:
        kinds = ", ".join(dict.fromkeys(str(pending.event.get("kind")) for pending in late))
        text = f"An event ({kinds}) has waited since {_clock(late[0].created_at)} to be decided."
        yield Fault(Kind.OVERDUE, text, Remedy.ADVANCE)


def _given_up(stored: Stored, now: datetime) -> Iterator[Fault]:
    """Legs that are not wanted any more go at once, or as soon as their switch answers."""
    if stored.call is None:
        return
    ended = {(a.party, a.number): a.ended_at for a in stored.attempts if a.ended_at}
    for leg in stored.live_legs:
        since = ended.get((leg.party, leg.attempt))
        if since and since < now - BOUND and not names(_wish(stored.call), leg):
            text = f"A call to {_who(leg)} that was given up at {_clock(since)} is still up."
            yield Fault(Kind.ORPHANED, text, Remedy.CONVERGE)


def _will_wake(stored: Stored) -> bool:
    """Whether anything is there from which it will hear."""
    callback = stored.callback
    return bool(
        stored.timers
        or stored.pending
        or (callback and callback.start_base)
        # A sweep compares it with the flag of its service every second.
        or (callback and callback.stage == Stage.PAUSED)
        or (stored.call and not stored.call.settled)
        or stored.live_legs
        or (stored.entry and stored.entry.eligible_at)
        or (stored.agent and stored.agent.reserved_until)
    )


def _differences(stored: Stored, session: Session, options: FlowOptions | None) -> Iterator[str]:
    """Where what is stored is not what follows from the session; what an event under way explains is left out."""
    # Without options only what reads none: it has not started.
    yield from _timer_differences(stored, armed_timers(session, options))  # type: ignore[arg-type]
    wish = projections.wanted_call(session, options)  # type: ignore[arg-type]
    if (_wish(stored.call) if stored.call else NOTHING) != wish:
        yield "What is wanted of the switch is not what its stage wants."
    yield from _place_difference(stored, session, options)


def _timer_differences(stored: Stored, expected: dict[str, tuple[datetime, dict[str, int]]]) -> Iterator[str]:
    fired = {pending.event.get("name") for pending in stored.pending if pending.event["kind"] == TimerFired.__name__}
    for name, (due_at, data) in expected.items():
        timer = stored.timers.get(name)
        if timer is None and name not in fired:
            yield f"Its timer {name} for {_clock(due_at)} is missing."
        elif timer is not None and timer.due_at != due_at:
            yield f"Its timer {name} is set to {_clock(timer.due_at)} instead of {_clock(due_at)}."
        elif timer is not None and timer.data != data:
            yield f"Its timer {name} was armed for an earlier stage."
    if extra := stored.timers.keys() - expected.keys():
        yield f"Its timer {_list(extra)} is armed and nothing asks for it."


def _place_difference(stored: Stored, session: Session, options: FlowOptions | None) -> Iterator[str]:
    place = projections.queue_place(session, options)  # type: ignore[arg-type]
    entry = stored.entry
    if place is None or entry is None:
        if place is not None:
            yield f"Its place in queue {place.queue} is missing."
        elif entry is not None:
            yield f"It has a place in queue {entry.queue} that its stage does not have."
        return
    # A dial that was granted and is about to be decided.
    granted = any(pending.event["kind"] == "DialGranted" for pending in stored.pending) and entry.granted
    wanted = (
        place.queue,
        targets.parse(place.target).steps[0].target.key,
        place.place_at,
        place.wants,
        place.visit,
        place.paused,
    )
    taken = (entry.queue, entry.target_key, entry.place_at, entry.wants, entry.visit, entry.paused)
    if taken != wanted or (
        not granted and (entry.granted, entry.eligible_at is not None) != (place.granted, bool(place.wants))
    ):
        yield f"Its place in queue {entry.queue} is not the one of its stage."


def _wake_with(stored: Stored, session: Session) -> Remedy:
    """A call of which nothing is left is gone: making it anew could ring an attempt twice."""
    wants_call = session.stage in projections.WITH_CALL
    return Remedy.CALL_GONE if wants_call and not stored.live_legs else Remedy.RESTORE


def called_party(session: Session) -> tuple[Party, int]:
    """Whose leg the stage is about, and which attempt at them."""
    if session.stage is Stage.CALLING_AGENT:
        return Party.AGENT, session.agent_attempt
    return Party.CUSTOMER, session.attempt


def _restore_with(stored: Stored, session: Session) -> Remedy | None:
    if session.stage in projections.WITH_CALL and not stored.live_legs and not stored.pending:
        called = called_party(session)
        # Rung, or on the line because the customer called.
        was_there = any((a.party, a.number) == called and (a.dialled_at or a.answered_at) for a in stored.attempts)
        if stored.call is None or was_there:
            return Remedy.CALL_GONE
    return Remedy.RESTORE


# The record


def _record(stored: Stored, callback: Callback, session: Session, options: FlowOptions | None) -> Iterator[Fault]:
    state, journal = projections.public_state(session), stored.journal
    reason = str(session.reason or "") if state is State.COMPLETED else ""
    told = journal is not None and tells(journal.state, journal.stage, session, state)
    if (callback.state, callback.stage, callback.reason) != (state, session.stage, reason):
        shown = f"{callback.state} ({callback.stage}{f', {callback.reason}' if callback.reason else ''})"
        text = f"It is shown as {shown}, but its flow is at {state} ({session.stage}{f', {reason}' if reason else ''})."
        advice = "Its timeline fits neither: read it, and cancel the callback if it should not go on."
        yield Fault(Kind.INCONSISTENT, text, Remedy.COLUMNS if told else None, "" if told else advice)
    elif journal is None:
        yield Fault(Kind.INCONSISTENT, "Its timeline is empty.", Remedy.WRITE_DOWN)
    elif not told:
        text = f"Its timeline ends at {journal.state} ({journal.stage}), but it is {state} ({session.stage})."
        yield Fault(Kind.INCONSISTENT, text, Remedy.WRITE_DOWN)
    for before, after in journal.moves if journal else ():
        if State(after) not in MOVES[State(before)]:
            text = f"Its timeline goes from {before} to {after}, which no callback may."
            advice = "The past cannot be mended. Read its timeline and find out what wrote it; report it as a fault."
            yield Fault(Kind.INCONSISTENT, text, advice=advice)
    yield from _unrecorded(stored, session)


def tells(state: str, stage: str, session: Session, public: State) -> bool:
    """Whether the journal's last entry is where the session is.

    While something holds its dial back, a callback goes to and fro between some stages and says so once.
    """
    held_back = {Stage.AWAITING, Stage.RESERVING, Stage.CONFIRMING, Stage.DIALLING, Stage.RETRYING}
    if session.held_back and session.stage in held_back and stage in held_back:
        return state == public
    return (state, stage) == (public, session.stage)


def _unrecorded(stored: Stored, session: Session) -> Iterator[Fault]:
    """Rings that the attempts do not know, attempts that the flow does not know."""
    dialled = {a.number for a in stored.attempts if a.party == Party.CUSTOMER and a.dialled_at}
    announced = {p.event.get("attempt") for p in stored.pending if p.event["kind"] == LegDialling.__name__}
    for leg in stored.legs:
        if leg.party == Party.CUSTOMER and leg.sent_at and leg.attempt not in dialled | announced:
            text = f"The customer's phone was rung in attempt {leg.attempt}, of which its record knows nothing."
            advice = "The past cannot be mended. Look the call up in the switch's own records."
            current = leg.attempt == session.attempt
            yield Fault(Kind.INCONSISTENT, text, Remedy.DIALLED if current else None, "" if current else advice)
    if stored.journal and (unknown := sorted(set(stored.journal.rang) - dialled)):
        text = f"Its timeline says that attempt {unknown[0]} rang, its attempts do not."
        advice = "The past cannot be mended. Take the timeline for what happened."
        yield Fault(Kind.INCONSISTENT, text, advice=advice)
    known = {Party.CUSTOMER: session.attempt, Party.AGENT: session.agent_attempt}
    for attempt in stored.attempts:
        if attempt.number > known[Party(attempt.party)]:
            text = f"There is an attempt {attempt.number} to reach the {attempt.party} that its flow never made."
            advice = "The past cannot be mended. Look the call up in the switch's own records."
            yield Fault(Kind.INCONSISTENT, text, advice=advice)


def _rung_twice(stored: Stored, session: Session, options: FlowOptions | None) -> Iterator[Fault]:
    advice = "It cannot be unrung. Read the timeline, apologise where it is due, and report it as a fault."
    rang = stored.journal.rang if stored.journal else ()
    for number in sorted({number for number in rang if rang.count(number) > 1}):
        text = f"Attempt {number} rang the customer's phone {rang.count(number)} times."
        yield Fault(Kind.RUNG_TWICE, text, advice=advice)
    for party in Party:
        attempts = [attempt for attempt in stored.attempts if attempt.party == party]
        for first, second in itertools.pairwise(attempts):
            if first.ended_at is None or second.began_at < first.ended_at - SKEW:
                text = f"Attempt {second.number} to reach the {party} began before attempt {first.number} was over."
                yield Fault(Kind.RUNG_TWICE, text, advice=advice)
    # What no phone was rung for uses no attempt.
    counted = [
        attempt
        for attempt in stored.attempts
        if attempt.party == Party.CUSTOMER
        # Those since it last got another time, or was to be called again.
        and attempt.number > session.attempts_before
        and attempt.dialled_at
        and attempt.result != DialResult.CREATE_CALL_ERROR
    ]
    if options and len(counted) > options.max_dial_attempts:
        text = f"The customer was called {len(counted)} times; {options.max_dial_attempts} is the most."
        yield Fault(Kind.RUNG_TWICE, text, advice=advice)


# Agents


def _reservation(stored: Stored, session: Session, now: datetime) -> Iterator[Fault]:
    agent = stored.agent
    if agent is None:
        return
    wanted = session.reservation == agent.reservation
    coming = any(p.event.get("reservation") == agent.reservation for p in stored.pending if _is_offer(p.event))
    since = max(agent.state_since, stored.journal.at) if stored.journal else agent.state_since
    on_the_phone = any(leg.agent_id == agent.pk for leg in stored.live_legs)
    if agent.reserved_until and agent.reserved_until < now - BOUND and not on_the_phone:
        text = f"Agent {agent.name} should have been given back at {_clock(agent.reserved_until)}."
        yield Fault(Kind.RESERVED, text, Remedy.LET_GO if wanted else Remedy.RELEASE)
    elif not wanted and not coming and not agent.release_as:
        over = "is over" if session.stage is Stage.ENDED else "does not want them"
        yield Fault(Kind.RESERVED, f"Agent {agent.name} is reserved, but the callback {over}.", Remedy.RELEASE)
    elif not wanted and not coming and not on_the_phone and since < now - BOUND:
        text = f"Agent {agent.name} was to be given back and still is not."
        yield Fault(Kind.RESERVED, text, Remedy.RELEASE)
    elif wanted and not on_the_phone and _stands_still(stored, agent) and since < now - BOUND:
        text = f"Agent {agent.name} is held on a call of which nothing is left."
        yield Fault(Kind.RESERVED, text, Remedy.LET_GO)


def _is_offer(event: dict[str, object]) -> bool:
    return event["kind"] == AgentReserved.__name__


def _stands_still(stored: Stored, agent: Agent) -> bool:
    return agent.reserved_until is None and not stored.pending and (stored.call is None or stored.call.settled)


# The switch


def _on_the_switch(stored: Stored, listing: Listing, now: datetime) -> Iterator[Fault]:
    for _, leg in strays(stored, listing):
        text = f"The switch has a call ({leg.id}) that is not known here."
        advice = "Somebody may be talking: let them end it, or hang it up on the switch."
        yield Fault(Kind.ORPHANED, text, None if leg.bridge else Remedy.HANG_UP, advice if leg.bridge else "", True)
    for row in stored.live_legs:
        if row.switch_id in listing.switches and row.pk not in listing.ids and _was_sent(row, now):
            text = f"The switch no longer has the call to {_who(row)} that is stored as up."
            advice = "The telephony process writes its end down within a minute. If it stays, restart that process."
            yield Fault(Kind.ORPHANED, text, advice=advice, on_the_switch=True)


def _was_sent(leg: Leg, now: datetime) -> bool:
    since = leg.sent_at or leg.answered_at
    return leg.state != LegState.CREATED and since is not None and since < now - BOUND


def _wish(call: Call) -> WantedCall:
    """What the call's row wants; a row that cannot be read agrees with nothing."""
    try:
        return WISH.validate_python(call.wish)
    except ValidationError:
        return WantedCall(joined=True)


def _who(leg: Leg) -> str:
    return "the customer" if leg.party == Party.CUSTOMER else "the agent"


def _list(timers: Iterable[str]) -> str:
    return ", ".join(sorted(timers))


def _clock(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
