"""The one error shape, `{"exception": "...", "message": "..."}`, of everything below the base path.

The Java class names are those of the wire contract's error catalogue where it has one; clients read them. Where it has
none they are of the same family.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, UnreadablePostError
from django.views import defaults
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import set_rollback

from callbacks import actions, storage
from callbacks.api import headers
from callbacks.api.written import free_places
from callbacks.limits import LimitReached, idempotency
from callbacks.limits.number_rules import NumberDisallowed
from scheduling.offices import Unreadable
from services.catalogue import OptionError
from services.kinds import UnknownKind
from services.models import ConfiguredService
from services.types import UnknownType, service_type
from telephony import access

logger = logging.getLogger(__name__)

GENERAL = "com.genesyslab.gsg.GSGException"
ACCESS = "java.rmi.AccessException"
_CALLBACK = "com.genesyslab.gsg.services.callback.exceptions.CallbackException"
NOT_FOUND = f"{_CALLBACK}NotFound"
NUMBER = f"{_CALLBACK}Number"
INVALID_OPTION = f"{_CALLBACK}InvalidOption"
INVALID_STATE = f"{_CALLBACK}InvalidState"
UNAVAILABLE = f"{_CALLBACK}ServiceUnavailable"
AVAILABILITY = f"{_CALLBACK}Availability"
ORS = "com.genesyslab.gsg.services.ors.OrsServiceException"

# Django's own messages name settings and classes; these are for clients.
_MESSAGES = {
    400: "The request cannot be read.",
    403: "Requires permission",
    404: "There is nothing at this address.",
    406: "Only application/json can be answered.",
}


class ApiError(exceptions.APIException):
    """A request that is refused, with what the client is told."""

    def __init__(self, message: str, *, status: int = 400, exception: str = GENERAL) -> None:
        super().__init__(message)
        self.status_code = status
        self.exception = exception
        self.message = message


def service_not_found(name: str) -> ApiError:
    return ApiError(f"Service {name} is not configured.", status=404, exception=NOT_FOUND)


def callback_not_found(callback_id: str, service: str | None = None) -> ApiError:
    where = "" if service is None else f" in service {service}"
    return ApiError(f"Callback {callback_id} is not found{where}.", status=404, exception=NOT_FOUND)


def no_session(callback_id: str) -> ApiError:
    """A callback that is over has no session to ask (wire contract, section 5)."""
    text = f"ORS request failed: 404 Not Found. Callback {callback_id} is COMPLETED."
    return ApiError(text, status=500, exception=ORS)


def is_a_callback_service(service: ConfiguredService) -> ApiError:
    text = f"{service.name} is a callback service, with its availability at {service.url_path}/availability."
    return ApiError(f"Service {text}", status=404, exception=NOT_FOUND)


def is_no_callback_service(service: ConfiguredService) -> ApiError:
    label = service_type(service.type).label
    text = f"Service {service.name} is no callback service, but one for {label} at {service.url_path}."
    return ApiError(text, status=404, exception=NOT_FOUND)


def invalid(text: str) -> ApiError:
    """A value that is not allowed; `text` names it and says what is."""
    return ApiError(f"Invalid option: {text}.", exception=INVALID_OPTION)


@contextmanager
def of_configuration() -> Iterator[None]:
    """What is read here stands in the configuration: a value that cannot be read is no fault of the request."""
    try:
        yield
    except OptionError as error:
        raise Unreadable(str(error)) from error


@dataclass(frozen=True)
class _Answer:
    status: int
    exception: str
    message: str
    headers: dict[str, str] = field(default_factory=dict)
    more: dict[str, Any] = field(default_factory=dict)


def handle(error: Exception, context: dict[str, Any]) -> Response:
    """REST framework's exception handler: every exception becomes the error shape, an unexpected one is also logged."""
    answer = _of_verb(error) or _of_framework(error)
    if answer is None:
        logger.error("an API request failed unexpectedly", exc_info=error)
        answer = _Answer(500, GENERAL, "Internal error. The request was not carried out.")
    set_rollback()
    return Response(_body(answer), status=answer.status, headers=answer.headers)


@dataclass(frozen=True)
class Told:
    """What a client is told of a request that is refused."""

    status: int
    message: str


def told(error: Exception) -> Told | None:
    """What a verb that raises this would have a client told; None for what is a fault of ours."""
    answer = _of_verb(error)
    return Told(answer.status, answer.message) if answer else None


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's `handler400`: what is refused before a view is reached, such as an unknown Host."""
    if not _is_api(request):
        return defaults.bad_request(request, exception)
    return _plain(request, _Answer(400, GENERAL, _MESSAGES[400]))


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's `handler500`: what fails outside of a view. Django has logged it."""
    if not _is_api(request):
        return defaults.server_error(request)
    return _plain(request, _Answer(500, GENERAL, "Internal error. The request was not carried out."))


