"""The parts of the configuration that this floor knows: services, global sections, named lists."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from django.utils import timezone

from services import kinds, resolution, uses
from services.catalogue import Option, OptionError, effects, list_option, section_option
from services.catalogue.option import HIDDEN
from services.configuration import schema
from services.documents import (
    KEPT,
    LONGEST_NAME,
    SECRET_NAMES,
    Document,
    Part,
    Plan,
    Wanted,
    as_text,
    is_line,
    is_storable,
    register,
)
from services.models import RESERVED_NAMES, ConfiguredService, NamedList, Section
from services.readiness import Readiness
from services.types import ServiceType, service_type, service_types

CUSTOM = "Custom"
_LONGEST_KEY = 256
# So many options of a service without effect are named.
_MOST_NAMED = 8
_ALLOWED_SERVICE_NAME = (
    "a name of 1 to 64 of the characters A-Z a-z 0-9 . _ - that is not a part of other URLs "
    f"({', '.join(sorted(RESERVED_NAMES))})"
)


def is_secret(option: Option | None, name: str) -> bool:
    """True if what it holds must not stand in a document; of an unknown option or key, its name says so."""
    return option.secret if option else bool(SECRET_NAMES.search(name))


class Services(Part):
    name = "services"
    noun = "service"
    model = ConfiguredService
    is_list = False

    def key(self, row: ConfiguredService) -> str:
        return row.name

    def document(self, row: ConfiguredService) -> Document:
        texts = resolution.explicit_texts(row)
        options = _shown(texts, lambda name: self._hides(row.type, name))
        return {"type": row.type, "configuration": row.configuration, "options": options}

    def read(self, name: str, given: object, plan: Plan) -> Wanted | None:
        place, before = f"services.{name}", plan.before["services"].get(name)
        if not kinds.SERVICE_NAME.fullmatch(name) or name.lower() in RESERVED_NAMES:
            plan.refuse("services", name, _ALLOWED_SERVICE_NAME)
            return None
        given = {} if given is None else given
        if not isinstance(given, Mapping):
            plan.refuse(place, given, "a mapping with type, configuration and options")
            return None
        unknown_keys(given, {"type", "configuration", "options"}, place, plan)
        kind_of_service = self._type(given, before, place, plan)
        if kind_of_service is None:
            return None
        configuration = self._configuration(given, before, kind_of_service, place, plan)
        options: dict[str, str] = before["options"] if before else {}
        secrets: dict[str, str] = {}
        if "options" in given:
            known = kind_of_service.option
            texts = read_texts(given["options"], f"{place}.options", plan, known)
            hidden = {key: text for key, text in texts.items() if is_secret(known(key), key)}
            secrets = plan.secrets_wanted(self.name, name, hidden, f"{place}.options")
            options = {key: texts[key] for key in sorted(texts) if key not in hidden and texts[key].strip()}
        return Wanted({"type": kind_of_service.name, "configuration": configuration, "options": options}, secrets)

    def _type(self, given: Mapping[str, Any], before: Document | None, place: str, plan: Plan) -> ServiceType | None:
        text = as_text(given.get("type")) or (before["type"] if before else "callback")
        if before and text != before["type"]:
            plan.refuse(f"{place}.type", text, f"{before['type']}, because the type of a service cannot be changed")
            text = before["type"]
        names = [each.name for each in service_types()]
        if text not in names:
            plan.refuse(f"{place}.type", text, _one_of(names))
            return None
        return service_type(text)

    def _configuration(
        self, given: Mapping[str, Any], before: Document | None, kind_of_service: ServiceType, place: str, plan: Plan
    ) -> str:
        names = [each.name for each in kind_of_service.configurations]
        default = before["configuration"] if before else CUSTOM if CUSTOM in names else names[0]
        text = as_text(given.get("configuration")) or default
        if text not in names:
            plan.refuse(f"{place}.configuration", text, _one_of(names))
            return CUSTOM if CUSTOM in names else names[0]
        return text

    def exported(self, row: ConfiguredService) -> Document:
        document = self.document(row)
        return {**document, "options": _with_secrets(document["options"], self.secrets(row))}

    def secrets(self, row: ConfiguredService) -> dict[str, str]:
        return {name: text for name, text in resolution.explicit_texts(row).items() if self._hides(row.type, name)}

    def _hides(self, type_name: str, option: str) -> bool:
        try:
            return is_secret(service_type(type_name).option(option), option)
        except LookupError:
            return is_secret(None, option)

    def write(self, plan: Plan) -> None:
        changed = plan.changed(self.name)
        rows = {row.name: row for row in ConfiguredService.objects.filter(name__in=list(changed))}
        now = timezone.now()
        new: list[ConfiguredService] = []
        old: list[ConfiguredService] = []
        for name, wanted in changed.items():
            row = rows.get(name) or ConfiguredService(name=name)
            kept = self.secrets(row)
            row.type = wanted.document["type"]
            row.configuration = wanted.document["configuration"]
            secrets = {key: text for key, text in {**kept, **wanted.secrets}.items() if text.strip()}
            row.options = {**wanted.document["options"], **secrets}
            row.updated_at = now
            (old if row.pk else new).append(row)
        ConfiguredService.objects.bulk_create(new, batch_size=500)
        ConfiguredService.objects.bulk_update(old, ["configuration", "options", "updated_at"], batch_size=200)

    def obstacles(self, plan: Plan) -> Iterator[tuple[str, str]]:
        return uses.obstacles(ConfiguredService.objects.filter(name__in=plan.removed[self.name]))

    def remove(self, names: Collection[str]) -> None:
        ConfiguredService.objects.filter(name__in=list(names)).delete()

    def check(self, plan: Plan) -> None:
        wanted, changed = plan.wanted[self.name], plan.changed(self.name)
        of_sections = bool(plan.changed("sections") or plan.removed["sections"])
        services = ConfiguredService.objects.all()
        references, readiness = _References(), Readiness()
        for service in services if of_sections else services.filter(name__in=list(wanted)):
            place = f"services.{service.name}"
            try:
                errors, remarks = resolution.checked(service)
            except LookupError as gone:  # not of this file: its type or configuration is no longer there
                plan.warn(place, f"{gone}.")
                continue
            errors = [error for error in errors if not _is_of_section(service, error.option)]
            if service.name in changed:
                errors += references.errors(service)
                for error in errors:
                    plan.refuse(f"{place}.options.{error.option}", error.given, error.allowed, error.detail)
            else:
                for error in errors:
                    plan.warn(place, str(error))
            if service.name in wanted:
                for problem in resolution.unset(service):
                    plan.warn(place, f"{problem}.")
                for remark in (*remarks, *readiness.missing_of(service)):
                    plan.warn(place, str(remark))
                for name in self._unknown(service):
                    plan.warn(f"{place}.options.{name}", f"is not known to type {service.type}; it is kept.")
                if idle := self._idle(service):
                    plan.warn(f"{place}.options", f"{idle} no effect yet.")

    def _unknown(self, service: ConfiguredService) -> list[str]:
        known = service_type(service.type)
        return [name for name in sorted(service.options) if known.option(name) is None]

    def _idle(self, service: ConfiguredService) -> str:
        """The options that it sets and that come later; those without effect for good are in any exported file."""
        found = [name for name in sorted(service.options) if _is_coming(service.type, name)]
        more = f" and {len(found) - _MOST_NAMED} more" if len(found) > _MOST_NAMED else ""
        return f"{', '.join(found[:_MOST_NAMED])}{more} {'has' if len(found) == 1 else 'have'}" if found else ""

    def schema(self) -> schema.Schema:
        return schema.service()


def _is_coming(type_name: str, option: str) -> bool:
    no_effect = effects.of_option(type_name, option)
    return no_effect is not None and no_effect.coming


class _References:
    """Whether what options name is there; asked once for each text."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, str], OptionError | None] = {}

    def errors(self, service: ConfiguredService) -> list[OptionError]:
        known = service_type(service.type)
        found = []
        for name, text in resolution.explicit_texts(service).items():
            option = known.option(name)
            if option and text.strip() and not resolution.has_token(text) and (error := self.error(option, text)):
                found.append(OptionError(name, error.given, error.allowed, error.detail))
        return found

    def error(self, option: Option, text: str) -> OptionError | None:
        """What check() has against a text that can be read."""
        if option.value_kind.check is None:
            return None
        key = (id(option.value_kind), text)
        if key not in self._known:
            self._known[key] = self._ask(option, text)
        return self._known[key]

    def _ask(self, option: Option, text: str) -> OptionError | None:
        try:
            option.value(text)
        except OptionError:  # reported by resolution.checked
            return None
        try:
            option.check(text)
        except OptionError as error:
            return error
        return None


