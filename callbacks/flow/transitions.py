"""Entering a stage: what is true from that moment on. The stages decide when; here stands how."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from callbacks.flow import asking, projections
from callbacks.flow.decision import AgentOnCall, DialResult, ExtendReservation, ReleaseAgent
from callbacks.flow.options import DEFAULT_WAITING
from callbacks.flow.scenarios import scenario
from callbacks.flow.session import Stage
from callbacks.flow.states import Reason
from callbacks.flow.turn import Turn
from telephony.events import Party
from telephony.queueplace import PassedOver

# How long a switch may be silent about something that it should have reported, before the stage gives up waiting for
# it.
GRACE = timedelta(seconds=10)
# The longest that a once-played treatment may take; a lost end-of-sound event must not keep a customer on the line.
LONGEST_TREATMENT = timedelta(seconds=120)
# Design invariant 9: a reservation outlasts the stage that uses it by this much.
RESERVATION_MARGIN = timedelta(seconds=5)
# Longer than the claim of a performer that died while joining: two people who are both on the line are still joined.
JOIN_TIMEOUT = timedelta(seconds=25)
# For so long an agent who refused a callback, or did not react, is not offered it again.
PASSED_OVER = timedelta(seconds=60)
LEFT_WHILE_CALLING = "The agent hung up while the customer was being called."


def schedule(turn: Turn, **changes: Any) -> None:
    """Rest until the desired time, less what it may take to be served, has come."""
    turn.go(Stage.SCHEDULED, queued_at=None, remind_at=_remind_at(turn), **changes)
    turn.note("scheduled", f"Scheduled for {said(turn.session.desired_at)}.")


def _remind_at(turn: Turn) -> datetime | None:
    """When receivers of status notifications are reminded of it; None where it was asked for only after that."""
    reports = turn.options.reports
    if reports is None or not reports.remind_seconds:
        return None
    remind_at = turn.session.desired_at - timedelta(seconds=reports.remind_seconds)
    return remind_at if remind_at > turn.now else None


def remind(turn: Turn) -> None:
    turn.session = replace(turn.session, remind_at=None)
    turn.note("reminder", "Receivers of status notifications are reminded of it (_enable_notification_reminder).")


def begin(turn: Turn, ewt: float = 0.0, place_at: datetime | None = None, *, answers: bool = False) -> None:
    """Start the execution: take a place in the queue, then dial when it is time. `ewt` in seconds.

    `place_at` is the place that was found for it; None: the last one. `answers`: as proceed().
    """
    options = turn.options
    if options.media_type != "voice":
        end(turn, Reason.FAIL_IXN_UNKNOWN_MEDIA_TYPE, f"Media type {options.media_type!r} is not voice.")
        return
    if options.notification.problem:
        end(turn, Reason.FAIL_LOAD_MESSAGE_FILE, options.notification.problem)
        return
    if not turn.session.number and not projections.is_user_originated(options):
        end(turn, Reason.FAIL_NO_CUSTOMER_NUMBER, "There is no customer number to call.")
        return
    chosen = scenario(options)
    if chosen is None:
        end(
            turn,
            Reason.FAIL_ERROR,
            f"No scenario for _call_direction={options.call_direction}, _wait_for_agent={options.wait_for_agent}, "
            f"_userterminated_first_connect_party={options.first_connect_party}.",
        )
        return
    turn.session = replace(turn.session, ewt=ewt)
    turn.go(Stage.HELD, deadline=dial_at(turn), queued_at=place_at or turn.now, started_at=turn.now)
    wait = f" The estimated wait is {ewt:.0f} s." if ewt else ""
    turn.note("started", f"Execution started: {chosen.name}.{wait}")
    if turn.now >= dial_at(turn):
        proceed(turn, answers=answers)


def dial_at(turn: Turn) -> datetime:
    """The earliest moment of the first dial, `_desired_connect_time_threshold` before the desired time at most.

    Not delayed: the desired time less the estimated wait. Delayed: an agent is waited for from the threshold on. Either
    way not before `_min_queue_wait` in the queue.
    """
    session, options = turn.session, turn.options
    waited = (session.queued_at or turn.now) + timedelta(seconds=options.min_queue_wait)
    earliest = session.desired_at - timedelta(seconds=options.desired_connect_time_threshold)
    if options.wait_for_agent:
        return max(waited, earliest)
    return max(waited, earliest, session.desired_at - timedelta(seconds=session.ewt))


def reschedule(turn: Turn, desired_at: datetime, slot: datetime | None) -> None:
    """Another desired time: rest again if it is far, else go on from the place in the queue, which is kept.

    A start that is under way is not started a second time.
    """
    asking.expect_no_more(turn, "another time was asked for")
    session = turn.session
    turn.session = replace(
        session,
        desired_at=desired_at,
        slot=slot,
        ewt=0.0,
        asked=0,
        confirmed=False,
        held_back="",
        put_off_until=None,
        remind_at=None,
        attempts_before=session.attempt,
        connects=0,
    )
    if desired_at - timedelta(seconds=turn.options.request_execution_time_buffer) > turn.now:
        schedule(turn, paused_from=None, resume_at=None)
    elif session.stage is Stage.SCHEDULED:
        begin(turn)
    elif session.stage is Stage.PAUSED:
        turn.session = replace(turn.session, paused_from=Stage.HELD, resume_at=dial_at(turn))
    else:
        turn.go(Stage.HELD, deadline=dial_at(turn))
        turn.note("held", f"Keeps its place in the queue; not dialled before {said(dial_at(turn))}.")
        if turn.now >= dial_at(turn):
            proceed(turn)


def pause(turn: Turn) -> None:
    let_agent_go(turn, "the service was paused")
    session = turn.session
    later = session.deadline if session.stage in {Stage.HELD, Stage.RETRYING} else None
    came_from = Stage.RESERVING if session.stage is Stage.PREVIEWING else session.stage
    turn.go(Stage.PAUSED, paused_from=came_from, resume_at=later)
    turn.note("paused", "The service is paused (_paused_services_list); the place in the queue is kept.")


def resume(turn: Turn) -> None:
    """Go on where it was; what waited for a moment goes on waiting for it, one that was being asked is asked again."""
    session = turn.session
    turn.session = replace(session, paused_from=None, resume_at=None)
    if session.paused_from in {Stage.HELD, Stage.RETRYING}:
        turn.go(session.paused_from, deadline=max(session.resume_at or turn.now, turn.now))
    elif session.paused_from is Stage.RESERVING:
        turn.go(Stage.RESERVING)
    elif session.paused_from is Stage.CONFIRMING and not turn.options.wait_for_agent:
        asking.ask(turn)
    else:
        turn.go(Stage.AWAITING)
    turn.note("resumed", "The service goes on.")


def proceed(turn: Turn, *, answers: bool = False) -> None:
    """It is time: dial; or in a delayed scenario wait for the grant to dial, where the agent comes first for them.

    Who calls us is given an access number at once where this answers their request (`answers`), else their device is
    asked whether they want one: a number that nobody is told would be held for nothing.
    """
    chosen = scenario(turn.options)
    first = chosen.first if chosen else Stage.DIALLING
    if first is Stage.AWAITING:
        await_grant(turn)
    elif first is Stage.EXPECTING:
        (asking.expect if answers else asking.ask)(turn)
    elif first is Stage.RESERVING:
        reserve(turn)
    else:
        dial(turn)


def reserve(turn: Turn) -> None:
    """Agent first: look for an agent before anybody is called."""
    turn.go(Stage.RESERVING, agent="", reservation="")
    if not turn.session.held_back:
        turn.note("reserving", f"Looking for an agent of {turn.options.target}, who is called first.")


def preview(turn: Turn, agent: str, reservation: str) -> None:
    """Show the customer's data to the reserved agent, who decides; no phone rings yet."""
    deadline = turn.now + timedelta(seconds=turn.options.agent_preview_timeout)
    turn.go(Stage.PREVIEWING, deadline=deadline, agent=agent, reservation=reservation, reserved_at=turn.now)
    turn.agent(ExtendReservation(reservation, deadline + RESERVATION_MARGIN))
    seconds = turn.options.agent_preview_timeout
    turn.note("preview", f"Agent {agent} is reserved and is asked to take it, for {seconds} s.", agent=agent)


