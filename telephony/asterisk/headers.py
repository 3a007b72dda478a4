"""Data for whoever answers, as headers of the INVITE that rings a SIP phone: `X-KEY: text`. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

# Beside the description of its audio a phone has to take these in one packet; small ones have room for 4,000 bytes.
MOST_BYTES = 2000
VALUE_BYTES = 1000
NAME_CHARACTERS = 64
PREFIX = "X-"
# Letters of a header's name (RFC 3261, token) that mean nothing to Asterisk's dialplan functions.
_NOT_OF_A_NAME = re.compile(r"[^A-Za-z0-9._-]")
# Line ends and other control characters, Unicode's included: with them a value could pass for further headers.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


def headers(attached: Iterable[tuple[str, str]]) -> tuple[tuple[tuple[str, str], ...], int]:
    """(name, value) of each header, and of how many pairs not all is handed over.

    Characters that a name cannot have become hyphens; of two pairs with the same name the first has it. A value is one
    line, and cut where there is no more room. Pairs without text need no header.
    """
    made: dict[str, str] = {}
    short = 0
    room = MOST_BYTES
    for key, text in attached:
        name = PREFIX + _NOT_OF_A_NAME.sub("-", key)[:NAME_CHARACTERS]
        whole = _CONTROL.sub(" ", text).strip()
        value = "" if name in made else _beginning(whole, min(VALUE_BYTES, room - len(name)))
        short += value != whole
        if value:
            made[name] = value
            room -= len(name) + len(value.encode())
    return tuple(made.items()), short


def _beginning(text: str, most_bytes: int) -> str:
    """As much of the text as fits, in whole characters."""
    return text.encode()[: max(most_bytes, 0)].decode(errors="ignore").rstrip()
