"""The board: how each service and queue stands now, alarms first."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from callbacks.alarms import alarms
from callbacks.pages.access import looks
from callbacksite import live

SECONDS = 2


@require_safe
@looks
def board(request: HttpRequest) -> HttpResponse:
    context = {"title": _("Board"), "alarms": alarms(timezone.now(), request.user)}
    url = request.get_full_path()
    return live.respond(request, "board/page.html", "board/board.html", context, url=url, seconds=SECONDS)
