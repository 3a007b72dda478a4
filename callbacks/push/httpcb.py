"""The device is a web address, to which the message is posted as it is."""

from __future__ import annotations

from callbacks.push.post import post
from callbacks.push.provider import Message


class HttpCallback:
    """The vendor's httpcb: only the status 200 counts as delivered, the answer's body is ignored."""

    def deliver(self, device: str, message: Message, *, timeout: float) -> None:
        post(device.strip(), dict(message.body), timeout=timeout, delivered={200})
