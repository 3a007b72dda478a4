"""Pausing and resuming services or everything, and the banner above every page that says what is paused."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from callbacks.flow.states import State
from callbacks.models import Callback
from callbacks.pages.access import ACT, LOOK, acts, looks
from callbacksite import live
from services import pauses as standing_pauses
from services import pausing, people
from services.models import ConfiguredService
from services.pauses import Pause
from services.pausing import ALL
from services.reason import LONGEST_REASON
from telephony import calls

PAGE_SECONDS = 2
BANNER_SECONDS = 2
# So many services are named in the banner before it only says how many they are.
MOST_NAMED = 5
WAITING = (State.QUEUED, State.PAUSED)


@dataclass(frozen=True)
class Shown:
    """A pause as one person sees it: the `names` of the services that they may see, and whether they may end it."""

    pause: Pause
    names: tuple[str, ...]
    may_resume: bool

    @property
    def resumes(self) -> str:
        """What the button resumes: a service, or `all`."""
        return self.names[0] if self.pause.key != ALL and self.names else ALL

    @property
    def seen(self) -> str:
        """The moment of the pause that is shown, for comparing when it is resumed."""
        return self.pause.since.isoformat() if self.pause.since else ""


@dataclass(frozen=True)
class Line:
    """One service on the page: what stands against it, and whom that concerns."""

    service: ConfiguredService
    pauses: list[Shown]
    waiting: int
    on_calls: int

    @property
    def own(self) -> Shown | None:
        """The pause of the service itself, or of the id that it shares; the newest where both say so."""
        own = [shown for shown in self.pauses if shown.pause.key != ALL]
        # Whoever may not end one of them does not resume the service.
        return min(own, key=lambda shown: shown.may_resume, default=None)


def banner(request: HttpRequest, here: str) -> dict[str, Any]:
    """What the banner says to this person on the page of this path; no statement beside that of the pauses."""
    found = _for(request, standing_pauses.shown())
    everything = [shown for shown in found if shown.pause.is_everything][:1]
    paused = everything or found
    names = sorted({name for shown in paused for name in shown.names})
    return {
        "looks": True,
        "paused": paused,
        "names": names[:MOST_NAMED],
        "unnamed": len(names[MOST_NAMED:]),
        "here": here,
        "seconds": BANNER_SECONDS,
        "seen": live.version_of(here, [(shown.pause, shown.names, shown.may_resume) for shown in paused]),
    }


@require_safe
@never_cache
def watch(request: HttpRequest) -> HttpResponse:
    """The banner's refresh; empty for whom it is not, without a way to the login: somebody may be filling in a form."""
    if not (request.user.is_authenticated and request.user.has_perm(LOOK)):
        return live.unchanged()
    shown_on = urlsplit(request.headers.get("HX-Current-URL", "")).path or reverse("pauses")
    context = banner(request, shown_on)
    if request.GET.get("seen") == context["seen"]:
        return live.unchanged()
    return render(request, "pauses/banner.html", context)


@require_safe
@looks
def pauses(request: HttpRequest) -> HttpResponse:
    """Every callback service: whether it is paused, by whom, since when and why, and whom that keeps waiting."""
    standing = _for(request, standing_pauses.standing())
    lines = _lines(request, standing)
    context = {
        "title": _("Pauses"),
        "everything": next((shown for shown in standing if shown.pause.is_everything), None),
        "lines": lines,
        "may_act": request.user.has_perm(ACT),
        "may_pause_everything": _may_pause_everything(request),
        "longest": LONGEST_REASON,
        "here": request.path,
    }
    return live.respond(
        request, "pauses/page.html", "pauses/services.html", context, url=request.path, seconds=PAGE_SECONDS
    )


@require_safe
@acts
def ask(request: HttpRequest) -> HttpResponse:
    """Ask before everything, or one service, is paused, and for the reason; says what it means just now."""
    name = request.GET.get("service", ALL)
    service = _service(request, name)
    lines = [line for line in _lines(request, []) if service is None or line.service == service]
    context = {
        "title": _("Pause everything?") if service is None else _("Pause %(service)s?") % {"service": service.name},
        "service": service,
        "name": name,
        "services": len(lines),
        "waiting": sum(line.waiting for line in lines),
        "on_calls": sum(line.on_calls for line in lines),
        "longest": LONGEST_REASON,
    }
    return render(request, "pauses/ask.html", context)


