"""What a service's options amount to: texts, typed values, what a request may override, what is missing.

In rising order of precedence: default of the option table, Common Default Configuration, the service's own value, the
request's override. An empty text is no value and lets the one below through.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Protocol

from services.catalogue import Option, OptionError
from services.types import service_type

__all__ = [
    "ALWAYS_OVERRIDABLE",
    "HasOptions",
    "OptionError",
    "allowed_overrides",
    "effective",
    "explicit_texts",
    "has_token",
    "missing_mandatory",
    "problems",
    "read_texts",
    "replace_tokens",
    "resolve",
    "resolve_one",
]

# The scenario keys that both seed documents' clients send with a start request.
ALWAYS_OVERRIDABLE = (
    "_call_direction",
    "_wait_for_agent",
    "_wait_for_user_confirm",
    "_media_type",
    "_provide_code",
)

_NONE: Mapping[str, str] = MappingProxyType({})
_TOKEN = re.compile(r"\$([A-Za-z0-9_.-]+)\$")


class HasOptions(Protocol):
    """What resolving needs of a configured service; ConfiguredService is one."""

    type: str
    configuration: str
    options: dict[str, str]


def explicit_texts(service: HasOptions) -> dict[str, str]:
    """The options that the service itself sets, as text, those of no known option included."""
    return {name: text if isinstance(text, str) else json.dumps(text) for name, text in service.options.items()}


def effective(service: HasOptions) -> dict[str, str]:
    """The text of every option: the service's own, else that of its configuration, else the table's default.

    Raises LookupError when the service's type or configuration does not exist.
    """
    texts = dict(service_type(service.type).defaults(service.configuration))
    texts.update((name, text) for name, text in explicit_texts(service).items() if text.strip())
    return texts


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
) -> dict[str, object]:
    """The typed value of every option of the service's type.

    `overrides` are those that allowed_overrides() let through when the request came in; `parameters` are the keys of
    the request, for `$name$`. Raises OptionError for a value that cannot be read and for a mandatory one that is
    missing, LookupError when the service's type or configuration does not exist.
    """
    kind_of_service = service_type(service.type)
    defaults = kind_of_service.defaults(service.configuration)
    texts = effective(service)
    values: dict[str, object] = {}
    for option in kind_of_service.options:
        name = option.name
        text = texts[name] = _text(name, texts[name], defaults, overrides, parameters)
        values[name] = option.value(text)
    for option in kind_of_service.options:
        if not texts[option.name].strip() and option.is_needed(texts):
            raise OptionError(option.name, "", option.allowed)
    return values


def resolve_one(
    service: HasOptions,
    name: str,
    *,
    overrides: Mapping[str, str] = _NONE,
    parameters: Mapping[str, str] = _NONE,
) -> object:
    """The typed value of one option, whatever the state of the others. Raises OptionError, LookupError."""
    kind_of_service = service_type(service.type)
    defaults = kind_of_service.defaults(service.configuration)
    text = _text(name, effective(service)[name], defaults, overrides, parameters)
    return kind_of_service.by_name[name].value(text)


def _text(
    name: str,
    text: str,
    defaults: Mapping[str, str],
    overrides: Mapping[str, str],
    parameters: Mapping[str, str],
) -> str:
    if (override := overrides.get(name)) and override.strip():
        return override
    if "$" in text:
        text = replace_tokens(text, parameters)
        return text if text.strip() else defaults[name]
    return text


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
    """Why the service cannot work, in sentences for an admin; empty if it can. Does not touch the database."""
    try:
        texts = effective(service)
    except LookupError as error:
        return [str(error)]
    options = service_type(service.type).options
    empty = [option.name for option in options if option.is_needed(texts) and not texts[option.name].strip()]
    found = [f"cannot work yet: {_listed(empty)} {'is' if len(empty) == 1 else 'are'} empty"] if empty else []
    values, errors = read_texts(options, texts)
    errors += [error for rule in service_type(service.type).rules for error in rule(values, texts)]
    return found + [str(error) for error in errors]


def read_texts(options: tuple[Option, ...], texts: Mapping[str, str]) -> tuple[dict[str, object], list[OptionError]]:
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


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
