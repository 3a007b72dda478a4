"""What the API says about itself as OpenAPI, with the seed documents' requests and answers as examples."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers

from callbacks import queries
from callbacks.api import bodies, headers, lookup
from callbacks.flow.states import Reason, State

JSON = "application/json"
AN_ID = "369-f5d50ce1-488e-4db1-a472-8c1560b621b6"


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "callbacks.api.access.ApiKeyAuthentication"
    name = "ApiKey"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        return {
            "type": "apiKey",
            "in": "header",
            "name": "x-api-key",
            "description": "Made in the administration, with the scopes start, query and admin, "
            "and limited to services if need be.",
        }


class NameAndPasswordScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "callbacks.api.access.NameAndPassword"
    name = "Basic"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        return {
            "type": "http",
            "scheme": "basic",
            "description": "In place of a key with the scopes start and query, for services that have a password: "
            "options username and password of the service, or of the section [server].",
        }


class StartRequest(serializers.Serializer[Any]):
    _customer_number = serializers.CharField(
        required=False,
        help_text="The number to call; mandatory unless _mandatory_customer_lookup_keys says otherwise. Blanks and "
        "- . / ( ) are left out.",
    )
    _desired_time = serializers.CharField(
        required=False,
        help_text="When to call, UTC, as yyyy-MM-dd'T'HH:mm:ss.SSS'Z'. Without it the call comes at once.",
    )
    _wait_for_agent = serializers.CharField(required=False, help_text="true: call when an agent is about to be free.")
    _wait_for_user_confirm = serializers.CharField(required=False, help_text="true: ask the customer's device first.")
    _call_direction = serializers.CharField(required=False, help_text="USERTERMINATED or USERORIGINATED.")
    _media_type = serializers.CharField(required=False, help_text="voice")
    _provide_code = serializers.CharField(required=False, help_text="true: answer with an access code.")
    _device_notification_id = serializers.CharField(required=False, help_text="The device's address for push messages.")
    _device_os = serializers.CharField(
        required=False, help_text="comet, httpcb or customhttp; others are kept, and are not asked."
    )
    _customer_timezone = serializers.CharField(
        required=False, help_text="The customer's time zone, such as Europe/Berlin; else the number says where it is."
    )


class UpdateRequest(serializers.Serializer[Any]):
    _new_desired_time = serializers.CharField(
        required=False, help_text="When to call instead, as _desired_time; empty: now. Wins over _desired_time."
    )
    _desired_time = serializers.CharField(required=False, help_text="When to call instead.")
    _callback_state = serializers.CharField(required=False, help_text="Accepted, and changes nothing.")
    _device_notification_id = serializers.CharField(required=False, help_text="The device's address for push messages.")
    _device_os = serializers.CharField(
        required=False, help_text="comet, httpcb or customhttp; others are kept, and are not asked."
    )
    _customer_timezone = serializers.CharField(required=False, help_text="The customer's time zone.")


class Nothing(serializers.Serializer[Any]):
    pass


class Identified(serializers.Serializer[Any]):
    _id = serializers.CharField(help_text="The callback's id.")


class ConfirmationDialog(serializers.Serializer[Any]):
    _dialog_id = serializers.CharField(help_text="Always 0.")
    _action = serializers.CharField(help_text="Always ConfirmationDialog.")
    _text = serializers.CharField(help_text="What to show to the customer.")
    _ok_title = serializers.CharField(help_text="The title of the button.")
    _id = serializers.CharField(help_text="The callback's id.")


class Started(serializers.Serializer[Any]):
    _dialog_id = serializers.CharField(required=False)
    _action = serializers.CharField(
        required=False,
        help_text="ConfirmationDialog: show the text. DialNumber: call the number. connect: ask for the number to "
        "call, by the request of that name.",
    )
    _text = serializers.CharField(required=False)
    _ok_title = serializers.CharField(required=False)
    _tel_url = serializers.CharField(required=False, help_text="The number to call, with the code behind two pauses.")
    _label = serializers.CharField(required=False, help_text="The title of the button that calls.")
    _access_number = serializers.CharField(required=False)
    _access_code = serializers.CharField(required=False, help_text="With _provide_code: what the caller types.")
    _expiration_time = serializers.CharField(required=False, help_text="Until then the number is held.")
    _id = serializers.CharField(help_text="The callback's id.")


class Record(serializers.Serializer[Any]):
    _id = serializers.CharField()
    _desired_time = serializers.CharField(help_text="The desired time; without one, the time of the request.")
    _service_name = serializers.CharField()
    _callback_state = serializers.CharField(help_text=", ".join(State))
    _expiration_time = serializers.CharField(help_text="When the record is removed.")
    _customer_number = serializers.CharField()
    _url = serializers.CharField(help_text="The callback's address.")
    _callback_reason = serializers.CharField(required=False, help_text=f"With COMPLETED: {', '.join(Reason)}")


class Error(serializers.Serializer[Any]):
    exception = serializers.CharField(help_text="The name of a Java class, kept because clients read it.")
    message = serializers.CharField(help_text="What is wrong, for people.")


class NotAvailable(Error):
    availability = serializers.DictField(
        child=serializers.IntegerField(),
        required=False,
        help_text="Where the time is not available: the nearest that are, on both sides, and their free places.",
    )


def error(description: str) -> OpenApiResponse:
    return OpenApiResponse(Error, description=description)


def response(serializer: Any, description: str, **examples: Any) -> OpenApiResponse:
    """An answer with examples by their names."""
    shown = [
        OpenApiExample(name.replace("_", " "), value=value, response_only=True) for name, value in examples.items()
    ]
    return OpenApiResponse(serializer, description=description, examples=shown)


REFUSED = {
    (400, JSON): error("The request cannot be read, or a value is not allowed; the message names it."),
    (401, JSON): error("No API key, or one that cannot be used."),
    (403, JSON): error("The key has not the scope, or is limited to other services."),
}
NO_SERVICE = {(404, JSON): error("There is no such service.")}
BUSY = {(503, JSON): error("Nothing was done; try again.")}
NAME = OpenApiParameter("name", OpenApiTypes.STR, OpenApiParameter.PATH, description="The name of the service.")
CALLBACK_ID = OpenApiParameter("callback_id", OpenApiTypes.STR, OpenApiParameter.PATH, description="The callback's id.")

_SEED_1 = {
    "_customer_number": "916504661232",
    "usr_customer_name": "Bob Markel",
    "usr_reason": "billing question",
    "_device_notification_id": "b16416334828b1d26ef14f329628b55b5a8c631d8928a371a5584722dd7fb673",
    "_device_os": "iOS",
}
_SEED_2 = {
    "first_name": "John",
    "last_name": "Doe",
    "_provide_code": "false",
    "_desired_time": "2014-07-30T15:00:00.000Z",
    "_customer_number": "5115",
    "location_lat": "37.8197",
    "location_long": "-122.4786",
    "_device_os": "comet",
    "_call_direction": "USERTERMINATED",
    "_wait_for_agent": "true",
    "_wait_for_user_confirm": "true",
    "_media_type": "voice",
}
DIALOG = {
    "_dialog_id": "0",
    "_action": "ConfirmationDialog",
    "_text": "You will receive the call shortly",
    "_ok_title": "Ok",
    "_id": AN_ID,
}
DIAL_NUMBER = {
    "_dialog_id": "0",
    "_action": "DialNumber",
    "_tel_url": "tel:18005550100,,4711",
    "_label": "Call 18005550100",
    "_id": AN_ID,
    "_access_number": "18005550100",
    "_access_code": "4711",
    "_expiration_time": "2014-07-30T15:00:30.000Z",
}
_RECORD = {
    "_id": AN_ID,
    "_desired_time": "2014-07-30T15:00:00.000Z",
    "_service_name": "user-scheduled",
    "_callback_state": "COMPLETED",
    "_expiration_time": "2014-07-31T15:00:00.000Z",
    "_customer_number": "5115",
    "_url": f"http://localhost:8000/genesys/1/service/callback/user-scheduled/{AN_ID}",
    "_callback_reason": "AGENT_CONNECTED",
}

_PROPERTIES = [
    OpenApiParameter("_id", str, description="The callback's id."),
    OpenApiParameter("_customer_number", str, description="A + is written %2B in a query string."),
    OpenApiParameter("_callback_state", str, description="A leading ! negates: !COMPLETED. So it does for every key."),
    OpenApiParameter("operand", str, enum=["AND", "OR"], default="AND"),
]
_RECORDS = {
    (200, JSON): OpenApiResponse(
        Record(many=True),
        description=f"Newest first, at most {queries.MOST_RECORDS}; if there are more, the header "
        f"{headers.LIMIT_REACHED} says how many these are. It is there too where not every candidate was looked at: "
        f"{queries.MOST_READ} of them are. Beside these keys, those of _customer_lookup_keys and of returned-keys.",
        examples=[OpenApiExample("A record", value=_RECORD, response_only=True)],
    )
}

_NOT_AVAILABLE = {
    "exception": "com.genesyslab.gsg.services.callback.exceptions.CallbackExceptionAvailability",
    "message": "The desired time 2014-07-30T14:00:00Z is not available: its time slot is full.",
    "availability": {"2014-07-30T12:00:00.000Z": 100, "2014-07-30T17:00:00.000Z": 100},
}
_TIME_REFUSED = {
    **REFUSED,
    (400, JSON): response(
        NotAvailable,
        "The request cannot be read, or a value is not allowed; the message names it. Where the desired time is not "
        "available, also the nearest that are.",
        The_time_is_not_available=_NOT_AVAILABLE,
    ),
}

IDEMPOTENCY_KEY = OpenApiParameter(
    headers.IDEMPOTENCY_KEY,
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description="A text of the client's that is new for each request: when the request is repeated with it within 24 "
    "hours, it is answered as the first one, and nothing is started again.",
)
START = extend_schema(
    operation_id="start_callback",
    summary="Start a callback",
    description="Every key without a leading underscore is the customer's user data and is carried to the agent. "
    f"At most {bodies.MOST_KEYS} keys, of {bodies.LONGEST_KEY} characters and with values of "
    f"{bodies.LONGEST_VALUE} characters at most.",
    parameters=[NAME, IDEMPOTENCY_KEY],
    request=dict.fromkeys(bodies.READERS, StartRequest),
    responses={
        (200, JSON): OpenApiResponse(
            Started,
            description="A dialog when the customer is called at once, or is to call us; otherwise only the id.",
            examples=[
                OpenApiExample("Called at once", value=DIALOG, response_only=True),
                OpenApiExample("The customer calls us", value=DIAL_NUMBER, response_only=True),
                OpenApiExample("At a desired time", value={"_id": AN_ID}, response_only=True),
            ],
        ),
        **_TIME_REFUSED,
        **NO_SERVICE,
        (413, JSON): error("The body is too large."),
        (415, JSON): error("The body is in none of the three encodings."),
        (422, JSON): error("The Idempotency-Key was used with another request."),
        (503, JSON): error("A limit of the service is reached, or nothing was done: try again."),
    },
    examples=[
        OpenApiExample("Now", value=_SEED_1, request_only=True),
        OpenApiExample("At a desired time", value=_SEED_2, request_only=True),
    ],
    tags=["callbacks"],
)
FIND = extend_schema(
    operation_id="find_callbacks",
    summary="Look callbacks up, in all services",
    description="By _id, _customer_number, _callback_state, _callback_reason and any key of the services' "
    "_customer_lookup_keys; beside one of these by _service_name. With operand OR, at most "
    f"{lookup.MOST_ALTERNATIVES} keys.",
    parameters=_PROPERTIES,
    responses={**_RECORDS, **REFUSED},
    tags=["callbacks"],
)
FIND_OF_SERVICE = extend_schema(
    operation_id="find_callbacks_of_service",
    summary="Look callbacks up, in one service",
    description="By any key of the service's _customer_lookup_keys too; without any key, all.",
    parameters=[NAME, *_PROPERTIES],
    responses={**_RECORDS, **REFUSED, **NO_SERVICE},
    tags=["callbacks"],
)
UPDATE = extend_schema(
    operation_id="update_callback",
    summary="Give a callback another time or other properties",
    description="Every other key is a property, kept with the callback: a new value replaces the old one, an empty "
    "text removes it. The customer's number and the options that a start may set cannot be changed.",
    parameters=[NAME, CALLBACK_ID],
    request=dict.fromkeys(bodies.READERS, UpdateRequest),
    responses={
        (200, JSON): response(Nothing, "It is changed.", Changed={}),
        **_TIME_REFUSED,
        (404, JSON): error("The service has no such callback."),
        (413, JSON): error("The body is too large."),
        (415, JSON): error("The body is in none of the three encodings."),
        **BUSY,
    },
    examples=[
        OpenApiExample("Another time", value={"_new_desired_time": "2014-07-30T16:00:00.000Z"}, request_only=True),
        OpenApiExample(
            "Other properties", value={"first_name": "Jane", "location_lat": "", "location_long": ""}, request_only=True
        ),
    ],
    tags=["callbacks"],
)
CANCEL = extend_schema(
    operation_id="cancel_callback",
    summary="Cancel a callback",
    description="After it no phone rings any more for this callback.",
    parameters=[NAME, CALLBACK_ID],
    responses={
        (200, JSON): OpenApiResponse(ConfirmationDialog, description="It is COMPLETED with the reason CANCELLED."),
        **REFUSED,
        (400, JSON): error("It is PROCESSING or COMPLETED and cannot be cancelled."),
        (404, JSON): error("The service has no such callback."),
        **BUSY,
    },
    tags=["callbacks"],
)
SERVED = extend_schema(
    operation_id="mark_as_served",
    summary="Say that the customer was served another way",
    description="They are not called for this any more. Not of the vendor's interface. A body is not looked at.",
    parameters=[NAME, CALLBACK_ID],
    request=None,
    responses={
        (200, JSON): response(
            ConfirmationDialog,
            "It is COMPLETED with the reason CANCELLED_SERVED.",
            Served={**DIALOG, "_text": "The customer is not called for this any more"},
        ),
        **REFUSED,
        (400, JSON): error("It is PROCESSING or COMPLETED and cannot be marked as served."),
        (404, JSON): error("The service has no such callback."),
        **BUSY,
    },
    tags=["callbacks"],
)
