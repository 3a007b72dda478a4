"""The acts on one callback, each a form in place, or a page of its own without JavaScript."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_http_methods, require_safe

from callbacks.models import Callback
from callbacks.pages.access import acts


@require_safe
@acts
def buttons(request: HttpRequest, callback_id: str) -> HttpResponse:
    """The acts that are possible now; the page asks again whenever it has changed."""
    return render(request, "acts/buttons.html", {"callback": _callback(request, callback_id)})


@require_http_methods(["GET", "HEAD", "POST"])
@acts
def act(request: HttpRequest, callback_id: str, act: str) -> HttpResponse:
    _callback(request, callback_id)
    raise Http404


def _callback(request: HttpRequest, callback_id: str) -> Callback:
    visible = Callback.objects.visible_to(request.user).select_related("service")
    return get_object_or_404(visible, pk=callback_id)
