"""What follows from a session by itself: public state, wanted call, place in the queue, timers. Pure functions."""

from __future__ import annotations

from datetime import datetime, timedelta

from callbacks.flow.options import DEFAULT_WAITING, FlowOptions, Treatment
from callbacks.flow.session import Session, Stage
from callbacks.flow.states import State
from telephony.ewt import REACH
from telephony.queueplace import QueuePlace
from telephony.switch import Sounds
from telephony.wanted import NOTHING, WantedCall, WantedLeg

STATES: dict[Stage, State] = {
    Stage.NEW: State.SCHEDULED,
    Stage.SCHEDULED: State.SCHEDULED,
    Stage.HELD: State.QUEUED,
    Stage.AWAITING: State.QUEUED,
    Stage.CONFIRMING: State.QUEUED,
    Stage.DIALLING: State.QUEUED,
    Stage.RETRYING: State.QUEUED,
    Stage.RINGING: State.ROUTING,
    Stage.DETECTING: State.ROUTING,
    Stage.MESSAGE: State.ROUTING,
    Stage.GREETING: State.ROUTING,
    Stage.WAITING: State.ROUTING,
    Stage.CONNECTING: State.ROUTING,
    Stage.JOINING: State.ROUTING,
    Stage.APOLOGY: State.ROUTING,
    Stage.TALKING: State.PROCESSING,
    Stage.PAUSED: State.PAUSED,
    Stage.ENDED: State.COMPLETED,
}

WITH_CUSTOMER = frozenset(
    {
        Stage.DIALLING,
        Stage.RINGING,
        Stage.DETECTING,
        Stage.MESSAGE,
        Stage.GREETING,
        Stage.WAITING,
        Stage.CONNECTING,
        Stage.JOINING,
        Stage.TALKING,
        Stage.APOLOGY,
    }
)
WITH_AGENT = frozenset({Stage.CONNECTING, Stage.JOINING, Stage.TALKING})
JOINED = frozenset({Stage.JOINING, Stage.TALKING})
# Between the start of the execution and the agent: the place in the queue is kept all the while.
IN_QUEUE = frozenset(
    {
        Stage.HELD,
        Stage.AWAITING,
        Stage.CONFIRMING,
        Stage.DIALLING,
        Stage.RINGING,
        Stage.DETECTING,
        Stage.MESSAGE,
        Stage.GREETING,
        Stage.WAITING,
        Stage.CONNECTING,
        Stage.RETRYING,
        Stage.PAUSED,
    }
)
# No agent is counted on for these, although they wait for one.
NOT_GRANTED = frozenset({Stage.HELD, Stage.AWAITING, Stage.RETRYING, Stage.PAUSED})
COUNTS_TIME_IN_QUEUE = frozenset({Stage.AWAITING, Stage.CONFIRMING, Stage.RETRYING, Stage.PAUSED, Stage.WAITING})


def public_state(session: Session) -> State:
    """`_callback_state`: a talk whose record has its reason is COMPLETED to the world."""
    if session.stage is Stage.TALKING and session.reason is not None:
        return State.COMPLETED
    return STATES[session.stage]


def wanted_call(session: Session, options: FlowOptions) -> WantedCall:
    """Which legs there should be, who hears what, who is joined."""
    if session.stage not in WITH_CUSTOMER:
        return NOTHING
    customer = WantedLeg(
        attempt=session.attempt,
        ring_seconds=options.ixn_createcall_timeout,
        route_point=options.route_point,
        number=options.prefix_dial_out + session.number,
        caller_number=options.calling_party_number,
        caller_name=options.calling_party_display_name,
        detect=options.cpd_enable,
        hears=_hears(session, options),
    )
    agent = None
    if session.stage in WITH_AGENT:
        agent = WantedLeg(
            attempt=session.agent_attempt,
            ring_seconds=options.agent_reserve_timeout,
            agent=session.agent,
            caller_number=session.number,
        )
    return WantedCall(customer, agent, joined=session.stage in JOINED)


def _hears(session: Session, options: FlowOptions) -> Sounds | None:
    treatment: Treatment | None = {
        Stage.MESSAGE: options.treatment_answering_machine,
        Stage.GREETING: options.treatment_customer_connect,
        Stage.WAITING: options.treatment_waiting_for_agent,
        Stage.CONNECTING: options.treatment_waiting_for_agent,
        Stage.APOLOGY: options.treatment_find_agent_fail,
    }.get(session.stage)
    if session.fallback and session.stage in {Stage.WAITING, Stage.CONNECTING}:
        treatment = Treatment(DEFAULT_WAITING)
    if treatment is None or not treatment.file:
        return None
    return Sounds(
        number=session.sounds,
        files=(treatment.file,),
        loop=session.stage in {Stage.WAITING, Stage.CONNECTING},
        after_beep=session.stage is Stage.MESSAGE and treatment.after_beep,
    )


def queue_place(session: Session, options: FlowOptions) -> QueuePlace | None:
    if session.stage not in IN_QUEUE or session.queued_at is None:
        return None
    wants = {Stage.AWAITING: "dial", Stage.WAITING: "agent"}.get(session.stage, "")
    return QueuePlace(
        queue=options.virtual_queue,
        target=options.target,
        place_at=session.queued_at,
        wants=wants,
        visit=session.visit if wants else 0,
        reserve_seconds=options.agent_reserve_timeout,
        granted=options.wait_for_agent and session.stage not in NOT_GRANTED,
        paused=session.stage is Stage.PAUSED,
        # Who is being asked may still have to be called after the answer.
        counted_until=session.deadline + REACH if session.stage is Stage.CONFIRMING and session.deadline else None,
    )


def start_base(session: Session, options: FlowOptions) -> datetime | None:
    """The moment from which on a scheduled callback starts as soon as the estimated wait says so."""
    # One that an older release scheduled has a timer instead.
    if session.stage is not Stage.SCHEDULED or session.deadline is not None:
        return None
    return session.desired_at - timedelta(seconds=options.request_execution_time_buffer)


def booked_slot(session: Session) -> datetime | None:
    """The start of the slot in which it has a place: given back when it ends without being dialled for that time."""
    undialled = session.attempt == session.attempts_before
    return None if session.stage is Stage.ENDED and undialled else session.slot


def expires_at(session: Session, options: FlowOptions) -> datetime:
    return session.desired_at + timedelta(seconds=options.ttl)


def timers(session: Session, options: FlowOptions) -> dict[str, datetime]:
    """Which timers are armed, by name. The stage's own carries the visit it was armed for."""
    armed: dict[str, datetime] = {}
    if session.deadline is not None:
        armed["stage"] = session.deadline
    if session.queued_at is not None and session.stage in COUNTS_TIME_IN_QUEUE:
        # Neither an early start nor a night in which nobody may be called eats into the time in the queue.
        threshold = timedelta(seconds=options.desired_connect_time_threshold)
        started_at = session.started_at or session.queued_at
        counted_from = max(started_at, session.desired_at - threshold, session.put_off_until or started_at)
        armed["queue_ttl"] = counted_from + timedelta(seconds=options.urs_queued_ttl)
    if session.waiting_since is not None and session.stage is Stage.WAITING:
        armed["agent_wait"] = session.waiting_since + timedelta(seconds=options.max_time_to_wait_for_agent)
    return armed
