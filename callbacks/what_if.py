"""What would become of a request that came in at some moment: asked of the code that would really answer it.

Everything is read in a transaction that may not write (docs/adr/0036): whatever would store, count or lock for an
update fails in the database instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.utils.translation import gettext as _

from callbacks import admitting, configured, limits, permit
from callbacks.api import errors
from callbacks.calling import CallingTimes, calling_times
from callbacks.flow import projections
from callbacks.flow.options import FlowOptions
from callbacks.limits import number_rules
from callbacks.models import Callback
from callbacks.records import Turns
from callbacks.walk import Assumed, Outcome, Path, Walker, written
from scheduling import availability, offices
from scheduling.availability import Offer
from scheduling.slots import slot_of
from services import pausing
from services.catalogue import OptionError
from services.kinds import BadValue
from services.models import ConfiguredService
from telephony import blocklist
from telephony.ewt import REACH, AgentsNow, Measured, Outlook, Starts
from telephony.situation import new_place, situation
from telephony.upwards import Refusal

ACTOR = "what-if"
_LINE = "line"


@dataclass(frozen=True)
class Wait:
    """What is assumed of the queue: `seconds`; else what `agents` and those `waiting` ahead come to; else as it is."""

    seconds: float | None = None
    agents: int | None = None
    waiting: int = 0


@dataclass(frozen=True)
class Question:
    """A request with these keys that comes in at `arrives_at`; `desired_at` None asks for a call at once."""

    service: ConfiguredService
    arrives_at: datetime
    desired_at: datetime | None
    parameters: Mapping[str, str]
    outcomes: tuple[Outcome, ...] = (Outcome.HUMAN,)
    wait: Wait = field(default_factory=Wait)


@dataclass(frozen=True)
class Check:
    """One thing that is asked before a customer is called. `ok` None: nothing is set, so nothing is asked."""

    name: str
    ok: bool | None
    text: str


@dataclass(frozen=True)
class Refused:
    """What a client would be told: the status, the message, and the nearest times that are free."""

    status: int
    message: str
    offers: tuple[Offer, ...]


@dataclass(frozen=True)
class Slot:
    start: datetime
    end: datetime
    free: int
    total: int


@dataclass(frozen=True)
class Reply:
    """What would become of it. Accepted where it is not `refused`; then there is a `path`, and its `callback`.

    `wait` is the wait that was assumed, in seconds, None: nobody is logged in. `early`: by how much it is started
    before its own time.
    """

    checks: tuple[Check, ...]
    slot: Slot | None
    refused: Refused | None = None
    callback: Callback | None = None
    path: Path | None = None
    options: FlowOptions | None = None
    wait: float | None = None
    early: timedelta = timedelta()


@contextmanager
def only_reading() -> Iterator[None]:
    """A transaction in which the database refuses to write, and of which nothing stays, not even that."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION READ ONLY")
        try:
            yield
        finally:
            transaction.set_rollback(True)


def ask(question: Question, *, now: datetime) -> Reply:
    """What would become of the request; `now` is the real one, by which the queue is looked at."""
    with only_reading():
        return _ask(question, now)


def _ask(question: Question, now: datetime) -> Reply:
    request: admitting.Request | None = None
    slot: Slot | None = None
    try:
        service, arrives_at = question.service, question.arrives_at
        request = admitting.read(
            service=service, parameters=question.parameters, desired_at=question.desired_at, now=arrives_at
        )
        slot = _slot(question)
        admitted = admitting.admit(request, actor=ACTOR, headers=admitting.NO_HEADERS, now=arrives_at)
        # Who would store it would find here that the slot is full.
        if admitted.place and slot and not slot.free:
            raise admitted.place.not_available(arrives_at)
    except Exception as error:
        told = errors.told(error)
        if told is None:
            raise
        checks = _checks(question, request) if request else ()
        return Reply(checks, slot, Refused(told.status, told.message, tuple(getattr(error, "offers", ()))))
    return _accepted(question, request, admitted.turns, slot, now)


