"""What the API says about the administration requests as OpenAPI."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers

from callbacks import queries
from callbacks.api import headers
from callbacks.api.schema import _RECORD, AN_ID, DIALOG, JSON, NO_SERVICE, REFUSED, error, response
from callbacks.flow.states import State

MOST_OF_QUEUES, MOST_CANCELLED, MOST_EXPORTED, MOST_COLUMNS = 2000, 500, 10_000, 50


class Watermarks(serializers.Serializer[Any]):
    services = serializers.DictField(
        child=serializers.IntegerField(), help_text="By service: how many wait, are called or talk."
    )
    total = serializers.IntegerField(help_text="Of all these services.")


class CancelMany(serializers.Serializer[Any]):
    ids = serializers.ListField(
        child=serializers.CharField(), min_length=1, max_length=MOST_CANCELLED, help_text="The callbacks' ids."
    )
    reason = serializers.ChoiceField(
        choices=["CANCELLED_BY_ADMIN", "CANCELLED"], required=False, default="CANCELLED_BY_ADMIN"
    )


class Outcome(serializers.Serializer[Any]):
    _dialog_id = serializers.CharField(help_text="Always 0.")
    _action = serializers.CharField(help_text="Always ConfirmationDialog.")
    _text = serializers.CharField(help_text="What came of it, for people.")
    _ok_title = serializers.CharField(help_text="Ok, or FAILURE_MISSING where it was not cancelled.")
    _id = serializers.CharField(help_text="The callback's id.")


class ReportCancelled(serializers.Serializer[Any]):
    callback_reason = serializers.ChoiceField(
        choices=["CANCELLED_BY_ADMIN", "CANCELLED", "CANCELLED_SERVED"], required=False, default="CANCELLED_BY_ADMIN"
    )
    exported_properties = serializers.ListField(
        child=serializers.CharField(),
        max_length=MOST_COLUMNS,
        required=False,
        help_text="The columns: _service_id (the callback's id), keys of its record and of its request.",
    )


DISABLED = {
    **REFUSED,
    (403, JSON): error(
        "The key has not the scope admin, or disable-bulk-cancel-and-export-callback is set in the section [lab]."
    ),
    (413, JSON): error("The body is too large."),
    (415, JSON): error("The body is not JSON."),
}

# Of the component that describes Record; a serializer cannot say it.
_BY_SERVICE = {
    "type": "object",
    "additionalProperties": {"type": "array", "items": {"$ref": "#/components/schemas/Record"}},
}

QUEUES = extend_schema(
    operation_id="find_callbacks_of_queues",
    summary="Callbacks of services, by desired time",
    description="Earliest first. Keys of filter-keys in the section [callback] are parameters too; a leading ! negates "
    "their value. A query with such a filter answers only with services that have matching callbacks, unless target "
    "names them.",
    parameters=[
        OpenApiParameter("target", str, description="Names of services, with commas between; default: all."),
        OpenApiParameter("start_time", str, description="UTC, as 2026-07-30T15:00:00.000Z; default: 15 minutes ago."),
        OpenApiParameter("end_time", str, description="Likewise; default: in 24 hours."),
        OpenApiParameter("states", str, description=f"With commas between, of {', '.join(State)}; default: all."),
        OpenApiParameter("max", OpenApiTypes.INT, description=f"1 to {MOST_OF_QUEUES}.", default=queries.MOST_RECORDS),
    ],
    responses={
        (200, JSON): OpenApiResponse(
            _BY_SERVICE,
            description=f"By service. If there are more than max, the header {headers.LIMIT_REACHED} says how many "
            "these are.",
            examples=[OpenApiExample("A queue", value={"user-scheduled": [_RECORD], "sales": []}, response_only=True)],
        ),
        **REFUSED,
        **NO_SERVICE,
    },
    tags=["administration"],
)
WATERMARKS = extend_schema(
    operation_id="watermarks",
    summary="How many callbacks are queued or being processed",
    description="Those that wait in the queue, paused or not, are called or talk; scheduled ones are not counted.",
    parameters=[OpenApiParameter("service_name", str, many=True, description="Of these services; default: all.")],
    responses={
        (200, JSON): response(
            Watermarks,
            f"Of each service at most {queries.MOST_COUNTED} in each state; if there are more, the header "
            f"{headers.LIMIT_REACHED} says so.",
            Counted={"services": {"sales": 0, "user-scheduled": 12}, "total": 12},
        ),
        **REFUSED,
        **NO_SERVICE,
    },
    tags=["administration"],
)
CANCEL_MANY = extend_schema(
    operation_id="cancel_callbacks",
    summary="Cancel many callbacks",
    description="Each by itself: what comes of one changes nothing for the others. The answer has one outcome for each "
    "id, in their order.",
    request={JSON: CancelMany},
    responses={
        (200, JSON): response(
            Outcome(many=True),
            "What came of each.",
            One_and_one_not=[
                {**DIALOG, "_text": "The callback has been cancelled"},
                {
                    **DIALOG,
                    "_text": "Callback is COMPLETED and cannot be cancelled",
                    "_ok_title": "FAILURE_MISSING",
                    "_id": AN_ID.replace("369", "370"),
                },
            ],
        ),
        **DISABLED,
    },
    examples=[OpenApiExample("Two", value={"reason": "CANCELLED_BY_ADMIN", "ids": [AN_ID]}, request_only=True)],
    tags=["administration"],
)
REPORT_CANCELLED = extend_schema(
    operation_id="report_cancelled_callbacks",
    summary="Cancelled callbacks as CSV",
    description="A title line and a line for each callback that was cancelled for this reason, newest first. A text "
    "that a spreadsheet would take for a formula begins with a '.",
    request={JSON: ReportCancelled},
    responses={
        (200, "text/csv"): OpenApiResponse(
            OpenApiTypes.STR,
            description=f"At most {MOST_EXPORTED} callbacks; if there are more, the header {headers.LIMIT_REACHED} "
            "says so.",
        ),
        **DISABLED,
    },
    examples=[
        OpenApiExample(
            "As the vendor's pages ask",
            value={"callback_reason": "CANCELLED_BY_ADMIN", "exported_properties": ["_service_id"]},
            request_only=True,
        )
    ],
    tags=["administration"],
)
