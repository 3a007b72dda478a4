"""A configuration file's text, YAML or JSON, as plain Python: mappings, lists, texts, numbers, booleans, None.

Values are mostly texts of options, so a scalar is a number or a boolean only where JSON would have it so, too. YAML's
older notions would change what was written: 09:30 is no number of seconds, 0049 is not 39, +4420 keeps its plus sign.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import yaml

from services.documents import Refused

try:
    from yaml import CSafeLoader as SafeLoader
except ImportError:  # a PyYAML without libyaml; slower
    from yaml import SafeLoader  # type: ignore[assignment]


# Nobody's configuration is that large; what is larger would only use up the memory.
MOST_VALUES = 1_000_000
DEEPEST = 100
LONGEST_NUMBER = 400


class Mapping(dict[str, Any]):
    """A mapping of the file; `repeated` are the keys that were given more than once."""

    repeated: tuple[str, ...] = ()

    @classmethod
    def of(cls, pairs: Iterable[tuple[str, Any]]) -> Mapping:
        mapping = cls()
        for key, value in pairs:
            if key in mapping:
                mapping.repeated += (key,)
            mapping[key] = value
        return mapping


class Number(Decimal):
    """A number with a point or an exponent, as it was written."""

    def __new__(cls, text: str) -> Number:
        number = super().__new__(cls, text)
        number.text = text
        return number

    text: str

    def __str__(self) -> str:
        return self.text


def read(text: str) -> Mapping:
    """The file as one mapping. Raises Refused naming line and column, or every key that is given twice."""
    try:
        tree = json.loads(
            text, object_pairs_hook=Mapping.of, parse_int=_whole, parse_float=Number, parse_constant=_no_constant
        )
    except (ValueError, RecursionError):
        tree = _from_yaml(text)
    if _size(tree) > MOST_VALUES:
        raise Refused([f"The file: more than {MOST_VALUES} values were given, repeated ones counted each time."])
    if tree is None:
        tree = Mapping()
    if not isinstance(tree, Mapping):
        raise Refused([f"The file: a {_kind(tree)} was given, allowed is a mapping such as {{services: {{…}}}}."])
    if repeated := list(_repeated(tree, "")):
        raise Refused([f"{place}: was given twice, allowed is once." for place in repeated])
    return tree


class _Loader(SafeLoader):
    """YAML as JSON understands scalars; keys are texts as they are written."""


_Loader.yaml_implicit_resolvers = {}
for _tag, _form, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"-?(?:0|[1-9][0-9]*)", list("-0123456789")),
    ("float", r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?", list("-0123456789")),
    ("merge", r"<<", ["<"]),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"^(?:{_form})$"), _first)


def _construct_mapping(loader: _Loader, node: yaml.MappingNode) -> Mapping:
    own = [key.value for key, _ in node.value if key.tag != "tag:yaml.org,2002:merge"]
    loader.flatten_mapping(node)
    pairs = []
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise yaml.constructor.ConstructorError(None, None, "a key must be a text", key.start_mark)
        pairs.append((key.value, loader.construct_object(value, deep=True)))
    mapping = Mapping(pairs)
    # What was merged in may be given again.
    mapping.repeated = tuple(key for key, count in Counter(own).items() if count > 1)
    return mapping


def _construct_int(loader: _Loader, node: yaml.ScalarNode) -> int | str:
    return _whole(node.value)


def _construct_float(loader: _Loader, node: yaml.ScalarNode) -> Number:
    return Number(node.value)


_Loader.add_constructor("tag:yaml.org,2002:map", _construct_mapping)
_Loader.add_constructor("tag:yaml.org,2002:int", _construct_int)
_Loader.add_constructor("tag:yaml.org,2002:float", _construct_float)


def _from_yaml(text: str) -> Any:
    try:
        _refuse_deep(text)
        return yaml.load(text, Loader=_Loader)  # noqa: S506 (a safe loader) # nosec B506
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f"line {mark.line + 1}, column {mark.column + 1}" if mark else "the file"
        what = getattr(error, "problem", None) or str(error).partition("\n")[0]
        raise Refused([f"{place}: this is neither YAML nor JSON: {what}."]) from None


def _refuse_deep(text: str) -> None:
    """Loading recurses in C, where too deep means a crash; reading events does not."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            mark = event.start_mark
            place = f"line {mark.line + 1}, column {mark.column + 1}" if mark else "the file"
            raise Refused([f"{place}: this is nested deeper than {DEEPEST}."])


def _whole(digits: str) -> int | str:
    """A whole number; the text where no option takes so long a one and Python does not read it."""
    return int(digits) if len(digits) <= LONGEST_NUMBER else digits


def _size(tree: object) -> int:
    """How many values there are, as far as it matters: what an alias repeats grows without end in few lines."""
    size, left = 0, [tree]
    while left and size <= MOST_VALUES:
        each = left.pop()
        size += 1
        if isinstance(each, Mapping):
            left.extend(each.values())
        elif isinstance(each, list):
            left.extend(each)
    return size


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


def _repeated(tree: object, place: str) -> Iterable[str]:
    if isinstance(tree, Mapping):
        yield from (f"{place}{key}" for key in dict.fromkeys(tree.repeated))
        for key, value in tree.items():
            yield from _repeated(value, f"{place}{key}.")
    elif isinstance(tree, list):
        for index, value in enumerate(tree):
            yield from _repeated(value, f"{place.removesuffix('.')}[{index}].")


def _kind(tree: object) -> str:
    return "list" if isinstance(tree, list) else "text" if isinstance(tree, str) else "single value"
