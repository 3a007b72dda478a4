"""A gateway of the contact centre's carries the message on; the device is whatever that gateway knows it by."""

from __future__ import annotations

import json
from dataclasses import dataclass

from callbacks.push.post import post
from callbacks.push.provider import Message, Rejected


@dataclass(frozen=True)
class CustomHttp:
    """The vendor's customhttp: `url` gets the device and the message, as JSON in a text. Any 2xx is success."""

    url: str
    section: str = "push"

    def deliver(self, device: str, message: Message, *, timeout: float) -> None:
        if not self.url:
            raise Rejected(f"customhttp.url in [{self.section}] is empty")
        payload = {"deviceId": device, "message": json.dumps(dict(message.body))}
        post(self.url, payload, timeout=timeout, delivered=range(200, 300))
