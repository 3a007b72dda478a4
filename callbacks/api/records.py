"""Callbacks as queries answer them: one record each."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from callbacks import sections
from callbacks.api.written import written_time
from callbacks.flow.states import State
from callbacks.lookups import lookup_keys, stored
from callbacks.models import Callback
from services.models import ConfiguredService


def records(callbacks: Collection[Callback], root: str) -> list[dict[str, str]]:
    """Records in the order of the callbacks; `root` is the address of the site, for `_url`.

    Beside the keys that every record has, those of the service's `_customer_lookup_keys` and of `[callback]
    returned-keys`, where the request said something under them.
    """
    if not callbacks:
        return []
    services = ConfiguredService.objects.in_bulk({each.service_id for each in callbacks if each.service_id is not None})
    returned = sections.keys("callback", "returned-keys")
    keys = {pk: (*lookup_keys(service), *returned) for pk, service in services.items()}
    return [
        _record(
            callback,
            # Its service may have been deleted since.
            services.get(callback.service_id) or ConfiguredService(name=callback.service_name),
            keys.get(callback.service_id, returned),
            root,
        )
        for callback in callbacks
    ]


def _record(callback: Callback, service: ConfiguredService, keys: Iterable[str], root: str) -> dict[str, str]:
    record = {
        "_id": callback.pk,
        "_desired_time": written_time(callback.desired_at),
        "_service_name": callback.service_name,
        "_callback_state": callback.state,
        "_expiration_time": written_time(callback.expires_at),
        "_customer_number": callback.customer_number,
        "_url": f"{root}{service.url_path}/{callback.pk}",
    }
    if callback.state == State.COMPLETED:
        record["_callback_reason"] = callback.reason
    for key in keys:
        if key not in record and (value := stored(callback, key)) is not None:
            record[key] = value
    return record
