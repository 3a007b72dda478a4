"""Whether a service can work here and now: its texts, and whether what they name is configured.

The list of services, the form, configuration files and the start page of the admin all ask here. What is configured is
read once for each kind of name, however many services are asked about; make a new Readiness for each page.

Higher floors, which this one does not know, register what they have to say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from services import resolution
from services.catalogue import OptionWarning
from services.kinds import Kind
from services.resolution import HasOptions
from services.types import CALLBACK, ServiceType, service_type

# Says of a text what it names and is not there, as the end of a sentence, or nothing.
Lookup = Callable[[str], str]
# Says of the texts of a callback service how they go with what is configured elsewhere.
Remarks = Callable[[Mapping[str, str]], Iterator[OptionWarning]]

_registered: list[Callable[[], Remarks]] = []


def register(remarks: Callable[[], Remarks]) -> None:
    """Have a higher floor asked about callback services, by what this makes for each page. Called from ready()."""
    if remarks not in _registered:
        _registered.append(remarks)


class Readiness:
    def __init__(self) -> None:
        self._by_kind: dict[Kind, Lookup] = {}
        self._by_option: dict[tuple[str, str], Kind | None] = {}
        self._remarks = [make() for make in _registered]

    def problems(self, service: HasOptions) -> list[str]:
        """Why it cannot work, in sentences for an admin; empty if it can."""
        return resolution.problems(service) + [str(found) for found in self.missing_of(service) if found.blocks]

    def missing_of(self, service: HasOptions) -> list[OptionWarning]:
        """As missing(), of the texts that count for a service; nothing where its type or configuration is gone."""
        try:
            return self.missing(service_type(service.type), resolution.effective(service))
        except LookupError:
            return []

    def missing(self, kind_of_service: ServiceType, texts: Mapping[str, str]) -> list[OptionWarning]:
        """What the texts name and is not there, or can take no call, or does not go with them.

        Texts with tokens are known only at a request.
        """
        found = []
        for name, given in texts.items():
            text = given.strip()
            if not text or resolution.has_token(text) or (kind := self._naming(kind_of_service, name)) is None:
                continue
            if sentence := self._lookup(kind)(text):
                found.append(OptionWarning(name, f"cannot work: {name}: {sentence}", blocks=True))
        if kind_of_service is CALLBACK:
            for remarks in self._remarks:
                found += remarks(texts)
        return found

    def _naming(self, kind_of_service: ServiceType, name: str) -> Kind | None:
        """The kind of an option, or of one of a numbered family, whose texts name something configured; else None."""
        key = (kind_of_service.name, name)
        if key not in self._by_option:
            option = kind_of_service.option(name)
            self._by_option[key] = option.value_kind if option and option.value_kind.missing else None
        return self._by_option[key]

    def _lookup(self, kind: Kind) -> Lookup:
        if kind not in self._by_kind and kind.missing:
            self._by_kind[kind] = kind.missing()
        return self._by_kind[kind]
