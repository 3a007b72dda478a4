"""The words in which pages speak of callbacks; each table is total over what the flow can say."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from functools import cache
from html import escape
from typing import TYPE_CHECKING, Any

from django import template
from django.utils import timezone
from django.utils.dateformat import format as date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from callbacks.flow.decision import DialResult
from callbacks.flow.session import Stage
from callbacks.flow.states import Reason
from callbacks.models import Callback
from telephony.models import Agent

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

register = template.Library()

STAGES: dict[str, StrOrPromise] = {
    Stage.NEW: _lazy("just requested"),
    Stage.SCHEDULED: _lazy("rests until its time"),
    Stage.HELD: _lazy("in the queue, not yet time to call"),
    Stage.AWAITING: _lazy("waits until an agent is about to be free"),
    Stage.RESERVING: _lazy("looks for an agent, who is called first"),
    Stage.PREVIEWING: _lazy("an agent decides whether to take it"),
    Stage.CALLING_AGENT: _lazy("the agent's phone rings first"),
    Stage.CONFIRMING: _lazy("the customer is asked whether to call now"),
    Stage.EXPECTING: _lazy("has a number to call; the customer's call is waited for"),
    Stage.DIALLING: _lazy("about to call the customer"),
    Stage.RINGING: _lazy("the customer's phone rings"),
    Stage.DETECTING: _lazy("answered, by a human?"),
    Stage.MESSAGE: _lazy("leaving a message on a machine"),
    Stage.GREETING: _lazy("the customer hears the greeting"),
    Stage.WAITING: _lazy("the customer waits for an agent"),
    Stage.CONNECTING: _lazy("the agent's phone rings"),
    Stage.JOINING: _lazy("joining customer and agent"),
    Stage.TALKING: _lazy("customer and agent talk"),
    Stage.DISPOSITION: _lazy("the agent says what came of the talk"),
    Stage.APOLOGY: _lazy("telling the customer that nobody is free"),
    Stage.RETRYING: _lazy("waits for the next attempt"),
    Stage.PAUSED: _lazy("the service is paused"),
    Stage.ENDED: _lazy("over"),
}


def _after_rejects(number: int) -> StrOrPromise:
    if number == 1:
        return _lazy("Rejected by an agent")
    return format_lazy(_lazy("Rejected by {number} agents"), number=number)


REASONS: dict[str, StrOrPromise] = {
    Reason.AGENT_CONNECTED: _lazy("Connected to an agent"),
    Reason.CANCELLED: _lazy("Cancelled"),
    Reason.CANCELLED_BY_ADMIN: _lazy("Cancelled by an administrator"),
    Reason.CANCELLED_SERVED: _lazy("Served another way"),
    Reason.FAIL_INTERACTION_DELETED: _lazy("The customer hung up"),
    Reason.FAIL_TARGET_NOT_FOUND: _lazy("No agent was found in time"),
    Reason.FAIL_ERROR: _lazy("Error"),
    Reason.FAIL_TIMEOUT_TTL: _lazy("Not handled within its time to live"),
    Reason.FAIL_IXN_UNKNOWN_MEDIA_TYPE: _lazy("Unknown media type"),
    Reason.FAIL_NO_CUSTOMER_NUMBER: _lazy("No customer number"),
    Reason.FAIL_AGENT_CONNECT: _lazy("No agent could be connected"),
    Reason.FAIL_CALL_TO_CUSTOMER: _lazy("The customer was not reached"),
    Reason.FAIL_USER_NO_CONFIRM: _lazy("The customer did not confirm"),
    Reason.FAIL_LOAD_MESSAGE_FILE: _lazy("The file with the texts for customers was not loaded"),
    Reason.FAIL_TOO_LATE: _lazy("Too late to be called"),
    Reason.FAIL_NUMBER_BLOCKED: _lazy("The number is on the block list"),
    **{Reason.after_rejects(number): _after_rejects(number) for number in range(1, 11)},
}

RESULTS: dict[str, StrOrPromise] = {
    DialResult.PERSON: _lazy("a person answered"),
    DialResult.CONNECTED: _lazy("connected"),
    DialResult.ANSWERING_MACHINE: _lazy("answering machine"),
    DialResult.FAX: _lazy("fax"),
    DialResult.ERROR_TONE: _lazy("error tone"),
    DialResult.BUSY: _lazy("busy"),
    DialResult.NO_ANSWER: _lazy("no answer"),
    DialResult.CREATE_CALL_ERROR: _lazy("the call could not be made"),
    DialResult.USERORIGINATED_CONNECTED: _lazy("the customer called"),
    DialResult.FAILED_TO_ESTABLISH_CUSTOMER_ORIGINATED_MEDIA: _lazy("the customer did not call"),
    DialResult.UNKNOWN: _lazy("unknown"),
}

CAUSES: dict[str, StrOrPromise] = {
    "Started": _lazy("the request"),
    "TimerFired": _lazy("a timer"),
    "StartDue": _lazy("its time and the wait in its queue"),
    "Rescheduled": _lazy("a new time"),
    "Changed": _lazy("a change of its data"),
    "NumberChanged": _lazy("a change of its number"),
    "CalledNow": _lazy("a supervisor: call now"),
    "Prioritised": _lazy("a supervisor: priority"),
    "Assigned": _lazy("a supervisor: assignment"),
    "Noted": _lazy("a note"),
    "Recreated": _lazy("a repetition"),
    "Connected": _lazy("the customer's confirmation"),
    "Snoozed": _lazy("the customer's wish to be asked later"),
    "Paused": _lazy("the pause of its service"),
    "Resumed": _lazy("the end of the pause"),
    "PushSettled": _lazy("the push to the customer's device"),
    "Cancelled": _lazy("a cancel"),
    "Served": _lazy("the customer served another way"),
    "Expired": _lazy("its time to live"),
    "SetAside": _lazy("an error"),
    "LegDialling": _lazy("the switch: call sent"),
    "LegAnswered": _lazy("the switch: call answered"),
    "LegProgress": _lazy("the switch: detection"),
    "LegSoundsFinished": _lazy("the switch: end of sound"),
    "LegsJoined": _lazy("the switch: calls joined"),
    "LegEnded": _lazy("the switch: call ended"),
    "DialRefused": _lazy("the check before ringing"),
    "TrunkUnavailable": _lazy("the switch: no line"),
    "AgentReserved": _lazy("the queue: agent reserved"),
    "DialGranted": _lazy("the queue: dial granted"),
    "ReservationExpired": _lazy("the queue: reservation ran out"),
    "TargetSwitched": _lazy("the queue: another target"),
    "CustomerArrived": _lazy("the switch: the customer called"),
    "PreviewAccepted": _lazy("the agent accepted"),
    "PreviewRejected": _lazy("the agent rejected"),
    "HoldChanged": _lazy("the agent: hold"),
    "HungUp": _lazy("the agent hung up"),
    "Disposed": _lazy("the agent: disposition"),
    "Audit": _lazy("a repair"),
}

NONE = "\N{EN DASH}"

GOOD, BAD, QUIET = "good", "bad", "quiet"
TONES: dict[str, str] = {
    Reason.AGENT_CONNECTED: GOOD,
    Reason.CANCELLED: QUIET,
    Reason.CANCELLED_BY_ADMIN: QUIET,
    Reason.CANCELLED_SERVED: QUIET,
}


@register.filter
def stage_words(stage: str) -> str:
    return str(STAGES.get(stage, stage))


@register.filter
def reason_words(reason: str) -> str:
    return str(REASONS.get(reason, reason))


@register.filter
def result_words(result: str) -> str:
    return str(RESULTS.get(result, result))


@register.filter
def cause_words(cause: str) -> str:
    return str(CAUSES.get(cause, cause))


@register.filter
def reason_tone(reason: str) -> str:
    """Whether an end is good, bad or neither, for its colour; the words say it as well."""
    return TONES.get(reason, BAD)


@register.filter
def crew_words(state: str) -> str:
    """What an agent in this state is, within a sentence: "ready", "on a call"."""
    return str(Agent.State(state).label).lower()


@register.filter
def as_text(value: object) -> str:
    """A value out of JSON as it would be written there; texts as they are."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


