"""The words in which pages speak of callbacks; each table is total over what the flow can say."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from callbacks.flow.decision import DialResult
from callbacks.flow.session import Stage
from callbacks.flow.states import Reason
from callbacks.models import Callback

register = template.Library()

STAGES: dict[str, str] = {
    Stage.NEW: "just requested",
    Stage.SCHEDULED: "rests until its time",
    Stage.HELD: "in the queue, not yet time to call",
    Stage.AWAITING: "waits until an agent is about to be free",
    Stage.RESERVING: "looks for an agent, who is called first",
    Stage.PREVIEWING: "an agent decides whether to take it",
    Stage.CALLING_AGENT: "the agent's phone rings first",
    Stage.CONFIRMING: "the customer is asked whether to call now",
    Stage.EXPECTING: "has a number to call; the customer's call is waited for",
    Stage.DIALLING: "about to call the customer",
    Stage.RINGING: "the customer's phone rings",
    Stage.DETECTING: "answered, by a human?",
    Stage.MESSAGE: "leaving a message on a machine",
    Stage.GREETING: "the customer hears the greeting",
    Stage.WAITING: "the customer waits for an agent",
    Stage.CONNECTING: "the agent's phone rings",
    Stage.JOINING: "joining customer and agent",
    Stage.TALKING: "customer and agent talk",
    Stage.DISPOSITION: "the agent says what came of the talk",
    Stage.APOLOGY: "telling the customer that nobody is free",
    Stage.RETRYING: "waits for the next attempt",
    Stage.PAUSED: "the service is paused",
    Stage.ENDED: "over",
}


def _after_rejects(number: int) -> str:
    return "Rejected by an agent" if number == 1 else f"Rejected by {number} agents"


REASONS: dict[str, str] = {
    Reason.AGENT_CONNECTED: "Connected to an agent",
    Reason.CANCELLED: "Cancelled",
    Reason.CANCELLED_BY_ADMIN: "Cancelled by an administrator",
    Reason.CANCELLED_SERVED: "Served another way",
    Reason.FAIL_INTERACTION_DELETED: "The customer hung up",
    Reason.FAIL_TARGET_NOT_FOUND: "No agent was found in time",
    Reason.FAIL_ERROR: "Error",
    Reason.FAIL_TIMEOUT_TTL: "Not handled within its time to live",
    Reason.FAIL_IXN_UNKNOWN_MEDIA_TYPE: "Unknown media type",
    Reason.FAIL_NO_CUSTOMER_NUMBER: "No customer number",
    Reason.FAIL_AGENT_CONNECT: "No agent could be connected",
    Reason.FAIL_CALL_TO_CUSTOMER: "The customer was not reached",
    Reason.FAIL_USER_NO_CONFIRM: "The customer did not confirm",
    Reason.FAIL_LOAD_MESSAGE_FILE: "The file with the texts for customers was not loaded",
    Reason.FAIL_TOO_LATE: "Too late to be called",
    Reason.FAIL_NUMBER_BLOCKED: "The number is on the block list",
    **{Reason.after_rejects(number): _after_rejects(number) for number in range(1, 11)},
}

RESULTS: dict[str, str] = {
    DialResult.PERSON: "a person answered",
    DialResult.CONNECTED: "connected",
    DialResult.ANSWERING_MACHINE: "answering machine",
    DialResult.FAX: "fax",
    DialResult.ERROR_TONE: "error tone",
    DialResult.BUSY: "busy",
    DialResult.NO_ANSWER: "no answer",
    DialResult.CREATE_CALL_ERROR: "the call could not be made",
    DialResult.USERORIGINATED_CONNECTED: "the customer called",
    DialResult.FAILED_TO_ESTABLISH_CUSTOMER_ORIGINATED_MEDIA: "the customer did not call",
    DialResult.UNKNOWN: "unknown",
}

CAUSES: dict[str, str] = {
    "Started": "the request",
    "TimerFired": "a timer",
    "StartDue": "its time and the wait in its queue",
    "Rescheduled": "a new time",
    "Changed": "a change of its data",
    "NumberChanged": "a change of its number",
    "CalledNow": "a supervisor: call now",
    "Prioritised": "a supervisor: priority",
    "Assigned": "a supervisor: assignment",
    "Noted": "a note",
    "Recreated": "a repetition",
    "Connected": "the customer's confirmation",
    "Snoozed": "the customer's wish to be asked later",
    "Paused": "the pause of its service",
    "Resumed": "the end of the pause",
    "PushSettled": "the push to the customer's device",
    "Cancelled": "a cancel",
    "Served": "the customer served another way",
    "Expired": "its time to live",
    "SetAside": "an error",
    "LegDialling": "the switch: call sent",
    "LegAnswered": "the switch: call answered",
    "LegProgress": "the switch: detection",
    "LegSoundsFinished": "the switch: end of sound",
    "LegsJoined": "the switch: calls joined",
    "LegEnded": "the switch: call ended",
    "DialRefused": "the check before ringing",
    "TrunkUnavailable": "the switch: no line",
    "AgentReserved": "the queue: agent reserved",
    "DialGranted": "the queue: dial granted",
    "ReservationExpired": "the queue: reservation ran out",
    "TargetSwitched": "the queue: another target",
    "CustomerArrived": "the switch: the customer called",
    "PreviewAccepted": "the agent accepted",
    "PreviewRejected": "the agent rejected",
    "HoldChanged": "the agent: hold",
    "HungUp": "the agent hung up",
    "Disposed": "the agent: disposition",
    "Audit": "a repair",
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
    return STAGES.get(stage, stage)


@register.filter
def reason_words(reason: str) -> str:
    return REASONS.get(reason, reason)


@register.filter
def result_words(result: str) -> str:
    return RESULTS.get(result, result)


@register.filter
def cause_words(cause: str) -> str:
    return CAUSES.get(cause, cause)


@register.filter
def reason_tone(reason: str) -> str:
    """Whether an end is good, bad or neither, for its colour; the words say it as well."""
    return TONES.get(reason, BAD)


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
    """A time in the office's zone, with the zone, to the minute, second or millisecond; or the `clock` alone."""
    if at is None:
        return NONE
    local = timezone.localtime(at)
    if precision == "clock":
        return format_html('<time datetime="{}">{}</time>', at.isoformat(), f"{local:%H:%M:%S}")
    clock = {
        "minute": f"{local:%H:%M}",
        "second": f"{local:%H:%M:%S}",
        "millisecond": f"{local:%H:%M:%S}.{local.microsecond // 1000:03d}",
    }[precision]
    return format_html(
        '<time datetime="{}"><span class="date">{} {} {}</span> <span class="clock">{} {}</span></time>',
        at.isoformat(),
        local.day,
        f"{local:%b}",
        local.year,
        clock,
        local.tzname(),
    )
