"""What a service's options amount to: texts, typed values, what a request may override, what is missing.

In rising order of precedence: default of the option table, global section (for options that inherit from one), Common
Default Configuration, the service's own value, the request's override. An empty text is no value and lets the one below
through.

What the same texts amount to is worked out once and kept, by content: nothing has to be told that something changed.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Protocol

from services.catalogue import Option, OptionError, OptionWarning
from services.rules import Rule
from services.types import ServiceType, service_type, service_types

__all__ = [
    "ALWAYS_OVERRIDABLE",
    "Effective",
    "HasOptions",
    "OptionError",
    "Origin",
    "allowed_overrides",
    "checked",
    "effective",
    "explicit_texts",
    "has_token",
    "inherited_sections",
    "missing_mandatory",
    "origins",
    "problems",
    "read_texts",
    "replace_tokens",
    "resolve",
    "resolve_one",
    "unset",
    "warnings",
]

# The scenario keys that both seed documents' clients send with a start request, and whom a customer asks for.
ALWAYS_OVERRIDABLE = (
    "_call_direction",
    "_wait_for_agent",
    "_wait_for_user_confirm",
    "_media_type",
    "_provide_code",
    "_preferred_agent",
)

# As many different services as a process keeps worked out, a few kilobytes each.
MOST_KEPT = 2048

Sections = Mapping[str, Mapping[str, str]]

_NONE: Mapping[str, str] = MappingProxyType({})
_TOKEN = re.compile(r"\$([A-Za-z0-9_.-]+)\$")


class HasOptions(Protocol):
    """What resolving needs of a configured service; ConfiguredService is one."""

    type: str
    configuration: str
    options: dict[str, str]

    @property
    def global_sections(self) -> Sections: ...


class Origin(StrEnum):
    """Where a text that counts comes from."""

    SERVICE = "service"
    CONFIGURATION = "configuration"
    SECTION = "section"
    DEFAULT = "default"


@dataclass(frozen=True)
class Effective:
    """The text of an option that counts while no request overrides it, and where it comes from."""

    text: str
    origin: Origin


def inherited_sections() -> list[str]:
    """The names of the global sections that options of any type inherit from."""
    return sorted({section for each in service_types() for section, _ in _inherited(each).values()})


def explicit_texts(service: HasOptions) -> dict[str, str]:
    """The options that the service itself sets, as text, those of no known option included."""
    return {name: text if isinstance(text, str) else json.dumps(text) for name, text in service.options.items()}


def effective(service: HasOptions) -> dict[str, str]:
    """The text of every option, also of unknown ones that the service sets.

    Raises LookupError when the service's type or configuration does not exist.
    """
    return dict(_amount(service).texts)


def origins(service: HasOptions) -> dict[str, Effective]:
    """As effective(), with where each text comes from."""
    kind_of_service = service_type(service.type)
    presets = _presets(kind_of_service, service.configuration)
    explicit, inherited = explicit_texts(service), _inherited(kind_of_service)
    sections = service.global_sections

    def origin(name: str) -> Origin:
        if explicit.get(name, "").strip():
            return Origin.SERVICE
        if presets.get(name, "").strip():
            return Origin.CONFIGURATION
        if name in inherited and _of_section(sections, *inherited[name]).strip():
            return Origin.SECTION
        return Origin.DEFAULT

    return {name: Effective(text, origin(name)) for name, text in effective(service).items()}


def has_token(text: str) -> bool:
    """True if the text takes parts of its value from the request, as `$name$`."""
    return "$" in text and _TOKEN.search(text) is not None


def replace_tokens(text: str, parameters: Mapping[str, str]) -> str:
    """The text with every `$name$` replaced by the request parameter `name`, in one pass.

    A token without a parameter stays as it is, so that the value, or the error about it, shows what was missing. In a
    text that is JSON the parameter is escaped: a customer's text must not become a key of it.
    """
    is_json = text.lstrip()[:1] in {"{", "["}

    def parameter(match: re.Match[str]) -> str:
        value = parameters.get(match[1])
        if value is None:
            return match[0]
        return json.dumps(value)[1:-1].replace("'", "\\u0027") if is_json else value

    return _TOKEN.sub(parameter, text)


def resolve(
    service: HasOptions,
    *,
    overrides: Mapping[str, str] = _NONE,
    parameters: Mapping[str, str] = _NONE,
) -> Mapping[str, object]:
    """The typed value of every option of the service's type, and of every member of its numbered families; read-only.

    `overrides` are those that allowed_overrides() let through when the request came in; `parameters` are the keys of
    the request, for `$name$`. Raises OptionError for a value that cannot be read and for a mandatory one that is
    missing, LookupError when the service's type or configuration does not exist.
    """
    amount = _amount(service)
    given = {name: text for name, text in overrides.items() if text.strip()}
    if amount.has_tokens:
        texts = _without_tokens(amount, given, parameters)
        return MappingProxyType(_values(amount, texts))
    return _kept_values(amount, frozenset(given.items()))


def resolve_one(
    service: HasOptions,
    name: str,
    *,
    overrides: Mapping[str, str] = _NONE,
    parameters: Mapping[str, str] = _NONE,
) -> object:
    """The typed value of one option, whatever the state of the others. Raises OptionError, LookupError."""
    amount = _amount(service)
    text = _text(name, amount, overrides, parameters)
    return amount.options[name].value(text)


def allowed_overrides(service: HasOptions, request: Mapping[str, str]) -> dict[str, str]:
    """The request keys that override options of this service, with their texts.

    The scenario keys always do; any other option only if `_overwritable_options` lists it. Empty texts override
    nothing. Raises OptionError on a value that its option does not allow.
    """
    kind_of_service = service_type(service.type)
    listed = resolve_one(service, "_overwritable_options")
    names = {*ALWAYS_OVERRIDABLE, *(listed if isinstance(listed, tuple) else ())}
    overrides = {}
    for name, option in kind_of_service.by_name.items():
        if name in names and option.overridable and (text := request.get(name, "").strip()):
            option.value(text)
            overrides[name] = text
    return overrides


def missing_mandatory(service: HasOptions, request: Mapping[str, str]) -> list[str]:
    """The keys of `_mandatory_customer_lookup_keys` that the request lacks or leaves empty, in their order."""
    keys = resolve_one(service, "_mandatory_customer_lookup_keys")
    return [key for key in (keys if isinstance(keys, tuple) else ()) if not request.get(key, "").strip()]


def problems(service: HasOptions) -> list[str]:
    """Why the service cannot work, in sentences for an admin; empty if it can."""
    try:
        errors, remarks = checked(service)
    except LookupError as error:
        return [str(error)]
    blocking = [str(remark) for remark in remarks if remark.blocks]
    return unset(service) + [str(error) for error in errors] + blocking


def unset(service: HasOptions) -> list[str]:
    """The sentence that names its mandatory options without a value, in a list; empty if it has them all."""
    amount = _amount(service)
    texts = amount.texts
    empty = [name for name, option in amount.options.items() if option.is_needed(texts) and not texts[name].strip()]
    return [f"cannot work yet: {_listed(empty)} {'is' if len(empty) == 1 else 'are'} empty"] if empty else []


def warnings(service: HasOptions) -> list[str]:
    """What an admin should know about a service that can work all the same, in sentences."""
    try:
        _, remarks = checked(service)
    except LookupError:
        return []
    return [str(remark) for remark in remarks if not remark.blocks]


def checked(service: HasOptions) -> tuple[list[OptionError], list[OptionWarning]]:
    """What values and rules of the service's type have against its texts. Raises LookupError as effective() does."""
    errors, remarks = _kept_findings(service_type(service.type).rules, _amount(service))
    return list(errors), list(remarks)