class Sections(Part):
    name = "sections"
    noun = "section"
    model = Section
    is_list = False

    def key(self, row: Section) -> str:
        return row.name

    def document(self, row: Section) -> Document:
        return _shown(row.options, lambda key: is_secret(section_option(row.name, key), key))

    def exported(self, row: Section) -> Document:
        return _with_secrets(self.document(row), self.secrets(row))

    def secrets(self, row: Section) -> dict[str, str]:
        return {
            key: as_text(text) for key, text in row.options.items() if is_secret(section_option(row.name, key), key)
        }

    def read(self, name: str, given: object, plan: Plan) -> Wanted | None:
        if not _has_name(name, "sections", plan):
            return None
        place = f"sections.{name}"
        texts = read_texts(given, place, plan, functools.partial(section_option, name))
        hidden = {key: text for key, text in texts.items() if is_secret(section_option(name, key), key)}
        document = {key: texts[key] for key in sorted(texts) if key not in hidden and texts[key].strip()}
        return Wanted(document, plan.secrets_wanted(self.name, name, hidden, place))

    def write(self, plan: Plan) -> None:
        changed = plan.changed(self.name)
        rows = {row.name: row for row in Section.objects.filter(name__in=list(changed))}
        for name, wanted in changed.items():
            row = rows.get(name) or Section(name=name)
            secrets = {key: text for key, text in {**self.secrets(row), **wanted.secrets}.items() if text.strip()}
            row.options = {**wanted.document, **secrets}
            row.save()

    def check(self, plan: Plan) -> None:
        for name, wanted in plan.changed(self.name).items():
            for key, text in {**wanted.document, **wanted.secrets}.items():
                _check(section_option(name, key), text, f"sections.{name}.{key}", plan)

    def schema(self) -> schema.Schema:
        return schema.TEXTS


