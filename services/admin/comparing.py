"""Two services side by side: what counts in each, and where it comes from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse

from services import resolution
from services.catalogue import Option
from services.models import ConfiguredService
from services.option_form import origin_in_words
from services.resolution import Effective, Origin
from services.types import UnknownType, service_type

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin

MASKED = "••••••"
NOTHING = Effective("", Origin.DEFAULT)


@dataclass(frozen=True)
class Side:
    """An option's text in one of the two services, and where it comes from, in words."""

    text: str
    origin: str


@dataclass(frozen=True)
class Line:
    name: str
    left: Side
    right: Side

    @property
    def differs(self) -> bool:
        return self.left.text != self.right.text


def url(left: str, right: str, *, everything: bool = False) -> str:
    """The page that compares these two; `everything` shows also what is the same."""
    asked = {"a": left, "b": right} | ({"all": "1"} if everything else {})
    return f"{reverse('admin:services_configuredservice_compare')}?{urlencode(asked)}"


def shown_texts(service: ConfiguredService) -> dict[str, str]:
    """The text of every option as a page may show it: a secret is masked."""
    return {name: _shown(text, _option(service, name)) for name, text in sorted(resolution.effective(service).items())}


def page(model_admin: ModelAdmin[ConfiguredService], request: HttpRequest) -> HttpResponse:
    names = [request.GET.get("a", "").strip(), request.GET.get("b", "").strip()]
    known = {s.name: s for s in ConfiguredService.objects.filter(name__in=[n.replace("\0", "") for n in names])}
    services = [known.get(name) for name in names]
    everything = "all" in request.GET
    context = {
        **model_admin.admin_site.each_context(request),
        "title": "Compare two services",
        "opts": model_admin.opts,
        "media": model_admin.media,
        "left": services[0],
        "right": services[1],
        "asked": names,
        "unknown": [name for name, service in zip(names, services, strict=True) if name and not service],
        "names": ConfiguredService.objects.values_list("name", flat=True),
        "everything": everything,
        "other_url": url(names[0], names[1], everything=not everything),
    }
    if services[0] and services[1]:
        lines = compared(services[0], services[1])
        context["differing"] = sum(line.differs for line in lines)
        context["lines"] = [line for line in lines if everything or line.differs]
    return TemplateResponse(request, "admin/services/configuredservice/compare.html", context)


def compared(left: ConfiguredService, right: ConfiguredService) -> list[Line]:
    """Every option that either of them has, in the order of their types."""
    texts = [_origins(service) for service in (left, right)]
    return [
        Line(name, _side(left, name, texts[0].get(name, NOTHING)), _side(right, name, texts[1].get(name, NOTHING)))
        for name in dict.fromkeys((*texts[0], *texts[1]))
    ]


def _origins(service: ConfiguredService) -> dict[str, Effective]:
    try:
        return resolution.origins(service)
    except LookupError:  # its type or configuration is not there any more
        return {name: Effective(text, Origin.SERVICE) for name, text in resolution.explicit_texts(service).items()}


def _side(service: ConfiguredService, name: str, found: Effective) -> Side:
    option = _option(service, name)
    return Side(_shown(found.text, option), origin_in_words(found.origin, option, service) if found.text else "")


def _option(service: ConfiguredService, name: str) -> Option | None:
    try:
        return service_type(service.type).option(name)
    except UnknownType:
        return None


def _shown(text: str, option: Option | None) -> str:
    return MASKED if text and option and option.secret else text
