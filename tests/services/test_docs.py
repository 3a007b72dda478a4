from __future__ import annotations

from pathlib import Path

from services.catalogue import CALLBACK_OPTIONS, SECTIONS, Option
from services.configurations import CALLBACK_CONFIGURATIONS
from services.models import ApiKey

PAGE = (Path(__file__).parents[2] / "docs" / "admin.md").read_text()


def values(option: Option) -> str:
    if isinstance(option.kind, str):
        return option.kind.replace("_", " ")
    if option.kind.maximum is not None:
        return f"{option.kind.minimum} to {option.kind.maximum} {option.unit}".rstrip()
    return option.kind.allowed if option.kind.choices else option.kind.name.replace("_", " ")


def row(option: Option) -> str:
    """The option's row of the table, as the page has to print it."""
    name = f"`{option.name}`" + (" **M**" if option.mandatory else "") + (" (advanced)" if option.advanced else "")
    default = f"`{option.default}`" if option.default else ""
    return f"| {name} | {default} | {values(option)} | {option.help} |"


def test_the_page_describes_every_option_as_the_table_has_it() -> None:
    described = [line for line in PAGE.splitlines() if line.startswith("| `_")]
    by_section = [option for section in SECTIONS for option in CALLBACK_OPTIONS if option.section == section]
    assert described == [row(option) for option in by_section]


def test_the_page_names_every_configuration_and_scope() -> None:
    for configuration in CALLBACK_CONFIGURATIONS:
        assert f"**{configuration.name}**" in PAGE
    for scope, _ in ApiKey.SCOPES:
        assert f"`{scope}`" in PAGE
