"""The keys by which callbacks of a service are found (`_customer_lookup_keys`), and what a request said under them."""

from __future__ import annotations

import hashlib

from callbacks.models import Callback, LookupKey
from services import resolution
from services.models import ConfiguredService

# What stands in columns is found by them.
COLUMNS = {
    "_id": "pk",
    "_customer_number": "customer_number",
    "_callback_state": "state",
    "_callback_reason": "reason",
    "_service_name": "service_name",
}


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


def write(callback: Callback) -> None:
    """Have a callback found by its keys as they are now; a statement only where its service has keys of its own."""
    if callback.service is None:
        return
    said = {key: stored(callback, key) for key in lookup_keys(callback.service) if key not in COLUMNS}
    rows = [
        LookupKey(callback=callback, digest=digest(key, text), created_at=callback.created_at)
        for key, text in said.items()
        if text is not None
    ]
    if rows:
        LookupKey.objects.bulk_create(rows, ignore_conflicts=True)


def digest(key: str, text: str) -> int:
    """64 bits of a key and its value: enough to find candidates by, and nothing that could be read."""
    return int.from_bytes(hashlib.sha256(f"{key}\0{text}".encode()).digest()[:8], "big", signed=True)
