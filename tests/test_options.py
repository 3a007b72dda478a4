"""Every option does what it says, or stands in the list of those without effect, which docs/options.md prints."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from services.catalogue import CALLBACK_OPTIONS, LIST_OPTIONS, SECTION_OPTIONS, effects
from services.catalogue.effects import NoEffect
from services.types import (
    CAPACITY,
    GET,
    HELLO,
    MATCH_INTERACTION,
    OFFICE_HOURS,
    REQUEST_ACCESS,
    REQUEST_INTERACTION,
)

ROOT = Path(__file__).resolve().parent.parent
FLOORS = ("callbacks", "telephony", "scheduling", "services")
INTERACTIONS = ROOT / "callbacks" / "api" / "interactions.py"
ACCESS = "Of request-interaction, request-access, match-interaction, get and hello services"
# What an option resolved to goes by this name wherever it is read.
RESOLVED = "resolved"


def option_names_read(source: str) -> set[str]:
    """The options whose values this code reads: `resolved["_ttl"]`, `resolution.resolve_one(service, "_ttl")`.

    `members(resolved, "_holiday")` reads those of a numbered family, `_holiday<n>`.
    A name that only occurs, in a comment, a docstring or any other text, is not read.
    """
    return set(_read(ast.parse(source)))


def _read(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Subscript(value=ast.Name(id=name), slice=ast.Constant(value=str(option))) if name == RESOLVED:
                yield option
            case ast.Call(
                func=ast.Attribute(attr="resolve_one") | ast.Name(id="resolve_one"),
                args=[_, ast.Constant(value=str(option))],
            ):
                yield option
            case ast.Call(func=ast.Name(id="members"), args=[ast.Name(id=name), ast.Constant(value=str(family))]) if (
                name == RESOLVED
            ):
                yield f"{family}<n>"


def section_keys_read(source: str) -> set[tuple[str, str]]:
    """Sections or lists and keys that this code asks for side by side: `value("callback", "filter-keys")`."""
    pairs = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            texts = [argument.value if isinstance(argument, ast.Constant) else None for argument in node.args]
            pairs |= set(pairwise(texts))
    return {(section, key) for section, key in pairs if isinstance(section, str) and isinstance(key, str)}


def lists_named(source: str) -> set[str]:
    """The named lists that this code names: it reads whatever keys they have."""
    texts = {node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant)}
    return {name for name in LIST_OPTIONS if name in texts}


def sources(*, without: Path | None = None) -> list[str]:
    paths = [path for floor in FLOORS for path in sorted((ROOT / floor).rglob("*.py")) if path != without]
    return [path.read_text() for path in paths if "migrations" not in path.parts and "catalogue" not in path.parts]


def rows(heading: str) -> list[list[str]]:
    """The cells of each row of the table below a heading of the list."""
    listed = (ROOT / "docs" / "options.md").read_text().partition("\n## Options without effect\n")[2]
    below = listed.partition(f"\n### {heading}\n")[2].partition("\n### ")[0]
    lines = [line for line in below.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def quoted(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def test_every_option_of_a_callback_service_acts_or_is_listed() -> None:
    # Options of the same names, of other types.
    acting = {name for source in sources(without=INTERACTIONS) for name in option_names_read(source)}
    listed = [name for row in rows("Of callback services") for name in quoted(row[0])]
    assert len(listed) == len(set(listed))
    assert set(listed) == {option.name for option in CALLBACK_OPTIONS} - acting


def test_every_option_of_the_other_types_acts_or_is_listed() -> None:
    """A callback's `_ttl` has the name of one of theirs, and is read elsewhere."""
    acting = option_names_read((ROOT / "scheduling" / "offices.py").read_text())
    # Nothing but the rule that holds the others against it.
    acting.add("_max_capacity")
    acting |= option_names_read((ROOT / "services" / "credentials.py").read_text())
    listed = [name for row in rows("Of office hours and capacity services") for name in quoted(row[0])]
    options = (*OFFICE_HOURS.options, *CAPACITY.options)
    assert len(listed) == len(set(listed))
    names = {f"{option.name}<n>" if option.numbered else option.name for option in options}
    assert set(listed) == names - acting


