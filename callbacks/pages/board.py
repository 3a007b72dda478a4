"""The board: how each queue and service stands now, alarms first. Made to hang on a wall."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from callbacks import standing
from callbacks.alarms import alarms
from callbacks.pages.access import looks
from callbacks.standing import Figures
from callbacksite import live
from services import people

# With what is kept (callbacksite.kept) and a quarter of a second to answer, a change is seen within two seconds.
SECONDS = 1.25


@require_safe
@looks
def board(request: HttpRequest) -> HttpResponse:
    """`wall=1`: larger, and without the navigation, for a screen that nobody sits at."""
    now = timezone.now()
    queues = standing.queues(standing.just_now.get(now), people.limits(request.user))
    found = alarms(now, request.user, queues)
    wall = request.GET.get("wall") == "1"
    url = reverse("board") + ("?wall=1" if wall else "")
    version = live.version_of(queues, found, url, translation.get_language(), str(timezone.get_current_timezone()))
    if live.is_seen(request, version):
        return live.unchanged()
    total = sum((queue.figures for queue in queues), Figures())
    context = {
        "title": _("Board"),
        "alarms": found,
        "queues": queues,
        "has_services": any(queue.services for queue in queues),
        "total": total,
        "is_staffed": any(number for queue in queues for _state, number in queue.crew),
        "may_open_admin": request.user.is_staff,
        "wall": wall,
    }
    return live.respond(
        request, "board/page.html", "board/board.html", context, url=url, seconds=SECONDS, version=version
    )
