"""Finding callbacks by their properties (REST API reference, *Query by properties*)."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from callbacks import queries
from callbacks.api import values
from callbacks.api.errors import INVALID_OPTION, ApiError
from callbacks.lookups import COLUMNS, lookup_keys
from callbacks.models import Limits
from callbacks.queries import Found, Property
from services.kinds import shown
from services.models import ConfiguredService

# Each of the alternatives is a question of its own.
MOST_ALTERNATIVES = 20
_OPERANDS = ("AND", "OR")
# `_` is what browsers' libraries add against caching (seed 2, *Query String Parameters*).
_NO_PROPERTIES = frozenset({"operand", "_"})


def find(query: Mapping[str, str], limits: Limits, service: ConfiguredService | None) -> Found:
    """Matching callbacks, newest first, `queries.MOST_RECORDS` at the most.

    `query` is properties and `operand`, AND or OR; a value that begins with `!` negates. Raises ApiError for a key that
    is not searchable and for a search over all services that no index carries.
    """
    operand = query.get("operand", "AND")
    if operand not in _OPERANDS:
        raise _invalid(f"operand {shown(operand)} is neither AND nor OR")
    wanted = [read(key, value) for key, value in query.items() if key not in _NO_PROPERTIES]
    own = [each.key for each in wanted if each.key not in COLUMNS]
    searchable = _services_with(own, service) if own else None
    if service is None:
        _check_carried(wanted, operand)
    of_service = service.pk if service else None
    if operand == "AND" or not wanted:
        return queries.by_properties(wanted, limits=limits, service=of_service, services=searchable)
    if len(wanted) > MOST_ALTERNATIVES:
        raise _invalid(f"{len(wanted)} keys with operand OR; at most {MOST_ALTERNATIVES} are allowed")
    return queries.by_any_property(wanted, limits=limits, service=of_service, services=searchable)


def read(key: str, text: str) -> Property:
    """A key and its value, which a leading `!` negates; numbers as they are stored."""
    value = text.removeprefix("!")
    if key == "_customer_number":
        value = values.plain_number(value)
    return Property(key, value, negated=text.startswith("!"))


def _check_carried(wanted: Collection[Property], operand: str) -> None:
    """That an index finds what is asked for over all services. Raises ApiError."""
    carried = [queries.is_carried(each) for each in wanted]
    if any(carried) if operand == "AND" else carried and all(carried):
        return
    raise _invalid(
        f"without a service, {'each' if operand == 'OR' else 'one'} of the keys must be one of _id, _customer_number, "
        "_callback_state, _callback_reason or one of _customer_lookup_keys, with a value that is not negated"
    )


def _services_with(keys: list[str], service: ConfiguredService | None) -> list[int]:
    """The services whose `_customer_lookup_keys` have all these keys. Raises ApiError where none has."""
    services = [service] if service else list(ConfiguredService.objects.of_type("callback"))
    for key in keys:
        services = [each for each in services if key in lookup_keys(each)]
        if not services:
            raise _invalid(f"key {shown(key)} is not one of _customer_lookup_keys, by which callbacks are found")
    return [each.pk for each in services]


def _invalid(text: str) -> ApiError:
    return ApiError(f"Invalid query: {text}.", exception=INVALID_OPTION)
