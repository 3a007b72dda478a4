"""The agent desk: where an agent says whether their phone may ring, and sees for whom it rings.

A wish that has to wait for the end of the present call (AgentBusy) stands in the agent's row, and the desk shows it
from there: so it is shown in every tab, until it is carried out or taken back.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from django import forms
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from callbacksite import live
from telephony import agents, lease, upwards
from telephony.models import Agent

SECONDS = 2
OTHER = "Other"
REASONS = ("Break", "Lunch", "Meeting", "Training", "Paperwork", OTHER)


class NotReadyForm(forms.Form):
    """Why an agent takes no calls: one of a short list, in their own words, or both."""

    reason = forms.ChoiceField(choices=[(reason, reason) for reason in REASONS], label="Reason")
    words = forms.CharField(max_length=50, required=False, label="In your own words")

    @property
    def text(self) -> str:
        reason, words = self.cleaned_data["reason"], self.cleaned_data["words"]
        return words if words and reason == OTHER else f"{reason}: {words}" if words else reason


@require_safe
@never_cache
@login_required
def desk(request: HttpRequest) -> HttpResponse:
    agent = _agent(request.user)
    if agent is None:
        return render(request, "telephony/no_desk.html")
    return _show(request, agent)


@require_POST
@login_required
def ready(request: HttpRequest) -> HttpResponse:
    if agent := _agent(request.user):
        with suppress(agents.AgentBusy):
            agents.go_ready(agent, timezone.now())
    return _after(request)


@require_POST
@login_required
def not_ready(request: HttpRequest) -> HttpResponse:
    form = NotReadyForm(request.POST)
    if not form.is_valid():
        return HttpResponseBadRequest("Choose a reason from the list; your own words may have 50 characters.")
    if agent := _agent(request.user):
        with suppress(agents.AgentBusy):
            agents.go_not_ready(agent, form.text, timezone.now())
    return _after(request)


@require_POST
@login_required
def log_out(request: HttpRequest) -> HttpResponse:
    if agent := _agent(request.user):
        with suppress(agents.AgentBusy):
            agents.log_out(agent, timezone.now())
    return _after(request)


def _agent(user: AbstractBaseUser | AnonymousUser) -> Agent | None:
    return Agent.objects.select_related("switch").filter(user=user.pk).first()


def _after(request: HttpRequest) -> HttpResponse:
    """What now stands in the row, read again: another tab, or the call itself, may have been quicker."""
    agent = _agent(request.user)
    if agent is None or "HX-Request" not in request.headers:
        return redirect("desk")
    return _show(request, agent)


def _show(request: HttpRequest, agent: Agent) -> HttpResponse:
    at_work = agent.state in agents.AT_WORK
    context: dict[str, Any] = {
        "title": f"{agent.get_state_display()} · Desk",
        "agent": agent,
        "at_work": at_work,
        "owner": upwards.owner().describe(agent.reserved_for, timezone.now())
        if at_work and agent.reserved_for
        else None,
        "listening": lease.is_live(agent.switch_id),
        "form": NotReadyForm(),
    }
    url = reverse("desk")
    return live.respond(request, "telephony/desk.html", "telephony/state.html", context, url=url, seconds=SECONDS)
