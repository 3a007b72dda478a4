"""What the API says about storage as OpenAPI."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema

from callbacks import storage
from callbacks.api.schema import AN_ID, JSON, REFUSED, Identified, Nothing, error, response

_FORMS = ("application/json", "application/x-www-form-urlencoded", "multipart/form-data")
_VALUES: dict[Any, Any] = {kind: {"type": "object", "additionalProperties": {"type": "string"}} for kind in _FORMS}
_TTL = "In seconds, at most a year; what is no number is 30."
_TOO_MUCH = {
    (413, JSON): error(f"The body is too large, or more than {storage.MOST_KEYS} keys or {storage.MOST_BYTES} bytes."),
    (503, JSON): error("The client stores as much as it may; what has expired makes room."),
}
_NOT_THERE = {(404, JSON): error("There is no such storage or key, or it is another client's.")}
_MAPPING = {
    (200, JSON): response(
        {"type": "object", "additionalProperties": {"type": "string"}},
        "Texts by key; of files the address from which they are read.",
        Values={"page": "invoice", "picture": f"http://localhost:8000/genesys/1/storage/binary/{AN_ID}/picture"},
    )
}
_VALUE = {
    (200, "text/plain"): OpenApiTypes.STR,
    (200, "*/*"): OpenApiTypes.BINARY,
}


def _part(name: str, description: str) -> OpenApiParameter:
    return OpenApiParameter(name, OpenApiTypes.STR, OpenApiParameter.PATH, description=description)


_ID = _part("storage_id", "The id of the storage, or of a callback or request that the client may see.")
_KEY = _part("key", "The key.")
_OF = _part("callback_id", "The id of a callback, or of a request for an access number.")


def _said(parameters: list[OpenApiParameter], responses: dict[Any, Any]) -> dict[str, Any]:
    return {"parameters": parameters, "responses": {**responses, **REFUSED, **_NOT_THERE}, "tags": ["storage"]}


_MADE = {(200, JSON): response(Identified, "Stored.", Stored={"_id": AN_ID}), **_TOO_MUCH}
_DONE = {(200, JSON): response(Nothing, "Done.", Done={})}

CREATE = extend_schema(
    operation_id="create_storage",
    summary="Keep texts and files for a while",
    description="They belong to the client. Parts of a multipart body with a file name are files.",
    request=_VALUES,
    **_said([_part("storage_id", f"How long they are kept. {_TTL}")], _MADE),
)
UPDATE = extend_schema(
    operation_id="update_storage",
    summary="Add values, or put others in their place",
    request=_VALUES,
    **_said(
        [_part("storage_id", "The id of the storage."), _part("key", f"How long all are kept from now on. {_TTL}")],
        _MADE,
    ),
)
READ = extend_schema(operation_id="read_storage", summary="All values of a storage", **_said([_ID], _MAPPING))
READ_VALUE = extend_schema(summary="One value as it was stored", **_said([_ID, _KEY], _VALUE))
DELETE = extend_schema(
    operation_id="delete_storage",
    summary="Delete a storage with all its values",
    **_said([_part("storage_id", "The id of the storage.")], _DONE),
)
READ_OF_REQUEST = extend_schema(
    operation_id="read_storage_of_request",
    summary="All values of a request, the customer's data included",
    **_said([_OF], _MAPPING),
)
WRITE_OF_REQUEST = extend_schema(
    operation_id="write_storage_of_request",
    summary="Add values to a request",
    description="They are kept as long as the request.",
    request=_VALUES,
    **_said([_OF], _MADE),
)
READ_VALUE_OF_REQUEST = extend_schema(summary="One value of a request as it was stored", **_said([_OF, _KEY], _VALUE))
DELETE_VALUE_OF_REQUEST = extend_schema(
    operation_id="delete_stored_value", summary="Delete one value of a request", **_said([_OF, _KEY], _DONE)
)
