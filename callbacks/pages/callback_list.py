"""The list of callbacks: filtered, sorted, page by page; its first page keeps itself up to date."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe

from callbacks import staff, standing
from callbacks.flow.states import Reason
from callbacks.list_models import SavedView
from callbacks.models import Callback
from callbacks.pages import columns
from callbacks.pages.access import ACT, SEE_NUMBERS, looks
from callbacks.pages.listing import Found, Listing, Page
from callbacks.pages.view import COLUMNS, CUSTOM, KEY, RANGES, View
from callbacks.templatetags.callback_words import reason_words
from callbacksite import live
from services import people
from telephony.models import Agent, VirtualQueue

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

LIST_SECONDS = 3
# So many queues and agents are suggested; others can be typed.
MOST_SUGGESTED = 500


@require_safe
@looks
def callbacks(request: HttpRequest) -> HttpResponse:
    """The list. A callback's id in the box for numbers leads straight to it."""
    refreshes = "HX-Request" in request.headers
    view = View.read(request.GET, user=request.user, now=timezone.now())
    if view.number and (found := Callback.objects.visible_to(request.user).filter(pk=view.number).first()):
        return redirect("callback-detail", found.pk)
    if not refreshes and not view.errors and _is_as_sent(request.GET):
        return redirect(url_of(view))
    listing = Listing(view, request.user)
    page = listing.page(after=request.GET.get("after", ""), before=request.GET.get("before", ""))
    found_in_all = listing.found
    named = columns.aliases()
    shown = columns.columns(view.columns, named)
    context = {
        "title": _("Callbacks"),
        "view": view,
        "page": page,
        "rows": columns.rows(page.rows, shown, request.user),
        "headings": [{"column": column, **_sorting(view, column)} for column in shown],
        "count": _count(found_in_all),
        "is_partial": found_in_all.is_partial,
        "may_act": request.user.has_perm(ACT),
        "list_url": url_of(view),
        **_neighbours(view, page),
    }
    if not refreshes:
        context |= _form(view, request, named)
    seconds = None if page.before or view.errors else LIST_SECONDS
    return live.respond(
        request, "callbacks/list.html", "callbacks/rows.html", context, url=url_of(view), seconds=seconds
    )


def url_of(view: View, **more: str) -> str:
    """The address of a view, of its first page unless `more` says otherwise."""
    query = urlencode([*view.parameters, *more.items()])
    return reverse("callback-list") + (f"?{query}" if query else "")


def _is_as_sent(query: QueryDict) -> bool:
    """True for what the form sends: fields left empty, and times that say no zone, which elsewhere are others."""
    times = [query.get(name, "") for name in ("from", "to")]
    return any(not value for values in query.lists() for value in values[1]) or (
        query.get("range") == CUSTOM and not all(time.endswith("Z") for time in times)
    )


def _count(found: Found) -> str:
    """The vendor's words, with what is known of the number."""
    if not found.number and not found.is_more:
        return _("No callbacks found.")
    if found.is_more:
        number = _("at least %(number)s") if found.is_partial else "%(number)s+"
        return _("%(number)s callbacks found") % {"number": number % {"number": f"{found.number:,}"}}
    words = ngettext("%(number)s callback found", "%(number)s callbacks found", found.number)
    return words % {"number": f"{found.number:,}"}


def _sorting(view: View, column: columns.Column) -> dict[str, str]:
    """How the list is sorted by this column, as `aria-sort` says it, and where a click on its heading leads."""
    if not column.sort:
        return {"sorted": "", "url": ""}
    is_sorted = view.sort.removeprefix("-") == column.sort
    turned = f"-{column.sort}" if view.sort == column.sort else column.sort
    said = [(name, value) for name, value in view.parameters if name != "sort"]
    return {
        "sorted": ("descending" if view.sort.startswith("-") else "ascending") if is_sorted else "none",
        "url": f"?{urlencode([*said, ('sort', turned)])}",
    }


def _neighbours(view: View, page: Page) -> dict[str, str]:
    return {
        "next_url": url_of(view, after=page.after) if page.after else "",
        "previous_url": url_of(view, before=page.before) if page.before else "",
    }


def _form(view: View, request: HttpRequest, named: Mapping[str, str]) -> dict[str, Any]:
    """What stands around the rows: the filters with what can be chosen, and the saved views."""
    keys = list(dict.fromkeys([*named, *(name.removeprefix(KEY) for name in view.columns if name.startswith(KEY))]))
    data = [f"{key}={value}" for key, value in view.data] + [
        view.typed[name] for name in ("data",) if name in view.typed
    ]
    local = {name: _local(at, view) for name, at in (("from", view.start), ("to", view.end))}
    return {
        "ranges": RANGES.items(),
        "times": {name: view.typed[name] if name in view.errors else local[name] for name in local},
        "number": view.typed.get("number", view.number),
        "may_see_numbers": request.user.has_perm(SEE_NUMBERS),
        "states": Callback.STATES,
        "reasons": [(str(reason), reason_words(reason)) for reason in Reason],
        **_suggested(request.user),
        "data": [*data, ""][:3] if len(data) < 3 else data,
        "choosable": [(name, str(text), name in view.columns) for name, text in COLUMNS.items()]
        + [(f"{KEY}{key}", named.get(key, key), f"{KEY}{key}" in view.columns) for key in keys],
        "is_advanced": bool(view.errors.keys() - {"range", "from", "to", "number"}),
        "saved_views": SavedView.objects.of(request.user).select_related("owner"),
    }


def _suggested(user: User | AnonymousUser) -> dict[str, Any]:
    """Names of queues and agents to choose from: for who is limited those of the services that they see."""
    queues: Sequence[str] | QuerySet[VirtualQueue, str]
    only = people.limits(user)
    if only is None:
        queues, agents = VirtualQueue.objects.order_by("name").values_list("name", flat=True), Agent.objects.all()
    else:
        now = standing.just_now.get(timezone.now())
        queues, agents = [queue.name for queue in standing.queues(now, only) if queue.name], staff.visible(user, now)
    names = agents.order_by("name").values_list("name", flat=True)
    return {"queues": queues[:MOST_SUGGESTED], "agents": names[:MOST_SUGGESTED]}


def _local(at: Any, view: View) -> str:
    """A moment as a field for local times takes it."""
    return f"{at.astimezone(view.zone):%Y-%m-%dT%H:%M}"
