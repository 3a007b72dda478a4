"""Who uses a configured service: what would break if it were deleted. Sentences for admins.

Higher floors, which this one does not know, register what they have to say.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

from services import resolution
from services.models import ApiKeyService, ConfiguredService
from services.types import service_type

# Primary keys of services in, (primary key, sentence) out.
Obstacles = Callable[[Collection[int]], Iterator[tuple[int, str]]]

# So many of the API keys and services that stand in the way are named.
MOST_NAMED = 10

_registered: list[Obstacles] = []


def register(obstacles: Obstacles) -> None:
    """Have a higher floor asked what stands in the way of deleting services. Called once, from an app's ready()."""
    if obstacles not in _registered:
        _registered.append(obstacles)


def obstacles(services: Collection[ConfiguredService]) -> Iterator[tuple[str, str]]:
    """Name and sentence for everything that keeps one of these from being deleted together with the others."""
    names = {service.pk: service.name for service in services}
    found = [(key, sentence) for each in (*_registered, _api_keys, _referring) for key, sentence in each(names)]
    yield from sorted((names[key], sentence) for key, sentence in found)


def of_service(service: ConfiguredService) -> list[str]:
    """What uses the service: an API key that is limited to it, an option of another service, live callbacks."""
    return [sentence for _, sentence in obstacles([service])]


def _api_keys(services: Collection[int]) -> Iterator[tuple[int, str]]:
    by_service: dict[int, list[str]] = {}
    for limit in ApiKeyService.objects.filter(service__in=list(services)).select_related("api_key"):
        by_service.setdefault(limit.service_id, []).append(str(limit.api_key))
    for service, keys in by_service.items():
        yield service, f"API keys that are limited to it: {_named(keys)}"


def _referring(services: Collection[int]) -> Iterator[tuple[int, str]]:
    """Options of services that stay and name one that goes."""
    going = {service.name: service.pk for service in ConfiguredService.objects.filter(pk__in=list(services))}
    for service in ConfiguredService.objects.exclude(pk__in=list(services)):
        try:
            texts, known = resolution.effective(service), service_type(service.type)
        except LookupError:  # its type or configuration is no longer there
            continue
        for name, text in texts.items():
            option = known.option(name) if text.strip() in going else None
            if option and option.value_kind.name == "service_reference":
                yield going[text.strip()], f"service {service.name}, option {name}"


def _named(names: list[str]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(sorted(names)[:MOST_NAMED]) + more
