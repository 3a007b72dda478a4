"""A gateway of the contact centre's carries the message on; the device is whatever that gateway knows it by."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from callbacks.push.post import post
from callbacks.push.provider import Rejected


@dataclass(frozen=True)
class CustomHttp:
    """The vendor's customhttp: `url` gets the device and the message, as JSON in a text. Any 2xx is success."""

    url: str

    def deliver(self, device: str, body: Mapping[str, str], *, timeout: float) -> None:
        if not self.url:
            raise Rejected("customhttp.url in [push] is empty")
        payload = {"deviceId": device, "message": json.dumps(dict(body))}
        post(self.url, payload, timeout=timeout, delivered=range(200, 300))
