"""Finding callbacks by their properties (REST API reference, *Query by properties*)."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from functools import reduce

from django.db.models import Q

from callbacks.api import values
from callbacks.api.errors import INVALID_OPTION, ApiError
from callbacks.flow.states import State
from callbacks.models import Callback, CallbackQuerySet
from services import resolution
from services.kinds import shown
from services.models import ConfiguredService

MOST_RECORDS = 500

_OPERANDS: dict[str, Callable[[Q, Q], Q]] = {"AND": operator.and_, "OR": operator.or_}
# `_` is what browsers' libraries add against caching (seed 2, *Query String Parameters*).
_NO_PROPERTIES = frozenset({"operand", "_"})
_COLUMNS = {
    "_id": "pk",
    "_customer_number": "customer_number",
    "_callback_state": "state",
    "_callback_reason": "reason",
    "_service_name": "service_name",
}
# Found through an index; over all services at least one of them is needed.
_INDEXED = ("_id", "_customer_number", "_callback_state")
_UNREAD = ("session", "options")


def find(
    visible: CallbackQuerySet, query: Mapping[str, str], service: ConfiguredService | None
) -> tuple[list[Callback], bool]:
    """Matching callbacks, newest first, and whether there are more than `MOST_RECORDS`.

    `query` is properties and `operand`, AND or OR; a value that begins with `!` negates. Raises ApiError for a key that
    is not searchable and for a search over all services that no index carries.
    """
    operand = query.get("operand", "AND")
    if operand not in _OPERANDS:
        raise _invalid(f"operand {shown(operand)} is neither AND nor OR")
    wanted = {key: value for key, value in query.items() if key not in _NO_PROPERTIES}
    found = visible if service is None else visible.filter(service=service)
    if own := [key for key in wanted if key not in _COLUMNS]:
        searchable = _services_with(own, service)
        found = found.filter(service__in=searchable)
    if service is None and not _is_indexed(wanted, operand):
        raise _invalid(
            f"without a service, {'each' if operand == 'OR' else 'one'} of the keys must be one of "
            f"{', '.join(_INDEXED)}, with a value that is not negated"
        )
    conditions = [_condition(key, value) for key, value in wanted.items()]
    if conditions:
        found = found.filter(reduce(_OPERANDS[operand], conditions))
    rows = list(found.order_by("-created_at", "-id").defer(*_UNREAD)[: MOST_RECORDS + 1])
    return rows[:MOST_RECORDS], len(rows) > MOST_RECORDS


def lookup_keys(service: ConfiguredService) -> tuple[str, ...]:
    """The request keys by which callbacks of this service are found and which their records show."""
    try:
        keys = resolution.resolve_one(service, "_customer_lookup_keys")
    except (resolution.OptionError, LookupError):
        # What is stored must be found also while its service cannot work.
        return ()
    return keys if isinstance(keys, tuple) else ()


def stored(callback: Callback, key: str) -> str | None:
    """What the request said under this key; None where it did not."""
    for place in (callback.user_data, callback.properties, callback.overrides):
        if key in place:
            return str(place[key])
    return None


def _is_indexed(wanted: Mapping[str, str], operand: str) -> bool:
    carried = [
        key in _INDEXED and (not value.startswith("!") or key == "_callback_state") for key, value in wanted.items()
    ]
    return any(carried) if operand == "AND" else bool(carried) and all(carried)


def _services_with(keys: list[str], service: ConfiguredService | None) -> list[int]:
    """The services whose `_customer_lookup_keys` have all these keys. Raises ApiError where none has."""
    services = [service] if service else list(ConfiguredService.objects.of_type("callback"))
    for key in keys:
        services = [each for each in services if key in lookup_keys(each)]
        if not services:
            raise _invalid(f"key {shown(key)} is not one of _customer_lookup_keys, by which callbacks are found")
    return [each.pk for each in services]


def _condition(key: str, value: str) -> Q:
    negated = value.startswith("!")
    value = value.removeprefix("!")
    if key == "_customer_number":
        value = values.plain_number(value)
    if key == "_callback_state" and negated:
        # So that the index on the state is used.
        return Q(state__in=[state.value for state in State if state.value != value])
    if key in _COLUMNS:
        condition = Q((_COLUMNS[key], value))
    elif key.startswith("_"):
        condition = Q(properties__contains={key: value}) | Q(overrides__contains={key: value})
    else:
        condition = Q(user_data__contains={key: value})
    return ~condition if negated else condition


def _invalid(text: str) -> ApiError:
    return ApiError(f"Invalid query: {text}.", exception=INVALID_OPTION)
