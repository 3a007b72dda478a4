"""Text messages to the customer's number: through a gateway that takes JSON, or into the log, for trials."""

from __future__ import annotations

import json
import logging
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from standardwebhooks import Webhook

from callbacks.push import files
from callbacks.push.post import exchange
from callbacks.push.provider import Message, Rejected, Unavailable
from telephony import numbers

logger = logging.getLogger(__name__)

_LONGEST_SECRET = 4096
_PLACE = re.compile(r"\{(to|text|id)\}")
_SECRET = re.compile(r"whsec_[A-Za-z0-9+/]{32,88}={0,2}")
_PASSING = frozenset({408, 425, 429})


@dataclass(frozen=True)
class Gateway:
    """A provider of text messages that takes a JSON document by POST; any 2xx says that it has taken it.

    `template` is that document, with {to}, {text} and {id} in its texts. `authorization` and `secret` name files: what
    the header Authorization says, and with what requests are signed (Standard Webhooks). Both may be empty.
    """

    url: str
    template: str
    authorization: str = ""
    secret: str = ""
    section: str = "push"

    def deliver(self, device: str, message: Message, *, timeout: float) -> None:
        if not self.url:
            raise Rejected(f"sms.url in [{self.section}] is empty")
        content = json.dumps(self._filled(device, message)).encode()
        answer = exchange(
            self.url, content, timeout=timeout, headers=self._headers(content, message, datetime.now(UTC)), reads=False
        )
        if 200 <= answer.status < 300:
            return
        text = f"the gateway for text messages answered {answer.status}"
        if answer.status >= 500 or answer.status in _PASSING:
            raise Unavailable(text, retry_after=answer.retry_after)
        raise Rejected(text)

    def check(self) -> None:
        """That what it needs can be read. Raises Rejected."""
        if not self.url:
            raise Rejected(f"sms.url in [{self.section}] is empty")
        nothing = Message(id="", about="", body={})
        self._headers(json.dumps(self._filled("", nothing)).encode(), nothing, datetime.now(UTC))

    def _filled(self, device: str, message: Message) -> Any:
        texts = {"to": device, "text": said(message), "id": message.id}

        def fill(part: Any) -> Any:
            # In the texts of the document, not in its text: what a message says cannot break out of it.
            match part:
                case str():
                    return _PLACE.sub(lambda place: texts[place[1]], part)
                case list():
                    return [fill(each) for each in part]
                case dict():
                    return {key: fill(each) for key, each in part.items()}
            return part

        try:
            return fill(json.loads(self.template))
        except ValueError:
            raise Rejected(f"sms.body in [{self.section}] is no JSON") from None

    def _headers(self, content: bytes, message: Message, now: datetime) -> dict[str, str]:
        headers = {}
        if self.authorization:
            headers["Authorization"] = self.authorization_text()
        if self.secret:
            headers |= {
                "webhook-id": message.id,
                "webhook-timestamp": str(int(now.timestamp())),
                "webhook-signature": self.webhook().sign(message.id, now, content.decode()),
            }
        return headers

    def authorization_text(self) -> str:
        """What the header Authorization says. Raises Rejected."""
        text = self._secret("sms.authorization", self.authorization)
        if not text.isascii() or not text.isprintable():
            raise Rejected(f"sms.authorization in [{self.section}]: {self.authorization} is not one line of ASCII")
        return text

    def webhook(self) -> Webhook:
        """What requests are signed with. Raises Rejected."""
        text = self._secret("sms.signingSecret", self.secret)
        # The library drops what is no base64, and would sign with what is left.
        if not _SECRET.fullmatch(text):
            named = f"sms.signingSecret in [{self.section}]: {self.secret}"
            raise Rejected(f"{named} is no secret of Standard Webhooks (whsec_ and base64 of 24 to 64 bytes)")
        return Webhook(text)

    def _secret(self, key: str, name: str) -> str:
        try:
            return files.text(settings.PUSH_CREDENTIALS, name, most=_LONGEST_SECRET)
        except files.Unreadable as error:
            raise Rejected(f"{key} in [{self.section}]: {error}") from None


@dataclass(frozen=True)
class Console:
    """Sends nothing: the text stands in the log of the worker, without the number."""

    def deliver(self, device: str, message: Message, *, timeout: float) -> None:
        logger.info("text message to ***%s: %s", device[-2:], said(message))


def said(message: Message) -> str:
    """What the text message says."""
    return message.text or message.body.get("_text", "")


def e164(number: str, country: str) -> str:
    """The number as gateways take it, +4930…; as it was given where it cannot be read."""
    return next((form for form in numbers.forms(number, country) if form.startswith("+")), number)