class Lists(Part):
    name = "lists"
    noun = "list"
    model = NamedList
    is_list = False

    def key(self, row: NamedList) -> str:
        return row.name

    def document(self, row: NamedList) -> Document:
        return {
            section: _shown(texts, functools.partial(self._hides, row.name, section))
            for section, texts in sorted(row.sections.items())
        }

    def _hides(self, name: str, section: str, key: str) -> bool:
        return is_secret(list_option(name, section, key), key)

    def read(self, name: str, given: object, plan: Plan) -> Wanted | None:
        if not _has_name(name, "lists", plan):
            return None
        given = {} if given is None else given
        if not isinstance(given, Mapping):
            plan.refuse(f"lists.{name}", given, "a mapping from section to keys and texts")
            return None
        document: Document = {}
        secrets: dict[str, str] = {}
        for section, keys in sorted(given.items()):
            if not _has_name(section, f"lists.{name}", plan):
                continue
            known = functools.partial(list_option, name, section)
            texts = read_texts(keys, f"lists.{name}.{section}", plan, known)
            hidden = {key for key in texts if is_secret(known(key), key)}
            secrets |= {f"{section}.{key}": texts[key] for key in hidden}
            document[section] = {key: texts[key] for key in sorted(texts) if key not in hidden and texts[key].strip()}
        return Wanted(document, plan.secrets_wanted(self.name, name, secrets, f"lists.{name}"))

    def check(self, plan: Plan) -> None:
        for name, wanted in plan.changed(self.name).items():
            for section, texts in wanted.document.items():
                for key, text in texts.items():
                    _check(list_option(name, section, key), text, f"lists.{name}.{section}.{key}", plan)

    def exported(self, row: NamedList) -> Document:
        secrets = self.secrets(row)
        return {
            section: _with_secrets(texts, _of_section(secrets, section))
            for section, texts in self.document(row).items()
        }

    def secrets(self, row: NamedList) -> dict[str, str]:
        return {
            f"{section}.{key}": as_text(text)
            for section, texts in row.sections.items()
            for key, text in texts.items()
            if self._hides(row.name, section, key)
        }

    def write(self, plan: Plan) -> None:
        changed = plan.changed(self.name)
        rows = {row.name: row for row in NamedList.objects.filter(name__in=list(changed))}
        for name, wanted in changed.items():
            row = rows.get(name) or NamedList(name=name)
            secrets = {key: text for key, text in {**self.secrets(row), **wanted.secrets}.items() if text.strip()}
            row.sections = {
                section: {**texts, **_of_section(secrets, section)} for section, texts in wanted.document.items()
            }
            row.save()

    def schema(self) -> schema.Schema:
        return {"type": ["object", "null"], "additionalProperties": schema.TEXTS}


