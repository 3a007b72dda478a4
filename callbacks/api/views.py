"""The callback resource. Each action fetches, calls one verb and translates the outcome."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, NoReturn

from django.http import HttpRequest
from django.utils import timezone
from rest_framework import exceptions
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import ViewSet
from structlog.contextvars import bind_contextvars

from callbacks import actions
from callbacks.api import access, answers, bodies, errors, headers, lookup, schema, values
from callbacks.models import Callback
from services import kinds
from services.models import QUERY, START, ApiKey, ConfiguredService

_CALLBACK_ID = re.compile(r"[A-Za-z0-9-]{1,64}")


class AlwaysJson(BaseContentNegotiation):
    """There is one representation: an Accept header that asks for another is not held against the client."""

    def select_parser(self, request: Request, parsers: Iterable[Any]) -> Any:
        return None

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        only = next(iter(renderers))
        return only, only.media_type


class ApiView(APIView):
    """Everything below the base path: one representation, the headers of the wire contract, CORS."""

    authentication_classes = [access.ApiKeyAuthentication]
    permission_classes = [access.ScopeOfAction]
    renderer_classes = [JSONRenderer]
    content_negotiation_class = AlwaysJson

    def get_exception_handler(self) -> Callable[[Exception, dict[str, Any]], Response]:
        return errors.handle

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        headers.add(response, request.META.get("HTTP_ORIGIN"))
        response.content_type = headers.CONTENT_TYPE
        return response

    def options(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Response:
        response = Response(status=204)
        headers.add_preflight(response, request.META.get("HTTP_ORIGIN"), self.allowed_methods)
        return response


class UnknownPath(ApiView):
    """Whatever else is asked for below the base path, by whichever method."""

    authentication_classes = []
    permission_classes = []
    http_method_names = []
    schema = None

    def http_method_not_allowed(self, request: HttpRequest, *args: Any, **kwargs: Any) -> NoReturn:
        raise exceptions.NotFound


class CallbackViewSet(ApiView, ViewSet):
    # The permission table.
    scopes = {"find": QUERY, "find_of_service": QUERY, "start": START, "cancel": START}

    @schema.START
    def start(self, request: Request, name: str) -> Response:
        key = access.client(request)
        service, is_open = _service(name, key)
        if not is_open:
            raise exceptions.PermissionDenied
        parameters = bodies.from_body(request._request)
        desired = parameters.get("_desired_time")
        desired_at = None if desired is None else values.read_desired_time(desired)
        if "_customer_number" in parameters:
            parameters["_customer_number"] = values.read_number(parameters["_customer_number"])
        callback = actions.start(
            service=service,
            parameters=parameters,
            desired_at=desired_at,
            actor=access.actor(key),
            now=timezone.now(),
        )
        # What is bound stays so until the thread's next request: the line of the access log is still to come.
        bind_contextvars(callback=callback.pk)
        if desired_at is None and answers.promises_a_call(callback):
            return Response(answers.dialog(callback.pk, answers.COMING), headers={"Expires": headers.LONG_AGO})
        return Response({"_id": callback.pk})

    @schema.FIND
    def find(self, request: Request) -> Response:
        return self._found(request, None)

    @schema.FIND_OF_SERVICE
    def find_of_service(self, request: Request, name: str) -> Response:
        service, is_open = _service(name, access.client(request))
        if not is_open:
            raise errors.service_not_found(name)
        return self._found(request, service)

    @schema.CANCEL
    def cancel(self, request: Request, name: str, callback_id: str) -> Response:
        key = access.client(request)
        if not _CALLBACK_ID.fullmatch(callback_id) or not kinds.SERVICE_NAME.fullmatch(name):
            raise errors.callback_not_found(name, callback_id)
        visible = Callback.objects.visible_to_key(key)
        if not visible.filter(pk=callback_id, service__name=name).exists():
            raise errors.callback_not_found(name, callback_id)
        actions.cancel(callback_id=callback_id, actor=access.actor(key), now=timezone.now())
        return Response(answers.dialog(callback_id, answers.CANCELLED), headers={"Expires": headers.LONG_AGO})

    def _found(self, request: Request, service: ConfiguredService | None) -> Response:
        query = bodies.from_query(request._request)
        visible = Callback.objects.visible_to_key(access.client(request))
        callbacks, cut_off = lookup.find(visible, query, service)
        root = request.build_absolute_uri("/").rstrip("/")
        response = Response(answers.records(callbacks, root))
        if cut_off:
            response[headers.LIMIT_REACHED] = str(lookup.MOST_RECORDS)
        return response


def _service(name: str, key: ApiKey | None) -> tuple[ConfiguredService, bool]:
    """The callback service of this name, and whether the client may use it. Raises ApiError, 404."""
    found = access.service_of_name(name, key) if kinds.SERVICE_NAME.fullmatch(name) else None
    if found is None:
        raise errors.service_not_found(name)
    return found
