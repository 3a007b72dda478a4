"""What supervisors do to one callback. Every verb goes through the one door, `callbacks.actions.decide_now`.

Whoever acts has seen a page, and the callback goes on meanwhile: a verb is told what was `seen` of what it changes
(`seen_of`), and changes nothing where that is no longer so. One that asks for what is so already changes nothing
either, so that a form which is sent twice counts once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from django.db import transaction
from django.utils.crypto import salted_hmac
from pydantic import ValidationError

from callbacks import actions, admitting, configured, lookups, permit
from callbacks.actions import Refused, just
from callbacks.admitting import NumberBlocked
from callbacks.flow import machine, projections
from callbacks.flow.events import (
    Assigned,
    CalledNow,
    Cancelled,
    Changed,
    Event,
    Noted,
    NumberChanged,
    Prioritised,
    Recreated,
    Rescheduled,
    Served,
)
from callbacks.flow.options import FlowOptions
from callbacks.flow.session import SESSION, Session, Stage
from callbacks.flow.states import Reason, State
from callbacks.limits import number_rules
from callbacks.limits.idempotency import Once
from callbacks.models import Callback, JournalEntry
from callbacks.promises import NotAvailable, SlotFull
from callbacks.records import Turns
from services import resolution
from services.models import ConfiguredService
from telephony import blocklist
from telephony.models import Agent

HIGHEST_PRIORITY = 1_000_000
LONGEST_NOTE = 2000
# An assignment for longer than a day is none that anybody waits for.
LONGEST_ASSIGNMENT = 86_400


class Act(StrEnum):
    """In the order in which a page offers them; the text is the last part of its address."""

    CALL_NOW = "call-now"
    RESCHEDULE = "reschedule"
    PRIORITY = "priority"
    ASSIGN = "assign"
    EDIT = "edit"
    NOTE = "note"
    SERVED = "served"
    CANCEL = "cancel"
    RECREATE = "recreate"


class MovedOn(Exception):
    """What was seen is no longer so; nothing was changed. `last` is the line of the timeline that tells of it."""

    def __init__(self, last: JournalEntry | None) -> None:
        super().__init__()
        self.last = last


class AlreadySo(MovedOn):
    """What is asked for is so already; nothing was changed."""


class NotNow(Exception):
    """The customer may not be called at this moment; nothing was changed. Its text is the end of a sentence."""


class RecreatedAlready(Exception):
    """It was asked for anew before, and that one is not over; nothing was changed. Its text is that one's id."""


class UnknownAgent(Exception):
    """There is no agent of this name; nothing was changed."""


# The lines of the timeline that tell who changed what an act changes; of other acts it is the last line of all.
_TOLD: Mapping[Act, tuple[str, ...]] = {
    Act.RESCHEDULE: ("rescheduled", "called-now"),
    Act.PRIORITY: ("prioritised",),
    Act.ASSIGN: ("assigned",),
    Act.EDIT: ("changed", "number-changed"),
}
_CANCELLED = frozenset({Reason.CANCELLED, Reason.CANCELLED_BY_ADMIN})


def possible(callback: Callback, now: datetime) -> tuple[Act, ...]:
    """The acts that the machine would not refuse now: it is asked about each."""
    try:
        options, _ = configured.options(callback)
        session = SESSION.validate_python(callback.session)
    except ValidationError:  # the audit says so
        return ()
    asked: Mapping[Act, Event] = {
        Act.CALL_NOW: CalledNow(""),
        Act.RESCHEDULE: Rescheduled("", now, None),
        Act.PRIORITY: Prioritised("", 0),
        Act.ASSIGN: Assigned("", "", 0),
        Act.EDIT: Changed("", "", session.unaskable),
        Act.NOTE: Noted("", "", ""),
        Act.SERVED: Served(""),
        Act.CANCEL: Cancelled(""),
        Act.RECREATE: Recreated("", ""),
    }
    # What cannot be resolved any more can still be ended, and written about.
    always = {Act.NOTE, Act.SERVED, Act.CANCEL, Act.RECREATE}
    return tuple(
        act
        for act, event in asked.items()
        if (options is not None or act in always) and not machine.decide(session, options, event, now).refused  # type: ignore[arg-type]
    )


