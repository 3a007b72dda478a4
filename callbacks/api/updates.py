"""What a request to change a callback asks for (REST API reference, *Reschedule / update*)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from callbacks import actions
from callbacks.api import bodies, errors, values
from callbacks.api.errors import ApiError
from callbacks.api.written import written_time
from callbacks.flow.states import State
from callbacks.models import Callback
from services import resolution
from services.catalogue import OptionError
from services.kinds import shown
from services.models import ConfiguredService
from services.types import CALLBACK

_NEW_TIME = "_new_desired_time"
_TIME = "_desired_time"
_NUMBER = "_customer_number"
_STATE = "_callback_state"
_ZONE = "_customer_timezone"
# The vendor's clients send along the state that they hope for.
_HOPED_FOR = (State.SCHEDULED, State.QUEUED)


@dataclass(frozen=True)
class Update:
    """`desired_at` is None when the time stays as it is. An empty text in `properties` removes the property."""

    desired_at: datetime | None
    properties: dict[str, str]


def read(callback: Callback, parameters: Mapping[str, str], now: datetime) -> Update:
    """What the keys of a request ask to change.

    Raises ApiError and `actions.MissingKeys` for what cannot be, `actions.Refused` for a callback that is over.
    """
    if callback.state == State.COMPLETED:
        raise actions.Refused(f"Callback is {callback.state} and cannot be changed")
    changes = dict(parameters)
    desired_at = _desired_at(callback, changes, now)
    _check_state(callback, changes.pop(_STATE, None))
    _check_number(callback, changes)
    if zone := changes.get(_ZONE):
        changes[_ZONE] = values.read_zone(_ZONE, zone).key
    # A callback that is not over has its service (`callback_live_has_service`).
    service = cast("ConfiguredService", callback.service)
    _drop_options(callback, service, changes)
    _check_mandatory(service, changes)
    _check_count(callback, changes)
    if desired_at is not None:
        changes[_TIME] = written_time(desired_at)
    return Update(desired_at, changes)


def _desired_at(callback: Callback, changes: dict[str, str], now: datetime) -> datetime | None:
    """The time that is asked for, taken out of the changes; None for none and for the present one."""
    new, same = changes.pop(_NEW_TIME, None), changes.pop(_TIME, None)
    if new == "":
        return now
    if new is not None:
        desired_at = values.read_time(_NEW_TIME, new)
    elif same is not None:
        desired_at = values.read_time(_TIME, same)
    else:
        return None
    # Compared as records show it: clients send back what they read there, which ends at the millisecond.
    return None if written_time(desired_at) == written_time(callback.desired_at) else desired_at


def _check_state(callback: Callback, state: str | None) -> None:
    allowed = dict.fromkeys((*_HOPED_FOR, State(callback.state)))
    if state is not None and state not in allowed:
        raise errors.invalid(
            f"{_STATE} {shown(state)} cannot be set, it follows from what happens; "
            f"{', '.join(allowed)} are accepted and change nothing"
        )


def _check_number(callback: Callback, changes: dict[str, str]) -> None:
    number = changes.pop(_NUMBER, None)
    if number is not None and values.plain_number(number) != callback.customer_number:
        message = "The customer number cannot be changed after the start; cancel this callback and start another."
        raise ApiError(message, exception=errors.NUMBER)


def _drop_options(callback: Callback, service: ConfiguredService, changes: dict[str, str]) -> None:
    """Take out the options that a request may set at the start: refused, unless they say what holds anyway."""
    with errors.of_configuration():
        listed = resolution.resolve_one(service, "_overwritable_options")
    names = {*resolution.ALWAYS_OVERRIDABLE, *(listed if isinstance(listed, tuple) else ())}
    for name in names & changes.keys():
        option = CALLBACK.option(name)
        if option is None or not option.overridable:
            continue
        text = changes.pop(name)
        if text != callback.overrides.get(name, "") and option.value(text) != _present(callback, service, name):
            raise errors.invalid(f"{name} cannot be changed after the start")


def _present(callback: Callback, service: ConfiguredService, name: str) -> object:
    parameters = {**callback.properties, **callback.overrides, **callback.user_data}
    try:
        return resolution.resolve_one(service, name, overrides=callback.overrides, parameters=parameters)
    except OptionError:
        return None


def _check_mandatory(service: ConfiguredService, changes: Mapping[str, str]) -> None:
    with errors.of_configuration():
        missing = [key for key in resolution.missing_mandatory(service, changes) if key in changes]
    if missing:
        raise actions.MissingKeys(missing)


def _check_count(callback: Callback, changes: Mapping[str, str]) -> None:
    """A callback never holds more keys than one request may bring."""
    kept = {**callback.properties, **callback.overrides, **callback.user_data, **changes}
    if sum(1 for key, text in kept.items() if changes.get(key, text) != "") > bodies.MOST_KEYS:
        raise ApiError(f"The callback would have more than {bodies.MOST_KEYS} keys.")
