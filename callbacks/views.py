"""The supervisors' pages: the list of callbacks, and how right estimates were."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_required, permission_required
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from django_htmx.http import HttpResponseClientRedirect
from django_htmx.middleware import HtmxDetails

from callbacks.flow.states import MOVES
from callbacks.models import Callback, CallbackQuerySet
from callbacksite import live
from telephony import overview
from telephony.models import Agent

PAGE_SIZE = 50
LIST_SECONDS = 3
ESTIMATES_SECONDS = 5
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class SignIn(LoginView):
    """The login page; a page that refreshes itself after its session has ended is sent here as a whole."""

    redirect_authenticated_user = True

    @method_decorator(never_cache)
    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        htmx = HtmxDetails(request)
        if htmx and not request.user.is_authenticated:
            return HttpResponseClientRedirect(f"{request.path}?{urlencode({'next': htmx.current_url_abs_path or '/'})}")
        return super().dispatch(request, *args, **kwargs)


@require_safe
@login_required
def home(request: HttpRequest) -> HttpResponse:
    """On to where this user works."""
    if request.user.has_perm("callbacks.view_callback"):
        return redirect("callback-list")
    if request.user.is_staff and not Agent.objects.filter(user=request.user).exists():
        return redirect("admin:index")
    return redirect("desk")


@require_safe
@never_cache
@login_required
@permission_required("callbacks.view_callback", raise_exception=True)
def callbacks(request: HttpRequest) -> HttpResponse:
    """The list, newest first; its first page keeps itself up to date."""
    chosen = {"state": request.GET.get("state", ""), "q": request.GET.get("q", "").replace("\0", "").strip()}
    visible = Callback.objects.visible_to(request.user)
    if chosen["q"] and (found := visible.filter(pk=chosen["q"]).first()):
        return redirect("callback-detail", found.pk)
    rows = visible
    if chosen["state"] in MOVES:
        rows = rows.filter(state=chosen["state"])
    if chosen["q"]:
        rows = rows.filter(customer_number=chosen["q"])
    page = _page(rows, request.GET.get("before", ""), request.GET.get("after", ""))
    kept = {name: value for name, value in chosen.items() if value}
    url = reverse("callback-list") + (f"?{urlencode(kept)}" if kept else "")
    context = {
        **chosen,
        "title": "Callbacks",
        "filtered": bool(kept),
        "states": Callback.STATES,
        "page": page,
        "older_url": f"?{urlencode(kept | {'before': page.older})}" if page.older else "",
        "newer_url": f"?{urlencode(kept | {'after': page.newer})}" if page.newer else "",
        "newest_url": url,
    }
    seconds = None if page.newer else LIST_SECONDS
    return live.respond(request, "callbacks/list.html", "callbacks/rows.html", context, url=url, seconds=seconds)


@require_safe
@never_cache
@login_required
@permission_required("callbacks.view_callback", raise_exception=True)
def queue_estimates(request: HttpRequest) -> HttpResponse:
    """Every virtual queue: who waits, what was last told, and how right such estimates were."""
    queues = overview.queues(timezone.now())
    context = {
        "title": "Estimates",
        "queues": queues,
        "judged": any(queue.accuracies for queue in queues),
    }
    page, part = "estimates/page.html", "estimates/queues.html"
    return live.respond(request, page, part, context, url=request.path, seconds=ESTIMATES_SECONDS)


class Page(NamedTuple):
    """`older` and `newer` are the keys behind which the neighbouring pages begin, empty where there is none."""

    rows: list[Callback]
    older: str
    newer: str


def _page(rows: CallbackQuerySet, before: str, after: str) -> Page:
    """A page by keys instead of numbers, so that rows that arrive meanwhile move nothing from page to page.

    A page of newer rows that would reach the newest is the first page. A key that is none shows the first page.
    """
    if key := _read_key(after):
        at, pk = key
        newer = rows.filter(created_at__gte=at).exclude(created_at=at, pk__lte=pk)
        found = list(newer.order_by("created_at", "id")[: PAGE_SIZE + 1])
        if len(found) > PAGE_SIZE:
            found = found[:PAGE_SIZE][::-1]
            return Page(found, older=_key(found[-1]), newer=_key(found[0]))
    key = _read_key(before) if not after else None
    if key:
        at, pk = key
        rows = rows.filter(created_at__lte=at).exclude(created_at=at, pk__gte=pk)
    found = list(rows.order_by("-created_at", "-id")[: PAGE_SIZE + 1])
    older = _key(found[PAGE_SIZE - 1]) if len(found) > PAGE_SIZE else ""
    found = found[:PAGE_SIZE]
    return Page(found, older=older, newer=(_key(found[0]) if found else before) if key else "")


def _key(row: Callback) -> str:
    return f"{(row.created_at - EPOCH) // timedelta(microseconds=1)}.{row.pk}"


def _read_key(text: str) -> tuple[datetime, str] | None:
    microseconds, _, pk = text.partition(".")
    try:
        return EPOCH + timedelta(microseconds=int(microseconds)), pk.replace("\0", "")
    except (ValueError, OverflowError):
        return None
