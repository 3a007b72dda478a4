"""Callbacks by chat."""

from __future__ import annotations

from services import kinds
from services.catalogue.option import DAY, Option
from services.kinds import BOOLEAN

SECTION = "Chat"

OPTIONS = (
    Option(
        name="_chat_endpoint",
        kind=kinds.pattern(
            "chat_endpoint", r"[\w .-]{1,64}:[\w .-]{1,64}", "TENANT:ENDPOINT, such as Environment:default"
        ),
        section=SECTION,
        help="Where chats come in at the vendor's chat server.",
    ),
    Option(
        name="_client_timeout",
        kind=kinds.seconds(1, DAY),
        section=SECTION,
        default="120",
        help="How long a customer may be silent.",
    ),
    Option(
        name="_client_timeout_notification",
        kind=kinds.seconds(1, DAY),
        section=SECTION,
        default="90",
        help="How long after an agent's message a customer who is away gets a notification.",
    ),
    Option(
        name="_client_timeout_notification_message",
        kind=kinds.text(),
        section=SECTION,
        help="The text of that notification.",
    ),
    Option(
        name="_agent_timeout_notification_message",
        kind=kinds.text(),
        section=SECTION,
        help="The text of the notification that the agent has been silent.",
    ),
    Option(
        name="_filtering_chat_events",
        kind=kinds.names("types of chat event"),
        section=SECTION,
        advanced=True,
        help="Events of a chat of which no notification is made, such as Notice.TypingStarted.",
    ),
    Option(
        name="_chat_400_response_on_disconnected",
        kind=BOOLEAN,
        section=SECTION,
        default="false",
        advanced=True,
        help="true: a client that goes on asking after the agent has left is answered 400 instead of 200.",
    ),
)
