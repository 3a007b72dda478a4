"""What a kind of option value is, and the registry of those that a higher floor understands."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

MAX_TEXT = 500

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def shown(text: str) -> str:
    """The text as an error message quotes it: escaped, and short enough not to repeat a whole upload."""
    if not text.strip():
        return "nothing"
    return repr(text if len(text) <= 80 else text[:79] + "…")


class BadValue(ValueError):
    """A text that its kind does not allow; says what was given and what is allowed."""

    def __init__(self, given: str, allowed: str) -> None:
        super().__init__(f"{shown(given)} was given, allowed is {allowed}")
        self.given = given
        self.allowed = allowed


class UnknownKind(LookupError):
    """No floor has registered a kind of this name."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Kind:
    """One kind of value.

    `allowed` ends the sentence "allowed is …". `parse` gets a stripped, non-empty text and raises ValueError, best a
    BadValue. `check` looks up what the text names and raises ValueError when it is not there: such a text is not
    saved. `missing` reads once what is configured; the function that it gives says of any text what is not there, as
    the end of a sentence, or nothing. `choices` are
    (text, label) pairs as of now; the widget "several" stores several of them, with commas between. `empty` is the
    value of an empty text. Values are shared by all who read the same text, and so must not change.
    """

    name: str
    parse: Callable[[str], object]
    allowed: str
    choices: Callable[[], list[tuple[str, str]]] | None = None
    check: Callable[[str], None] | None = None
    missing: Callable[[], Callable[[str], str]] | None = None
    empty: object = None
    widget: Literal["line", "lines", "number", "select", "several"] = "line"
    unit: str = ""
    minimum: int | None = None
    maximum: int | None = None

    def read(self, text: str) -> object:
        """The typed value of a text; `empty` for a blank one. Raises ValueError."""
        if len(text) <= MAX_TEXT:
            return _read_cached(self, text)
        return _read(self, text)


def _read(kind: Kind, text: str) -> object:
    text = text.strip()
    return kind.parse(text) if text else kind.empty


_read_cached = functools.lru_cache(maxsize=8192)(_read)

_registry: dict[str, Kind] = {}


def register(kind: Kind) -> None:
    """Make a kind known by its name. Called once a kind, from an app's ready()."""
    if _registry.setdefault(kind.name, kind) is not kind:
        raise ValueError(f"a kind named {kind.name!r} is registered already")


def kind(name: str) -> Kind:
    """The kind registered under this name. Raises UnknownKind."""
    try:
        return _registry[name]
    except KeyError:
        known = ", ".join(sorted(_registry)) or "none"
        raise UnknownKind(f"no kind of value named {name!r} is registered; registered are: {known}") from None
