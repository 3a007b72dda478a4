"""The list of callbacks, newest first."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_safe

from callbacks.flow.states import MOVES
from callbacks.models import Callback, CallbackQuerySet
from callbacks.pages.access import looks
from callbacksite import live

PAGE_SIZE = 50
LIST_SECONDS = 3
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@require_safe
@looks
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
