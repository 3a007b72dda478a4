"""Kinds of single words and numbers, and lists of them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from services.kinds.base import CONTROL, MAX_TEXT, BadValue, Kind

_INTEGER = re.compile(r"[+-]?[0-9]{1,12}")
_LONGEST_NAME = 128
_NUMBER = re.compile(r"\+?[0-9]{1,31}")


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


def limit(default: int, *, unit: str = "") -> Kind:
    """A limit or the time in which it counts; value: int, never negative.

    A negative number means `default` wherever it is set, and does not let another place decide.
    """
    allowed = "a whole number" + (f", in {unit}" if unit else "") + f"; a negative one means {default}"

    def parse(text: str) -> int:
        if not _INTEGER.fullmatch(text):
            raise BadValue(text, allowed)
        return int(text) if int(text) >= 0 else default

    return Kind(name="limit", parse=parse, allowed=allowed, widget="number", unit=unit)


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
        if len(given) > maximum or CONTROL.search(given) or any(c in forbidden for c in given):
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


DIGITS = pattern("digits", r"[0-9]{1,16}", "at most 16 digits")
DN = pattern(
    "dn",
    r"[A-Za-z0-9_.*#+-]{1,64}(@[A-Za-z0-9_.-]{1,64})?",
    "a directory number, optionally with @ and the name of its switch",
)
NUMBER = pattern("number", r"\+?[0-9]{1,31}", "a telephone number of at most 31 digits, optionally with a leading +")
DIAL_PREFIX = pattern("dial_prefix", r"\+?[0-9*#]{1,16}", "at most 16 of the digits 0-9, * and #, optionally after a +")


def _items(given: str) -> Iterable[str]:
    return (item for part in given.split(",") if (item := part.strip()))


def names(what: str) -> Kind:
    """A list of names; value: tuple of str. `what` they are, for the error."""
    allowed = f"a comma-separated list of {what}, each at most {_LONGEST_NAME} characters"

    def parse(given: str) -> tuple[str, ...]:
        found = tuple(dict.fromkeys(_items(given)))
        if any(len(name) > _LONGEST_NAME or CONTROL.search(name) for name in found):
            raise BadValue(given, allowed)
        return found

    return Kind(name="names", parse=parse, allowed=allowed, empty=())


KEYS = replace(names("request keys"), name="keys")


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