def _accepted(question: Question, request: admitting.Request, turns: Turns, slot: Slot | None, now: datetime) -> Reply:
    callback, options = request.callback, request.options
    checks = _checks(question, request)
    if options is None:
        # It would be stored, and would end at once: its configuration cannot be resolved.
        path = written(callback, turns, question.arrives_at)
        return Reply(checks, slot, callback=_as_it_ends(callback, path, None), path=path)
    assumed, wait = _assume(question, options, now)

    def refusal(at: datetime) -> Refusal | None:
        return (permit.refusal if projections.is_user_originated(options) else permit.would_refuse)(callback, at)

    path = Walker(callback, options, assumed, refusal).walk(turns, question.arrives_at)
    return Reply(
        checks,
        slot,
        callback=_as_it_ends(callback, path, options),
        path=path,
        options=options,
        wait=wait,
        early=assumed.early,
    )


def _as_it_ends(callback: Callback, path: Path, options: FlowOptions | None) -> Callback:
    """The row that it would be at the end of its way, for who tells of it."""
    session = path.session
    callback.state, callback.stage = projections.public_state(session), session.stage
    callback.reason = session.reason or ""
    callback.desired_at = session.desired_at
    callback.start_base = projections.start_base(session, options) if options else None
    callback.agent = next((each.agent for each in reversed(path.attempts.values()) if each.agent), "")
    callback.options = {"max_dial_attempts": options.max_dial_attempts} if options else {}
    return callback


# ---- what is assumed of the queue


def _assume(question: Question, options: FlowOptions, now: datetime) -> tuple[Assumed, float | None]:
    """The wait, and by how much a scheduled one starts before its own time: by the arithmetic that really decides."""
    try:
        stands = situation(new_place(options.virtual_queue, options.target, options.vq_priority), now)
    except BadValue:
        # Nothing says whose agents serve it: each starts at its own time.
        stands = None
    handling = stands.handling.total_seconds() if stands else Measured().handling
    reach = stands.reach.mean if stands else REACH.total_seconds()
    last_known = (stands.last_start if stands else None) or timedelta()
    outlook = stands.outlook if stands else None
    wait: float | None
    if question.wait.seconds is not None:
        wait = question.wait.seconds
        early = Starts(None, timedelta(seconds=wait)).ewt(already_started=0)
    else:
        if question.wait.agents is not None:
            outlook = _outlook(question.wait, handling)
        expected = outlook.expect() if outlook else None
        wait = expected.ewt if expected else None
        early = Starts(outlook, last_known).ewt(already_started=0)
    paused = pausing.is_paused_now(question.service)
    return Assumed(question.outcomes, wait, early, reach, handling, paused), wait


def _outlook(wait: Wait, handling: float) -> Outlook:
    """So many agents, and so many who wait ahead; while somebody waits all agents are on a call."""
    busy_for = handling / 2 if wait.waiting else None
    agents = [AgentsNow(frozenset({_LINE}), number=wait.agents or 0, busy_for=busy_for)]
    return Outlook(_LINE, {_LINE: wait.waiting}, agents, {_LINE: Measured(handling=handling)})


# ---- what is asked before a customer is called


def _slot(question: Question) -> Slot | None:
    """The slot of the desired time and what is free in it; None for a call at once."""
    if question.desired_at is None:
        return None
    plan = offices.plan_of(question.service)
    slot = slot_of(question.desired_at, plan.minutes, plan.zone)
    found = availability.offers(
        question.service.pk, plan, slot.start, slot.end, earliest=slot.start, latest=None, report_busy=True
    )
    free, total = (found[0].free, found[0].total) if found else (0, 0)
    return Slot(slot.start, slot.end, free, total)


def _checks(question: Question, request: admitting.Request) -> tuple[Check, ...]:
    """Each rule by itself, also those that come behind the one that refuses."""
    found = []
    for name, check in _CHECKS:
        try:
            ok, text = check(question, request)
        except (OptionError, LookupError, offices.Unreadable) as error:
            ok, text = False, str(error)
        found.append(Check(str(name()), ok, text))
    return tuple(found)


