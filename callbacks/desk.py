"""What agents decide about callbacks at their desk, and what they are shown of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from callbacks import actions, promises
from callbacks.flow import machine
from callbacks.flow.events import Disposed, Event, HoldChanged, HungUp, PreviewAccepted, PreviewRejected
from callbacks.flow.options import FLOW_OPTIONS, FlowOptions
from callbacks.flow.session import SESSION, Session, Stage
from callbacks.flow.stages.talking import AGAIN, choices
from callbacks.models import Attempt, Callback, JournalEntry
from callbacks.promises import NotAvailable, SlotFull
from callbacks.records import Turns
from callbacks.templatetags.callback_words import result_words
from scheduling.availability import Offer
from services import resolution
from telephony import audience, blocklist, targets
from telephony.events import Party
from telephony.upwards import Choice, Description, DeskStage, Handled, NotPossible, TooLate

STAGES: dict[Stage, DeskStage] = {
    Stage.PREVIEWING: DeskStage.OFFER,
    Stage.CALLING_AGENT: DeskStage.RINGING,
    Stage.CONNECTING: DeskStage.RINGING,
    Stage.DIALLING: DeskStage.CALLING,
    Stage.RINGING: DeskStage.CALLING,
    Stage.DETECTING: DeskStage.CALLING,
    Stage.JOINING: DeskStage.JOINING,
    Stage.TALKING: DeskStage.TALKING,
    Stage.DISPOSITION: DeskStage.DISPOSITION,
}
# Lines of the timeline of which no call came, by their kind.
REFUSED = {"rejected": gettext_lazy("rejected"), "lapsed": gettext_lazy("no decision")}
# At most so many calls of a day are listed.
MOST_HANDLED = 200


def accept(callback_id: str, reservation: str, *, now: datetime) -> None:
    """The agent takes the callback that they were shown. Raises TooLate."""
    _tell(callback_id, reservation, lambda agent: PreviewAccepted(agent, reservation), now)


def reject(callback_id: str, reservation: str, *, now: datetime) -> None:
    """The agent refuses it. Raises TooLate, and NotPossible where it may only be accepted."""
    _tell(callback_id, reservation, lambda agent: PreviewRejected(agent, reservation), now)


def hold(callback_id: str, reservation: str, *, on: bool, now: datetime) -> None:
    """Let the customer hear the waiting treatment, or talk again. Raises TooLate."""
    _tell(callback_id, reservation, lambda agent: HoldChanged(agent, reservation, on), now)


def hang_up(callback_id: str, reservation: str, *, now: datetime) -> None:
    """End the talk for both. Raises TooLate."""
    _tell(callback_id, reservation, lambda agent: HungUp(agent, reservation), now)


def _tell(callback_id: str, reservation: str, event: Callable[[str], Event], now: datetime) -> None:
    def wish(callback: Callback, decided: Turns, options: FlowOptions | None) -> list[Event]:
        session = decided.session
        if not reservation or session.reservation != reservation:
            raise TooLate(_gone(session))
        if options is None:
            raise TooLate(_("Its configuration cannot be read any more."))
        wished = event(session.agent)
        may_reject = session.stage is not Stage.PREVIEWING or options.agent_preview_allow_reject
        if isinstance(wished, PreviewRejected) and not may_reject:
            raise NotPossible(_("This callback may only be accepted; without a decision it goes to somebody else."))
        return [wished]

    try:
        actions.decide_now(callback_id, wish, now)
    except (actions.NotFound, actions.Refused) as error:
        raise TooLate(
            _("It is over.") if isinstance(error, actions.NotFound) else _("Too late: %(why)s.") % {"why": error}
        ) from None
    except actions.Busy:
        raise TooLate(_("It could not be decided just now; try again.")) from None


def _gone(session: Session) -> str:
    """Why what an agent decided on is not theirs any more."""
    if session.stage is Stage.ENDED:
        return _("Too late: the callback is over.")
    if session.stage is Stage.PAUSED:
        return _("Too late: the service was paused.")
    return _("Too late: it is no longer yours; it may already be somebody else's.")


def dispose(callback_id: str, agent: str, *, choice: Choice, at: datetime | None, now: datetime) -> None:
    """What came of a talk. Raises TooLate, and NotPossible, with what is possible instead; nothing was changed then."""

    def wish(callback: Callback, decided: Turns, options: FlowOptions | None) -> list[Event]:
        session = decided.session
        if session.stage is not Stage.DISPOSITION or session.agent != agent or options is None:
            raise TooLate(_("Too late: what came of this call has been decided already."))
        if choice not in choices(session, options):
            raise NotPossible(_("The customer has been called as often as this service allows."))
        if choice is Choice.CALL_AT and at is None:
            raise NotPossible(_("Choose when to call again."))
        if choice is Choice.CALL_AT and at is not None and at <= now:
            raise NotPossible(_("That time has passed; choose a later one, or Call again now."))
        when = at if choice is Choice.CALL_AT and at is not None else now
        slot = actions.move(callback, options, when, now) if choice in AGAIN else None
        if choice is Choice.DO_NOT_CALL:
            reason = f"Asked not to be called any more, says agent {agent}"
            blocklist.block(callback.customer_number, reason=reason, by=agent, now=now)
        event = Disposed(agent, choice, when if choice in AGAIN else None, slot)
        if refused := machine.decide(session, options, event, now).refused:
            raise TooLate(_("Too late: %(why)s.") % {"why": refused})
        return [event]

    try:
        actions.decide_now(callback_id, wish, now)
    except (actions.NotFound, actions.Refused):
        raise TooLate(_("Too late: the callback is over.")) from None
    except actions.Busy:
        raise TooLate(_("It could not be decided just now; try again.")) from None
    except SlotFull as full:
        raise _not_possible(full.place.not_available(now)) from None
    except NotAvailable as error:
        raise _not_possible(error) from None


def _not_possible(error: NotAvailable) -> NotPossible:
    offered = ", ".join(f"{offer.time:%Y-%m-%d %H:%M} UTC" for offer in error.offers[:5])
    return NotPossible(
        error.message + " " + _("Free are: %(times)s.") % {"times": offered} if offered else error.message
    )


def describe(callback_id: str, now: datetime) -> Description | None:
    """What an agent is shown of a callback that they have; None when it is gone."""
    callback = Callback.objects.select_related("service").filter(pk=callback_id).first()
    if callback is None:
        return None
    session = SESSION.validate_python(callback.session)
    options = FLOW_OPTIONS.validate_python(callback.options) if callback.options else None
    stage = DeskStage.HELD if session.on_hold else STAGES.get(session.stage, DeskStage.OVER)
    decides = stage in {DeskStage.OFFER, DeskStage.DISPOSITION}
    asks = stage is DeskStage.DISPOSITION and options is not None
    return Description(
        callback.service_name,
        callback.customer_number,
        _lines(callback, stage),
        stage=stage,
        why=_why(session, options),
        since=session.started_at or callback.created_at,
        until=session.deadline if decides else None,
        may_reject=stage is DeskStage.OFFER and options is not None and options.agent_preview_allow_reject > 0,
        choices=choices(session, options) if asks and options else (),
        times=_times(callback, session, now) if asks else (),
    )


def _lines(callback: Callback, stage: DeskStage) -> tuple[tuple[str, str], ...]:
    """The customer's data; before the agent has accepted, those that a preview shows (`_agent_preview_data`)."""
    lines = {name: str(value) for name, value in callback.user_data.items()}
    if stage is not DeskStage.OFFER or callback.service is None:
        return tuple(lines.items())
    shown = resolution.resolve_one(callback.service, "_agent_preview_data")
    keys = shown if isinstance(shown, tuple) else ()
    if not keys:
        return tuple(lines.items())
    known = {**callback.properties, **lines}
    return tuple((key, str(known[key])) for key in keys if key in known)


