"""docs/options.md prints the tables of the catalogue, docs/admin.md the scopes of API keys."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from services.catalogue import CALLBACK_OPTIONS, LIST_OPTIONS, SECTION_OPTIONS, SECTIONS, Option
from services.configurations import CALLBACK_CONFIGURATIONS
from services.models import ApiKey
from services.types import (
    CALLBACK,
    CAPACITY,
    GET,
    HELLO,
    MATCH_INTERACTION,
    OFFICE_HOURS,
    REQUEST_ACCESS,
    REQUEST_INTERACTION,
)

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "options.md").read_text()
# A longer description of what is allowed is given below the tables.
LONGEST_ALLOWED = 100


def values(option: Option) -> str:
    if isinstance(option.kind, str):
        return option.kind.replace("_", " ")
    if option.kind.maximum is not None:
        return f"{option.kind.minimum} to {option.kind.maximum} {option.kind.unit}".rstrip()
    return option.kind.allowed if len(option.kind.allowed) <= LONGEST_ALLOWED else option.kind.name.replace("_", " ")


def row(option: Option) -> str:
    """The option's row of the table, as the page has to print it."""
    name = f"`{option.name}<n>`" if option.numbered else f"`{option.name}`"
    name += (" **M**" if option.mandatory else "") + (" (advanced)" if option.advanced else "")
    default = f"`{option.default}`" if option.default else ""
    meaning = [option.help, option.note]
    if option.inherits:
        section, key = option.inherits
        meaning.append(f"While empty, `{key}` of `[{section}]` counts.")
    return f"| {name} | {default} | {values(option)} | {' '.join(filter(None, meaning))} |"


def table(options: Iterable[Option]) -> str:
    return "\n".join(["| option | default | values | meaning |", "| --- | --- | --- | --- |", *map(row, options)])


def part(heading: str) -> str:
    """What stands below a heading, down to the next of its level or above."""
    level = heading.split(" ")[0]
    found = re.search(rf"^{re.escape(heading)}\n(.*?)(?=^#{{2,{len(level)}}} |\Z)", PAGE, re.DOTALL | re.MULTILINE)
    assert found, f"{heading} is missing"
    return found[1]


def tables(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if line.startswith("| "))


def test_the_page_describes_every_option_of_a_callback_service() -> None:
    assert re.findall(r"^### (.*)$", part("## Callback services"), re.MULTILINE) == list(SECTIONS)
    for section in SECTIONS:
        options = [option for option in CALLBACK_OPTIONS if option.section == section]
        assert tables(part(f"### {section}")) == table(options)


def test_the_page_describes_the_options_of_the_other_types() -> None:
    assert tables(part("## Office hours services")) == table(OFFICE_HOURS.options)
    assert tables(part("## Capacity services")) == table(CAPACITY.options)
    for each in (REQUEST_INTERACTION, REQUEST_ACCESS, MATCH_INTERACTION, GET, HELLO):
        assert tables(part(f"## {each.name.capitalize()} services")) == table(each.options)


def test_the_page_describes_what_is_known_of_sections_and_lists() -> None:
    for section in dict.fromkeys(option.section for option in SECTION_OPTIONS):
        options = [option for option in SECTION_OPTIONS if option.section == section]
        assert tables(part(f"### `[{section}]`")) == table(options)
    for name, options_of_list in LIST_OPTIONS.items():
        assert tables(part(f"### `{name}`")) == table(options_of_list)


def test_the_page_prints_what_every_configuration_presets() -> None:
    printed = part("## Common Default Configurations")
    for configuration in CALLBACK_CONFIGURATIONS:
        presets = ", ".join(f"`{name} = {text}`" for name, text in configuration.presets.items())
        assert f"| **{configuration.name}** | {presets or 'nothing: the defaults of the options count'} |" in printed


def test_every_type_has_its_chapter() -> None:
    for service_type, heading in (
        (CALLBACK, "Callback services"),
        (OFFICE_HOURS, "Office hours services"),
        (CAPACITY, "Capacity services"),
        (REQUEST_INTERACTION, "Request-interaction services"),
        (REQUEST_ACCESS, "Request-access services"),
        (MATCH_INTERACTION, "Match-interaction services"),
        (GET, "Get services"),
        (HELLO, "Hello services"),
    ):
        assert f"`{service_type.name}`" in part(f"## {heading}")


def test_the_guide_for_administrators_names_every_scope_and_leads_here() -> None:
    guide = (DOCS / "admin.md").read_text()
    assert "(options.md" in guide
    for scope, _ in ApiKey.SCOPES:
        assert f"`{scope}`" in guide
