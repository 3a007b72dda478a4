"""One callback's page: its facts, every attempt, its timeline."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.views.decorators.http import require_safe
from pydantic import ValidationError

from callbacks.flow.session import SESSION, Stage
from callbacks.flow.states import State
from callbacks.models import Attempt, Callback, JournalEntry
from callbacks.pages.access import looks
from callbacksite import live
from telephony import estimates
from telephony.models import Prediction

REFRESH_SECONDS = 2
# A trunk that is down for a day writes thousands of lines: the page shows the last ones and says so.
MOST_ENTRIES = 500
# The states of those who may have a place in a queue.
_IN_QUEUE = frozenset({State.QUEUED, State.ROUTING, State.PAUSED})


@require_safe
@looks
def callback(request: HttpRequest, callback_id: str) -> HttpResponse:
    """One callback: its facts, every attempt, its timeline; it keeps itself up to date until it is over."""
    shown = get_object_or_404(Callback.objects.visible_to(request.user).select_related("service"), pk=callback_id)
    attempts, attempts_left_out = _last(Attempt.objects.filter(callback=shown))
    journal, journal_left_out = _last(JournalEntry.objects.filter(callback=shown))
    context = {
        "title": f"Callback {shown.pk}",
        "callback": shown,
        "over": shown.stage == Stage.ENDED,
        "next_at": _next_step(shown),
        "place": estimates.position(shown.pk, now=timezone.now()) if shown.state in _IN_QUEUE else None,
        "prediction": Prediction.objects.filter(owner=shown.pk).order_by("pk").last(),
        "attempts": attempts,
        "attempts_left_out": attempts_left_out,
        "journal": journal,
        "journal_left_out": journal_left_out,
        "properties": {k: v for k, v in shown.properties.items() if k != "_customer_number"},
    }
    seconds = None if shown.stage == Stage.ENDED else REFRESH_SECONDS
    return live.respond(
        request, "callbacks/detail.html", "callbacks/story.html", context, url=request.path, seconds=seconds
    )


def _next_step(callback: Callback) -> datetime | None:
    """When something happens by itself at the latest; None where that depends on others."""
    if callback.start_base or callback.stage == Stage.ENDED:
        return callback.start_base
    try:
        return SESSION.validate_python(callback.session).deadline
    except ValidationError:  # the audit says so
        return None


def _last(rows: Any) -> tuple[list[Any], bool]:
    """The last rows, oldest first, and whether earlier ones were left out."""
    newest = list(rows.order_by("-pk")[: MOST_ENTRIES + 1])
    return newest[:MOST_ENTRIES][::-1], len(newest) > MOST_ENTRIES