def _why(session: Session, options: FlowOptions | None) -> str:
    """Why it came to this agent: they were asked for, or are one of those whom the service looks for."""
    if options is None or not session.agent:
        return ""
    if session.assigned_to == session.agent:
        return _("A supervisor assigned it to you.")
    if options.preferred_agent == session.agent:
        return _("The customer asked for you.")
    profile = audience.profile_of(session.agent)
    steps = targets.parse(options.target).steps if profile else ()
    means = next((step.target for step in steps if profile and step.target.matches(profile)), None)
    return _("You are one of %(target)s.") % {"target": means} if means else ""


def _times(callback: Callback, session: Session, now: datetime) -> tuple[datetime, ...]:
    """The next times at which the customer may be called again."""
    service = callback.service
    if service is None:
        return ()
    try:
        offers: list[Offer] = promises.next_offers(
            service, number=callback.customer_number, properties=callback.properties, now=now
        )
    except (ValueError, LookupError):
        return ()
    return tuple(offer.time for offer in offers)


def handled_by(agent: str, *, since: datetime, now: datetime) -> list[Handled]:
    """What came to an agent since then, calls and previews that came to nothing, newest first, at most 200."""
    attempts = (
        Attempt.objects.filter(party=Party.AGENT, agent=agent, began_at__gte=since)
        .select_related("callback")
        .order_by("-began_at")[:MOST_HANDLED]
    )
    called = [
        Handled(
            at=attempt.began_at,
            number=attempt.callback.masked_number,
            title=attempt.callback.service_name,
            talk=_talk(attempt, now),
            outcome=result_words(attempt.result) or (_("under way") if attempt.ended_at is None else _("ended")),
        )
        for attempt in attempts
    ]
    refused = (
        JournalEntry.objects.filter(kind__in=REFUSED, data__agent=agent, at__gte=since)
        .select_related("callback")
        .order_by("-at")[:MOST_HANDLED]
    )
    asked = [
        Handled(entry.at, entry.callback.masked_number, entry.callback.service_name, None, str(REFUSED[entry.kind]))
        for entry in refused
    ]
    return sorted([*called, *asked], key=lambda each: each.at, reverse=True)[:MOST_HANDLED]


def _talk(attempt: Attempt, now: datetime) -> timedelta | None:
    """From the agent's answer to the end, where it came to a talk."""
    if attempt.result != "CONNECTED" or attempt.answered_at is None:
        return None
    return (attempt.ended_at or now).astimezone(UTC) - attempt.answered_at
