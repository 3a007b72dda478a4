"""What the API says about comet clients as OpenAPI."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers

from callbacks.api.schema import AN_ID, DIALOG, JSON, REFUSED, error
from callbacks.push import comet

_CLIENT = "6a1f0c2e.5d0c5f0e9a7b1c22.f4b9d0b6f6c5b1d2a4c8e0f1a2b3c4d5"


class BayeuxMessage(serializers.Serializer[Any]):
    channel = serializers.CharField(help_text="/meta/handshake, /meta/connect, /meta/subscribe …")
    clientId = serializers.CharField(required=False, help_text="As the handshake was answered.")
    id = serializers.CharField(required=False, help_text="Repeated in the answer.")


def _example(name: str, *messages: dict[str, Any], request: bool = False) -> OpenApiExample:
    return OpenApiExample(name, value=list(messages), request_only=request, response_only=not request)


EXCHANGE = extend_schema(
    operation_id="comet",
    summary="Ask for messages as a comet client (Bayeux, polled)",
    description="A subset of Bayeux 1.0 with the connection type long-polling: handshake, subscribe to "
    f"{comet.CHANNEL}, then connect again and again. A connect is answered at once, and its advice says when to ask "
    "again. With the acknowledgement extension (ext.ack) of CometD a message comes again until it is acknowledged, "
    "else it comes once. The type of a message may be appended to the path, as CometD's clients do.",
    parameters=[
        OpenApiParameter(
            "gms_user", str, "header", required=True, description="The user: a request's _device_notification_id."
        )
    ],
    request={"application/json": BayeuxMessage(many=True)},
    responses={
        (200, JSON): OpenApiResponse(
            BayeuxMessage(many=True), description="The answers, one a message, and what waits for the user."
        ),
        **REFUSED,
        (400, JSON): error("No gms_user, or the body is no list of 1 to 20 Bayeux messages."),
        (415, JSON): error("The body is not application/json."),
    },
    examples=[
        _example(
            "Handshake",
            {"channel": "/meta/handshake", "version": "1.0", "supportedConnectionTypes": ["long-polling"]},
            request=True,
        ),
        _example("Connect", {"channel": "/meta/connect", "clientId": _CLIENT}, request=True),
        _example(
            "The customer is asked",
            {"channel": comet.CHANNEL, "data": {"id": AN_ID, "message": DIALOG, "tag": f"service.callback.{AN_ID}"}},
            {"channel": "/meta/connect", "clientId": _CLIENT, "successful": True, "advice": dict(comet.ADVICE)},
        ),
    ],
    tags=["device"],
)
