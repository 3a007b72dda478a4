"""The device is a web address, to which the message is posted as it is."""

from __future__ import annotations

from collections.abc import Mapping

from callbacks.push.post import post


class HttpCallback:
    """The vendor's httpcb: only the status 200 counts as delivered, the answer's body is ignored."""

    def deliver(self, device: str, body: Mapping[str, str], *, timeout: float) -> None:
        post(device.strip(), dict(body), timeout=timeout, delivered={200})
