"""The header `Authorization: Basic …` (RFC 7617)."""

from __future__ import annotations

import base64
import binascii

from services.credentials import Credentials


def read(header: str) -> Credentials | None:
    """The name and password that it carries, in UTF-8; None where it carries none."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        return None
    username, colon, password = text.partition(":")
    return Credentials(username, password) if colon else None
