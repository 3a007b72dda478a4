"""The options that a callback runs with: frozen when its execution starts, before that what its service says."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

from callbacks import originated, push
from callbacks.flow import projections
from callbacks.flow.options import FLOW_OPTIONS, FlowOptions, from_resolved
from callbacks.models import Callback
from callbacks.push import configuration, notification
from callbacks.status import configuration as status
from services import resolution
from services.models import ConfiguredService

# The key under which the customer's data reach the agent as one text (`_attach_udata`).
USER_DATA = "GMS_UserData"
# More bytes than that do not fit into the headers of a call, in one and in all of them.
LONGEST_ATTACHED, MOST_ATTACHED = 1000, 2000


def options(callback: Callback) -> tuple[FlowOptions | None, str]:
    """The frozen options, or what the service says now; without options, why there are none."""
    if callback.options:
        return FLOW_OPTIONS.validate_python(callback.options), ""
    return resolve(callback)


def resolve(callback: Callback) -> tuple[FlowOptions | None, str]:
    """What the service says now; without options, why there are none."""
    if callback.service is None:
        return None, f"The service {callback.service_name} was deleted."
    try:
        resolved = values(callback, callback.service)
    except (resolution.OptionError, LookupError) as error:
        return None, f"The configuration of service {callback.service_name} cannot be resolved: {error}"
    reports = status.of_callback(callback, resolved)
    told = notification.from_resolved(resolved, callback.properties)
    attached = _attached(callback, str(resolved["_attach_udata"]))
    found = from_resolved(resolved, attached, told, reports=reports)
    if projections.is_user_originated(found):
        found = replace(found, booking_seconds=originated.seconds(callback.service, found.resource_group))
    return found, ""


def values(callback: Callback, service: ConfiguredService) -> Mapping[str, object]:
    """Its service's options, with what the request says. Raises OptionError, LookupError."""
    return resolution.resolve(service, overrides=callback.overrides, parameters=parameters(callback))


def parameters(callback: Callback) -> dict[str, str]:
    """The keys of its request."""
    return {**callback.properties, **callback.overrides, **callback.user_data}


def unaskable(options: FlowOptions | None, properties: Mapping[str, str]) -> str:
    """Why the customer's device cannot be asked to confirm; not looked at where nobody is to be asked."""
    calls_us = options is not None and projections.is_user_originated(options)
    if options is None or not (calls_us or (options.wait_for_agent and options.wait_for_user_confirm)):
        return "nobody is asked (_wait_for_user_confirm)"
    device_os, device = properties.get("_device_os", ""), properties.get("_device_notification_id", "")
    return push.why_not_askable(device_os, device, configuration.enabled())


def _attached(callback: Callback, form: str) -> tuple[tuple[str, str], ...]:
    """The customer's data as an agent's call carries them (`_attach_udata`); the id, where they are too much for it."""
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in callback.user_data.items()}
    in_pairs: dict[str, tuple[tuple[str, str], ...]] = {
        "separate_keys": tuple(texts.items()),
        "single_json": ((USER_DATA, json.dumps(texts, ensure_ascii=False)),) if texts else (),
        "gms_storage_id": ((USER_DATA, callback.pk),),
    }
    attached = in_pairs[form]
    sizes = [len(key.encode()) + len(text.encode()) for key, text in attached]
    if max(sizes, default=0) > LONGEST_ATTACHED or sum(sizes) > MOST_ATTACHED:
        return in_pairs["gms_storage_id"]
    return attached