def test_every_option_of_the_types_that_give_access_numbers_acts_or_is_listed() -> None:
    """Those of names and passwords are read for every type in one place."""
    acting = option_names_read(INTERACTIONS.read_text()) | {"username", "password"}
    acting |= option_names_read((ROOT / "callbacks" / "api" / "builtin_views.py").read_text())
    listed = [name for row in rows(ACCESS) for name in quoted(row[0])]
    types = (REQUEST_INTERACTION, REQUEST_ACCESS, MATCH_INTERACTION, GET, HELLO)
    assert set(listed) == {option.name for each in types for option in each.options} - acting


def test_every_key_of_a_section_or_list_acts_or_is_listed() -> None:
    """A key acts when code asks for it, or when it stands in for an option that acts; any key, when code reads all."""
    code = sources()
    options_read = {name for source in code for name in option_names_read(source)}
    acting = {pair for source in code for pair in section_keys_read(source)}
    acting |= {option.inherits for option in CALLBACK_OPTIONS if option.inherits and option.name in options_read}
    acting |= {(name, "*") for source in code for name in lists_named(source)}
    known = {(option.section, option.name) for option in SECTION_OPTIONS}
    known |= {(name, option.name) for name, options in LIST_OPTIONS.items() for option in options}
    table = rows("Of global sections and named lists")
    listed = [(quoted(row[0])[0].strip("[]"), key) for row in table for key in quoted(row[1])]
    assert len(listed) == len(set(listed))
    assert set(listed) == known - acting


LISTED = {
    "Of callback services": effects.CALLBACK,
    "Of office hours and capacity services": effects.OTHER_TYPES,
    ACCESS: effects.ACCESS_TYPES,
    "Of global sections and named lists": effects.SECTIONS_AND_LISTS,
}


def printed(no_effect: NoEffect) -> list[str]:
    """The row's cells as the page has to print them."""
    names = ", ".join(f"`{name}`" for name in no_effect.names)
    plural = no_effect.coming and len(no_effect.names) > 1
    place = [f"`{no_effect.place}`"] if no_effect.place else []
    return [*place, names, no_effect.reason.replace("comes", "come", 1) if plural else no_effect.reason]


@pytest.mark.parametrize("heading", LISTED)
def test_the_page_prints_what_the_forms_show(heading: str) -> None:
    assert rows(heading) == [printed(no_effect) for no_effect in LISTED[heading]]
    assert all(len(no_effect.why) > 10 for no_effect in LISTED[heading])


def test_an_option_without_effect_is_found_by_its_type_and_name() -> None:
    fixed = effects.of_option("callback", "_service_type")
    assert fixed is not None
    assert fixed.sentence == (
        "No effect: fixed by the type of the service; kept because exported configurations carry it."
    )
    assert effects.of_option("callback", "_ttl") is None
    never = effects.of_option("office-hours", "_ttl")
    assert never is not None
    assert never.sentence == "No effect: answers are not kept here, but worked out anew each time."
    assert effects.of_option("office-hours", "_bh_regular12") is None


@pytest.mark.parametrize(
    ("source", "read"),
    [
        ('ttl = resolved["_ttl"]', {"_ttl"}),
        ('keys = resolution.resolve_one(service, "_customer_lookup_keys", overrides={})', {"_customer_lookup_keys"}),
        ('# resolved["_ttl"]', set()),
        ('def f():\n    """Reads resolved["_ttl"], as resolve_one(service, "_ttl") does."""', set()),
        ('REQUEST = {"_ttl": "1"}', set()),
        ('parameters["_customer_number"]', set()),
        ('f(x, "_ttl")', set()),
        ('members(resolved, "_holiday")', {"_holiday<n>"}),
        ('members(texts, "_holiday")', set()),
    ],
)
def test_a_mention_does_not_count_as_reading(source: str, read: set[str]) -> None:
    assert option_names_read(source) == read
