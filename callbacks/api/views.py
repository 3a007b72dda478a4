"""The callback resource. Each action fetches, calls one verb and translates the outcome."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils import timezone
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet
from structlog.contextvars import bind_contextvars

from callbacks import actions, dialogs
from callbacks.api import access, answers, bodies, headers, interactions, lookup, redirects, schema, updates, values
from callbacks.api.base import ApiView, service_of, visible_callback, visible_service
from callbacks.api.records import records
from callbacks.limits import idempotency
from callbacks.models import limits_of
from callbacks.push import notification
from callbacks.reporting import refusals
from services.models import QUERY, START, ApiKey, ConfiguredService
from services.types import CALLBACK


class CallbackViewSet(ApiView, ViewSet):
    # The permission table.
    scopes = {
        "find": QUERY,
        "find_of_service": QUERY,
        "start": START,
        "update": START,
        "cancel": START,
        "served": START,
    }

    @schema.START
    def start(self, request: Request, name: str) -> Response:
        key = access.client(request)
        service, is_open = service_of(name, key)
        if not is_open:
            raise exceptions.PermissionDenied
        now = timezone.now()
        service, parameters = redirects.followed(service, bodies.from_body(request._request), key)
        if service.type != CALLBACK.name:
            return Response(interactions.answer(service, parameters, key, now))
        with refusals.counted(service.name):
            return self._started(request, service, parameters, key, now)

    def _started(
        self,
        request: Request,
        service: ConfiguredService,
        parameters: dict[str, str],
        key: ApiKey | None,
        now: datetime,
    ) -> Response:
        once = idempotency.once(
            request.headers.get(headers.IDEMPOTENCY_KEY),
            client=access.actor(key) if key is None else f"{access.actor(key)} {key.pk}",
            service=service.pk,
            parameters=parameters,
            answer=lambda callback: answers.started(callback, service, now),
        )
        desired = parameters.get("_desired_time")
        desired_at = None if desired is None else values.read_time("_desired_time", desired)
        if "_customer_number" in parameters:
            parameters["_customer_number"] = values.read_number(parameters["_customer_number"])
        if zone := parameters.get("_customer_timezone"):
            parameters["_customer_timezone"] = values.read_zone("_customer_timezone", zone).key
        try:
            callback = actions.start(
                service=service,
                parameters=notification.with_language(service, parameters, request.headers.get("Accept-Language", "")),
                desired_at=desired_at,
                actor=access.actor(key),
                now=now,
                headers=request.headers,
                once=once,
            )
            answer: Mapping[str, Any] = answers.started(callback, service, now)
        except idempotency.Answered as before:
            answer = before.answer
        # What is bound stays so until the thread's next request: the line of the access log is still to come.
        bind_contextvars(callback=answer["_id"])
        return Response(answer, headers={"Expires": headers.LONG_AGO} if "_dialog_id" in answer else None)

    @schema.FIND
    def find(self, request: Request) -> Response:
        return self._found(request, None)

    @schema.FIND_OF_SERVICE
    def find_of_service(self, request: Request, name: str) -> Response:
        return self._found(request, visible_service(name, access.client(request)))

    @schema.UPDATE
    def update(self, request: Request, name: str, callback_id: str) -> Response:
        key = access.client(request)
        callback = visible_callback(callback_id, key, of=name)
        now = timezone.now()
        update = updates.read(callback, bodies.from_body(request._request), now)
        bind_contextvars(callback=callback_id)
        actions.reschedule(
            callback_id=callback_id,
            desired_at=update.desired_at,
            properties=update.properties,
            actor=access.actor(key),
            now=now,
        )
        return Response({})

    @schema.CANCEL
    def cancel(self, request: Request, name: str, callback_id: str) -> Response:
        key = access.client(request)
        visible_callback(callback_id, key, of=name)
        actions.cancel(callback_id=callback_id, actor=access.actor(key), now=timezone.now())
        dialog = dialogs.confirmation(callback_id, answers.CANCELLED)
        return Response(dialog, headers={"Expires": headers.LONG_AGO})

    @schema.SERVED
    def served(self, request: Request, name: str, callback_id: str) -> Response:
        key = access.client(request)
        visible_callback(callback_id, key, of=name)
        bind_contextvars(callback=callback_id)
        actions.served(callback_id=callback_id, actor=access.actor(key), now=timezone.now())
        dialog = dialogs.confirmation(callback_id, answers.SERVED)
        return Response(dialog, headers={"Expires": headers.LONG_AGO})

    def _found(self, request: Request, service: ConfiguredService | None) -> Response:
        query = bodies.from_query(request._request)
        found = lookup.find(query, limits_of(access.client(request)), service)
        response = Response(records(found.callbacks, request.build_absolute_uri("/").rstrip("/")))
        if found.is_cut_off:
            response[headers.LIMIT_REACHED] = str(len(found.callbacks))
        return response