def call_agent(turn: Turn, agent: str, reservation: str) -> None:
    """Call the reserved agent; once they answer, the customer."""
    deadline = turn.now + timedelta(seconds=turn.options.agent_reserve_timeout) + GRACE
    turn.go(
        Stage.CALLING_AGENT,
        deadline=deadline,
        agent=agent,
        reservation=reservation,
        reserved_at=turn.now if turn.session.stage is not Stage.PREVIEWING else turn.session.reserved_at,
        agent_attempt=turn.session.agent_attempt + 1,
    )
    turn.agent(ExtendReservation(reservation, deadline + RESERVATION_MARGIN))
    turn.attempt(Party.AGENT, agent=agent)
    turn.note("reserved", f"Agent {agent} is being called first.", agent=agent)


def agent_there(turn: Turn) -> None:
    """The agent who is called first answered: call the customer."""
    turn.attempt(Party.AGENT, answered_at=turn.now)
    turn.agent(AgentOnCall(turn.session.reservation))
    turn.note("agent-answered", f"Agent {turn.session.agent} answered.", agent=turn.session.agent)
    dial(turn)


def pass_over(turn: Turn, *, pause: int = 0) -> None:
    """The agent is not offered it again for a while, so that somebody else gets it, if there is anybody."""
    session = turn.session
    until = turn.now + max(timedelta(seconds=pause), PASSED_OVER)
    still = tuple(each for each in session.passed_over if each.until > turn.now and each.agent != session.agent)
    turn.session = replace(session, passed_over=(*still, PassedOver(session.agent, until)))


