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
        help="The file with the texts of notifications.",
    ),
    Option(
        name="_provider_name",
        kind=kinds.text(maximum=64),
        section=SECTION,
        help="The push provider, where there are several.",
    ),
    Option(
        name="_device_notification_id",
        kind=kinds.text(),
        section=SECTION,
        advanced=True,
        overridable=False,
        help="The device to which notifications go; for httpcb a web address. A key of the request.",
    ),
    Option(
        name="_device_os",
        kind=kinds.text(maximum=32),
        section=SECTION,
        advanced=True,
        overridable=False,
        help="What kind of device it is: comet, httpcb or customhttp; others cannot be told. A key of the request.",
    ),
)
