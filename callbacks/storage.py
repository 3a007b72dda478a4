"""Storage for clients: texts and files under keys, for a while (wire contract, section 2, `/storage`).

Bounded: an area in keys and bytes, a client in areas and bytes. What has expired is gone at once for whoever asks, and
deleted by the sweep.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Count, Q, QuerySet, Sum

from callbacks.storage_models import StorageArea, StoredValue
from services.models import ConfiguredService

MIB = 1024 * 1024
MOST_KEYS = 200
MOST_BYTES = 4 * MIB
MOST_AREAS_OF_CLIENT = 10_000
MOST_BYTES_OF_CLIENT = 256 * MIB
_BATCH = 200


class AreaFull(Exception):
    """More than an area holds; nothing was stored. Its text says how much that is."""


class ClientFull(Exception):
    """More than a client may store at a time; nothing was stored. Its text says how much that is."""


@dataclass(frozen=True)
class File:
    """A file as a client sent it; its type, never empty, is what the client says."""

    content: bytes
    content_type: str
    name: str


Values = Mapping[str, str | File]


def create(
    *, client: str, values: Values, expires_at: datetime, now: datetime, service: ConfiguredService | None = None
) -> StorageArea:
    """A new area with these values, the client's own or, with a service, of a request to it.

    Raises AreaFull, ClientFull.
    """
    area = StorageArea(id=f"{settings.NODE_ID}-{uuid.uuid4()}", client=client, service=service, expires_at=expires_at)
    with transaction.atomic():
        _hold_client(client)
        area.save(force_insert=True)
        _write(area, values, now)
    return area


def write(area: StorageArea, values: Values, *, now: datetime, expires_at: datetime | None = None) -> None:
    """Add values to an area, or put others in their place; with `expires_at` it lasts until then.

    Raises AreaFull, ClientFull, StorageArea.DoesNotExist.
    """
    with transaction.atomic():
        _hold_client(area.client)
        held = StorageArea.objects.select_for_update().get(pk=area.pk)
        if expires_at is not None:
            held.expires_at = expires_at
            held.save(update_fields=["expires_at"])
        _write(held, values, now)


def write_of_callback(callback_id: str, values: Values, *, now: datetime) -> None:
    """As write(), to the area of a callback, which comes with its first value. Raises AreaFull."""
    with transaction.atomic():
        StorageArea.objects.bulk_create([StorageArea(id=callback_id)], ignore_conflicts=True)
        _write(StorageArea.objects.select_for_update().get(pk=callback_id), values, now)


def areas(now: datetime) -> QuerySet[StorageArea]:
    """Those that are there now."""
    return StorageArea.objects.filter(Q(expires_at=None) | Q(expires_at__gt=now))


def contents(area_id: str) -> Sequence[StoredValue]:
    """The values of an area in the order of their keys, of files without their content."""
    return list(StoredValue.objects.filter(area=area_id).defer("content").order_by("key"))


def value(area_id: str, key: str) -> StoredValue | None:
    """One value with its content."""
    return StoredValue.objects.filter(area=area_id, key=key).first()


def delete(area: StorageArea) -> None:
    """Delete an area with all its values."""
    _delete([area.pk])


def delete_value(area_id: str, key: str) -> bool:
    """Delete one value. True if there was one."""
    with transaction.atomic():
        area = StorageArea.objects.select_for_update().filter(pk=area_id).first()
        if area is None or not StoredValue.objects.filter(area=area, key=key).delete()[0]:
            return False
        _count(area)
    return True


def forget(owners: Collection[str]) -> None:
    """Drop the areas of callbacks that are gone."""
    _delete(list(owners))


def delete_expired(now: datetime) -> int:
    """Delete what has expired, a batch at a time; how many areas."""
    with transaction.atomic():
        expired = StorageArea.objects.filter(expires_at__lte=now).select_for_update(skip_locked=True)
        gone = list(expired.order_by("expires_at").values_list("pk", flat=True)[:_BATCH])
        _delete(gone)
    return len(gone)


def _write(area: StorageArea, values: Values, now: datetime) -> None:
    """Store the values in an area that the caller holds, within its limits and its client's."""
    rows = [_row(area, key, value) for key, value in values.items()]
    StoredValue.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["area", "key"],
        update_fields=["text", "content", "content_type", "file_name"],
    )
    keys = _count(area)
    if keys > MOST_KEYS or area.size > MOST_BYTES:
        raise AreaFull(f"A storage holds {MOST_KEYS} keys and {MOST_BYTES} bytes at most.")
    if area.client:
        _check_client(area.client, now)


def _row(area: StorageArea, key: str, value: str | File) -> StoredValue:
    if isinstance(value, str):
        return StoredValue(area=area, key=key, text=value)
    return StoredValue(
        area=area, key=key, content=value.content, content_type=value.content_type, file_name=value.name[:255]
    )


def _count(area: StorageArea) -> int:
    """Write down how large the area is; how many keys it has."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT count(*), coalesce(
                sum(octet_length(key) + octet_length(text) + coalesce(octet_length(content), 0)), 0
            ) FROM callbacks_storedvalue WHERE area_id = %s
            """,
            [area.pk],
        )
        keys, size = cursor.fetchone()
    area.size = int(size)
    area.save(update_fields=["size"])
    return int(keys)


def _hold_client(client: str) -> None:
    """One write of a client at a time, so that no two of them go past its limit together."""
    if client:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"storage of {client}"])


def _check_client(client: str, now: datetime) -> None:
    used = areas(now).filter(client=client).aggregate(areas=Count("pk"), size=Sum("size"))
    if used["areas"] > MOST_AREAS_OF_CLIENT or used["size"] > MOST_BYTES_OF_CLIENT:
        raise ClientFull(
            f"A client stores {MOST_AREAS_OF_CLIENT} storages and {MOST_BYTES_OF_CLIENT} bytes at a time at most."
        )


def _delete(ids: list[str]) -> None:
    with connection.cursor() as cursor:
        # The ORM would read every value, files included, before it deletes it.
        cursor.execute("DELETE FROM callbacks_storedvalue WHERE area_id = ANY(%s)", [ids])
        cursor.execute("DELETE FROM callbacks_storagearea WHERE id = ANY(%s)", [ids])
