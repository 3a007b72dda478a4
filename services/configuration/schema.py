"""The JSON Schema (draft 2020-12) of the configuration file, for editors: it completes names and checks values.

What the schema allows is at least what `manage.py configure` allows; what a value names is for configure to check.
"""

from __future__ import annotations

import json
from typing import Any

from services import documents
from services.catalogue import Option, effects
from services.kinds import Kind
from services.types import ServiceType, service_types

Schema = dict[str, Any]

PLAIN: Schema = {"type": ["string", "number", "boolean", "null"]}
TEXTS: Schema = {"type": ["object", "null"], "additionalProperties": True}
NAME: Schema = {"type": "string", "minLength": 1}

# Kinds of option for which a file may give a mapping or a list instead of its JSON.
STRUCTURED = frozenset({"capacity_of_day", "json", "target", "treatment"})

_FROM_REQUEST = r"\$[A-Za-z0-9_.-]+\$"
# Kinds whose choices do not depend on what is configured.
_FIXED_CHOICES = frozenset({"boolean", "choice"})


def schema() -> Schema:
    """The schema of a whole file."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Configuration of the callback service",
        "description": "Read by manage.py configure, written by manage.py export_configuration.",
        "type": "object",
        "additionalProperties": False,
        "properties": {part.name: _of_part(part) for part in documents.parts()},
        "$defs": {_definition(each): _options(each) for each in service_types()},
    }


def as_text() -> str:
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def service() -> Schema:
    """One service: what its type says about configuration and options; without a type it is a callback service."""
    return {
        "type": ["object", "null"],
        "additionalProperties": False,
        "properties": {
            "type": {"enum": [each.name for each in service_types()], "description": "callback when left out."},
            "configuration": {"type": "string", "description": "Common Default Configuration; Custom when left out."},
            "options": {
                "type": ["object", "null"],
                "description": "Replaces all options that the service sets itself. An empty text is no value.",
            },
        },
        "allOf": [_if_type(each) for each in service_types()],
    }


def element(properties: Schema, *, required: tuple[str, ...] = ("name",)) -> Schema:
    """One element of a list: its name alone, or an object."""
    return {
        "oneOf": [
            NAME,
            {
                "type": "object",
                "additionalProperties": False,
                "required": list(required),
                "properties": {"name": NAME, **properties},
            },
        ]
    }


def _of_part(part: documents.Part) -> Schema:
    if part.is_list:
        return {"type": ["array", "null"], "items": part.schema()}
    return {"type": ["object", "null"], "additionalProperties": part.schema()}


def _definition(kind_of_service: ServiceType) -> str:
    return f"options of {kind_of_service.name}"


def _if_type(kind_of_service: ServiceType) -> Schema:
    is_it: Schema = {"properties": {"type": {"const": kind_of_service.name}}}
    if kind_of_service.name != "callback":
        is_it["required"] = ["type"]
    return {
        "if": is_it,
        "then": {
            "properties": {
                "configuration": {"enum": [each.name for each in kind_of_service.configurations]},
                "options": {"$ref": f"#/$defs/{_definition(kind_of_service).replace(' ', '%20')}"},
            }
        },
    }


def _options(kind_of_service: ServiceType) -> Schema:
    families = [option for option in kind_of_service.options if option.numbered]
    return {
        "type": ["object", "null"],
        "properties": {option.name: _option(option, kind_of_service) for option in kind_of_service.options},
        "patternProperties": {f"^{option.name}[0-9]+$": _option(option, kind_of_service) for option in families},
        # Options that this release does not know are kept.
        "additionalProperties": True,
    }


def _option(option: Option, kind_of_service: ServiceType) -> Schema:
    kind = option.value_kind
    no_effect = effects.of_option(kind_of_service.name, option.name)
    remark = f" {no_effect.sentence}" if no_effect else ""
    described: Schema = {"description": f"{option.help} Allowed is {kind.allowed}.{remark}"}
    if option.default:
        described["default"] = option.default
    return {**described, **_values(kind)}


def _values(kind: Kind) -> Schema:
    if kind.name in _FIXED_CHOICES and kind.choices:
        words = [word for word, _ in kind.choices()]
        booleans = [True, False] if kind.name == "boolean" else []
        texts = "|".join([*(_any_case(word) for word in words), _FROM_REQUEST, r"^\s*$"])
        return {"anyOf": [{"enum": [*words, *booleans, None]}, {"type": "string", "pattern": texts}]}
    if kind.minimum is not None:
        return {
            "type": ["integer", "string", "null"],
            "minimum": kind.minimum,
            "maximum": kind.maximum,
            "pattern": rf"^\s*([+-]?[0-9]{{1,12}})?\s*$|{_FROM_REQUEST}",
        }
    return {} if kind.name in STRUCTURED else PLAIN


def _any_case(word: str) -> str:
    letters = "".join(f"[{c.upper()}{c.lower()}]" if c.isalpha() else f"[{c}]" for c in word)
    return rf"^\s*{letters}\s*$"
