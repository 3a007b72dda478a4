"""Creating a callback for a customer."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_http_methods

from callbacks.pages.access import acts


@require_http_methods(["GET", "HEAD", "POST"])
@acts
def create(request: HttpRequest) -> HttpResponse:
    raise Http404