@register.simple_tag(takes_context=True)
def number(context: dict[str, Any], callback: Callback) -> str:
    """The customer's number as whoever looks may see it; masked where nobody knows who that is."""
    user = getattr(context.get("request"), "user", None)
    return (callback.number_for(user) if user else callback.masked_number) if callback.customer_number else NONE


@register.simple_tag
def moment(at: datetime | None, precision: str = "minute") -> SafeString | str:
    """A time to the minute, second or millisecond, or the `clock` alone, in the zone of who looks.

    Where the office's clock says another time, that stands beside it, with its date where that is another.
    """
    return moments(precision)(at)


def moments(precision: str) -> Callable[[datetime | None], SafeString | str]:
    """What `moment` does, for many times on one page: nothing that they share is found out twice."""
    zone, offices_zone = timezone.get_current_timezone(), timezone.get_default_timezone()
    date_of = cache(lambda date: date_format(date, "j M Y"))
    office_said, office_date_of = _("office %(time)s"), cache(lambda date: date_format(date, "j M"))

    def moment(at: datetime | None) -> SafeString | str:
        if at is None:
            return NONE
        local = at.astimezone(zone)
        clock = _clock(local, precision)
        if precision == "clock":
            return format_html('<time datetime="{}">{}</time>', at.isoformat(), clock)
        office = at.astimezone(offices_zone)
        beside = ""
        if office.utcoffset() != local.utcoffset():
            date = "" if office.date() == local.date() else f"{office_date_of(office.date())} "
            said = office_said % {"time": f"{date}{_clock(office, precision)} {office.tzname()}"}
            beside = f' <span class="office">({escape(said)})</span>'
        # Digits and names of zones need no escaping; months are words of a translation.
        return mark_safe(  # noqa: S308
            f'<time datetime="{at.isoformat()}"><span class="date">{escape(date_of(local.date()))}</span> '
            f'<span class="clock">{clock} {local.tzname()}</span>{beside}</time>'
        )

    return moment


def _clock(local: datetime, precision: str) -> str:
    if precision == "minute":
        return f"{local.hour:02}:{local.minute:02}"
    seconds = f"{local.hour:02}:{local.minute:02}:{local.second:02}"
    return f"{seconds}.{local.microsecond // 1000:03}" if precision == "millisecond" else seconds
