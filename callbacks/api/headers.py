"""The headers that every answer below the base path carries, as both seed documents print them."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpResponse
from django.utils.cache import patch_vary_headers

CONTENT_TYPE = "application/json;charset=UTF-8"
# Printed where the answer is a dialog (seed 1, *Response Headers*; seed 2, *Connect*).
LONG_AGO = "Thu, 01 Jan 1970 00:00:00 GMT"
# On an answer that was cut off: how many records it has.
LIMIT_REACHED = "X-Callback-Limit-Reached"
# On a start request that may be repeated (docs/limits.md).
IDEMPOTENCY_KEY = "Idempotency-Key"
# Answers carry what strangers sent: should a browser show one as a page, nothing in it is loaded or run.
POLICY = "default-src 'none'; frame-ancestors 'none'; sandbox"

# What a page of an allowed origin may send, and for how long a browser may remember that.
ALLOWED_HEADERS = "content-type, x-api-key, gms_user, contactcenterid, idempotency-key, x-captcha-token"
REMEMBERED_SECONDS = 600


def add(response: HttpResponse, origin: str | None) -> None:
    """Forbid caching, and let pages of an allowed origin read the answer (docs/adr/0010-cors.md)."""
    response["Content-Type"] = CONTENT_TYPE
    response["Content-Security-Policy"] = POLICY
    # The seeds print two header lines; one with both values says the same.
    response["Cache-Control"] = "no-cache, no-store"
    response["Pragma"] = "no-cache"
    if not settings.CORS_ALLOWED_ORIGINS:
        return
    # Also without an Origin: what stands between must not hand one page's answer to another.
    patch_vary_headers(response, ["Origin"])
    if origin is not None and is_allowed(origin):
        response["Access-Control-Allow-Origin"] = origin
        response["Access-Control-Allow-Credentials"] = "true"
        response["Access-Control-Expose-Headers"] = LIMIT_REACHED if response.has_header(LIMIT_REACHED) else ""


def add_preflight(response: HttpResponse, origin: str | None, methods: list[str]) -> None:
    """Answer a browser's question, before the request itself, whether a page may send it."""
    if origin is not None and is_allowed(origin):
        response["Access-Control-Allow-Methods"] = ", ".join(methods)
        response["Access-Control-Allow-Headers"] = ALLOWED_HEADERS
        response["Access-Control-Max-Age"] = str(REMEMBERED_SECONDS)


def is_allowed(origin: str) -> bool:
    """True for an origin that the operator listed, letter by letter."""
    return origin in settings.CORS_ALLOWED_ORIGINS
