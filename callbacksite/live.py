"""Pages that keep themselves up to date: one part of a page is fetched again every few seconds."""

from __future__ import annotations

import hashlib
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.cache import patch_vary_headers


def respond(
    request: HttpRequest, page: str, part: str, context: dict[str, Any], *, url: str, seconds: int | None
) -> HttpResponse:
    """Answer with the whole `page`, or, to its own refresh, with the `part` alone, or with 204 where nothing changed.

    A part that is not put in again keeps the reader's focus and what they have marked to copy it. The refresh
    asks `url`, every so many `seconds`, or never where they are None: a part that is final. The page includes
    `parts/live.html` where its part belongs.
    """
    html = render_to_string(part, context, request)
    seen = hashlib.sha256(f"{seconds} {html}".encode()).hexdigest()[:16]
    live = {**context, "part": html, "seen": seen, "live_url": url, "seconds": seconds}
    if "HX-Request" not in request.headers:
        response = render(request, page, live)
    elif request.GET.get("seen") == seen:
        response = HttpResponse(status=204)
    else:
        response = render(request, "parts/live.html", live)
    patch_vary_headers(response, ["HX-Request"])
    return response
