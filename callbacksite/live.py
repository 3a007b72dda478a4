"""Pages that keep themselves up to date: one part of a page is fetched again every few seconds."""

from __future__ import annotations

import hashlib
import time
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.cache import patch_vary_headers

# By what clock the countdowns of the page run: static/js/live.js reads it from every answer.
CLOCK = "X-Server-Time"


def respond(
    request: HttpRequest,
    page: str,
    part: str,
    context: dict[str, Any],
    *,
    url: str,
    seconds: float | None,
    version: str = "",
    pulsed: bool = False,
) -> HttpResponse:
    """Answer with the whole `page`, or, to its own refresh, with the `part` alone, or with 204 where nothing changed.

    A part that is not put in again keeps the reader's focus and what they have marked to copy it. The refresh
    asks `url`, every so many `seconds`, or never where they are None: a part that is final. The page includes
    `parts/live.html` where its part belongs.

    `version` names what is shown, where the caller knows that without rendering it (`version_of`) and has asked
    `is_seen` before. `pulsed`: a script of the page says when to refresh, so that it goes on while nobody looks.
    """
    html = render_to_string(part, context, request)
    seen = version or version_of(seconds, html)
    # As JavaScript reads it: a template would write a fraction with the comma of some languages.
    every = "" if seconds is None else f"{seconds:g}"
    live = {**context, "part": html, "seen": seen, "live_url": url, "seconds": every, "pulsed": pulsed}
    if "HX-Request" not in request.headers:
        response = render(request, page, live)
    elif is_seen(request, seen):
        return unchanged()
    else:
        response = render(request, "parts/live.html", live)
    return _dated(response)


def version_of(*shown: object) -> str:
    """A short name of what is shown, equal for what is equal (by repr, so that every process says the same)."""
    return hashlib.sha256(repr(shown).encode()).hexdigest()[:16]


def is_seen(request: HttpRequest, version: str) -> bool:
    """True where the page asks for its refresh and shows this already."""
    return "HX-Request" in request.headers and request.GET.get("seen") == version


def unchanged() -> HttpResponse:
    return _dated(HttpResponse(status=204))


def _dated(response: HttpResponse) -> HttpResponse:
    response[CLOCK] = f"{time.time():.3f}"
    patch_vary_headers(response, ["HX-Request"])
    return response
