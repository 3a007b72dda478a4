"""The contract between a notice and whatever carries it to a device. Nothing here touches the database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


class Rejected(Exception):
    """Refused for good: to repeat the same message will not help. The text is for the timeline, without the device."""


class DeviceGone(Rejected):
    """The device is no longer reached under this address, now or later: nothing more is sent to it."""


class Unavailable(Exception):
    """Not delivered now (unreachable, overloaded): try later, not before `retry_after` seconds where it says so."""

    def __init__(self, text: str, *, retry_after: float = 0.0) -> None:
        super().__init__(text)
        self.retry_after = retry_after


class Unknown(Unavailable):
    """It was sent, and what became of it is not known: it may have arrived. To be tried again all the same."""


@dataclass(frozen=True)
class Message:
    """What a device is told.

    `id` is a UUID, the same in every attempt. `about` names what it is about: a later message about the same replaces
    an earlier one that was not yet shown. `body` is the dialog; `title` and `text` are what the service's message file
    says in the customer's language, empty where it says nothing. It is worth nothing after `seconds`.
    """

    id: str
    about: str
    body: Mapping[str, str]
    title: str = ""
    text: str = ""
    seconds: int = 30


class Provider(Protocol):
    def deliver(self, device: str, message: Message, *, timeout: float) -> None:
        """Hand the message over for `device`, the request's `_device_notification_id`, within `timeout` seconds.

        Raises `Rejected` or `Unavailable`, or those that are one.
        """
