"""What stands behind the id of a request: a callback, or what request-interaction keeps of one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from django.http import HttpRequest

from callbacks import storage
from callbacks.api import access, bodies, errors
from callbacks.api.base import visible_callback
from callbacks.api.errors import ApiError
from callbacks.flow.states import State
from callbacks.storage_models import StorageArea
from services.kinds import shown
from services.models import ApiKey
from services.types import REQUEST_INTERACTION

_ID = re.compile(r"[A-Za-z0-9-]{1,64}")
# Under which key such a request keeps from where its customer calls.
PHONE_NUMBER = "_phone_number"


@dataclass(frozen=True)
class Found:
    """A request that the client may see; `area` is its storage where it is no callback."""

    id: str
    phone_number: str
    is_over: bool = False
    user_data: Mapping[str, str] = field(default_factory=dict)
    area: StorageArea | None = None


def visible(request_id: str, key: ApiKey | None, now: datetime) -> Found:
    """The request of this id, if the client may see it. Raises ApiError, 404, and as `access.service_of_name`."""
    area = None
    if _ID.fullmatch(request_id):
        area = storage.areas(now).select_related("service").filter(pk=request_id, service__isnull=False).first()
    if area is None or area.service is None:
        callback = visible_callback(request_id, key)
        return Found(
            id=callback.pk,
            phone_number=callback.customer_number,
            is_over=callback.state == State.COMPLETED,
            user_data=callback.user_data,
        )
    service = access.service_of_name(area.service.name, key, (REQUEST_INTERACTION.name,))
    if service is None or not service[1]:
        raise errors.callback_not_found(request_id)
    number = next((value.text for value in storage.contents(area.pk) if value.key == PHONE_NUMBER), "")
    return Found(id=area.pk, phone_number=number, area=area)


def client_of(key: ApiKey | None) -> str:
    """Whose storage it is. All who send nothing are one client, who finds what it stored by an id nobody guesses."""
    return f"key {key.prefix}" if key and key.pk else access.actor(key)


def values_of(request: HttpRequest) -> dict[str, str | storage.File]:
    """The keys, texts and files in a request's body that are to be stored. Raises ApiError."""
    values = bodies.with_files(request)
    if wrong := next((key for key in values if "/" in key), None):
        raise ApiError(f"Key {shown(wrong)} has a /, which no address of a value can have.")
    return values