def _at(question: Question) -> datetime:
    return question.desired_at or question.arrives_at


def _times(question: Question, request: admitting.Request) -> CallingTimes:
    callback = request.callback
    return calling_times(question.service, number=callback.customer_number, properties=callback.properties)


def _office(question: Question, request: admitting.Request) -> tuple[bool | None, str]:
    times = _times(question, request)
    if times.hours is None:
        return None, _("No office hours are set: always open.")
    why = CallingTimes(times.hours, None, ()).why_not(_at(question))
    local = _at(question).astimezone(times.hours.zone)
    return not why, why or _("Open at %(at)s in %(zone)s.") % {"at": f"{local:%H:%M}", "zone": times.hours.zone}


def _window(question: Question, request: admitting.Request) -> tuple[bool | None, str]:
    times = _times(question, request)
    if times.window is None:
        return None, _("No calling window is set: any time of day.")
    why = CallingTimes(None, times.window, times.zones).why_not(_at(question))
    zones = ", ".join(f"{_at(question).astimezone(zone):%H:%M} ({zone})" for zone in times.zones)
    return not why, why or _("The customer's clock shows %(clocks)s.") % {"clocks": zones}


def _number(question: Question, request: admitting.Request) -> tuple[bool | None, str]:
    number = request.callback.customer_number
    if not number:
        return None, _("The request has no number.")
    try:
        number_rules.check(question.service.name, number, _resolved(question, request))
    except number_rules.NumberDisallowed as error:
        return False, str(error)
    return True, _("The number may be called by the rules of the service.")


def _blocked(question: Question, request: admitting.Request) -> tuple[bool | None, str]:
    number = request.callback.customer_number
    country = str(_resolved(question, request)["_default_country"] or "")
    blocked = blocklist.blocking(number, country=country, now=_at(question)) if number else None
    if blocked is None:
        return True, _("Not on the block list.")
    return False, _("On the block list: %(why)s.") % {"why": blocked.reason}


def _tolls(question: Question, request: admitting.Request) -> tuple[bool | None, str]:
    number = request.callback.customer_number
    why = permit.toll_refusal(question.service, number) if number else ""
    return not why, why or _("Neither its country nor its kind of number is refused.")


def _limits(question: Question, request: admitting.Request) -> tuple[bool | None, str]:
    options = request.options
    if options is None:
        return None, request.error
    buffer = timedelta(seconds=options.request_execution_time_buffer)
    try:
        limits.check(
            question.service,
            resolved=_resolved(question, request),
            parameters=configured.parameters(request.callback),
            headers=admitting.NO_HEADERS,
            is_now=request.callback.desired_at - buffer <= question.arrives_at,
            buffer=buffer,
            now=question.arrives_at,
        )
    except limits.LimitReached as error:
        return False, str(error)
    return True, _("Within all limits, with what there is now.")


def _pause(question: Question, request: admitting.Request) -> tuple[bool | None, str]:
    paused = pausing.is_paused_now(question.service)
    return not paused, _("The service is paused now.") if paused else _("The service is not paused.")


def _permit(question: Question, request: admitting.Request) -> tuple[bool | None, str]:
    refused = permit.would_refuse(request.callback, _at(question))
    if refused is None:
        return True, _("At that moment nothing would keep the phone from ringing.")
    return False, refused.reason


def _resolved(question: Question, request: admitting.Request) -> Mapping[str, Any]:
    return configured.values(request.callback, question.service)


_CHECKS: tuple[tuple[Callable[[], str], Callable[[Question, admitting.Request], tuple[bool | None, str]]], ...] = (
    (lambda: _("Office hours"), _office),
    (lambda: _("Calling window"), _window),
    (lambda: _("Number"), _number),
    (lambda: _("Block list"), _blocked),
    (lambda: _("Tolls"), _tolls),
    (lambda: _("Limits"), _limits),
    (lambda: _("Pause"), _pause),
    (lambda: _("Permit at the moment of ringing"), _permit),
)
