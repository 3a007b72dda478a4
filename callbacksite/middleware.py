"""What surrounds every request: the addresses for machines that watch the service, its id, its time.

And pages alone: the viewer's language and time zone. What the API says is a contract, in English and UTC.
"""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable
from zoneinfo import ZoneInfo

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.http.response import HttpResponseBase
from django.middleware.locale import LocaleMiddleware
from django.utils import timezone
from structlog.contextvars import bind_contextvars, clear_contextvars

from callbacksite import health, metrics
from services import people

Answer = Callable[[HttpRequest], HttpResponse]

_REQUEST_ID = re.compile(r"[A-Za-z0-9-]{8,64}")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def operations(get_response: Answer) -> Answer:
    """Answer probes and scrapes before everything else.

    They come by IP address and over plain HTTP from inside: neither ALLOWED_HOSTS nor the redirect to https is for
    them, nor a session. Nothing in their answers depends on the Host that they name.
    """
    answers: dict[str, Answer] = {"livez": health.livez, "readyz": health.readyz, "metrics": metrics.metrics}

    def middleware(request: HttpRequest) -> HttpResponse:
        clear_contextvars()
        answer = answers.get(request.path.split("/")[1])
        if answer is None or (answer is not health.readyz and request.path.count("/") > 1):
            return get_response(request)
        if request.method not in {"GET", "HEAD"}:
            return HttpResponseNotAllowed(["GET", "HEAD"])
        return answer(request)

    return middleware


def observe(get_response: Answer) -> Answer:
    """Give every log line of a request its id, and measure how long it takes. Behind `operations`."""

    def middleware(request: HttpRequest) -> HttpResponse:
        given = request.META.get("HTTP_X_REQUEST_ID", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        bind_contextvars(request=request_id)
        began = time.perf_counter()
        # What is bound stays so until the thread's next request: Django and gunicorn log the answer after this.
        response = get_response(request)
        match = request.resolver_match
        view = f"/{match.route}" if match else "none"
        method = request.method if request.method in _METHODS else "other"
        metrics.REQUESTS.labels(method, view, str(response.status_code)).inc()
        metrics.REQUEST_SECONDS.labels(view).observe(time.perf_counter() - began)
        response["X-Request-ID"] = request_id
        return response

    return middleware


class ViewersLanguage(LocaleMiddleware):
    """Show pages in the language of the browser, where there is a catalogue of it (callbacksite.languages)."""

    def process_request(self, request: HttpRequest) -> None:
        if not _is_of_the_api(request):
            super().process_request(request)

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        return response if _is_of_the_api(request) else super().process_response(request, response)


def viewers_zone(get_response: Answer) -> Answer:
    """Show a person who is signed in their pages in their own time zone. Behind the sessions, and not for the API.

    Only pages are made inside of it: what the service reckons by the clock of the office names that zone itself.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        if (
            settings.SESSION_COOKIE_NAME not in request.COOKIES
            or _is_of_the_api(request)
            or not (name := request.session.get(people.ZONE))
        ):
            return get_response(request)
        try:
            zone = ZoneInfo(name)
        except (KeyError, ValueError, OSError):
            # The machine has other zones than the one on which it was chosen.
            return get_response(request)
        with timezone.override(zone):
            return get_response(request)

    return middleware


def _is_of_the_api(request: HttpRequest) -> bool:
    return request.path.split("/")[1] == settings.API_BASE_PATH
