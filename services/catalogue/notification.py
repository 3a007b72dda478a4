"""What is pushed to the customer's device."""

from __future__ import annotations

from services import kinds
from services.catalogue.option import DAY, Option

SECTION = "Notification"

OPTIONS = (
    Option(
        name="_max_number_of_user_availability_confirmation_attempts",
        kind=kinds.integer(1, 100),
        section=SECTION,
        default="3",
        advanced=True,
        help="How often the customer's device is told that an agent is free before the callback is given up.",
    ),
    Option(
        name="_agent_availability_notification_delay",
        kind=kinds.seconds(0, DAY),
        section=SECTION,
        default="30",
        help="Pause between two of these notifications.",
    ),
    Option(
        name="_max_notify_delivery_attempts",
        kind=kinds.integer(1, 100),
        section=SECTION,
        default="3",
        help="How often the delivery of a notification is tried, after pauses of 1, 2, 4 … seconds.",
    ),
    Option(
        name="_notification_message_file",
        kind=kinds.text(),
        section=SECTION,
        help="The file below MESSAGE_FILES with the texts of notifications, in several languages. One that cannot be "
        "loaded ends callbacks whose customers are asked with FAIL_LOAD_MESSAGE_FILE.",
    ),
    Option(
        name="_provider_name",
        kind=kinds.text(maximum=64),
        section=SECTION,
        help="The push provider: the one that [push.provider.<name>] describes; while empty, that of [push].",
    ),
    Option(
        name="_device_notification_id",
        kind=kinds.text(),
        section=SECTION,
        advanced=True,
        overridable=False,
        help="The device to which notifications go: the token of its app, for httpcb a web address, for comet what it "
        "says as gms_user. A key of the request.",
    ),
    Option(
        name="_device_os",
        kind=kinds.text(maximum=32),
        section=SECTION,
        advanced=True,
        overridable=False,
        help="What kind of device it is: comet, httpcb, customhttp, fcm (or gcm), ios or sms. A key of the request.",
    ),
)
