"""What-if: what would become of a request that came in at some moment, without storing anything."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from callbacks import what_if
from callbacks.pages.access import looks
from callbacks.pages.callback_page import told
from callbacks.pages.what_if_form import QuestionForm
from callbacks.story.lines import Show, lines
from callbacks.what_if import Question, Reply
from scheduling.zones import clock_change
from services import people


@require_safe
@looks
def page(request: HttpRequest) -> HttpResponse:
    """The question, and below it the answer once it was asked."""
    now = timezone.now()
    zone = timezone.get_current_timezone()
    services = people.visible(request.user)
    asked = "service" in request.GET and "arrives" in request.GET
    initial = {"arrives": f"{timezone.localtime(now):%Y-%m-%dT%H:%M:00}", "zone": str(zone), **request.GET.dict()}
    form = QuestionForm(request.GET, services=services) if asked else QuestionForm(initial=initial, services=services)
    context: dict[str, Any] = {"title": _("What if"), "form": form, "has_services": services.exists()}
    if asked and form.is_valid():
        question = form.question
        reply = what_if.ask(question, now=now)
        context |= {"question": question, "reply": reply, "clocks": _clocks(form), **_told(reply)}
        # In the zone in which it was asked.
        zone = form.cleaned_data["zone"]
    with timezone.override(zone):
        return render(request, "what_if/page.html", context)


def _told(reply: Reply) -> dict[str, Any]:
    if reply.path is None or reply.callback is None:
        return {}
    journal, attempts = reply.path.entries, list(reply.path.attempts.values())
    return {
        **told(reply.callback, journal, attempts, now=None),
        "attempts": attempts,
        "journal": journal,
        "lines": lines(journal, Show.ALL),
        "callback": reply.callback,
    }


def _clocks(form: QuestionForm) -> list[str]:
    """What clocks do on the days that are asked about."""
    zone, question = form.cleaned_data["zone"], form.question
    days = [at.astimezone(zone).date() for at in _moments(question)]
    said = [(day, clock_change(zone, day)) for day in dict.fromkeys(days)]
    return [f"{day:%Y-%m-%d}: {text}" for day, text in said if text]


def _moments(question: Question) -> list[Any]:
    return [question.arrives_at, *([question.desired_at] if question.desired_at else [])]