def let_agent_go(turn: Turn, why: str, *, not_ready_reason: str = "", wrap_up: int = 0) -> None:
    """Give back an agent who was called first, or asked; the callback goes on without them."""
    session = turn.session
    if not session.reservation:
        return
    if projections.has_agent_leg(session):
        turn.end_attempt(Party.AGENT, None, why)
    turn.agent(ReleaseAgent(session.reservation, not_ready_reason=not_ready_reason, wrap_up_seconds=wrap_up))
    # A new visit: what is wanted of the switch changes with it.
    turn.session = replace(session, visit=session.visit + 1, agent="", reservation="", on_hold=False)


def agent_left_while_calling(turn: Turn) -> None:
    """Who was called first is gone, and nobody is there for the customer: their call is taken back and made again."""
    was_sent = turn.session.stage is not Stage.DIALLING
    let_agent_go(turn, "hung up", wrap_up=turn.options.wrap_up_time)
    if was_sent:
        fail_attempt(turn, DialResult.UNKNOWN, LEFT_WHILE_CALLING)
    else:
        turn.note("agent-left", LEFT_WHILE_CALLING)
        reserve(turn)


def agent_left_before_joining(turn: Turn) -> None:
    """The customer has answered: another agent is looked for once a human is found to be there."""
    let_agent_go(turn, "hung up", wrap_up=turn.options.wrap_up_time)
    turn.note("agent-left", "The agent hung up before the customer was joined.")


def dispose(turn: Turn, why: str) -> None:
    """The talk is over; the agent, in wrap-up, says what came of it."""
    seconds = turn.options.agent_disposition_timeout
    turn.go(Stage.DISPOSITION, deadline=turn.now + timedelta(seconds=seconds), reservation="", on_hold=False)
    turn.note("disposition", f"{why} Agent {turn.session.agent} has {seconds} s to say what came of it.")


