"""Who names a service: options of other services, and API keys that are limited to it."""

from __future__ import annotations

from dataclasses import dataclass

from django.urls import reverse

from services import resolution
from services.catalogue import Option
from services.models import ConfiguredService
from services.types import service_types


@dataclass(frozen=True)
class Use:
    """One use, as a sentence for admins, and the page to end it on."""

    text: str
    url: str


def of_service(service: ConfiguredService) -> list[Use]:
    """What would break if the service were renamed or deleted. Names are unique over all types; two statements."""
    naming = {known.name: [o.name for o in known.options if _names_a_service(o)] for known in service_types()}
    found = []
    for other in ConfiguredService.objects.exclude(pk=service.pk):
        texts = resolution.explicit_texts(other)
        options = [name for name in naming.get(other.type, ()) if texts.get(name, "").strip() == service.name]
        found += [Use(f"service {other.name}, option {name}", _page("configuredservice", other.pk)) for name in options]
    keys = service.api_keys.all()
    return found + [Use(f"API key {key}, which is limited to it", _page("apikey", key.pk)) for key in keys]


def _names_a_service(option: Option) -> bool:
    try:
        return option.value_kind.name == "service_reference"
    except LookupError:  # its floor has not registered the kind
        return False


def _page(model: str, pk: int) -> str:
    return reverse(f"admin:services_{model}_change", args=[pk])