def read_texts(options: Iterable[Option], texts: Mapping[str, str]) -> tuple[dict[str, object], list[OptionError]]:
    """The values that can be read now, and the errors of the others. Texts with tokens are known only at a request."""
    values: dict[str, object] = {}
    errors: list[OptionError] = []
    for option in options:
        if has_token(texts[option.name]):
            continue
        try:
            values[option.name] = option.value(texts[option.name])
        except OptionError as error:
            errors.append(error)
    return values, errors


@dataclass(frozen=True, eq=False)
class _Amount:
    """The texts of a service without a request; `below` is what counts where its own text turns out to be empty."""

    options: Mapping[str, Option]
    texts: Mapping[str, str]
    below: Mapping[str, str]
    has_tokens: bool


def _amount(service: HasOptions) -> _Amount:
    kind_of_service = service_type(service.type)
    # What else stands in a section makes no difference.
    sections = service.global_sections
    inherited = tuple(_of_section(sections, *place) for place in _inherited(kind_of_service).values() if sections)
    if not any(inherited):
        inherited = ()
    return _kept_amount(kind_of_service, service.configuration, frozenset(explicit_texts(service).items()), inherited)


@functools.lru_cache(maxsize=MOST_KEPT)
def _kept_amount(
    kind_of_service: ServiceType,
    configuration: str,
    explicit: frozenset[tuple[str, str]],
    inherited: tuple[str, ...],
) -> _Amount:
    below = {option.name: option.default for option in kind_of_service.options}
    # Where nothing is inherited there is nothing to pair up.
    below.update(
        (name, text) for name, text in zip(_inherited(kind_of_service), inherited, strict=False) if text.strip()
    )
    presets = _presets(kind_of_service, configuration)
    below.update((name, text) for name, text in presets.items() if text.strip())
    own = {name: text for name, text in explicit if text.strip()}
    texts = {**below, **dict(sorted(own.items()))}
    options = dict(kind_of_service.by_name)
    options.update((name, option) for name in texts if (option := kind_of_service.option(name)) is not None)
    return _Amount(
        options=options,
        texts=MappingProxyType(texts),
        below=below,
        has_tokens=any(has_token(texts[name]) for name in options),
    )