def call_again(turn: Turn, desired_at: datetime, slot: datetime | None) -> None:
    """Begin anew by what the agent decided, behind those who wait already: attempts count from here."""
    turn.session = replace(
        turn.session,
        desired_at=desired_at,
        slot=slot,
        ewt=0.0,
        asked=0,
        confirmed=False,
        held_back="",
        put_off_until=None,
        attempts_before=turn.session.attempt,
        attempts_used=0,
        agents_failed=0,
        rung_at=None,
        answered_at=None,
        rejects=0,
        passed_over=(),
        agent="",
        connects=0,
    )
    if desired_at - timedelta(seconds=turn.options.request_execution_time_buffer) > turn.now:
        schedule(turn)
    else:
        begin(turn)


def await_grant(turn: Turn) -> None:
    turn.go(Stage.AWAITING)
    if not turn.session.held_back:
        turn.note("awaiting", "Waiting until an agent is about to be free.")


def dial(turn: Turn) -> None:
    number = turn.session.attempt + 1
    # A call that comes earlier than the reminder of it is none to be reminded of.
    turn.go(Stage.DIALLING, attempt=number, remind_at=None)
    used, most = turn.session.attempts_used, turn.options.max_dial_attempts
    if not turn.session.held_back:
        turn.note("dialling", f"Dialling the customer, attempt {used + 1} of {most}.", attempt=number)


def ring(turn: Turn) -> None:
    deadline = turn.now + timedelta(seconds=turn.options.ixn_createcall_timeout) + GRACE
    turn.go(Stage.RINGING, deadline=deadline, held_back="", rung_at=turn.now)
    turn.attempt(Party.CUSTOMER, dialled_at=turn.now)
    turn.note("ringing", "The call was sent to the customer's phone.", attempt=turn.session.attempt)


def answer(turn: Turn) -> None:
    turn.session = replace(turn.session, answered_at=turn.now)
    turn.attempt(Party.CUSTOMER, answered_at=turn.now)
    if not turn.options.cpd_enable:
        turn.note("answered", "The call was answered; detection is off (_cpd_enable=false).")
        human(turn)
        return
    turn.go(Stage.DETECTING, deadline=turn.now + timedelta(seconds=turn.options.call_timeguard) + GRACE)
    turn.note("answered", "The call was answered; finding out whether by a human.")


def human(turn: Turn) -> None:
    turn.attempt(Party.CUSTOMER, result=DialResult.PERSON)
    if turn.session.rung_at is not None:
        turn.measure("reach", turn.session.rung_at)
    if turn.session.reservation:
        # The agent is there: nothing else is to be heard before them.
        meet(turn)
        return
    greet(turn)


def greet(turn: Turn) -> None:
    """A human is on the line and no agent yet."""
    treatment = turn.options.treatment_customer_connect
    if not treatment.file:
        wait(turn)
        return
    turn.go(Stage.GREETING, deadline=turn.now + LONGEST_TREATMENT, sounds=turn.session.sounds + 1)
    turn.note("greeting", f"The customer hears {treatment.file}.", hears=treatment.file)


def machine(turn: Turn) -> None:
    let_agent_go(turn, "an answering machine answered")
    treatment = turn.options.treatment_answering_machine
    if not treatment.file:
        fail_attempt(turn, DialResult.ANSWERING_MACHINE, "No message is played to answering machines.")
        return
    turn.go(Stage.MESSAGE, deadline=turn.now + LONGEST_TREATMENT, sounds=turn.session.sounds + 1)
    when = "after its beep " if treatment.after_beep else ""
    turn.note("message", f"An answering machine answered; it hears {when}{treatment.file}.", hears=treatment.file)


def wait(turn: Turn) -> None:
    """Look for an agent while the waiting treatment plays."""
    since = turn.session.waiting_since or turn.now
    # Between two agents the treatment plays on; it does not begin anew.
    sounds = turn.session.sounds + (turn.session.stage is not Stage.CONNECTING)
    turn.go(Stage.WAITING, sounds=sounds, waiting_since=since, agent="", reservation="")
    # The list as it is wanted: a treatment that could not be played was replaced by the sample.
    heard = hears(turn)
    said = f"Looking for an agent of {turn.options.target}; the customer hears {heard or 'nothing'}."
    turn.note("waiting", said, hears=heard)