def seen_of(act: Act, callback: Callback, options: FlowOptions | None) -> str:
    """What a form remembers of a callback: the part that the act changes, or that it would not survive."""
    session = SESSION.validate_python(callback.session)
    return _seen(act, session, options)


def _seen(act: Act, session: Session, options: FlowOptions | None) -> str:
    desired_at = session.desired_at.isoformat(timespec="milliseconds")
    if act is Act.RESCHEDULE:
        return desired_at
    if act is Act.PRIORITY:
        return str(projections.priority(session, options)) if options else ""
    if act is Act.ASSIGN:
        return projections.preferred(session, options)[0] if options else ""
    if act is Act.EDIT:
        # A number is personal; the keys are compared one by one.
        return salted_hmac("callbacks.steering", session.number, algorithm="sha256").hexdigest()[:16]
    if act in {Act.CANCEL, Act.SERVED, Act.CALL_NOW}:
        return f"{_phase(session)} {desired_at} {session.attempt}"
    return ""


def _phase(session: Session) -> str:
    """How far it has come, as far as that matters to whoever is about to end it or to have it called."""
    if session.stage in projections.WITH_CUSTOMER:
        return "called"
    if session.stage in {Stage.PREVIEWING, Stage.CALLING_AGENT, Stage.DISPOSITION, Stage.ENDED}:
        return session.stage
    return "waits"


def cancel(*, callback_id: str, seen: str, actor: str, now: datetime) -> Callback:
    """End it: no phone rings for it any more. Raises as all verbs here: NotFound, Refused, Busy, MovedOn, AlreadySo."""
    return _do(
        callback_id,
        Act.CANCEL,
        seen,
        now,
        lambda session, options: session.reason in _CANCELLED,
        just(Cancelled(actor, Reason.CANCELLED)),
    )


def mark_served(*, callback_id: str, seen: str, actor: str, now: datetime) -> Callback:
    """End it because the customer was served another way."""
    return _do(
        callback_id,
        Act.SERVED,
        seen,
        now,
        lambda session, options: session.reason == Reason.CANCELLED_SERVED,
        just(Served(actor)),
    )


def call_now(*, callback_id: str, seen: str, actor: str, now: datetime) -> Callback:
    """Have the customer called at once; a place that was booked is given back. Raises NotNow besides."""

    def wish(callback: Callback, decided: Turns, options: FlowOptions | None) -> list[Event]:
        event = CalledNow(actor)
        if options is None or machine.decide(decided.session, options, event, now).refused:
            return [event]
        if refused := permit.dial_refusal(callback, now):
            raise NotNow(refused.reason.rstrip("."))
        actions.move(callback, options, now, now)
        _say_time(callback, decided, now)
        return [event]

    try:
        return _do(callback_id, Act.CALL_NOW, seen, now, _never, wish)
    except NotAvailable as error:
        raise NotNow(error.message) from None


def reschedule(*, callback_id: str, desired_at: datetime | None, seen: str, actor: str, now: datetime) -> Callback:
    """Give it another time, None for as soon as possible. Raises NotAvailable, with other times, besides."""
    at = desired_at or now

    def wish(callback: Callback, decided: Turns, options: FlowOptions | None) -> list[Event]:
        event = Rescheduled(actor, at, None)
        if options is None or machine.decide(decided.session, options, event, now).refused:
            return [event]
        slot = actions.move(callback, options, at, now)
        _say_time(callback, decided, at)
        return [replace(event, slot=slot)]

    try:
        return _do(
            callback_id, Act.RESCHEDULE, seen, now, lambda session, options: session.desired_at == desired_at, wish
        )
    except SlotFull as full:
        raise full.place.not_available(now) from None