@functools.lru_cache(maxsize=MOST_KEPT)
def _kept_values(amount: _Amount, overrides: frozenset[tuple[str, str]]) -> Mapping[str, object]:
    return MappingProxyType(_values(amount, {**amount.texts, **dict(overrides)}))


@functools.lru_cache(maxsize=MOST_KEPT)
def _kept_findings(
    rules: tuple[Rule, ...], amount: _Amount
) -> tuple[tuple[OptionError, ...], tuple[OptionWarning, ...]]:
    values, errors = read_texts(amount.options.values(), amount.texts)
    remarks: list[OptionWarning] = []
    for rule in rules:
        for found in rule(values, amount.texts):
            if isinstance(found, OptionWarning):
                remarks.append(found)
            else:
                errors.append(found)
    return tuple(errors), tuple(remarks)


def _values(amount: _Amount, texts: Mapping[str, str]) -> dict[str, object]:
    values = {name: option.value(texts[name]) for name, option in amount.options.items()}
    for name, option in amount.options.items():
        if not texts[name].strip() and option.is_needed(texts):
            raise OptionError(name, "", option.allowed)
    return values


def _without_tokens(amount: _Amount, overrides: Mapping[str, str], parameters: Mapping[str, str]) -> dict[str, str]:
    return {name: _text(name, amount, overrides, parameters) for name in amount.options}


def _text(name: str, amount: _Amount, overrides: Mapping[str, str], parameters: Mapping[str, str]) -> str:
    if (override := overrides.get(name)) and override.strip():
        return override
    text = amount.texts[name]
    if "$" in text:
        text = replace_tokens(text, parameters)
        return text if text.strip() else amount.below.get(name, "")
    return text


@functools.cache
def _inherited(kind_of_service: ServiceType) -> Mapping[str, tuple[str, str]]:
    """Section and key that stand in for an option, by its name."""
    return {option.name: option.inherits for option in kind_of_service.options if option.inherits}


def _of_section(sections: Sections, section: str, key: str) -> str:
    text = sections.get(section, _NONE).get(key, "")
    return text if isinstance(text, str) else json.dumps(text)


def _presets(kind_of_service: ServiceType, configuration: str) -> Mapping[str, str]:
    """What the configuration presets. Raises LookupError for one that the type does not have."""
    kind_of_service.defaults(configuration)
    return next(each.presets for each in kind_of_service.configurations if each.name == configuration)


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
