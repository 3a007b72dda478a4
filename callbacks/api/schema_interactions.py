"""What the API says about starting a service by its bare name as OpenAPI."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import PolymorphicProxySerializer, extend_schema
from rest_framework import serializers

from callbacks.api.schema import AN_ID, DIALOG, JSON, NAME, REFUSED, Started, error, response

_FORMS = ("application/json", "application/x-www-form-urlencoded", "multipart/form-data")


class PoolHealth(serializers.Serializer[Any]):
    size = serializers.IntegerField(help_text="Numbers of the pool.")
    booked = serializers.IntegerField(help_text="Those held for somebody.")
    free = serializers.IntegerField()


class Access(serializers.Serializer[Any]):
    _id = serializers.CharField(required=False, help_text="The request's id (request-interaction).")
    _access_number = serializers.CharField(help_text="The number to call.")
    _access_code = serializers.CharField(required=False, help_text="The code to give then.")
    _expiration_time = serializers.CharField(help_text="By when the call has to come.")
    _pool_health = PoolHealth(required=False, help_text="With _return_pool_health.")


class Matched(serializers.Serializer[Any]):
    _id = serializers.CharField(help_text="The request, or the callback, whose customer calls.")
    _data_id = serializers.CharField(help_text="Its storage.")


class Hello(serializers.Serializer[Any]):
    msg = serializers.CharField(help_text="hello")


class ServiceRequest(serializers.Serializer[Any]):
    _phone_number = serializers.CharField(required=False, help_text="From where the customer calls.")
    _resource_group = serializers.CharField(required=False, help_text="The pool, where the service does not say.")
    _provide_code = serializers.CharField(required=False, help_text="true: with a code, where the service is silent.")
    _access_code_length = serializers.CharField(required=False, help_text="The length of that code.")
    _booking_expiration_timeout = serializers.CharField(required=False, help_text="5 to 1800 seconds.")
    _id = serializers.CharField(required=False, help_text="request-access: a callback or a request.")
    _access_number = serializers.CharField(required=False, help_text="match-interaction: the number that was called.")
    _access_code = serializers.CharField(required=False, help_text="match-interaction: the code that was given.")


_NUMBER = {"_access_number": "8001", "_access_code": "904417", "_expiration_time": "2014-07-30T15:00:30.000Z"}

START_SERVICE = extend_schema(
    operation_id="start_service",
    summary="Start any service by its name",
    description="Callback services as at /service/callback/{name}; request-interaction, which books an access number "
    "and keeps the request's other keys for whoever answers the call; request-access, which books one for a callback "
    "or a request; match-interaction, which says whose call it is; hello.",
    parameters=[NAME],
    request=dict.fromkeys(_FORMS, ServiceRequest),
    responses={
        (200, JSON): response(
            PolymorphicProxySerializer(
                component_name="ServiceAnswer",
                serializers=[Started, Access, Matched, Hello],
                resource_type_field_name=None,
                many=False,
            ),
            "What the service says.",
            Of_a_callback_service=DIALOG,
            Of_request_interaction={"_id": AN_ID, **_NUMBER},
            Of_request_access=_NUMBER,
            Of_match_interaction={"_id": AN_ID, "_data_id": AN_ID},
            Of_hello={"msg": "hello"},
        ),
        **REFUSED,
        (404, JSON): error("There is no such service, nothing has this _id, or the call is nobody's."),
        (405, JSON): error("The service is asked by GET."),
        (413, JSON): error("The body is too large."),
        (500, JSON): error("The prefix of access codes leaves no room for a code."),
        (503, JSON): error("No access number is free, or the service is not configured correctly; try again."),
    },
    tags=["services"],
)
