"""The supervisors' page of status notifications: what was not delivered, why, and sending it again."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from callbacks.status import resending
from callbacks.status.models import StatusNotice
from callbacksite import live

PAGE_SIZE = 50
LIST_SECONDS = 5
# Receivers with parked notices that are named with a button of their own.
MOST_RECEIVERS = 20

State = StatusNotice.State


@require_safe
@never_cache
@login_required
@permission_required("callbacks.view_callback", raise_exception=True)
def notifications(request: HttpRequest) -> HttpResponse:
    """The list, newest first: what is parked, unless another state is asked for."""
    state = request.GET.get("state", "")
    chosen = {
        "state": state if state in State.values else State.PARKED.value,
        "q": request.GET.get("q", "").replace("\0", "").strip(),
        "receiver": request.GET.get("receiver", "").replace("\0", "").strip(),
    }
    rows = StatusNotice.objects.visible_to(request.user).filter(state=chosen["state"]).order_by("-pk")
    if chosen["q"]:
        rows = rows.filter(callback=chosen["q"])
    if chosen["receiver"]:
        rows = rows.filter(receiver=chosen["receiver"])
    before = request.GET.get("before", "")
    is_first = not (before.isascii() and before.isdigit() and len(before) < 19)
    found = list((rows if is_first else rows.filter(pk__lt=int(before)))[: PAGE_SIZE + 1])
    kept = {name: value for name, value in chosen.items() if value and (name, value) != ("state", State.PARKED)}
    url, asked = reverse("notifications"), urlencode(kept if is_first else kept | {"before": before})
    context: dict[str, Any] = {
        **chosen,
        "title": _("Status notifications"),
        "states": State.choices,
        "rows": found[:PAGE_SIZE],
        "filtered": bool(kept),
        "older_url": f"?{urlencode(kept | {'before': found[PAGE_SIZE - 1].pk})}" if len(found) > PAGE_SIZE else "",
        "newest_url": "" if is_first else f"{url}?{urlencode(kept)}",
        "paged": not is_first,
        "parked": _parked(StatusNotice.objects.visible_to(request.user)),
        "may_resend": request.user.has_perm("callbacks.change_statusnotice"),
        "back": asked,
    }
    seconds = LIST_SECONDS if is_first else None
    page, part = "notifications/list.html", "notifications/rows.html"
    # Not as it was asked: what a refresh adds to its address would stand in that of the next, and the next.
    return live.respond(request, page, part, context, url=f"{url}?{asked}" if asked else url, seconds=seconds)


def _parked(notices: QuerySet[StatusNotice]) -> list[dict[str, Any]]:
    """The receivers with the most parked notices, with how many these are."""
    counted = notices.filter(state=State.PARKED).order_by().values("receiver").annotate(count=Count("pk"))
    return [dict(row) for row in counted.order_by("-count", "receiver")[:MOST_RECEIVERS]]


@require_POST
@login_required
@permission_required(["callbacks.view_callback", "callbacks.change_statusnotice"], raise_exception=True)
def resend(request: HttpRequest) -> HttpResponse:
    """Send one again (`notice`), or all of a receiver (`receiver`)."""
    actor, now = request.user.get_username(), timezone.now()
    among = StatusNotice.objects.visible_to(request.user)
    notice, receiver = request.POST.get("notice", ""), request.POST.get("receiver", "").replace("\0", "")
    if notice.isascii() and notice.isdigit() and len(notice) < 19:
        try:
            sent = resending.resend(among, int(notice), actor=actor, now=now)
        except resending.NotParked:
            messages.warning(request, _("It was not sent again: it is not parked any more."))
        else:
            said = _("%(event)s of callback %(callback)s is sent again to %(receiver)s.")
            about = {"event": sent.event, "callback": sent.callback, "receiver": sent.receiver}
            messages.success(request, said % about)
    elif receiver:
        count = resending.resend_all(among, receiver, actor=actor, now=now)
        more = among.filter(state=State.PARKED, receiver=receiver).exists()
        text = ngettext("%(count)d is sent again.", "%(count)d are sent again.", count) % {"count": count}
        if not count:
            text = _("Nothing is parked there any more.")
        messages.success(request, f"{text} {_('More are parked: send those again as well.')}" if more else text)
    else:
        messages.warning(request, _("Nothing was sent again: say which, by its button."))
    back = request.POST.get("back", "")
    return redirect(f"{reverse('notifications')}?{back}" if back else reverse("notifications"))
