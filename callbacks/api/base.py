"""What all views below the base path share: one representation, the headers of the wire contract, the error shape."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NoReturn

from django.http import HttpRequest
from rest_framework import exceptions
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from callbacks.api import access, errors, headers
from callbacks.api.errors import ApiError
from callbacks.api.public_keys import PublicKeyThrottle
from callbacks.models import Callback
from services import kinds
from services.models import ApiKey, ConfiguredService
from services.types import BUILTIN, CALLBACK

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

    authentication_classes = [access.ApiKeyAuthentication, access.NameAndPassword]
    permission_classes = [access.ScopeOfAction]
    throttle_classes = [PublicKeyThrottle]
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


def service_of(
    name: str, key: ApiKey | None, types: Sequence[str] = (CALLBACK.name,)
) -> tuple[ConfiguredService, bool]:
    """The service of this name and of one of these types, and whether the client may use it. Raises ApiError, 404."""
    if not kinds.SERVICE_NAME.fullmatch(name):
        raise errors.service_not_found(name)
    found = access.service_of_name(name, key, types)
    if found is None:
        raise _of_another_type(name, key)
    return found


def _of_another_type(name: str, key: ApiKey | None) -> ApiError:
    """What to say where no service of the wanted type has this name: a client may have taken the wrong one of two."""
    other = access.service_of_name(name, key, [each.name for each in BUILTIN])
    return errors.is_no_callback_service(other[0]) if other and other[1] else errors.service_not_found(name)


def visible_service(name: str, key: ApiKey | None, types: Sequence[str] = (CALLBACK.name,)) -> ConfiguredService:
    """As `service_of`; a service that the client may not use is not there for it. Raises ApiError, 404."""
    service, is_open = service_of(name, key, types)
    if not is_open:
        raise errors.service_not_found(name)
    return service


def visible_callback(callback_id: str, key: ApiKey | None, *, of: str | None = None) -> Callback:
    """The callback of this id, `of` this service, if the client may see it. Raises ApiError, 404."""
    found = None
    if _CALLBACK_ID.fullmatch(callback_id) and (of is None or kinds.SERVICE_NAME.fullmatch(of)):
        visible = Callback.objects.all() if key is None or key.opened else Callback.objects.visible_to_key(key)
        of_this_id = visible.select_related("service").filter(pk=callback_id)
        found = (of_this_id if of is None else of_this_id.filter(service__name=of)).first()
    if found is None:
        raise errors.callback_not_found(callback_id, of)
    # Said aloud, unlike a key's limits: a client that waits to be asked for its password has to be asked.
    access.demand(found.service, key)
    return found
