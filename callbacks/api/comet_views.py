"""The comet client's endpoint: Bayeux messages in a JSON list, polled (docs/push.md, *Comet*)."""

from __future__ import annotations

import json

from django.utils import timezone
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from callbacks.api import access, schema_comet
from callbacks.api.base import ApiView
from callbacks.api.errors import ApiError
from callbacks.models import Callback
from callbacks.push import comet
from services.models import START


class CometViewSet(ApiView, ViewSet):
    # The permission table.
    scopes = {"exchange": START}

    @schema_comet.EXCHANGE
    def exchange(self, request: Request, kind: str = "") -> Response:
        """`kind` is what CometD's clients append to the address: handshake, connect … The messages say so as well."""
        key = access.client(request)
        if key and key.is_public:
            # Whoever reads the page could guess the names of devices, and get the ids of others' callbacks.
            raise exceptions.PermissionDenied
        user = request.META.get("HTTP_GMS_USER", "").strip()
        if not 0 < len(user) <= comet.LONGEST_USER:
            raise ApiError(f"The header gms_user is required, with at most {comet.LONGEST_USER} characters.")
        if (request._request.content_type or "") != "application/json":
            raise ApiError("Unsupported Media Type: the body must be application/json.", status=415)
        visible = Callback.objects.visible_to_key(key)
        try:
            messages = json.loads(request._request.body)
            # An answer repeats parts of it: half a surrogate pair, or an infinity, could not be written.
            json.dumps(messages, allow_nan=False, ensure_ascii=False).encode()
            return Response(comet.answer(messages, user=user, visible=visible, now=timezone.now()))
        except comet.Malformed as error:
            raise ApiError(f"Not Bayeux: {error}.") from None
        except (ValueError, RecursionError):
            raise ApiError("The body is not valid JSON.") from None
