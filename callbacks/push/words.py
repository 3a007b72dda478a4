"""What the answers of a push service mean to us: the one list of meanings, and what is done about each."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from callbacks.push.provider import DeviceGone, Rejected, Unavailable, Unknown


class Meaning(Enum):
    """The sentence says what a supervisor reads."""

    GONE = "the app is no longer there"
    WRONG_DEVICE = "the device is not one of this app, or of the other environment (_use_debug_push_certificate)"
    ACCOUNT = "it does not accept the account that [push] names"
    MESSAGE = "it does not accept the message"
    LATER = "it asks to try again later"
    # Ours has grown too old; the next attempt brings a new one.
    STALE = "the token has expired"
    UNKNOWN = "it does not say what became of the message"


def failure(service: str, word: str, meaning: Meaning, *, retry_after: float = 0.0) -> Exception:
    """The exception for an answer with this word of the service's."""
    text = f"{service} answered {word}: {meaning.value}"
    match meaning:
        case Meaning.GONE | Meaning.WRONG_DEVICE:
            return DeviceGone(text)
        case Meaning.ACCOUNT | Meaning.MESSAGE:
            return Rejected(text)
        case Meaning.UNKNOWN:
            return Unknown(text, retry_after=retry_after)
        case Meaning.LATER | Meaning.STALE:
            return Unavailable(text, retry_after=retry_after)


def meaning_of(word: str, status: int, words: Mapping[str, Meaning]) -> Meaning:
    """By the word, else by the status: what the service may say in a later release is not taken for success."""
    if word in words:
        return words[word]
    if status in {408, 425, 429} or status >= 500:
        return Meaning.LATER
    return Meaning.ACCOUNT if status in {401, 403} else Meaning.MESSAGE