def _of_verb(error: Exception) -> _Answer | None:
    """What the verbs of `callbacks.actions` refuse."""
    match error:
        case ApiError():
            return _Answer(error.status_code, error.exception, error.message)
        case actions.MissingKeys():
            missing = ", ".join(error.keys)
            text = f"Invalid option: mandatory key {missing} is missing (option _mandatory_customer_lookup_keys)."
            return _Answer(400, INVALID_OPTION, text)
        case OptionError():
            return _Answer(400, INVALID_OPTION, str(error))
        case actions.Refused():
            return _Answer(400, INVALID_STATE, str(error))
        case actions.NotAvailable():
            return _Answer(400, AVAILABILITY, error.message, more={"availability": free_places(error.offers)})
        case actions.NumberBlocked():
            text = f"Customer Number [{error}] is disallowed, because it is blocked."
            return _Answer(400, NUMBER, text)
        case NumberDisallowed():
            return _Answer(400, NUMBER, str(error))
        case LimitReached():
            return _Answer(503, UNAVAILABLE, str(error))
        case idempotency.BadKey():
            return _Answer(400, GENERAL, f"The header {headers.IDEMPOTENCY_KEY} must have {idempotency.ALLOWED}.")
        case idempotency.KeyReused():
            text = f"The {headers.IDEMPOTENCY_KEY} {error} was used with another request. Use a new one for each."
            return _Answer(422, GENERAL, text)
        case access.Exhausted() | storage.ClientFull():
            return _Answer(503, UNAVAILABLE, str(error))
        case access.UnknownGroup():
            return _misconfigured(error)
        case access.PrefixTooLong():
            return _Answer(500, "java.lang.IllegalArgumentException", str(error))
        case access.PrefixTooLarge():
            return _Answer(500, "java.lang.NumberFormatException", str(error))
        case storage.AreaFull():
            return _Answer(413, GENERAL, str(error))
        case actions.ServiceGone():
            return _of_verb(service_not_found(str(error)))
        case actions.NotFound():
            return _Answer(404, NOT_FOUND, "The callback is not found.")
        case actions.Busy():
            text = "The callback is being changed by others. Nothing was done; try again."
            return _Answer(503, UNAVAILABLE, text, {"Retry-After": "1"})
        case UnknownKind() | UnknownType() | Unreadable():
            return _misconfigured(error)
    # `services.resolution` raises a bare LookupError for a configuration that is gone; its subclasses, such as
    # KeyError, are faults of ours.
    return _misconfigured(error) if type(error) is LookupError else None


def _misconfigured(error: Exception) -> _Answer:
    logger.error("a service cannot work: %s", error)
    return _Answer(503, UNAVAILABLE, "The service is not configured correctly.")


def _of_framework(error: Exception) -> _Answer | None:
    """What Django and REST framework raise."""
    match error:
        case exceptions.NotAuthenticated() | exceptions.AuthenticationFailed():
            challenge = str(getattr(error, "challenge", getattr(error, "auth_header", "")))
            return _Answer(401, ACCESS, str(error.detail), {"WWW-Authenticate": challenge})
        case exceptions.PermissionDenied():
            return _Answer(403, ACCESS, _MESSAGES[403])
        case exceptions.Throttled():
            seconds = max(1, math.ceil(error.wait or 1))  # type: ignore[attr-defined]  # stubs
            text = f"There were too many requests with this key from your address. Try again in {seconds} seconds."
            return _Answer(429, UNAVAILABLE, text, {"Retry-After": str(seconds)})
        case exceptions.APIException():
            return _Answer(error.status_code, GENERAL, _MESSAGES.get(error.status_code, str(error.detail)))
        case Http404():
            return _Answer(404, GENERAL, _MESSAGES[404])
        case RequestDataTooBig():
            most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
            return _Answer(413, GENERAL, f"The body is larger than {most} bytes.")
        case SuspiciousOperation() | UnreadablePostError():
            return _Answer(400, GENERAL, _MESSAGES[400])
        case OperationalError() | InterfaceError():
            logger.error("the database could not serve an API request", exc_info=error)
            return _Answer(503, UNAVAILABLE, "The database is not available.", {"Retry-After": "1"})
    return None


def _body(answer: _Answer) -> dict[str, Any]:
    return {"exception": answer.exception, "message": answer.message, **answer.more}


def _is_api(request: HttpRequest) -> bool:
    return request.path_info.startswith(f"/{settings.API_BASE_PATH}/")


def _plain(request: HttpRequest, answer: _Answer) -> HttpResponse:
    response = JsonResponse(_body(answer), status=answer.status)
    headers.add(response, request.META.get("HTTP_ORIGIN"))
    return response
