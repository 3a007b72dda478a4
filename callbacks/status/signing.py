"""Signatures by which a receiver knows that a notice is ours (Standard Webhooks, https://www.standardwebhooks.com)."""

from __future__ import annotations

import base64
from datetime import datetime

from django.conf import settings
from django.utils.crypto import salted_hmac
from standardwebhooks import Webhook

# The form in which both sides write a secret down.
PREFIX = "whsec_"


def secrets() -> list[str]:
    """The secrets that notices are signed with, newest first: with all of them while they are being rotated.

    Where the installation names none, one that follows from SECRET_KEY and does not tell it.
    """
    if settings.STATUS_NOTIFICATION_SECRETS:
        return list(settings.STATUS_NOTIFICATION_SECRETS)
    derived = salted_hmac("callbacks.status.signing", "status notifications", algorithm="sha256").digest()
    return [PREFIX + base64.b64encode(derived).decode()]


def headers(message_id: str, body: str, now: datetime) -> dict[str, str]:
    """The headers of one attempt. The id is the same in each; `now`, in UTC, is when this one is made."""
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(Webhook(secret).sign(message_id, now, body) for secret in secrets()),
    }
