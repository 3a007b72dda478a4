"""Kinds of option value: how a configured text is read, what is allowed, how the form asks for it.

`parse` is syntactic and never touches the database, so that its results can be kept; `choices` and `check` look at
what is configured now and serve the admin form. Kinds that only a higher floor understands (target, route point,
virtual queue) are registered by that floor under a name; the option table refers to them by that name.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

SERVICE_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
MAX_TEXT = 500

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_NUL_ESCAPE = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
_INTEGER = re.compile(r"[+-]?[0-9]{1,12}")
_NUMBER = re.compile(r"\+?[0-9]{1,31}")
_SOUND_PART = re.compile(r"[\w .()+@=&'-]+")
_TREATMENT_ALLOWED = (
    "the path of a sound file below the sounds folder (letters, digits, spaces and . _ - ( ) + @ = & ' between "
    "slashes, without '..' and not absolute), or JSON such as "
    '{"file": "greeting.wav", "hints": {"am-beep-detection": "on"}}, or { } to play nothing'
)


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
    BadValue. `check` looks up what the text names and raises ValueError when it is not there. `choices` are
    (text, label) pairs as of now; the widget "several" stores several of them, with commas between. `empty` is the
    value of an empty text. `cached` must be False where parse() returns something its caller could change.
    """

    name: str
    parse: Callable[[str], object]
    allowed: str
    choices: Callable[[], list[tuple[str, str]]] | None = None
    check: Callable[[str], None] | None = None
    empty: object = None
    widget: Literal["line", "lines", "number", "select", "several"] = "line"
    unit: str = ""
    minimum: int | None = None
    maximum: int | None = None
    cached: bool = True

    def read(self, text: str) -> object:
        """The typed value of a text; `empty` for a blank one. Raises ValueError."""
        if self.cached and len(text) <= MAX_TEXT:
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


def _parse_boolean(text: str) -> bool:
    match text.lower():
        case "true":
            return True
        case "false":
            return False
    raise BadValue(text, BOOLEAN.allowed)


BOOLEAN = Kind(
    name="boolean",
    parse=_parse_boolean,
    allowed="true or false",
    choices=lambda: [("true", "true"), ("false", "false")],
    widget="select",
)


def _whole_number(name: str, minimum: int, maximum: int, unit: str) -> Kind:
    allowed = f"a whole number from {minimum} to {maximum}" + (f", in {unit}" if unit else "")

    def parse(text: str) -> int:
        if not _INTEGER.fullmatch(text) or not minimum <= int(text) <= maximum:
            raise BadValue(text, allowed)
        return int(text)

    return Kind(name=name, parse=parse, allowed=allowed, widget="number", unit=unit, minimum=minimum, maximum=maximum)


def integer(minimum: int, maximum: int, unit: str = "") -> Kind:
    """A whole number within bounds; value: int."""
    return _whole_number("integer", minimum, maximum, unit)


def seconds(minimum: int, maximum: int) -> Kind:
    """A duration in whole seconds; value: int."""
    return _whole_number("seconds", minimum, maximum, "seconds")


def milliseconds(minimum: int, maximum: int) -> Kind:
    """A duration in whole milliseconds; value: int."""
    return _whole_number("milliseconds", minimum, maximum, "milliseconds")


def choice(*words: str) -> Kind:
    """One of some words, in any case; value: the word as listed here."""
    allowed = " or ".join(words)
    by_lower = {word.lower(): word for word in words}

    def parse(text: str) -> str:
        word = by_lower.get(text.lower())
        if word is None:
            raise BadValue(text, allowed)
        return word

    return Kind(name="choice", parse=parse, allowed=allowed, choices=lambda: [(w, w) for w in words], widget="select")


def text(*, maximum: int = MAX_TEXT, forbidden: str = "") -> Kind:
    """One line of text; value: str. `forbidden` are characters that would break out of where the text ends up."""
    allowed = f"one line of at most {maximum} characters" + (f" without {' '.join(forbidden)}" if forbidden else "")

    def parse(given: str) -> str:
        if len(given) > maximum or _CONTROL.search(given) or any(c in forbidden for c in given):
            raise BadValue(given, allowed)
        return given

    return Kind(name="text", parse=parse, allowed=allowed, empty="")


def pattern(name: str, regex: str, allowed: str) -> Kind:
    """A text that a regular expression matches as a whole; value: str."""
    compiled = re.compile(regex)

    def parse(given: str) -> str:
        if not compiled.fullmatch(given):
            raise BadValue(given, allowed)
        return given

    return Kind(name=name, parse=parse, allowed=allowed, empty="")


