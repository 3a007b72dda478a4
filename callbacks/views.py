"""Who signs in, where that leads, and how right estimates were."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_required, permission_required
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from django_htmx.http import HttpResponseClientRedirect
from django_htmx.middleware import HtmxDetails

from callbacks import roles
from callbacksite import live
from services import people, resolution
from services.models import ConfiguredService
from telephony import overview
from telephony.models import Agent

ESTIMATES_SECONDS = 5


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
        return redirect("board")
    if request.user.is_staff and not Agent.objects.filter(user=request.user).exists():
        return redirect("admin:index")
    if not roles.has_a_role(request.user):
        return render(request, "account/no_role.html", {"title": _("You have no role yet")}, status=403)
    return redirect("desk")


@require_safe
@never_cache
@login_required
@permission_required("callbacks.view_callback", raise_exception=True)
def queue_estimates(request: HttpRequest) -> HttpResponse:
    """Every virtual queue: who waits, what was last told, and how right such estimates were."""
    queues = overview.queues(timezone.now())
    if people.is_limited(request.user):
        names = _queues_of(people.visible(request.user))
        queues = [queue for queue in queues if queue.name in names]
    context = {
        "title": _("Estimates"),
        "queues": queues,
        "judged": any(queue.accuracies for queue in queues),
    }
    page, part = "estimates/page.html", "estimates/queues.html"
    return live.respond(request, page, part, context, url=request.path, seconds=ESTIMATES_SECONDS)


def _queues_of(services: Iterable[ConfiguredService]) -> set[str]:
    """The virtual queues in which callbacks of these services wait."""
    names = set()
    for service in services:
        with suppress(LookupError):  # its configuration is no longer there
            names.add(resolution.effective(service)["_urs_virtual_queue"].strip())
    return names