def hears(turn: Turn) -> str:
    """The file of what the customer is to hear now; empty for silence, or a talk."""
    customer = projections.wanted_call(turn.session, turn.options).customer
    return customer.hears.files[0] if customer and customer.hears else ""


def fall_back(turn: Turn) -> None:
    """The waiting treatment cannot be played: the customer hears the sample instead of silence."""
    session = turn.session
    turn.session = replace(session, visit=session.visit + 1, sounds=session.sounds + 1, fallback=True)
    missing = turn.options.treatment_waiting_for_agent.file
    said = f"{missing} could not be played; the customer hears {DEFAULT_WAITING}."
    turn.note("treatment-failed", said, hears=DEFAULT_WAITING)


def connect(turn: Turn, agent: str, reservation: str) -> None:
    deadline = turn.now + timedelta(seconds=turn.options.agent_reserve_timeout) + GRACE
    turn.go(
        Stage.CONNECTING,
        deadline=deadline,
        agent=agent,
        reservation=reservation,
        reserved_at=turn.now,
        agent_attempt=turn.session.agent_attempt + 1,
    )
    turn.agent(ExtendReservation(reservation, deadline + RESERVATION_MARGIN))
    turn.attempt(Party.AGENT, agent=agent)
    turn.note("reserved", f"Agent {agent} is reserved and is being called.", agent=agent)


def agent_failed(turn: Turn, why: str, *, result: DialResult, not_ready_reason: str = "", wrap_up: int = 0) -> None:
    """The agent was not joined: give them back, then look for another or give up."""
    first = turn.session.stage is Stage.CALLING_AGENT
    if first:
        pass_over(turn)
    session = turn.session
    turn.end_attempt(Party.AGENT, result, why)
    turn.agent(ReleaseAgent(session.reservation, not_ready_reason=not_ready_reason, wrap_up_seconds=wrap_up))
    turn.session = replace(session, reservation="", agents_failed=session.agents_failed + 1)
    turn.note("agent-failed", f"Agent {session.agent} could not be connected: {why}", agent=session.agent)
    most = turn.options.max_transfer_to_agent_attempts
    if turn.session.agents_failed >= most:
        give_up = end if first else apologise
        give_up(turn, Reason.FAIL_AGENT_CONNECT, f"No agent could be connected in {most} attempts.")
    elif first:
        reserve(turn)
    else:
        wait(turn)


def meet(turn: Turn) -> None:
    """Join the customer with the agent who was called first."""
    turn.go(Stage.JOINING, deadline=turn.now + JOIN_TIMEOUT)
    turn.note("joining", f"Joining the customer with agent {turn.session.agent}.")


def join(turn: Turn) -> None:
    turn.go(Stage.JOINING, deadline=turn.now + JOIN_TIMEOUT)
    turn.attempt(Party.AGENT, answered_at=turn.now)
    turn.agent(AgentOnCall(turn.session.reservation))
    turn.note("joining", f"Agent {turn.session.agent} answered; joining them with the customer.")


def talk(turn: Turn) -> None:
    """The point of it all. Behind COMPLETED the call goes on; only a party's hang-up ends it.

    With a disposition to come the record stays open: it may be called again by what the agent decides.
    """
    asks, retained = turn.options.enable_disposition_dialog, turn.options.retain_session
    limited = retained and not asks
    deadline = turn.now + timedelta(seconds=turn.options.max_time_to_wait_for_ixn_delete) if limited else None
    reason = None if retained or asks else Reason.AGENT_CONNECTED
    turn.go(Stage.TALKING, deadline=deadline, reason=reason, contacts=turn.session.contacts + 1, waiting_since=None)
    turn.attempt(Party.AGENT, result=DialResult.CONNECTED)
    turn.note("connected", f"The customer talks with agent {turn.session.agent}.", agent=turn.session.agent)


