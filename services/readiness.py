"""Whether a service can work here and now: its texts, and whether what they name is configured.

The list of services, the form, configuration files and the start page of the admin all ask here. What is configured is
read once for each kind of name, however many services are asked about; make a new Readiness for each page.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from services import resolution
from services.catalogue import OptionWarning
from services.kinds import Kind
from services.resolution import HasOptions
from services.types import ServiceType, service_type

# Says of a text what it names and is not there, as the end of a sentence, or nothing.
Lookup = Callable[[str], str]


class Readiness:
    def __init__(self) -> None:
        self._by_kind: dict[Kind, Lookup] = {}
        self._by_type: dict[str, list[tuple[str, Kind]]] = {}

    def problems(self, service: HasOptions) -> list[str]:
        """Why it cannot work, in sentences for an admin; empty if it can."""
        return resolution.problems(service) + [str(found) for found in self.missing_of(service)]

    def missing_of(self, service: HasOptions) -> list[OptionWarning]:
        """As missing(), of the texts that count for a service; nothing where its type or configuration is gone."""
        try:
            return self.missing(service_type(service.type), resolution.effective(service))
        except LookupError:
            return []

    def missing(self, kind_of_service: ServiceType, texts: Mapping[str, str]) -> list[OptionWarning]:
        """What the texts name and is not there, or can take no call. Texts with tokens are known only at a request."""
        found = []
        for name, kind in self._naming(kind_of_service):
            text = texts.get(name, "").strip()
            if not text or resolution.has_token(text):
                continue
            if sentence := self._lookup(kind)(text):
                found.append(OptionWarning(name, f"cannot work: {name}: {sentence}", blocks=True))
        return found

    def _naming(self, kind_of_service: ServiceType) -> list[tuple[str, Kind]]:
        """The options of a type whose texts name something configured."""
        if kind_of_service.name not in self._by_type:
            self._by_type[kind_of_service.name] = [
                (option.name, option.value_kind) for option in kind_of_service.options if option.value_kind.missing
            ]
        return self._by_type[kind_of_service.name]

    def _lookup(self, kind: Kind) -> Lookup:
        if kind not in self._by_kind and kind.missing:
            self._by_kind[kind] = kind.missing()
        return self._by_kind[kind]
