"""What follows from a session by itself: public state, wanted call, place in the queue, timers. Pure functions."""

from __future__ import annotations

from datetime import datetime, timedelta

from callbacks.flow.options import CALLING_THE_CUSTOMER, DEFAULT_WAITING, FlowOptions, Treatment
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
    Stage.RESERVING: State.QUEUED,
    Stage.PREVIEWING: State.QUEUED,
    Stage.CALLING_AGENT: State.QUEUED,
    Stage.CONFIRMING: State.QUEUED,
    Stage.EXPECTING: State.QUEUED,
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
    Stage.DISPOSITION: State.PROCESSING,
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
# With a call up, the customer's or that of an agent who was called first.
WITH_CALL = WITH_CUSTOMER | {Stage.CALLING_AGENT}
JOINED = frozenset({Stage.JOINING, Stage.TALKING})
# Between the start of the execution and the talk: the place in the queue is kept all the while, and with it the clock
# of its list of targets.
IN_QUEUE = frozenset(
    {
        Stage.HELD,
        Stage.AWAITING,
        Stage.RESERVING,
        Stage.PREVIEWING,
        Stage.CALLING_AGENT,
        Stage.CONFIRMING,
        Stage.EXPECTING,
        Stage.DIALLING,
        Stage.RINGING,
        Stage.DETECTING,
        Stage.MESSAGE,
        Stage.GREETING,
        Stage.WAITING,
        Stage.CONNECTING,
        Stage.JOINING,
        Stage.RETRYING,
        Stage.PAUSED,
    }
)
# No agent is counted on for these, although they wait for one.
NOT_GRANTED = frozenset({Stage.HELD, Stage.AWAITING, Stage.RETRYING, Stage.PAUSED})
COUNTS_TIME_IN_QUEUE = frozenset(
    {Stage.AWAITING, Stage.RESERVING, Stage.CONFIRMING, Stage.RETRYING, Stage.PAUSED, Stage.WAITING}
)


# The timer at which receivers of status notifications are reminded of a callback for later.
REMINDER = "reminder"


def public_state(session: Session) -> State:
    """`_callback_state`: a talk whose record has its reason is COMPLETED to the world."""
    if session.stage is Stage.TALKING and session.reason is not None:
        return State.COMPLETED
    return STATES[session.stage]


def has_agent_leg(session: Session) -> bool:
    """Whether there is a leg to the agent: theirs is reserved, and past what they decide on at the desk."""
    return bool(session.reservation) and session.stage in WITH_CALL


def wanted_call(session: Session, options: FlowOptions) -> WantedCall:
    """Which legs there should be, who hears what, who is joined."""
    if session.stage not in WITH_CALL:
        return NOTHING
    customer = None
    if session.stage in WITH_CUSTOMER and is_user_originated(options):
        customer = WantedLeg(session.attempt, 0, arrived=True, hears=_hears(session, options))
    elif session.stage in WITH_CUSTOMER:
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
    if has_agent_leg(session):
        agent = WantedLeg(
            attempt=session.agent_attempt,
            ring_seconds=options.agent_reserve_timeout,
            agent=session.agent,
            caller_number=session.number,
            route_point=options.route_point if _agent_via_route_point(options) else "",
            hears=_agent_hears(session),
            attached=options.attached,
        )
    return WantedCall(customer, agent, joined=session.stage in JOINED and not session.on_hold)


def _agent_via_route_point(options: FlowOptions) -> bool:
    """Only who is called first can be: else the call goes to the phone that is nearest to the customer's call."""
    if not is_agent_first(options):
        return False
    return options.agent_preview_via_rp if options.agent_preview else options.agent_first_via_rp


def is_agent_first(options: FlowOptions) -> bool:
    return options.first_connect_party == "AGENT" and not is_user_originated(options)


def is_user_originated(options: FlowOptions) -> bool:
    """Whether the customer calls us: they are never rung."""
    return options.call_direction == "USERORIGINATED"