def apologise(turn: Turn, reason: Reason, why: str) -> None:
    """Tell the customer that no agent was found, then end with `reason`."""
    treatment = turn.options.treatment_find_agent_fail
    if not treatment.file:
        end(turn, reason, why)
        return
    turn.go(
        Stage.APOLOGY,
        deadline=turn.now + LONGEST_TREATMENT,
        sounds=turn.session.sounds + 1,
        reason=reason,
        agent="",
        reservation="",
    )
    turn.note("apology", f"{why} The customer hears {treatment.file}.", hears=treatment.file)


def fail_attempt(turn: Turn, result: DialResult, why: str) -> None:
    """The customer was not reached: try again later, or give up after `_max_dial_attempts`."""
    turn.end_attempt(Party.CUSTOMER, result, why)
    let_agent_go(turn, "the customer was not reached")
    used, most = turn.session.attempts_used + 1, turn.options.max_dial_attempts
    if used >= most:
        text = f"Attempt {used} of {most} failed: {why}"
        end(turn, Reason.FAIL_CALL_TO_CUSTOMER, text, attempts_used=used)
        return
    pause = turn.options.dial_retry_timeout
    turn.go(Stage.RETRYING, deadline=turn.now + timedelta(seconds=pause), attempts_used=used)
    turn.note("attempt-failed", f"Attempt {used} of {most} failed: {why} Next attempt in {pause} s.", result=result)


def put_off(turn: Turn, why: str, until: datetime) -> None:
    """The phone did not ring: no attempt is used, and the dial is repeated at `until`.

    What holds the dial back is written into the timeline once, however often it is found (design invariant 4).
    """
    if turn.session.stage is Stage.RINGING:
        turn.end_attempt(Party.CUSTOMER, DialResult.CREATE_CALL_ERROR, why)
    let_agent_go(turn, why)
    news = why != turn.session.held_back
    turn.go(Stage.RETRYING, deadline=until, held_back=why)
    if news:
        turn.note("put-off", f"Not dialled: {why.rstrip('.')}. Next try at {said(until)}; no attempt was used.")


def put_off_for_hours(turn: Turn, why: str, until: datetime) -> None:
    """The customer may not be called before `until`: then, unless that is after the time to live.

    Who has confirmed has to be asked again: they said yes to a call now.
    """
    if until >= projections.expires_at(turn.session, turn.options):
        why = f"Not dialled: {why.rstrip('.')}. The next moment would be {said(until)}, after its time to live (_ttl)."
        end(turn, Reason.FAIL_TOO_LATE, why)
        return
    put_off(turn, why, until)
    turn.session = replace(turn.session, put_off_until=until, asked=0, confirmed=False)


def is_too_late(turn: Turn, due: datetime) -> bool:
    """True, and ended, when what was due then is not to be made up for any more: nobody is rung a day late."""
    late = turn.now - due
    if late <= timedelta(seconds=turn.options.most_late):
        return False
    text = f"It was due at {said(due)} and is late by more than {turn.options.most_late // 60} min"
    end(turn, Reason.FAIL_TOO_LATE, f"{text} (_queue_poll_period_recovery); nobody is called that late.")
    return True


def said(moment: datetime) -> str:
    """A moment as the timeline says it."""
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def end(turn: Turn, reason: Reason, why: str, **changes: Any) -> None:
    """Complete: nothing is wanted of the switch any more; attempts end, the place and the agent are given back."""
    if turn.session.stage in projections.WITH_CUSTOMER - {Stage.DIALLING} | {Stage.EXPECTING}:
        turn.attempt(Party.CUSTOMER, ended_at=turn.now)
    if projections.has_agent_leg(turn.session):
        turn.attempt(Party.AGENT, ended_at=turn.now)
    if turn.session.reservation:
        turn.agent(ReleaseAgent(turn.session.reservation))
    turn.go(Stage.ENDED, reason=reason, agent="", reservation="", **changes)
    turn.note("ended", why, reason=reason)
