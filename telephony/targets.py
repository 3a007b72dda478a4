"""Routing targets: who may take a call, and for how long each is looked for (option `_target`, docs/targets.md). Pure.

A target is `NAME@STATSERVER.TYPE` or a skill expression, `?:English>=20&Loans>2@StatServer.GA`. Up to 15 of them make a
list in JSON, each looked for during its `timeout`. The grammar is in `skills.lark`.
"""

from __future__ import annotations

import functools
import json
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NoReturn

from lark import Lark, Token, Transformer, UnexpectedInput

from services.kinds import BadValue
from services.kinds.base import CONTROL
from telephony import statnames

TYPES = {
    "A": "agent",
    "AP": "place",
    "GA": "group of agents",
    "GP": "group of places",
    "GC": "campaign group: the group of agents of that name",
}
MOST_STEPS = 15
LONGEST_TIMEOUT = 7 * 24 * 3600
# What a hostile text may cost. A key of a target of this length is still held by an index of the database.
LONGEST_TARGET = 500
LONGEST_PLAN = 12_000
MOST_COMPARISONS = 50
DEEPEST = 10

ALLOWED = (
    "NAME@STATSERVER.TYPE with a type of A (agent), AP (place), GA (group of agents), GP (group of places) or GC "
    "(campaign group), such as Billing@StatServer.GA; a skill expression, such as "
    "?:English>=20&Loans>2@StatServer.GA; or a list of up to 15 of them in JSON"
)
_SINGLE = re.compile(r"\A(?P<name>[^@]+)@(?P<server>[^@]*)\.(?P<type>[^@.]*)\Z")
# The server, and the type, which is always a group of agents: the virtual group of those with the skills.
_SERVER = re.compile(r"@[^@\"']*\Z")
_EXPRESSION_TYPES = ("GA", "??")
_VIRTUAL_GROUP = re.compile(r"\?(?P<name>[^:=<>!&|()\"'@]*):")
_PLAIN_SKILL = re.compile(r"\w[\w.\-]*( +[\w.\-]+)*")
_KEYS = ("target", "timeout", "clear", "stat_to_check", "stat_operator", "stat_value")