def access_for(session: Session) -> int | None:
    """The visit for which an access number is held; None where none is."""
    return session.visit if session.stage is Stage.EXPECTING else None


def _agent_hears(session: Session) -> Sounds | None:
    """An agent who was called first hears it ring until the customer is there."""
    calling = {Stage.CALLING_AGENT, Stage.DIALLING, Stage.RINGING, Stage.DETECTING}
    if session.stage not in calling:
        return None
    return Sounds(number=1, files=(CALLING_THE_CUSTOMER,), loop=True)


def _hears(session: Session, options: FlowOptions) -> Sounds | None:
    waits = session.stage in {Stage.WAITING, Stage.CONNECTING} or session.on_hold
    treatment: Treatment | None = {
        Stage.MESSAGE: options.treatment_answering_machine,
        Stage.GREETING: options.treatment_customer_connect,
        Stage.WAITING: options.treatment_waiting_for_agent,
        Stage.CONNECTING: options.treatment_waiting_for_agent,
        Stage.TALKING: options.treatment_waiting_for_agent if session.on_hold else None,
        Stage.APOLOGY: options.treatment_find_agent_fail,
    }.get(session.stage)
    if session.fallback and waits:
        treatment = Treatment(DEFAULT_WAITING)
    if treatment is None or not treatment.file:
        return None
    return Sounds(
        number=session.sounds,
        files=(treatment.file,),
        loop=waits,
        after_beep=session.stage is Stage.MESSAGE and treatment.after_beep,
    )


def queue_place(session: Session, options: FlowOptions) -> QueuePlace | None:
    if session.stage not in IN_QUEUE or session.queued_at is None:
        return None
    wants = {Stage.AWAITING: "dial", Stage.RESERVING: "agent", Stage.WAITING: "agent"}.get(session.stage, "")
    agent, seconds = preferred(session, options)
    return QueuePlace(
        queue=options.virtual_queue,
        target=options.target,
        place_at=session.queued_at - timedelta(seconds=options.call_interaction_age),
        wants=wants,
        visit=session.visit if wants else 0,
        reserve_seconds=options.agent_reserve_timeout,
        granted=options.wait_for_agent and not is_agent_first(options) and session.stage not in NOT_GRANTED,
        paused=session.stage is Stage.PAUSED,
        counted_until=_counted_until(session, options),
        priority=priority(session, options),
        priority_increment=options.vq_priority_increment,
        priority_interval=options.vq_priority_increment_interval,
        preferred_agent=agent,
        preferred_seconds=seconds,
        passed_over=session.passed_over,
    )


def priority(session: Session, options: FlowOptions) -> int:
    """Its priority, before it grows by ageing: a supervisor's word counts more than the service's."""
    return options.vq_priority if session.priority is None else session.priority


def preferred(session: Session, options: FlowOptions) -> tuple[str, int]:
    """The agent who is looked for alone at first, and for how many seconds; empty and 0 where there is none."""
    if session.assigned_to is not None:
        return session.assigned_to, session.assigned_seconds
    return options.preferred_agent, options.preferred_agent_timeout if options.preferred_agent else 0


def _counted_until(session: Session, options: FlowOptions) -> datetime | None:
    """Who is being asked may still have to be called after the answer, or has then some time to call us."""
    if session.deadline is None or session.stage not in {Stage.CONFIRMING, Stage.EXPECTING}:
        return None
    if session.stage is Stage.EXPECTING:
        return session.deadline
    after = timedelta(seconds=options.booking_seconds) if is_user_originated(options) else REACH
    return session.deadline + after


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
    if session.remind_at is not None and session.stage is not Stage.ENDED:
        armed[REMINDER] = session.remind_at
    if session.waiting_since is not None and session.stage is Stage.WAITING:
        armed["agent_wait"] = session.waiting_since + timedelta(seconds=options.max_time_to_wait_for_agent)
    return armed
