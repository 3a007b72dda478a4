"""What the API says about the requests of the customer's device as OpenAPI."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers

from callbacks.api import position
from callbacks.api.schema import (
    AN_ID,
    BUSY,
    CALLBACK_ID,
    DIAL_NUMBER,
    DIALOG,
    JSON,
    REFUSED,
    ConfirmationDialog,
    Started,
    error,
    response,
)

_NO_CALLBACK = {(404, JSON): error("There is no such callback, or the key is limited to other services.")}


class Position(serializers.Serializer[Any]):
    _position = serializers.CharField(help_text="1 is next; 0 when it waits no more.")
    _eta = serializers.CharField(help_text="ewt, in whole seconds.")
    _total_waiting = serializers.CharField(help_text="How many wait in its queue, it included.")
    _agent_ready_threshold_passed = serializers.BooleanField(help_text="An agent is there for it, or about to be.")
    ewt = serializers.FloatField(
        help_text=f"The estimated wait time in seconds; {position.UNKNOWN} when it is not known, or longer than that."
    )


_CONNECT: dict[str, Any] = {
    "summary": "Confirm that the customer wants to be called now",
    "description": "For a callback whose customer is being asked (_wait_for_user_confirm). Safe to repeat. A customer "
    "who calls us (_call_direction=USERORIGINATED) is given the number to call, and another one each time, up to "
    "_userorig_connect_limit times. A body is not looked at.",
    "parameters": [CALLBACK_ID],
    "responses": {
        (200, JSON): response(
            Started, "The customer is called, or is to call.", Confirmed=DIALOG, The_customer_calls_us=DIAL_NUMBER
        ),
        **REFUSED,
        (400, JSON): error("It is not waiting for a confirmation, or has been given a number as often as it may be."),
        **_NO_CALLBACK,
        (503, JSON): error("It is being changed by something else, or no access number is free."),
    },
    "tags": ["device"],
}
CONNECT = extend_schema(operation_id="connect", methods=["POST"], request=None, **_CONNECT)
CONNECT_BY_GET = extend_schema(operation_id="connect_by_get", methods=["GET"], **_CONNECT)
SNOOZE = extend_schema(
    operation_id="snooze",
    summary="Ask the customer again later",
    description="For a callback whose customer is being asked: it waits for _snooze_duration, and for the next agent "
    "who is about to be free. Not of the vendor's interface. A body is not looked at.",
    parameters=[CALLBACK_ID],
    request=None,
    responses={
        (200, JSON): response(
            ConfirmationDialog,
            "The customer is asked again later.",
            Later={**DIALOG, "_text": "You will be asked again later"},
        ),
        **REFUSED,
        (400, JSON): error("It is not waiting for a confirmation."),
        **_NO_CALLBACK,
        **BUSY,
    },
    tags=["device"],
)
DIALOG_NOW = extend_schema(
    operation_id="dialog",
    summary="Whether there is something to show to the customer",
    description="For devices that poll (_device_os is comet). The dialog while the customer is being asked, otherwise "
    "only the id.",
    parameters=[CALLBACK_ID],
    responses={
        (200, JSON): response(
            Started,
            "What to show, if anything.",
            The_customer_is_asked=DIALOG,
            The_customer_calls_us=DIAL_NUMBER,
            Nothing_to_show={"_id": AN_ID},
        ),
        **REFUSED,
        **_NO_CALLBACK,
    },
    tags=["device"],
)
_POSITION: dict[str, Any] = {
    "summary": "The position in the queue and the estimated wait time",
    "description": "Of a scheduled callback, what they would be if it joined its queue now. A body is not looked at.",
    "parameters": [CALLBACK_ID],
    "responses": {
        (200, JSON): response(
            Position,
            "Both sets of fields that clients read.",
            Third={
                "_position": "3",
                "_eta": "90",
                "_total_waiting": "7",
                "_agent_ready_threshold_passed": False,
                "ewt": 90.0,
            },
        ),
        **REFUSED,
        **_NO_CALLBACK,
        (500, JSON): error("It is COMPLETED; the message has the words 404 Not Found, which clients look for."),
    },
    "tags": ["device"],
}
POSITION = extend_schema(operation_id="check_queue_position", methods=["GET"], **_POSITION)
POSITION_BY_POST = extend_schema(
    operation_id="check_queue_position_by_post", methods=["POST"], request=None, **_POSITION
)
