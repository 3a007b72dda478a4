"""The agent desk: where an agent says whether their phone may ring, is offered callbacks, and says what came of them.

A wish that has to wait for the end of the present call (AgentBusy) stands in the agent's row, and the desk shows it
from there: so it is shown in every tab, until it is carried out or taken back. A decision names the reservation for
which it was shown, and one that came too late changes nothing and says so.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from callbacksite import live
from telephony import agents, forcing
from telephony import desk as desks
from telephony.desk import Desk
from telephony.forms import CHOICES, DispositionForm, NotReadyForm, PlaceForm
from telephony.templatetags.desk_times import moment
from telephony.upwards import Choice, DeskStage, NotPossible, TooLate, owner

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

# A change is seen within a second: this, and the time to answer.
SECONDS = 0.8
OFFER_GONE = gettext_lazy("Too late: this offer is no longer yours. Nothing was changed.")
CALL_GONE = gettext_lazy("Too late: this call is over. Nothing was changed.")
DISPOSITION_GONE = gettext_lazy("Too late: what came of this call can no longer be chosen. Nothing was changed.")


class Refused(Exception):
    """What was sent makes no sense; nothing was changed. Its text says why, `form` keeps what the agent typed."""

    def __init__(self, text: str, form: DispositionForm | None = None) -> None:
        super().__init__(text)
        self.form = form


# Does one thing for an agent; returns what to say where the desk itself does not show it.
Verb = Callable[[Desk, Any, datetime], str]


def verb(act: Verb) -> Callable[[HttpRequest], HttpResponse]:
    """A button of the desk: fetch, do one thing, say what really happened and show what now stands in the row."""

    @require_POST
    @login_required
    def view(request: HttpRequest) -> HttpResponse:
        now = timezone.now()
        desk = desks.read(request.user.pk, now)
        if desk is None:
            return redirect("desk")
        try:
            said = act(desk, request.POST, now)
        except Refused as refused:
            return _show(request, said=str(refused), refused=400, form=refused.form)
        except (TooLate, NotPossible, agents.PlaceRefused) as refused:
            return _show(request, said=str(refused), refused=409)
        if "HX-Request" in request.headers:
            return _show(request, said=said)
        if said:
            messages.info(request, said)
        return redirect("desk")

    return view


@require_safe
@never_cache
@login_required
def desk(request: HttpRequest) -> HttpResponse:
    return _show(request)


@require_safe
@never_cache
@login_required
def day(request: HttpRequest) -> HttpResponse:
    """My day, in a part of its own: it changes with calls, not with every step of one."""
    now = timezone.now()
    desk = desks.read(request.user.pk, now)
    if desk is None or "HX-Request" not in request.headers:
        return redirect("desk")
    handled = desks.day(desk.agent.name, now)
    version = live.version_of(handled, timezone.localdate(now))
    if live.is_seen(request, version):
        return live.unchanged()
    return render(request, "telephony/day.html", {"day": handled, "day_seen": version})


@verb
def ready(desk: Desk, sent: Any, now: datetime) -> str:
    with suppress(agents.AgentBusy):
        agents.go_ready(desk.agent, now)
    return ""


@verb
def not_ready(desk: Desk, sent: Any, now: datetime) -> str:
    form = NotReadyForm(sent)
    if not form.is_valid():
        raise Refused(_("Choose a reason from the list; your own words may have 50 characters."))
    with suppress(agents.AgentBusy):
        agents.go_not_ready(desk.agent, form.text, now)
    return ""


@verb
def log_out(desk: Desk, sent: Any, now: datetime) -> str:
    with suppress(agents.AgentBusy):
        agents.log_out(desk.agent, now)
    return ""


@verb
def sit(desk: Desk, sent: Any, now: datetime) -> str:
    form = PlaceForm(desk.agent, sent)
    if not form.is_valid():
        raise Refused(_("There is no such place: choose one from the list."))
    place = form.cleaned_data["place"]
    agents.sit(desk.agent, place)
    if place is None:
        return _("Your own phone rings for you.")
    return _("You sit at %(place)s: its phone rings for you.") % {"place": place}


@verb
def told(desk: Desk, sent: Any, now: datetime) -> str:
    """The agent has read what a supervisor set."""
    change = sent.get("change", "")
    if change.isascii() and change.isdigit() and len(change) < 19:
        forcing.told(desk.agent, int(change), now)
    return ""


@verb
def accept(desk: Desk, sent: Any, now: datetime) -> str:
    owner().accept(*_reserved(desk, sent, OFFER_GONE), now=now)
    return ""


@verb
def reject(desk: Desk, sent: Any, now: datetime) -> str:
    owner().reject(*_reserved(desk, sent, OFFER_GONE), now=now)
    return _("You rejected the offer.")


@verb
def hold(desk: Desk, sent: Any, now: datetime) -> str:
    owner().hold(*_reserved(desk, sent, CALL_GONE), on=sent.get("on") == "true", now=now)
    return ""


@verb
def hang_up(desk: Desk, sent: Any, now: datetime) -> str:
    owner().hang_up(*_reserved(desk, sent, CALL_GONE), now=now)
    return _("You ended the call.")


@verb
def dispose(desk: Desk, sent: Any, now: datetime) -> str:
    if desk.call is None or desk.stage != DeskStage.DISPOSITION or desk.owner != sent.get("owner"):
        raise TooLate(str(DISPOSITION_GONE))
    form = DispositionForm(desk.call, now, sent)
    if not form.is_valid():
        raise Refused(form.first_error, form)
    choice, at = Choice(form.cleaned_data["choice"]), form.cleaned_data["at"]
    try:
        owner().dispose(desk.owner, desk.agent.name, choice=choice, at=at, now=now)
    except NotPossible as refused:
        raise Refused(str(refused), form) from refused
    if sent.get("then") == "ready":
        with suppress(agents.AgentBusy):
            agents.go_ready(desk.agent, now)
    if at:
        return _("Saved: call again, %(time)s.") % {"time": moment(at, now)}
    return _("Saved: %(choice)s.") % {"choice": CHOICES[choice]}


def _reserved(desk: Desk, sent: Any, gone: StrOrPromise) -> tuple[str, str]:
    """The owner and the reservation for which the button was shown. Raises TooLate when it is another one by now."""
    agent = desk.agent
    if not agent.reserved_for or agent.reservation != sent.get("reservation"):
        raise TooLate(str(gone))
    return agent.reserved_for, agent.reservation


def _show(
    request: HttpRequest, *, said: str | None = None, refused: int = 0, form: DispositionForm | None = None
) -> HttpResponse:
    """The desk as it stands in the row now: another tab, or the call itself, may have been quicker than this request.

    `said` is what a button answers, None where none was pressed; `refused` the status with which it was refused.
    """
    now = timezone.now()
    # Named before it is read: what is shown may be newer than its name, and is then only shown once more.
    version = desks.version(request.user.pk or 0, now)
    if live.is_seen(request, version):
        return live.unchanged()
    desk = desks.read(request.user.pk, now)
    if desk is None:
        return render(request, "telephony/no_desk.html")
    if not desk.is_current():
        # Read again at once; whoever is overtaken twice within milliseconds is shown the row without its call.
        desk = desks.read(request.user.pk, now) or desk
        desk = desk if desk.is_current() else Desk(desk.agent, desk.listening, None, desk.forced)
    return _page(request, desk, version, now, said=said, refused=refused, form=form)


def _page(
    request: HttpRequest,
    desk: Desk,
    version: str,
    now: datetime,
    *,
    said: str | None,
    refused: int,
    form: DispositionForm | None,
) -> HttpResponse:
    partial = "HX-Request" in request.headers
    if form is None and desk.call and desk.stage == DeskStage.DISPOSITION:
        form = DispositionForm(desk.call, now)
    context: dict[str, Any] = {
        "title": f"{desk.title} · {_('Desk')}",
        "desk": desk,
        "agent": desk.agent,
        "call": desk.call,
        "stage": desk.stage.value if desk.stage else "",
        "disposition": form,
        "said": said,
        "refused": refused,
    }
    if not partial:
        handled = desks.day(desk.agent.name, now)
        context |= {"form": NotReadyForm(), "places": PlaceForm(desk.agent), "day": handled}
        context["day_seen"] = live.version_of(handled, timezone.localdate(now))
    response = live.respond(
        request,
        "telephony/desk.html",
        "telephony/state.html",
        context,
        url=reverse("desk"),
        seconds=SECONDS,
        version=version,
        pulsed=True,
    )
    if partial:
        response["HX-Trigger"] = "day"
    elif refused:
        response.status_code = refused
    return response