_COMPARE: Mapping[str, Callable[[int, int], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}


@dataclass(frozen=True)
class Profile:
    """What is known of an agent that targets ask for. `place` is where they sit, "" for nowhere."""

    name: str
    place: str = ""
    groups: frozenset[str] = frozenset()
    place_groups: frozenset[str] = frozenset()
    skills: Mapping[str, int] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class Comparison:
    """The level of a skill, compared with a number. Who does not have the skill has it at level 0."""

    skill: str
    operator: str
    level: int

    def __str__(self) -> str:
        quote = '"' if "'" in self.skill or '"' not in self.skill else "'"
        skill = self.skill if _PLAIN_SKILL.fullmatch(self.skill) else f"{quote}{self.skill}{quote}"
        return f"{skill}{self.operator}{self.level}"

    def holds(self, skills: Mapping[str, int]) -> bool:
        return self.holds_at(skills.get(self.skill, 0))

    def holds_at(self, level: int) -> bool:
        return _COMPARE[self.operator](level, self.level)

    @property
    def depth(self) -> int:
        return 0


@dataclass(frozen=True)
class AllOf:
    """Several conditions, all of which hold; none of them is an AllOf itself."""

    parts: tuple[Expression, ...]
    depth: int

    def __str__(self) -> str:
        return "&".join(f"({part})" if isinstance(part, AnyOf) else str(part) for part in self.parts)

    def holds(self, skills: Mapping[str, int]) -> bool:
        return all(part.holds(skills) for part in self.parts)


@dataclass(frozen=True)
class AnyOf:
    """Several conditions, one of which holds; none of them is an AnyOf itself."""

    parts: tuple[Expression, ...]
    depth: int

    def __str__(self) -> str:
        return "|".join(str(part) for part in self.parts)

    def holds(self, skills: Mapping[str, int]) -> bool:
        return any(part.holds(skills) for part in self.parts)


Expression = Comparison | AllOf | AnyOf


@dataclass(frozen=True)
class Target:
    """Who may take a call. `key` is how agents and those who wait find each other; the StatServer says nothing.

    `name` of a skill expression is that of its virtual group, which changes nothing. `written` is the text it was read
    from.
    """

    type: str
    name: str
    expression: Expression | None = None
    written: str = field(default="", compare=False)

    def __str__(self) -> str:
        return self.written or self.key

    @functools.cached_property
    def key(self) -> str:
        return f"{self.type}:{self.name}" if self.expression is None else f"?:{self.expression}"

    def matches(self, profile: Profile) -> bool:
        """True when an agent of this profile may take the call."""
        if self.expression is not None:
            return self.expression.holds(profile.skills)
        match self.type:
            case "A":
                return profile.name == self.name
            case "AP":
                return profile.place == self.name
            case "GP":
                return self.name in profile.place_groups
            case _:  # GA, and GC: there are no campaigns here, only the group of agents that works for one
                return self.name in profile.groups

    def skills(self) -> frozenset[str]:
        """The skills that the expression names."""
        return frozenset(each.skill for each in _comparisons(self.expression))


@dataclass(frozen=True)
class Condition:
    """A statistic of the target, compared with a number: while it is so, the target is passed over."""

    statistic: str
    operator: Literal["<", ">"]
    value: float

    def __str__(self) -> str:
        return f"{self.statistic} {self.operator} {self.value:g}"

    def holds(self, value: float) -> bool:
        """True when the statistic has such a value that the target is passed over."""
        return value < self.value if self.operator == "<" else value > self.value


@dataclass(frozen=True)
class Step:
    """A target of a list. `timeout` in seconds; None, of the last one only: to the end of the time in the queue.

    `clear` belongs to the step that is left: True, what follows replaces all that is looked for; False, it is added.
    """

    target: Target
    timeout: int | None = None
    clear: bool = True
    condition: Condition | None = None


@dataclass(frozen=True)
class TargetPlan:
    """Whom to look for, one after the other; a single target is a plan of one step."""

    steps: tuple[Step, ...]

    @functools.cached_property
    def total_seconds(self) -> int | None:
        """How long a list lasts; None without an end of its own, as that of a single target."""
        timeouts = [step.timeout for step in self.steps]
        return None if None in timeouts else sum(timeout or 0 for timeout in timeouts)


@functools.lru_cache(maxsize=2048)
def parse(text: str) -> TargetPlan:
    """Read the text of the option `_target`. Raises BadValue, which names the column or the element of a list."""
    text = text.strip()
    if len(text) > LONGEST_PLAN:
        raise BadValue(text, f"at most {LONGEST_PLAN} characters")
    if text.startswith("["):
        return TargetPlan(_steps(text))
    return TargetPlan((Step(_target(text)),))


@functools.lru_cache(maxsize=8192)
def target_of(key: str) -> Target:
    """The target of a key. Raises BadValue."""
    if key.startswith("?:"):
        return _target(key)
    kind, _, name = key.partition(":")
    if kind not in TYPES or not name:
        raise BadValue(key, "TYPE:NAME, or ?: and a skill expression")
    return Target(kind, name)


def _target(text: str) -> Target:
    """One target, not a list."""
    if len(text) > LONGEST_TARGET:
        raise BadValue(text, f"at most {LONGEST_TARGET} characters for one target")
    if CONTROL.search(text) or not _is_storable(text):
        raise BadValue(text, "a target without line breaks and control characters")
    if (virtual := _VIRTUAL_GROUP.match(text)) is not None:
        return _skill_target(text, virtual["name"].strip(), virtual.end())
    match = _SINGLE.match(text)
    if match is not None and match["type"].strip() in TYPES and match["name"].strip():
        return Target(match["type"].strip(), match["name"].strip(), written=text)
    # Older clients write a skill expression without "?:".
    if re.search("[=<>]", text.partition("@")[0]):
        return _skill_target(text, "", 0)
    raise BadValue(text, ALLOWED)


def _skill_target(text: str, name: str, start: int) -> Target:
    """`text` with a skill expression from `start` on, up to the server."""
    server = _SERVER.search(text, start)
    end = server.start() if server else len(text)
    if server and text.rpartition(".")[2].strip() not in _EXPRESSION_TYPES and server[0] != "@":
        raise BadValue(
            server[0],
            f"@STATSERVER.GA after a skill expression, or nothing (column {end + 1}): those with the skills are a "
            "group of agents",
        )
    # Blanks instead of what comes before, so that columns are those of the whole text.
    expression: Expression = _read("expression", " " * start + text[start:end])
    if sum(1 for _ in _comparisons(expression)) > MOST_COMPARISONS:
        raise BadValue(text, f"at most {MOST_COMPARISONS} comparisons in one expression")
    return Target("GA", name, expression, written=text)


def _comparisons(expression: Expression | None) -> Iterator[Comparison]:
    match expression:
        case Comparison():
            yield expression
        case AllOf() | AnyOf():
            for part in expression.parts:
                yield from _comparisons(part)


def _is_storable(text: str) -> bool:
    """False for half a character, which JSON can write and no database column can hold."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


# Lists


def _steps(text: str) -> tuple[Step, ...]:
    elements: list[dict[str, Any]] = _read("targets", text)
    if not 1 <= len(elements) <= MOST_STEPS:
        raise BadValue(text, f"a list of 1 to {MOST_STEPS} targets, here are {len(elements)}")
    return tuple(
        _step(element, number=number, last=number == len(elements)) for number, element in enumerate(elements, 1)
    )


def _step(element: dict[str, Any], *, number: int, last: bool) -> Step:
    for key in element:
        if key not in _KEYS:
            _refuse(number, key, key, f"one of {', '.join(_KEYS)}")
    try:
        target = _target(str(element.get("target", "")).strip())
    except BadValue as fault:
        _refuse(number, "target", fault.given, fault.allowed.removesuffix("; or a list of up to 15 of them in JSON"))
    return Step(
        target,
        timeout=_timeout(element, number, last=last),
        clear=_clear(element, number),
        condition=_condition(element, number, target),
    )


def _timeout(element: dict[str, Any], number: int, *, last: bool) -> int | None:
    text = _text(element, "timeout")
    if not text and last:
        return None
    if not re.fullmatch(r"[0-9]{1,9}", text) or not 1 <= int(text) <= LONGEST_TIMEOUT:
        _refuse(number, "timeout", text, f"a whole number of seconds from 1 to {LONGEST_TIMEOUT}")
    return int(text)


def _clear(element: dict[str, Any], number: int) -> bool:
    text = _text(element, "clear").lower() or "true"
    if text not in {"true", "false"}:
        _refuse(number, "clear", text, "true (the next target replaces this one) or false (it is added)")
    return text == "true"


def _condition(element: dict[str, Any], number: int, target: Target) -> Condition | None:
    statistic, sign, value = (_text(element, key) for key in _KEYS[3:])
    if not (statistic or sign or value):
        return None
    known = statistics_of(target)
    if statistic not in known:
        _refuse(number, "stat_to_check", statistic, f"one of {', '.join(known)}")
    if sign not in {"<", ">"}:
        _refuse(number, "stat_operator", sign, "< or >")
    if not re.fullmatch(r"-?[0-9]{1,9}(\.[0-9]{1,9})?", value):
        _refuse(number, "stat_value", value, "a number")
    return Condition(statistic, "<" if sign == "<" else ">", float(value))


def statistics_of(target: Target) -> tuple[str, ...]:
    """The statistics that may be asked of a target."""
    is_group = target.expression is None and target.type in {"GA", "GP", "GC"}
    return (*statnames.OF_ANY_TARGET, *(statnames.OF_GROUPS if is_group else ()))


def _text(element: dict[str, Any], key: str) -> str:
    return str(element.get(key, "")).strip()


def _refuse(number: int, key: str, given: str, allowed: str) -> NoReturn:
    raise BadValue(given, f"{allowed} (element {number}, {key})")


# The grammar


class _TooDeep(Exception):
    """More conditions within conditions than anybody can read, or a walk over them should have to bear."""


class _Reader(Transformer[Token, Any]):
    """Makes values of what the parser finds, while it finds it: no walk over a deep tree."""

    def comparison(self, tokens: list[Token]) -> Comparison:
        skill, sign, level = tokens
        return Comparison(str(skill[1:-1] if skill[0] in "\"'" else skill), str(sign), int(level))

    def conjunction(self, parts: list[Any]) -> Expression:
        return _joined(AllOf, [part for part in parts if not isinstance(part, Token)])

    def expression(self, parts: list[Expression]) -> Expression:
        return _joined(AnyOf, parts)

    def targets(self, elements: list[Any]) -> list[dict[str, Any]]:
        return [element for element in elements if element is not None]

    def element(self, pairs: list[Any]) -> dict[str, Any]:
        return dict(pair for pair in pairs if pair is not None)

    def pair(self, tokens: list[Token]) -> tuple[str, str]:
        name, value = tokens
        return _unquoted(name), _unquoted(value)


def _joined(kind: type[AllOf] | type[AnyOf], parts: list[Expression]) -> Expression:
    if len(parts) == 1:
        return parts[0]
    flat: list[Expression] = []
    for part in parts:
        flat += part.parts if isinstance(part, kind) else (part,)
    depth = 1 + max(part.depth for part in flat)
    if depth > DEEPEST:
        raise _TooDeep
    return kind(tuple(flat), depth)


def _unquoted(token: Token) -> str:
    match token[0]:
        case '"':
            text = str(token)
        case "'":
            inner = re.sub(r"\\.|\"", lambda found: {"\\'": "'", '"': '\\"'}.get(found[0], found[0]), token[1:-1])
            text = f'"{inner}"'
        case _:
            return "" if token in {"null", "None"} else str(token)
    return str(json.loads(text, strict=False))


_PARSER = Lark.open(
    "skills.lark", rel_to=__file__, parser="lalr", start=["expression", "targets"], transformer=_Reader()
)

_EXPECTED = {
    "SKILL": "the name of a skill",
    "OPERATOR": "one of = != < > <= >=",
    "LEVEL": "a whole number of at most 9 digits",
    "AND": "&",
    "VBAR": "|",
    "LPAR": "(",
    "RPAR": ")",
    "STRING": "a text in quotes",
    "NUMBER": "a number",
    "WORD": "true, false or null",
    "COMMA": "a comma",
    "COLON": "a colon",
    "LSQB": "[",
    "RSQB": "]",
    "LBRACE": "{",
    "RBRACE": "}",
    "$END": "nothing more",
}


def _read(start: str, text: str) -> Any:
    """What the text is of the grammar; raises BadValue with the column of the first thing that does not fit."""
    try:
        return _PARSER.parse(text, start=start)
    except _TooDeep:
        raise BadValue(text, f"at most {DEEPEST} levels of & and | within each other") from None
    except UnexpectedInput as fault:
        token = getattr(fault, "token", None)
        # The end has no place of its own: it is reported where the last token is.
        at = len(text) if token is not None and token.type == "$END" else (fault.pos_in_stream or 0)
        expected = (
            getattr(fault, "accepts", None)
            or getattr(fault, "allowed", None)
            or getattr(fault, "expected", None)
            or set()
        )
    names = [said for name, said in _EXPECTED.items() if name in expected] or ["nothing"]
    raise BadValue(text[at : at + 20], f"{' or '.join(names)} at {_place(text, at)}")


def _place(text: str, at: int) -> str:
    line, column = text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)
    return f"column {column}" if "\n" not in text else f"line {line}, column {column}"