NUMBER = pattern("number", r"\+?[0-9]{1,31}", "a telephone number of at most 31 digits, optionally with a leading +")
DIAL_PREFIX = pattern("dial_prefix", r"\+?[0-9*#]{1,16}", "at most 16 of the digits 0-9, * and #, optionally after a +")


def _items(given: str) -> Iterable[str]:
    return (item for part in given.split(",") if (item := part.strip()))


def _parse_keys(given: str) -> tuple[str, ...]:
    keys = tuple(dict.fromkeys(_items(given)))
    if any(len(key) > 128 or _CONTROL.search(key) for key in keys):
        raise BadValue(given, KEYS.allowed)
    return keys


KEYS = Kind(
    name="keys",
    parse=_parse_keys,
    allowed="a comma-separated list of request keys, each at most 128 characters",
    empty=(),
)


def _parse_numbers(given: str) -> tuple[str, ...]:
    numbers = tuple(dict.fromkeys(re.sub(r"[ ().-]", "", item) for item in _items(given)))
    if not all(_NUMBER.fullmatch(number) for number in numbers):
        raise BadValue(given, NUMBERS.allowed)
    return numbers


NUMBERS = Kind(
    name="numbers",
    parse=_parse_numbers,
    allowed="a comma-separated list of telephone numbers (digits, optionally a leading +)",
    empty=(),
    widget="lines",
)


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


def _load(given: str, allowed: str) -> object:
    try:
        value = json.loads(given, parse_constant=_no_constant)
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError):
        raise BadValue(given, allowed) from None
    # A lone surrogate (the encode above) or a NUL passes as JSON, but no database column and no file name holds it.
    if _NUL_ESCAPE.search(given):
        raise BadValue(given, allowed)
    return value


JSON = Kind(
    name="json",
    parse=lambda given: _load(given, "JSON"),
    allowed="JSON",
    widget="lines",
    cached=False,
)


@dataclass(frozen=True)
class Treatment:
    """What to play: a file below the sounds folder, "" for nothing, and hints for playing it.

    A treatment option that is empty has the value None instead: the default sound of that option is played.
    """

    file: str
    hints: Mapping[str, str] = field(default_factory=dict, hash=False)


def _sound_path(given: str) -> str:
    if re.match(r"(?i)https?:", given):
        raise BadValue(given, f"{_TREATMENT_ALLOWED}; sounds from web addresses (http, https) are not supported")
    parts = given.split("/")
    if len(given) > MAX_TEXT or any(part in {".", ".."} or not _SOUND_PART.fullmatch(part) for part in parts):
        raise BadValue(given, _TREATMENT_ALLOWED)
    return given


def _parse_treatment(given: str) -> Treatment:
    if not given.startswith("{"):
        return Treatment(_sound_path(given))
    match _load(given, _TREATMENT_ALLOWED):
        case {} as value if not value:
            return Treatment("")
        case {"file": str(file), **rest} if file and rest.keys() <= {"hints"}:
            hints = rest.get("hints", {})
            if isinstance(hints, dict) and all(isinstance(hint, str) for hint in hints.values()):
                return Treatment(_sound_path(file), hints)
    raise BadValue(given, _TREATMENT_ALLOWED)


TREATMENT = Kind(name="treatment", parse=_parse_treatment, allowed=_TREATMENT_ALLOWED, widget="line")


def service_reference(type_name: str) -> Kind:
    """The name of a configured service of a type; value: str, None when empty."""
    allowed = f"the name of a configured service of type {type_name}"

    def parse(given: str) -> str:
        if not SERVICE_NAME.fullmatch(given):
            raise BadValue(given, allowed)
        return given

    def names() -> list[str]:
        from services.models import ConfiguredService  # models are not loaded yet when option tables are built

        return list(ConfiguredService.objects.filter(type=type_name).values_list("name", flat=True))

    def check(given: str) -> None:
        if given not in (existing := names()):
            raise BadValue(given, f"{allowed}: {', '.join(existing) or 'there is none yet'}")

    return Kind(
        name="service_reference",
        parse=parse,
        allowed=allowed,
        choices=lambda: [(name, name) for name in names()],
        check=check,
        widget="select",
    )


for _kind in (BOOLEAN, NUMBER, DIAL_PREFIX, KEYS, NUMBERS, JSON, TREATMENT):
    register(_kind)