@require_POST
@acts
def pause(request: HttpRequest) -> HttpResponse:
    """Pause a service, or `all`, for a reason."""
    name, reason = request.POST.get("service", ""), request.POST.get("reason", "").replace("\0", "").strip()
    service = _service(request, name)
    if not reason or len(reason) > LONGEST_REASON:
        said = _("Nothing was paused: say why, in 1 to %(most)s characters. Everybody reads it.")
        messages.error(request, said % {"most": LONGEST_REASON})
        return redirect("pauses")
    if already := _own(service, standing_pauses.standing()):
        messages.warning(request, _("%(what)s was paused already: %(who)s") % _said(service, already))
        return redirect("pauses")
    pausing.pause(name, actor=request.user.get_username(), reason=reason, now=timezone.now())
    standing_pauses.forget()
    messages.success(request, _("%(what)s is paused.") % {"what": service.name if service else _("Everything")})
    return redirect("pauses")


@require_POST
@acts
def resume(request: HttpRequest) -> HttpResponse:
    """Resume a service, or everything: the pause that was seen (`seen`), not one that was set since."""
    name = request.POST.get("service", "")
    service = _service(request, name)
    back = _back(request)
    what = service.name if service else _("Everything")
    standing = _own(service, standing_pauses.standing())
    if not standing:
        messages.warning(request, _("%(what)s was resumed meanwhile.") % {"what": what})
        return redirect(back)
    if not all(shown.may_resume for shown in _for(request, standing)):
        raise PermissionDenied
    seen = request.POST.get("seen", "")
    if seen not in {each.since.isoformat() if each.since else "" for each in standing}:
        messages.warning(request, _("Not resumed: it was paused anew. %(what)s: %(who)s") % _said(service, standing))
        return redirect(back)
    left = pausing.resume(name, actor=request.user.get_username(), now=timezone.now())
    standing_pauses.forget()
    if service and left:
        messages.warning(request, _("%(what)s stays paused: everything is.") % {"what": what})
    elif left:
        said = _("Resumed. Still paused by themselves: %(names)s.")
        messages.warning(request, said % {"names": ", ".join(sorted(_visible_names(request, left)))})
    else:
        messages.success(request, _("%(what)s is resumed.") % {"what": what})
    return redirect(back)


def _for(request: HttpRequest, found: tuple[Pause, ...] | list[Pause]) -> list[Shown]:
    """The pauses that this person may see, with what they may do about them."""
    if not found:
        return []
    only, may_act = people.limits(request.user), request.user.has_perm(ACT)
    shown = []
    for each in found:
        names = tuple(name for pk, name in each.services if only is None or pk in only)
        if not names and not (each.is_everything or only is None):
            continue
        # An id, or all, may reach services that are none of theirs.
        may_resume = may_act and (only is None or (each.key in names and len(each.services) == 1))
        shown.append(Shown(each, names, may_resume))
    return shown


def _lines(request: HttpRequest, standing: list[Shown]) -> list[Line]:
    """The services that this person may see; two statements beside theirs."""
    waiting = Counter[int]()
    rows = Callback.objects.visible_to(request.user)
    for pk, number in rows.filter(state__in=WAITING).order_by().values_list("service").annotate(Count("pk")):
        waiting[pk] = number
    on_calls = Counter[int]()
    talking = rows.filter(pk__in=calls.all_with_live_leg())
    for pk, number in talking.order_by().values_list("service").annotate(Count("pk")):
        on_calls[pk] = number
    return [
        Line(
            service,
            [shown for shown in standing if service.name in shown.names],
            waiting[service.pk],
            on_calls[service.pk],
        )
        for service in people.visible(request.user).order_by("name")
    ]


def _service(request: HttpRequest, name: str) -> ConfiguredService | None:
    """The service of this name; None for `all`, which is not for whoever is limited to some."""
    if name == ALL:
        if not _may_pause_everything(request):
            raise PermissionDenied
        return None
    return get_object_or_404(people.visible(request.user), name=name)


def _may_pause_everything(request: HttpRequest) -> bool:
    return request.user.has_perm(ACT) and not people.is_limited(request.user)


def _own(service: ConfiguredService | None, found: tuple[Pause, ...]) -> list[Pause]:
    """The pauses of the service itself; for None, of all services."""
    if service is None:
        return [each for each in found if each.key == ALL]
    return [each for each in standing_pauses.of(service, found) if each.key != ALL]


def _said(service: ConfiguredService | None, found: list[Pause]) -> dict[str, str]:
    """Who paused it, for a sentence."""
    newest = max(found, key=lambda each: each.since or datetime.min.replace(tzinfo=timezone.get_current_timezone()))
    by = _("by %(actor)s, %(reason)s") % {"actor": newest.actor or "?", "reason": newest.reason or "?"}
    return {"what": service.name if service else _("Everything"), "who": by}


def _visible_names(request: HttpRequest, names: set[str]) -> set[str]:
    return set(people.visible(request.user).filter(name__in=names).values_list("name", flat=True))


def _back(request: HttpRequest) -> str:
    """The page on which the button was, or that of the pauses."""
    asked = request.POST.get("next", "")
    if url_has_allowed_host_and_scheme(asked, allowed_hosts=None):
        return asked
    return reverse("pauses")
