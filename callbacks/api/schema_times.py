"""What the API says about availability, office hours and capacity as OpenAPI."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, PolymorphicProxySerializer, extend_schema
from rest_framework import serializers

from callbacks.api import headers, offering, ranges
from callbacks.api.schema import JSON, NAME, NO_SERVICE, REFUSED, error, response


class Slot(serializers.Serializer[Any]):
    utcTime = serializers.CharField(help_text="When the slot begins to be open, in UTC.")
    localTime = serializers.CharField(required=False, help_text="The same in timezone, where it was named.")
    capacity = serializers.IntegerField(help_text="Free places.")
    total = serializers.IntegerField(help_text="All places.")


class Slots(serializers.Serializer[Any]):
    durationMin = serializers.IntegerField(help_text="Minutes of a slot (_request_time_bucket).")
    timezone = serializers.CharField(allow_null=True)
    slots = Slot(many=True)


class Period(serializers.Serializer[Any]):
    start = serializers.CharField(help_text="UTC.")
    end = serializers.CharField(help_text="UTC; the period ends before this moment.")


class OfficeHours(serializers.Serializer[Any]):
    error = serializers.CharField(
        allow_null=True, help_text="Always null: errors have the shape that they have elsewhere."
    )
    periods = Period(many=True, help_text="When it is open; empty: closed.")


class Status(serializers.Serializer[Any]):
    online = serializers.BooleanField(help_text="True while everything works.")


class CapacityPeriod(serializers.Serializer[Any]):
    start = serializers.CharField(help_text="UTC.")
    end = serializers.CharField(help_text="UTC; the period ends before this moment.")
    capacity = serializers.IntegerField(help_text="What each slot takes that begins in the period.")


def _query(name: str, description: str, kind: Any = OpenApiTypes.STR, **more: Any) -> OpenApiParameter:
    return OpenApiParameter(name, kind, OpenApiParameter.QUERY, description=description, **more)


_DAYS = _query(
    "number-of-days",
    f"Days from start, 1 to {ranges.MOST_DAYS}; wins over end. A day on which clocks change is one day.",
    OpenApiTypes.INT,
)
_MOST = _query("max-time-slots", f"How many slots at the most, 1 to {offering.MOST_SLOTS}.", OpenApiTypes.INT)
_CUSTOMER = [
    _query("_customer_timezone", "The customer's time zone, for services with a calling window."),
    _query("_customer_number", "The customer's number, which may say where the customer is. A + is written %2B."),
]
_CUT_OFF = f"At most {offering.MOST_SLOTS}; if there are more, the header {headers.LIMIT_REACHED} says so."
_UNTIL = f"At most {ranges.MOST_DAYS} days after start."

FREE_PLACES = extend_schema(
    operation_id="availability",
    summary="When a callback can be booked",
    description="Slots that are open and have places left, not sooner than the estimated wait time allows and not "
    "later than _reject_future_desired_time. Without an end it is the slot of one moment.",
    parameters=[
        NAME,
        _query("start", "UTC, as yyyy-MM-dd'T'HH:mm:ss.SSS'Z'; default: now."),
        _query("end", f"Likewise. {_UNTIL}"),
        _DAYS,
        _MOST,
        _query("timestamp", "Instead of a range: the open period around this time, or else its day."),
        *_CUSTOMER,
    ],
    responses={
        (200, JSON): response(
            {"type": "object", "additionalProperties": {"type": "integer"}},
            f"Times, in order, and the free places of their slots. {_CUT_OFF}",
            A_morning={"2014-07-30T06:00:00.000Z": 100, "2014-07-30T07:00:00.000Z": 100},
        ),
        **REFUSED,
        **NO_SERVICE,
        (503, JSON): error("The service is not configured correctly."),
    },
    tags=["availability"],
)
SLOTS = extend_schema(
    operation_id="availability_2",
    summary="When a callback can be booked, with local times and full slots",
    parameters=[
        NAME,
        _query("start", "With Z in UTC, without it in timezone; default: now."),
        _query("start-ms", "Instead of start: milliseconds since 1970.", OpenApiTypes.INT64),
        _query("end", f"As start. {_UNTIL}"),
        _query("end-ms", "Instead of end: milliseconds since 1970.", OpenApiTypes.INT64),
        _DAYS,
        _MOST,
        _query("timezone", "The zone of start, end and localTime, such as Europe/Berlin."),
        _query("report-busy", "true: also slots that are open and full.", enum=["true", "false"], default="false"),
        *_CUSTOMER,
    ],
    responses={
        (200, JSON): response(
            Slots,
            f"In time order. {_CUT_OFF}",
            In_Berlin={
                "durationMin": 60,
                "timezone": "Europe/Berlin",
                "slots": [
                    {
                        "utcTime": "2014-07-30T06:00:00.000Z",
                        "localTime": "2014-07-30T08:00:00.000",
                        "capacity": 99,
                        "total": 100,
                    }
                ],
            },
        ),
        **REFUSED,
        **NO_SERVICE,
        (503, JSON): error("The service is not configured correctly."),
    },
    tags=["availability"],
)
BUILTIN = extend_schema(
    operation_id="ask_service",
    summary="When an office is open; what a capacity service allows; whether the system works",
    description="For services of the types office-hours, capacity and get. Without an end an office-hours service "
    "answers with the open period around that moment, as far as a day before and after it. A get service answers with "
    "the status _online_code or _offline_code.",
    parameters=[
        NAME,
        _query(
            "start",
            "Office hours: UTC, with Z; default: now. Capacity: needed, in timezone, without Z.",
        ),
        _query("end", f"Likewise. {_UNTIL}"),
        _query("number-of-days", f"Office hours: {_DAYS.description}", OpenApiTypes.INT),
        _query("timezone", "Capacity: the zone of start and end; default: the service's own."),
    ],
    responses={
        (200, JSON): response(
            PolymorphicProxySerializer(
                component_name="BuiltinAnswer",
                serializers=[OfficeHours, CapacityPeriod(many=True), Status],
                resource_type_field_name=None,
                many=False,
            ),
            "Of office hours the open periods, of a capacity service a list of periods with their numbers.",
            Whether_it_works={"online": True},
            Office_hours={
                "error": None,
                "periods": [{"start": "2014-07-30T06:00:00.000Z", "end": "2014-07-30T18:00:00.000Z"}],
            },
            Capacity=[
                {"start": "2014-07-30T06:00:00.000Z", "end": "2014-07-30T12:00:00.000Z", "capacity": 6},
                {"start": "2014-07-30T12:00:00.000Z", "end": "2014-07-30T13:00:00.000Z", "capacity": 0},
            ],
        ),
        **REFUSED,
        (404, JSON): error("There is no such service, or it is a callback service."),
        (405, JSON): error("The service is started by POST."),
        (503, JSON): error("The service is not configured correctly."),
    },
    tags=["availability"],
)
