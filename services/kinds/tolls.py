"""Kinds of value that say which numbers are called: countries, and types of number."""

from __future__ import annotations

from services.kinds.addresses import COUNTRY
from services.kinds.base import BadValue, Kind

# Instead of countries: every one. Instead of types: not one of them. An empty value would let another place decide.
_ALL, _NONE = "all", "none"
# Those that `telephony.tolls` tells apart.
_TYPES = ("premium", "shared_cost", "satellite", "global_network", "personal", "pager", "universal_access")


def _items(given: str) -> list[str]:
    return list(dict.fromkeys(item for part in given.split(",") if (item := part.strip())))


def _parse_countries(given: str) -> tuple[str, ...]:
    items = _items(given)
    if not items:
        raise BadValue(given, COUNTRIES.allowed)
    if [item.lower() for item in items] == [_ALL]:
        return ()
    try:
        return tuple(dict.fromkeys(str(COUNTRY.parse(item)) for item in items))
    except BadValue as error:
        raise BadValue(error.given, COUNTRIES.allowed) from None


COUNTRIES = Kind(
    name="countries",
    parse=_parse_countries,
    allowed="countries by their two letters in ISO 3166, with commas between, such as DE,AT, or all",
    choices=lambda: [(_ALL, "all of them"), *(COUNTRY.choices() if COUNTRY.choices else [])],
    empty=(),
    widget="several",
)


def _parse_types(given: str) -> tuple[str, ...]:
    items = [item.lower() for item in _items(given)]
    if items == [_NONE]:
        return ()
    if not items or not set(items) <= set(_TYPES):
        raise BadValue(given, NUMBER_TYPES.allowed)
    return tuple(dict.fromkeys(items))


NUMBER_TYPES = Kind(
    name="number_types",
    parse=_parse_types,
    allowed=f"types of number with commas between: {', '.join(_TYPES)}; or none",
    choices=lambda: [(_NONE, "none of them"), *((word, word.replace("_", " ")) for word in _TYPES)],
    empty=(),
    widget="several",
)
