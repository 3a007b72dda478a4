"""What clients keep here for a while: storage of their own, and storage of callbacks and other requests."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.http import HttpResponse
from django.utils import timezone
from django.utils.http import content_disposition_header
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from callbacks import storage
from callbacks.api import access, errors, requests, schema_storage
from callbacks.api.base import ApiView
from callbacks.api.errors import ApiError
from callbacks.api.requests import client_of, values_of
from callbacks.storage_models import StorageArea
from services.kinds import shown
from services.models import QUERY, START, ApiKey

# What the vendor makes of a time to live that is none.
SECONDS = 30
MOST_SECONDS = 366 * 86_400
_ID = re.compile(r"[A-Za-z0-9-]{1,64}")


class Raw(HttpResponse):
    """A value as it was stored, instead of the one representation that everything else has."""


class RawAnswers(ApiView):
    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        content_type = response["Content-Type"] if isinstance(response, Raw) else None
        response = super().finalize_response(request, response, *args, **kwargs)
        if content_type:
            response["Content-Type"] = content_type
        return response


class StorageViewSet(RawAnswers, ViewSet):
    """Storage that belongs to the client who made it; what belongs to a request can be read here too."""

    # The permission table.
    scopes = {"create": START, "update": START, "read": QUERY, "read_value": QUERY, "delete": START}

    @schema_storage.CREATE
    def create(self, request: Request, storage_id: str) -> Response:
        """The last part of this address is the time to live; for GET and DELETE it is the id."""
        key, now = _storing(request), timezone.now()
        values, end = values_of(request._request), _end(storage_id, now)
        area = storage.create(client=client_of(key), values=values, expires_at=end, now=now)
        return Response({"_id": area.pk})

    @schema_storage.UPDATE
    def update(self, request: Request, storage_id: str, key: str) -> Response:
        """The last part of this address is the time to live; for GET it is the key."""
        now = timezone.now()
        area = _own(storage_id, access.client(request), now)
        if area is None:
            raise _not_found(storage_id)
        storage.write(area, values_of(request._request), now=now, expires_at=_end(key, now))
        return Response({"_id": area.pk})

    @schema_storage.READ
    def read(self, request: Request, storage_id: str) -> Response:
        user_data = _readable(storage_id, request)
        return Response(_mapping(storage_id, user_data, request, f"1/storage/binary/{storage_id}"))

    @schema_storage.READ_VALUE
    def read_value(self, request: Request, storage_id: str, key: str) -> Raw:
        return _raw(storage_id, key, _readable(storage_id, request))

    @schema_storage.DELETE
    def delete(self, request: Request, storage_id: str) -> Response:
        area = _own(storage_id, access.client(request), timezone.now())
        if area is None:
            raise _not_found(storage_id)
        storage.delete(area)
        return Response({})


class RequestStorageViewSet(RawAnswers, ViewSet):
    """Storage of a callback, or of another request to a service, for whoever may see that."""

    # The permission table.
    scopes = {"read": QUERY, "write": START, "read_value": QUERY, "delete_value": START}

    @schema_storage.READ_OF_REQUEST
    def read(self, request: Request, callback_id: str) -> Response:
        found = requests.visible(callback_id, access.client(request), timezone.now())
        return Response(_mapping(found.id, found.user_data, request, f"1/service/{found.id}/storage/binary"))

    @schema_storage.WRITE_OF_REQUEST
    def write(self, request: Request, callback_id: str) -> Response:
        now = timezone.now()
        found = requests.visible(callback_id, _storing(request), now)
        if found.area is None:
            storage.write_of_callback(found.id, values_of(request._request), now=now)
        else:
            storage.write(found.area, values_of(request._request), now=now)
        return Response({"_id": found.id})

    @schema_storage.READ_VALUE_OF_REQUEST
    def read_value(self, request: Request, callback_id: str, key: str) -> Raw:
        found = requests.visible(callback_id, access.client(request), timezone.now())
        return _raw(found.id, key, found.user_data)

    @schema_storage.DELETE_VALUE_OF_REQUEST
    def delete_value(self, request: Request, callback_id: str, key: str) -> Response:
        found = requests.visible(callback_id, _storing(request), timezone.now())
        if "\0" in key or not storage.delete_value(found.id, key):
            raise _no_value(found.id, key)
        return Response({})


def _storing(request: Request) -> ApiKey | None:
    """The client, if it may store anything. Raises PermissionDenied."""
    key = access.client(request)
    if key and key.is_public:
        # Whoever reads the page could fill what its key may store.
        raise exceptions.PermissionDenied
    return key


def _own(storage_id: str, key: ApiKey | None, now: datetime) -> StorageArea | None:
    if key and key.opened and not key.opened.others:
        # A password of some services only, perhaps with the user name of the server's.
        return None
    own = storage.areas(now).filter(client=client_of(key), service=None)
    return own.filter(pk=storage_id).first() if _ID.fullmatch(storage_id) else None


def _readable(storage_id: str, request: Request) -> Mapping[str, str]:
    """The data that this storage has beside its own values. Raises ApiError, 404, where the client may not see it."""
    key, now = access.client(request), timezone.now()
    if _own(storage_id, key, now):
        return {}
    try:
        return requests.visible(storage_id, key, now).user_data
    except ApiError:
        raise _not_found(storage_id) from None


def _end(ttl: str, now: datetime) -> datetime:
    """When a storage ends that lives for so many seconds, as the vendor reads them: what is no number is 30."""
    seconds = int(ttl) if ttl.isascii() and ttl.isdigit() and len(ttl) <= 12 else 0
    if seconds > MOST_SECONDS:
        raise errors.invalid(f"ttl is {seconds} seconds, allowed are at most {MOST_SECONDS}")
    return now + timedelta(seconds=seconds or SECONDS)


def _mapping(area_id: str, user_data: Mapping[str, str], request: Request, address: str) -> dict[str, str]:
    """Texts by key; of files the address from which they are read."""
    root = request.build_absolute_uri(f"/{settings.API_BASE_PATH}/{address}/")
    stored = storage.contents(area_id)
    return {**user_data, **{each.key: root + quote(each.key, "") if each.is_file else each.text for each in stored}}


def _raw(area_id: str, key: str, user_data: Mapping[str, str]) -> Raw:
    """A value as it was stored. A file is only to be saved: a page that somebody stored here must not run as ours."""
    value = storage.value(area_id, key) if "\0" not in key else None
    if value is None and key not in user_data:
        raise _no_value(area_id, key)
    if value is None or value.content is None:
        response = Raw(user_data[key] if value is None else value.text, content_type="text/plain; charset=utf-8")
    else:
        response = Raw(bytes(value.content), content_type=value.content_type)
        response["Content-Disposition"] = content_disposition_header(True, value.file_name) or "attachment"
    response["X-Content-Type-Options"] = "nosniff"
    return response


def _not_found(storage_id: str) -> ApiError:
    return ApiError(f"Storage {shown(storage_id)} is not found.", status=404)


def _no_value(area_id: str, key: str) -> ApiError:
    return ApiError(f"Storage {area_id} has no key {shown(key)}.", status=404)
