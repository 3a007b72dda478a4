"""One callback's page: why its customer was called or was not, its time as a picture, and everything that happened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe
from pydantic import ValidationError

from callbacks.flow.session import SESSION, Session, Stage
from callbacks.flow.states import State
from callbacks.models import Attempt, Callback, JournalEntry
from callbacks.pages.access import looks
from callbacks.push.models import Notice
from callbacks.story import options
from callbacks.story.answer import Facts, answer
from callbacks.story.heard import heard
from callbacks.story.lines import Push, Show, counted, lines, pushes
from callbacks.story.picture import draw
from callbacks.story.stretches import stretches
from callbacksite import live
from telephony import estimates
from telephony.models import Prediction

REFRESH_SECONDS = 2
# A trunk that is down for a day writes thousands of lines: the page shows the last ones and says so.
MOST_ENTRIES = 500
# From so many entries on one may choose what is shown of them.
LONG = 12
# The states of those who may have a place in a queue.
_IN_QUEUE = frozenset({State.QUEUED, State.ROUTING, State.PAUSED})

SHOWS: dict[Show, Promise] = {
    Show.ALL: _("All"),
    Show.NOT_DONE: _("What was not done"),
    Show.PEOPLE: _("What people did"),
    Show.CALLS: _("Calls"),
    Show.ASKED: _("Asking the customer"),
    Show.QUEUE: _("Time and queue"),
}

Row = TypeVar("Row", bound=Model)


@require_safe
@looks
def callback(request: HttpRequest, callback_id: str) -> HttpResponse:
    """One callback: it keeps itself up to date until it is over."""
    shown = get_object_or_404(Callback.objects.visible_to(request.user).select_related("service"), pk=callback_id)
    asked = request.GET.get("show", "")
    show = Show(asked) if asked in set(Show) else Show.ALL
    now = timezone.now()
    attempts, attempts_left_out = _last(Attempt.objects.filter(callback=shown))
    journal, journal_left_out = _last(JournalEntry.objects.filter(callback=shown))
    over = shown.stage == Stage.ENDED
    context = {
        "title": f"Callback {shown.pk}",
        "callback": shown,
        "over": over,
        "next_at": _next_step(shown),
        "place": estimates.position(shown.pk, now=now) if shown.state in _IN_QUEUE else None,
        "prediction": Prediction.objects.filter(owner=shown.pk).order_by("pk").last(),
        "attempts": attempts,
        "attempts_left_out": attempts_left_out,
        "journal": journal,
        "journal_left_out": journal_left_out,
        **told(shown, journal, attempts, now=None if over else now),
        "lines": lines(journal, show),
        "show": show,
        "shows": _shows(journal) if len(journal) > LONG or show else [],
        **_pushed(shown, pushes(journal)),
        "options": options.used(shown),
        "properties": {k: v for k, v in shown.properties.items() if k != "_customer_number"},
    }
    seconds = None if over else REFRESH_SECONDS
    url = f"{request.path}?show={show}" if show else request.path
    return live.respond(request, "callbacks/detail.html", "callbacks/story.html", context, url=url, seconds=seconds)


def told(
    shown: Callback, journal: Sequence[JournalEntry], attempts: Sequence[Attempt], *, now: datetime | None
) -> dict[str, Any]:
    """The answer, the picture and what was heard, for templates; `now` None: it is over, or only thought of."""
    found = stretches(journal, stage=shown.stage)
    return {
        "answer": answer(Facts(shown, _session(shown), journal, attempts)),
        "stretches": found,
        "picture": draw(found, attempts, desired_at=shown.desired_at, now=now),
        "heard": heard(journal),
    }


@dataclass(frozen=True)
class Choice:
    """One way to look at a long journal."""

    show: Show
    name: Promise
    count: int


def _shows(journal: Sequence[JournalEntry]) -> list[Choice]:
    counts = counted(journal)
    return [Choice(show, name, counts[show]) for show, name in SHOWS.items()]


def _pushed(shown: Callback, sent: list[Push]) -> dict[str, Any]:
    """What was sent to the customer's device, and what is still being sent."""
    waits = bool(sent) and not sent[-1].outcome and shown.stage != Stage.ENDED
    notice = Notice.objects.filter(callback=shown).order_by("pk").last() if waits else None
    return {"pushes": sent, "waiting_notice": notice}


def _session(callback: Callback) -> Session:
    """What the machine remembers of it; nothing where that cannot be read, which the audit says."""
    try:
        return SESSION.validate_python(callback.session)
    except ValidationError:
        return Session(number=callback.customer_number, desired_at=callback.desired_at)


def _next_step(callback: Callback) -> datetime | None:
    """When something happens by itself at the latest; None where that depends on others."""
    if callback.start_base or callback.stage == Stage.ENDED:
        return callback.start_base
    return _session(callback).deadline


def _last(rows: QuerySet[Row]) -> tuple[list[Row], bool]:
    """The last rows, oldest first, and whether earlier ones were left out."""
    newest = list(rows.order_by("-pk")[: MOST_ENTRIES + 1])
    return newest[:MOST_ENTRIES][::-1], len(newest) > MOST_ENTRIES