def _say_time(callback: Callback, decided: Turns, at: datetime) -> None:
    """The key of the request says the time as it is now."""
    callback.properties["_desired_time"] = f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"
    decided.columns |= {"properties": callback.properties}


def prioritise(*, callback_id: str, priority: int, seen: str, actor: str, now: datetime) -> Callback:
    """Change its priority, 0 to HIGHEST_PRIORITY, and with it its place in its queue."""
    return _do(
        callback_id,
        Act.PRIORITY,
        seen,
        now,
        lambda session, options: projections.priority(session, options) == priority,
        just(Prioritised(actor, priority)),
    )


def assign(*, callback_id: str, agent: str, seconds: int, seen: str, actor: str, now: datetime) -> Callback:
    """Have only this agent looked for, for so many seconds; an empty name takes the assignment back.

    Raises UnknownAgent besides.
    """
    if agent and not Agent.objects.filter(name=agent).exists():
        raise UnknownAgent(agent)
    return _do(
        callback_id,
        Act.ASSIGN,
        seen,
        now,
        lambda session, options: projections.preferred(session, options)[0] == agent,
        just(Assigned(actor, agent, seconds if agent else 0)),
    )


@dataclass(frozen=True)
class Edit:
    """What is to be changed: `number` None leaves it, an empty text among the `keys` removes the key.

    `before` says of each of these keys what was seen.
    """

    number: str | None
    keys: Mapping[str, str]
    before: Mapping[str, str]


def edit(*, callback_id: str, edit: Edit, seen: str, actor: str, now: datetime) -> Callback:
    """Change the customer's number, their user data and the properties of the request.

    Raises NumberBlocked, `number_rules.NumberDisallowed`, MissingKeys and OptionError besides.
    """
    # With a zone that is none nobody could say any more whether the customer may be called.
    admitting.check_time_zone(edit.keys)

    def wish(callback: Callback, decided: Turns, options: FlowOptions | None) -> list[Event]:
        stored = {key: lookups.stored(callback, key) or "" for key in edit.keys}
        is_other = edit.number is not None and edit.number != callback.customer_number
        if not is_other and stored == edit.keys:
            raise AlreadySo(told_last(callback, Act.EDIT))
        if stored != {key: edit.before.get(key, "") for key in edit.keys} or (
            is_other and seen != _seen(Act.EDIT, decided.session, options)
        ):
            raise MovedOn(told_last(callback, Act.EDIT))
        if options is None:
            raise Refused(f"the configuration of service {callback.service_name} cannot be resolved")
        wishes: list[Event] = []
        if is_other and edit.number is not None:
            wishes.append(NumberChanged(actor, edit.number))
        if edit.keys:
            unaskable = configured.unaskable(options, {**callback.properties, **edit.keys})
            wishes.append(Changed(actor, actions.said_of(edit.keys), unaskable))
        if refused := [wish for wish in wishes if machine.decide(decided.session, options, wish, now).refused]:
            return refused[:1]
        if is_other and edit.number is not None:
            check_number(callback.service, edit.number, now)
            callback.customer_number = callback.properties["_customer_number"] = edit.number
        if callback.service and (missing := _missing(callback.service, edit.keys)):
            raise actions.MissingKeys(missing)
        actions.set_properties(callback, edit.keys)
        lookups.write(callback)
        decided.columns |= {
            "customer_number": callback.customer_number,
            "properties": callback.properties,
            "user_data": callback.user_data,
        }
        return wishes

    return actions.decide_now(callback_id, wish, now)


def _missing(service: ConfiguredService, keys: Mapping[str, str]) -> list[str]:
    """Those of the changed keys that the service cannot do without and that would be empty."""
    return [key for key in resolution.missing_mandatory(service, keys) if key in keys]


