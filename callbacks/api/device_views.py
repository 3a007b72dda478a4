"""What the customer's device asks about one callback whose id it knows: the dialog, its answers, the position."""

from __future__ import annotations

from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet
from structlog.contextvars import bind_contextvars

from callbacks import actions, dialogs, originated
from callbacks.api import access, answers, errors, headers, position, schema_device
from callbacks.api.base import ApiView, visible_callback
from callbacks.flow.session import Stage
from callbacks.flow.states import State
from services.models import START


class DeviceViewSet(ApiView, ViewSet):
    # The permission table.
    scopes = {"connect": START, "snooze": START, "dialog": START, "check_queue_position": START}

    @schema_device.CONNECT_BY_GET
    @schema_device.CONNECT
    def connect(self, request: Request, callback_id: str) -> Response:
        key = access.client(request)
        visible_callback(callback_id, key)
        bind_contextvars(callback=callback_id)
        callback = actions.connect(callback_id=callback_id, actor=access.actor(key), now=timezone.now())
        return _dialog(answers.number_to_call(callback) or dialogs.coming(callback_id))

    @schema_device.SNOOZE
    def snooze(self, request: Request, callback_id: str) -> Response:
        key = access.client(request)
        visible_callback(callback_id, key)
        bind_contextvars(callback=callback_id)
        actions.snooze(callback_id=callback_id, actor=access.actor(key), now=timezone.now())
        return _dialog(dialogs.confirmation(callback_id, answers.SNOOZED))

    @schema_device.DIALOG_NOW
    def dialog(self, request: Request, callback_id: str) -> Response:
        callback = visible_callback(callback_id, access.client(request))
        if number := answers.number_to_call(callback):
            return _dialog(number)
        if callback.stage != Stage.CONFIRMING:
            return Response({"_id": callback_id})
        return _dialog(originated.question(callback))

    @schema_device.POSITION_BY_POST
    @schema_device.POSITION
    def check_queue_position(self, request: Request, callback_id: str) -> Response:
        callback = visible_callback(callback_id, access.client(request))
        if callback.state == State.COMPLETED:
            raise errors.no_session(callback_id)
        return Response(position.of(callback, timezone.now()))


def _dialog(body: dict[str, str]) -> Response:
    return Response(body, headers={"Expires": headers.LONG_AGO})