def _with_secrets(texts: Mapping[str, str], secrets: Collection[str]) -> dict[str, str]:
    return dict(sorted({**texts, **dict.fromkeys(secrets, KEPT)}.items()))


def read_texts(given: object, place: str, plan: Plan, known: Callable[[str], Option | None]) -> dict[str, str]:
    """A mapping of keys to texts; faults go to the plan. `known` finds what is known of a key."""
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        plan.refuse(place, given, "a mapping from names to texts")
        return {}
    texts = {}
    for key, value in given.items():
        text = as_text(value)
        quoted = HIDDEN if is_secret(known(key), key) else text
        if not key.strip() or len(key) > _LONGEST_KEY or not is_line(key):
            plan.refuse(place, key, f"a key of 1 to {_LONGEST_KEY} characters in one line")
        elif isinstance(value, Mapping | list) and not _is_structured(known(key)):
            plan.refuse(f"{place}.{key}", quoted, "a text, a number, true or false")
        elif not is_storable(text):
            plan.refuse(f"{place}.{key}", quoted, "a text that can be stored (no NUL, no half characters)")
        else:
            texts[key] = text
    return texts


def unknown_keys(given: Mapping[str, Any], known: Collection[str], place: str, plan: Plan) -> None:
    """Faults for the keys of an element that mean nothing."""
    for key in given:
        if key not in known:
            plan.refuse(place, key, _one_of(sorted(known)))


def _check(option: Option | None, text: str, place: str, plan: Plan) -> None:
    try:
        if option:
            option.check(text)
    except OptionError as error:
        plan.refuse(place, error.given, error.allowed, error.detail)


def _one_of(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"one of {', '.join(names)}"


def _has_name(name: str, place: str, plan: Plan) -> bool:
    if name.strip() and len(name) <= LONGEST_NAME and is_line(name):
        return True
    plan.refuse(place, name, f"a name of 1 to {LONGEST_NAME} characters in one line")
    return False


def _is_structured(option: Option | None) -> bool:
    return option is None or option.value_kind.name in schema.STRUCTURED


def _is_of_section(service: ConfiguredService, option: str) -> bool:
    """True if the text comes from a global section, which is where to report it."""
    found = resolution.origins(service).get(option)
    return found is not None and found.origin is resolution.Origin.SECTION


def _shown(texts: Mapping[str, Any], hides: Callable[[str], bool]) -> Document:
    return {key: as_text(texts[key]) for key in sorted(texts) if as_text(texts[key]).strip() and not hides(key)}


def _of_section(secrets: Mapping[str, str], section: str) -> dict[str, str]:
    start = f"{section}."
    return {key.removeprefix(start): text for key, text in secrets.items() if key.startswith(start) and text.strip()}


PARTS = (Sections(), Lists(), Services())


def register_parts() -> None:
    register(*PARTS)
