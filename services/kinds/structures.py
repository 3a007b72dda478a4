"""Kinds of value with a structure: JSON, treatments, ranges, thresholds, durations, statistics."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from types import MappingProxyType

from services.kinds.base import CONTROL, MAX_TEXT, BadValue, Kind

_NUL_ESCAPE = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
_SOUND_PART = re.compile(r"[\w .()+@=&'-]+")
_TREATMENT_ALLOWED = (
    "the path of a sound file below the sounds folder (letters, digits, spaces and . _ - ( ) + @ = & ' between "
    "slashes, without '..' and not absolute), or JSON such as "
    '{"file": "greeting.wav", "hints": {"am-beep-detection": "on"}}, or { } to play nothing'
)


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


def load(given: str, allowed: str) -> object:
    """The JSON value of a text, frozen. Raises BadValue, also for what no database column could hold."""
    try:
        value = json.loads(given, parse_constant=_no_constant)
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
        frozen = _frozen(value)
    except (ValueError, RecursionError):
        raise BadValue(given, allowed) from None
    # A lone surrogate (the encode above) or a NUL passes as JSON, but no database column and no file name holds it.
    if _NUL_ESCAPE.search(given):
        raise BadValue(given, allowed)
    return frozen


def _frozen(value: object) -> object:
    """JSON with nothing in it that can be changed: objects are read-only mappings, arrays tuples."""
    match value:
        case dict():
            return MappingProxyType({key: _frozen(item) for key, item in value.items()})
        case list():
            return tuple(_frozen(item) for item in value)
    return value


JSON = Kind(
    name="json",
    parse=lambda given: load(given, "JSON"),
    allowed="JSON",
    widget="lines",
)


@dataclass(frozen=True)
class Treatment:
    """What to play: a file below the sounds folder, "" for nothing, and hints for playing it.

    A treatment option that is empty has the value None instead: the default sound of that option is played.
    """

    file: str
    hints: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), hash=False)


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
    match load(given, _TREATMENT_ALLOWED):
        case {} as value if not value:
            return Treatment("")
        case {"file": str(file), **rest} if file and rest.keys() <= {"hints"}:
            hints = rest.get("hints", {})
            if isinstance(hints, Mapping) and all(isinstance(hint, str) for hint in hints.values()):
                return Treatment(_sound_path(file), hints)
    raise BadValue(given, _TREATMENT_ALLOWED)


TREATMENT = Kind(name="treatment", parse=_parse_treatment, allowed=_TREATMENT_ALLOWED, widget="line")


_RANGE = re.compile(r"([+-]?[0-9]{1,6})\s*,\s*([+-]?[0-9]{1,6})")
_STEP = re.compile(r"([0-9]{1,9})\s*:\s*([0-9]{1,9})")
_DURATION = re.compile(r"([0-9]{1,4})([yMwdhm])")


def _parse_minutes_range(given: str) -> tuple[int, int]:
    if (match := _RANGE.fullmatch(given)) and int(match[1]) < int(match[2]):
        return int(match[1]), int(match[2])
    raise BadValue(given, MINUTES_RANGE.allowed)


MINUTES_RANGE = Kind(
    name="minutes_range",
    parse=_parse_minutes_range,
    allowed="two whole numbers of minutes from now, the first less than the second, such as -120,120",
    unit="minutes",
)


def _parse_thresholds(given: str) -> tuple[tuple[int, int], ...]:
    matches = [_STEP.fullmatch(part.strip()) for part in given.split(",")]
    steps = tuple((int(match[1]), int(match[2])) for match in matches if match)
    falling = all(early[0] < late[0] and early[1] >= late[1] for early, late in pairwise(steps))
    if len(steps) < len(matches) or not falling:
        raise BadValue(given, THRESHOLDS.allowed)
    return steps


THRESHOLDS = Kind(
    name="thresholds",
    parse=_parse_thresholds,
    allowed="pairs n:m with commas between, n rising and m falling, such as 0:10,10:5,20:2",
    empty=(),
)


@dataclass(frozen=True)
class Duration:
    """A length of time as people say it. `unit` is one of y, M, w, d, h and m: a month is not a number of seconds."""

    number: int
    unit: str


def _parse_duration(given: str) -> Duration:
    if match := _DURATION.fullmatch(given):
        return Duration(int(match[1]), match[2])
    raise BadValue(given, DURATION.allowed)


DURATION = Kind(
    name="duration",
    parse=_parse_duration,
    allowed="a number and a unit: y years, M months, w weeks, d days, h hours, m minutes; such as 1M",
)


def _parse_statistic(given: str) -> tuple[str, ...]:
    parts = tuple(part.strip() for part in given.split(";"))
    if len(parts) != 4 or not all(parts) or len(given) > MAX_TEXT or CONTROL.search(given):
        raise BadValue(given, STATISTIC.allowed)
    return parts


STATISTIC = Kind(
    name="statistic",
    parse=_parse_statistic,
    allowed="StatType;ObjectType;Object;Tenant, such as ExpectedWaitTime;Queue;8999@SIP_Server;Environment",
)
