"""The texts that customers read on their devices: a service's message file, in the customer's language.

    fallback: en
    texts:
      en:
        title: Your callback
        text: An agent is about to be free for you
        ok: Call me
        sms: "An agent is about to be free for you. Shall we call? {link}"
      de:
        text: Gleich ist jemand für Sie da

YAML, or JSON, which is YAML. A language that says nothing of a text takes it from the fallback; what that does not say
either is built in.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import yaml
from django.conf import settings

from callbacks.push.files import Unreadable, read

# The texts of a language, and how many characters each may have.
LONGEST = {"title": 100, "text": 500, "ok": 40, "sms": 600}
LINK = "{link}"

_LONGEST_FILE = 256 * 1024
_MOST_LANGUAGES = 100
# BCP 47, without what is not asked for by clients.
_TAG = re.compile(r"[a-z]{2,3}(-[a-z0-9]{2,8}){0,3}")
_MOST_WANTED = 20


@dataclass(frozen=True)
class MessageFile:
    """`languages` by tag in small letters, each with the texts that it says."""

    fallback: str
    languages: Mapping[str, Mapping[str, str]]

    def texts(self, wanted: Iterable[str]) -> dict[str, str]:
        """The texts in the first language that is wanted and there; `wanted` are lists as in Accept-Language."""
        asked = (tag for each in wanted for tag in preferred(each))
        chosen = next((tag for one in asked for tag in _shorter(one) if tag in self.languages), self.fallback)
        return {**self.languages[self.fallback], **self.languages[chosen]}


def load(name: str) -> MessageFile:
    """The message file of this name below MESSAGE_FILES, as it is now. Raises files.Unreadable."""
    content = read(settings.MESSAGE_FILES, name, most=_LONGEST_FILE)
    try:
        return _parsed(content)
    except ValueError as error:
        raise Unreadable(f"{name} in {settings.MESSAGE_FILES} cannot be used: {error}") from None


def preferred(header: str) -> list[str]:
    """The language tags of a list as in Accept-Language (RFC 9110), in small letters, the most wanted first."""
    found = []
    for part in header.split(",")[:_MOST_WANTED]:
        tag, *parameters = (each.strip().lower() for each in part.split(";"))
        quality = next((each[2:] for each in parameters if each.startswith("q=")), "1")
        if _TAG.fullmatch(tag) and (weight := _weight(quality)) > 0:
            found.append((weight, tag))
    # Stable: among equals the first one.
    return [tag for _, tag in sorted(found, key=lambda each: -each[0])]


def _weight(text: str) -> float:
    try:
        return float(text) if re.fullmatch(r"[01](\.[0-9]{0,3})?", text) else 0.0
    except ValueError:
        return 0.0


def _shorter(tag: str) -> list[str]:
    """RFC 4647, look-up: de-at, then de."""
    parts = tag.split("-")
    return ["-".join(parts[:length]) for length in range(len(parts), 0, -1)]


@functools.lru_cache(maxsize=32)
def _parsed(content: bytes) -> MessageFile:
    """Raises ValueError with what is wrong. By content, because every start of a service asks."""
    try:
        # It makes nothing but texts: the button `Yes` is no boolean, nor is the language `no`.
        found = yaml.BaseLoader(content.decode("utf-8-sig")).get_single_data()
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError):
        raise ValueError("it is neither YAML nor JSON in UTF-8") from None
    if not isinstance(found, dict) or set(found) != {"fallback", "texts"}:
        raise ValueError("it must have the keys fallback and texts, and no others")
    fallback, texts = str(found["fallback"]).lower(), found["texts"]
    if not isinstance(texts, dict) or not 0 < len(texts) <= _MOST_LANGUAGES:
        raise ValueError(f"texts must have 1 to {_MOST_LANGUAGES} languages")
    languages = {_tag(tag): _texts(tag, given) for tag, given in texts.items()}
    if fallback not in languages:
        raise ValueError(f"fallback is {fallback[:20]!r}, which texts does not have")
    return MessageFile(fallback, languages)


def _tag(given: object) -> str:
    tag = str(given).lower()
    if not _TAG.fullmatch(tag):
        raise ValueError(f"{tag[:20]!r} is no language such as de or pt-BR")
    return tag


def _texts(tag: object, given: Any) -> dict[str, str]:
    if not isinstance(given, dict) or not set(given) <= set(LONGEST):
        raise ValueError(f"{tag} may have {', '.join(LONGEST)}, and no others")
    for key, text in given.items():
        if not isinstance(text, str) or not 0 < len(text.strip()) <= LONGEST[key]:
            raise ValueError(f"{key} of {tag} must be a text of at most {LONGEST[key]} characters")
    return {key: text.strip() for key, text in given.items()}
