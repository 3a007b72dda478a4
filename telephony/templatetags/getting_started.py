"""The start page of the admin: what is still to be done before the first callback, and its apps in order of use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django import template
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from services.models import ApiKey, ConfiguredService
from services.readiness import Readiness
from telephony.models import Agent, AgentGroup, RoutePoint, Switch, VirtualQueue

register = template.Library()

# What an admin needs most comes first; Django's order is the alphabet.
MODELS_FIRST = ("ConfiguredService", "ApiKey", "Section", "NamedList", "Change")
ORDER = ("services", "telephony", "callbacks", "auth", "scheduling", "django_celery_beat")


@dataclass(frozen=True)
class Step:
    """One thing that a working service needs; `url` is where it is done."""

    text: str
    hint: str
    url: str
    done: bool


@register.simple_tag(takes_context=True)
def getting_started(context: template.RequestContext) -> list[Step]:
    """The steps to the first working service; none when all are done, or for somebody who may not do them."""
    request: HttpRequest = context["request"]
    needed = ("telephony.add_switch", "services.add_configuredservice", "services.add_apikey")
    if not request.user.has_perms(needed):
        return []
    found = steps()
    return [] if all(step.done for step in found) else found


def steps() -> list[Step]:
    services = ConfiguredService.objects.of_type("callback")
    readiness = Readiness()
    any_ready = any(not readiness.problems(service) for service in services.iterator(chunk_size=100))
    unfinished = None if any_ready else services.first()
    now = timezone.now()
    return [
        _add(Switch, "A switch", "what makes the calls; a simulator needs no telephones", Switch.objects.exists()),
        _add(RoutePoint, "A route point", "from where the switch calls customers", RoutePoint.objects.exists()),
        _add(VirtualQueue, "A virtual queue", "the line in which callbacks wait", VirtualQueue.objects.exists()),
        _add(Agent, "An agent", "who takes the calls, with a phone on the switch", Agent.objects.exists()),
        _add(
            AgentGroup,
            "An agent group with an agent in it",
            "whom a service names as its target",
            AgentGroup.objects.filter(agents__isnull=False).exists(),
        ),
        Step(
            "A callback service that is ready",
            "fill in what its page says is missing" if unfinished else "User Terminated Immediate is the simplest",
            reverse("admin:services_configuredservice_change", args=[unfinished.pk])
            if unfinished
            else reverse("admin:services_configuredservice_add"),
            any_ready,
        ),
        _add(
            ApiKey,
            "An API key with the scope start",
            "with which a client asks for callbacks",
            any("start" in key.scopes and key.is_usable(now) for key in ApiKey.objects.all()),
        ),
    ]


def _add(model: type[Any], text: str, hint: str, done: bool) -> Step:
    meta = model._meta
    return Step(text, hint, reverse(f"admin:{meta.app_label}_{meta.model_name}_add"), done)


@register.filter
def in_order_of_use(app_list: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Apps, and the models of each, in the order in which an admin needs them."""
    apps = sorted(app_list, key=lambda app: _place(ORDER, app["app_label"]))
    return [
        {**app, "models": sorted(app["models"], key=lambda model: _place(MODELS_FIRST, model["object_name"]))}
        for app in apps
    ]


def _place(order: tuple[str, ...], name: str) -> int:
    return order.index(name) if name in order else len(order)