def check_number(service: ConfiguredService | None, number: str, now: datetime) -> None:
    """Whether the service would take and call this number. Raises NumberBlocked, NumberDisallowed, OptionError."""
    if service is None:
        raise actions.NotFound
    resolved = resolution.resolve(service)
    number_rules.check(service.name, number, resolved)
    if blocklist.blocking(number, country=str(resolved["_default_country"] or ""), now=now):
        raise NumberBlocked(number)
    is_called = resolved["_call_direction"] != "USERORIGINATED"
    if is_called and (why := permit.toll_refusal(service, number)):
        raise number_rules.NumberDisallowed(f"Customer Number [{number}] is disallowed, because {why}.", why=why)


def note(*, callback_id: str, text: str, form: str, actor: str, now: datetime) -> Callback:
    """Write somebody's words into the timeline, also when it is over; those of one `form` once."""

    def wish(callback: Callback, decided: Turns, options: FlowOptions | None) -> list[Event]:
        written = JournalEntry.objects.filter(callback=callback, kind="note", data__form=form).first()
        if written:
            raise AlreadySo(written)
        return [Noted(actor, text, form)]

    return actions.decide_now(callback_id, wish, now)


def recreate(
    *,
    callback_id: str,
    service: ConfiguredService,
    parameters: Mapping[str, str],
    desired_at: datetime | None,
    actor: str,
    now: datetime,
    once: Once,
) -> Callback:
    """Ask anew for what a callback that is over was about; each of the two names the other in its timeline.

    Of two supervisors who ask at once one is refused: the customer is not called twice. Raises what `actions.start`
    raises, Refused where it is not over, and RecreatedAlready; then nothing was stored.
    """
    made: list[Callback] = []

    def wish(callback: Callback, decided: Turns, options: FlowOptions | None) -> list[Event]:
        # A form that is sent again is told what it made, not that this exists.
        once.replay(now)
        if live := _recreated_as(callback):
            raise RecreatedAlready(live)
        new = actions.start(
            service=service,
            parameters=parameters,
            desired_at=desired_at,
            actor=actor,
            now=now,
            once=once,
            of=callback_id,
        )
        made.append(new)
        return [Recreated(actor, new.pk)]

    # A refusal takes the new one back as well.
    with transaction.atomic():
        actions.decide_now(callback_id, wish, now)
    return made[-1]


def _recreated_as(callback: Callback) -> str:
    """The id of a callback that was made anew from this one and is not over; empty where there is none."""
    lines = JournalEntry.objects.filter(callback=callback, kind="recreated", cause=Recreated.__name__)
    ids = [data["callback"] for data in lines.values_list("data", flat=True)]
    live = Callback.objects.filter(pk__in=ids).exclude(stage=Stage.ENDED)
    return live.values_list("pk", flat=True).first() or ""


def _never(session: Session, options: FlowOptions) -> bool:
    return False


def _do(
    callback_id: str,
    act: Act,
    seen: str,
    now: datetime,
    is_so: Callable[[Session, FlowOptions], bool],
    wish: actions.Wish,
) -> Callback:
    """Decide what an act wishes, unless it is so already or what was seen is so no longer."""

    def checked(callback: Callback, decided: Turns, options: FlowOptions | None) -> list[Event]:
        session = decided.session
        if options is None and act not in {Act.CANCEL, Act.SERVED}:
            raise Refused(f"the configuration of service {callback.service_name} cannot be resolved")
        if is_so(session, options):  # type: ignore[arg-type]
            raise AlreadySo(told_last(callback, act))
        if seen != _seen(act, session, options) and projections.public_state(session) is not State.COMPLETED:
            raise MovedOn(told_last(callback, act))
        return wish(callback, decided, options)

    return actions.decide_now(callback_id, checked, now)


def told_last(callback: Callback, act: Act) -> JournalEntry | None:
    """The line of the timeline that tells who changed last what the act changes."""
    lines = JournalEntry.objects.filter(callback=callback)
    if kinds := _TOLD.get(act):
        lines = lines.filter(kind__in=kinds)
    return lines.exclude(kind="refused").order_by("-pk").first()
