"""The contract between a notice and whatever carries it to a device. Nothing here touches the database or the clock."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class Rejected(Exception):
    """Refused for good: to repeat the same message will not help. The text is for the timeline, without the device."""


class Unavailable(Exception):
    """Not delivered now (unreachable, overloaded, time-out): try later. It may have arrived all the same."""


class Provider(Protocol):
    def deliver(self, device: str, body: Mapping[str, str], *, timeout: float) -> None:
        """Hand `body` over for `device`, the request's `_device_notification_id`, within `timeout` seconds.

        Raises `Rejected` or `Unavailable`.
        """
